//! BitPay's invoice as a table (`contract/invoice-fields.toml`): which members, in which order,
//! from where, for whom.

use std::sync::LazyLock;

use serde::Deserialize;

/// Who an answer is for; each sees what those before it see, and more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// A read without credentials: no buyer data, no token.
    Public,
    /// A shop by its POS token or key.
    Pos,
    /// A shop by its merchant token.
    Merchant,
}

impl Audience {
    /// The `facade` member of an answer.
    #[must_use]
    pub fn facade(self) -> &'static str {
        match self {
            Self::Public => "public/invoice",
            Self::Pos => "pos/invoice",
            Self::Merchant => "merchant/invoice",
        }
    }
}

/// Where a member's value comes from. One arm of the renderer each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is one line of the renderer, which says what it is")]
pub enum Source {
    Words,
    CheckoutUrl,
    Status,
    BtcPrice,
    BtcDue,
    BtcPaid,
    Price,
    Currency,
    CurrencyRate,
    InvoiceTime,
    ExpirationTime,
    CurrentTime,
    Id,
    Rate,
    No,
    Six,
    SatoshiPaid,
    Exception,
    Transactions,
    PaidCurrency,
    Buyer,
    BuyerEmail,
    BuyerInfo,
    AutoRedirect,
    EmptyList,
    EmptyObject,
    Subtotals,
    Totals,
    DisplayTotals,
    DisplaySubtotals,
    BitcoinRates,
    MinerFees,
    SupportedCurrencies,
    PaymentUrls,
    PaymentCodes,
    Address,
    Addresses,
    InvoiceToken,
}

/// One member of BitPay's invoice.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// BitPay's name for it.
    pub name: String,
    /// Where the value comes from.
    pub source: Source,
    /// Who sees it.
    pub audience: Audience,
    /// BitPay's type, for docs and tests.
    #[serde(rename = "type")]
    pub kind: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    field: Vec<Field>,
}

static FIELDS: LazyLock<Vec<Field>> =
    LazyLock::new(|| super::built_in::<Table>(include_str!("../../contract/invoice-fields.toml")).field);

/// The members, in the order of the answer.
#[must_use]
pub fn invoice_fields() -> &'static [Field] {
    &FIELDS
}
