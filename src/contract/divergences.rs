//! The catalogue of divergences and the rules that find them in an invoice of BTCPay.

use std::sync::LazyLock;

use serde::Deserialize;

/// One known way in which BTCPay parts from BitPay.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueRow {
    /// Stable id.
    pub id: String,
    /// What it belongs to.
    pub group: String,
    /// What is different.
    pub kind: String,
    /// `breaks`, `degrades` or `harmless`.
    pub severity: String,
    /// Where a shop meets it.
    pub reaches: String,
}

/// When a rule applies to the member it points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// It is `null`.
    Null,
    /// It is a number, and zero.
    Zero,
    /// It is a number written with a fraction.
    Fraction,
    /// It is there at all.
    Present,
    /// It is not there.
    Missing,
}

/// One rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// JSON pointer into the invoice; `*` for array places and currencies.
    pub pointer: String,
    /// When it applies.
    pub when: When,
    /// Id in the catalogue.
    pub id: String,
}

/// What BTCPay sends, and where that is not BitPay's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvoiceRules {
    /// Every member that BTCPay sends.
    pub members: Vec<String>,
    /// Objects whose member names are currencies.
    pub keyed_by_currency: Vec<String>,
    /// The rules.
    pub rule: Vec<Rule>,
}

impl InvoiceRules {
    /// The id of the rule for a place, where there is one.
    #[must_use]
    pub fn id(&self, pointer: &str, when: When) -> Option<&str> {
        self.rule
            .iter()
            .find(|rule| rule.when == when && rule.pointer == pointer)
            .map(|rule| rule.id.as_str())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    divergence: Vec<CatalogueRow>,
}

static CATALOGUE: LazyLock<Vec<CatalogueRow>> = LazyLock::new(|| {
    super::built_in::<Catalogue>(include_str!("../../contract/divergences.toml")).divergence
});

static RULES: LazyLock<InvoiceRules> =
    LazyLock::new(|| super::built_in(include_str!("../../contract/btcpay-invoice.toml")));

/// The whole catalogue.
#[must_use]
pub fn catalogue() -> &'static [CatalogueRow] {
    &CATALOGUE
}

/// The rules for an invoice of BTCPay.
#[must_use]
pub fn btcpay_invoice_rules() -> &'static InvoiceRules {
    &RULES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_names_an_id_of_the_catalogue() {
        for rule in &btcpay_invoice_rules().rule {
            assert!(catalogue().iter().any(|row| row.id == rule.id), "{}", rule.id);
        }
        assert_eq!(catalogue().len(), 243);
    }
}
