//! Divergences: the places in which BTCPay's answers are not BitPay's.

use std::borrow::Cow;

use crate::contract::{When, btcpay_invoice_rules};
use crate::json::{Object, Value};

/// In which way an answer breaks the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `null` where BitPay leaves a member out.
    NullValue,
    /// A fraction where BitPay writes whole numbers.
    Fraction,
    /// A member that BitPay does not have.
    ExtraField,
    /// A member that BitPay always has.
    MissingField,
    /// Another JSON type.
    TypeChanged,
    /// A value that BitPay would not have said.
    ValueDomain,
    /// A member of the request that BTCPay would have refused or misread.
    Request,
}

impl Kind {
    /// As it stands in events and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NullValue => "null_value",
            Self::Fraction => "fraction",
            Self::ExtraField => "extra_field",
            Self::MissingField => "missing_field",
            Self::TypeChanged => "type_changed",
            Self::ValueDomain => "value_domain",
            Self::Request => "request",
        }
    }
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Divergence {
    /// JSON pointer into the answer (or request), with `*` for array places and currencies.
    pub pointer: Cow<'static, str>,
    /// In which way.
    pub kind: Kind,
    /// Its id in the catalogue; None where the catalogue does not know it.
    pub id: Option<&'static str>,
}

impl Divergence {
    /// A member of a request that did not go upstream as it came.
    #[must_use]
    pub fn request(pointer: &'static str, id: &'static str) -> Self {
        Self { pointer: pointer.into(), kind: Kind::Request, id: Some(id) }
    }

    /// The id for events and metrics.
    #[must_use]
    pub fn id_or_uncatalogued(&self) -> &'static str {
        self.id.unwrap_or("uncatalogued")
    }
}

/// Where a divergence was met.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Name of the call.
    pub endpoint: &'static str,
    /// Name of the store.
    pub store: &'a str,
    /// The shop's software, as it names itself.
    pub agent: &'a str,
}

/// Most divergences told of one answer.
const MOST: usize = 128;

/// Compares a create or read answer of BTCPay with BitPay's contract. Each place is told once.
#[must_use]
pub fn inspect(answer: &Value) -> Vec<Divergence> {
    let mut found = Vec::new();
    if let Some(data) = answer.get("data") {
        members(data, &mut found);
        inside(data, "", &mut found);
    }
    found.sort();
    found.dedup();
    found.truncate(MOST);
    found
}

fn members(data: &Value, found: &mut Vec<Divergence>) {
    let rules = btcpay_invoice_rules();
    for (name, _) in data.as_object().into_iter().flat_map(Object::iter) {
        if !rules.members.iter().any(|known| known == name) {
            found.push(Divergence { pointer: format!("/{name}").into(), kind: Kind::ExtraField, id: None });
        }
    }
    for rule in rules.rule.iter().filter(|rule| rule.when == When::Missing) {
        if data.get(rule.pointer.trim_start_matches('/')).is_none() {
            found.push(Divergence {
                pointer: rule.pointer.as_str().into(),
                kind: Kind::MissingField,
                id: Some(&rule.id),
            });
        }
    }
}

fn inside(value: &Value, pointer: &str, found: &mut Vec<Divergence>) {
    let rules = btcpay_invoice_rules();
    let mut tell = |kind, id| found.push(Divergence { pointer: pointer.to_owned().into(), kind, id });
    if let Some(id) = rules.id(pointer, When::Present) {
        tell(Kind::ExtraField, Some(id));
    }
    match value {
        Value::Null => tell(Kind::NullValue, rules.id(pointer, When::Null)),
        Value::Number(number) => {
            if let Some(id) = rules.id(pointer, When::Zero).filter(|_| number.is_zero()) {
                tell(Kind::ValueDomain, Some(id));
            }
            if let Some(id) = rules.id(pointer, When::Fraction).filter(|_| number.text().contains('.')) {
                tell(Kind::Fraction, Some(id));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| inside(item, &format!("{pointer}/*"), found)),
        Value::Object(object) => {
            let currencies = rules.keyed_by_currency.iter().any(|keyed| keyed == pointer);
            for (name, value) in object.iter() {
                let name = if currencies { "*" } else { name };
                inside(value, &format!("{pointer}/{name}"), found);
            }
        }
        Value::Bool(_) | Value::String(_) => {}
    }
}

/// One event per divergence: no values, only the place. Loud where the catalogue does not know it.
pub fn report(divergence: &Divergence, place: &Place<'_>) {
    let Divergence { pointer, kind, id } = divergence;
    let kind = kind.as_str();
    let Place { endpoint, store, agent } = place;
    match id {
        Some(id) => tracing::info!(target: "divergence", endpoint, %pointer, kind, id, store, agent),
        None => {
            tracing::warn!(target: "divergence", endpoint, %pointer, kind, id = "uncatalogued", store, agent)
        }
    }
}
