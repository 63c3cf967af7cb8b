//! BitPay's invoice as a table (`contract/invoice-fields.toml`): which members, in which order,
//! from where, for whom, in which era.

use std::sync::LazyLock;

use serde::Deserialize;

use super::Era;

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
    TotalBitcoin,
    FeeBitcoin,
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
    DisplayPaid,
    Underpaid,
    Overpaid,
    Speed,
    Exception,
    Transactions,
    PaidCurrency,
    NoPaymentProtocol,
    Buyer,
    BuyerFields,
    BuyerEmail,
    BuyerInfo,
    AutoRedirect,
    EmptyList,
    EmptyObject,
    NotRefundable,
    MerchantName,
    Subtotals,
    Totals,
    DisplayTotals,
    DisplaySubtotals,
    BitcoinRates,
    MinerFees,
    SupportedCurrencies,
    PaymentUrls,
    PaymentCodes,
    UniversalCodes,
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
    /// The eras in which BitPay wrote it.
    #[serde(default = "enveloped")]
    pub eras: Vec<Era>,
    /// The eras in which it stands as an empty text where nothing is known.
    #[serde(default)]
    pub blank: Vec<Era>,
}

fn enveloped() -> Vec<Era> {
    Era::ALL.into_iter().filter(|era| *era != Era::V1).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    field: Vec<Field>,
    flat: Vec<Field>,
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| super::built_in(include_str!("../../contract/invoice-fields.toml")));

/// The members of an era's invoice, in the order of the answer.
pub fn invoice_fields(era: Era) -> impl Iterator<Item = &'static Field> {
    let rows = if era == Era::V1 { &TABLE.flat } else { &TABLE.field };
    rows.iter().filter(move |field| era == Era::V1 || field.eras.contains(&era))
}
