//! The members of the invoice that a shop reads (`contract/invoice-fields.toml`).

use std::sync::LazyLock;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};

use crate::json;

/// What the shop itself sent, kept in the ledger; named as BitPay names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Word {
    /// `posData`, byte for byte.
    PosData,
    /// `itemDesc`.
    ItemDesc,
    /// `itemCode`.
    ItemCode,
    /// `orderId`, also sent as `orderID`.
    OrderId,
    /// `guid`.
    Guid,
    /// `transactionSpeed`, where it is one of BitPay's three.
    TransactionSpeed,
    /// `buyer`, with BitPay's member names; flat `buyerName` and the like are brought in.
    Buyer,
    /// `redirectURL`.
    #[serde(rename = "redirectURL")]
    RedirectUrl,
    /// `autoRedirect`.
    AutoRedirect,
    /// `closeURL`.
    #[serde(rename = "closeURL")]
    CloseUrl,
    /// `notificationURL`.
    #[serde(rename = "notificationURL")]
    NotificationUrl,
    /// `notificationEmail`.
    NotificationEmail,
    /// `fullNotifications`.
    FullNotifications,
    /// `extendedNotifications`.
    ExtendedNotifications,
    /// `physical`.
    Physical,
}

/// What BTCPay's answer says under the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fact {
    /// The payment page.
    Url,
    /// The amount that is charged.
    Price,
    /// Its currency.
    Currency,
    /// Epoch milliseconds.
    InvoiceTime,
    /// Epoch milliseconds.
    ExpirationTime,
    /// Epoch milliseconds.
    CurrentTime,
    /// The id, BitPay's shape already.
    Id,
    /// Always false at BTCPay.
    LowFeeDetected,
    /// The price in BTC, a decimal text.
    BtcPrice,
    /// What was paid in BTC, a decimal text.
    BtcPaid,
    /// Where to pay.
    BitcoinAddress,
}

/// What payferry works out. One rule each; amounts are exact, never floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Derived {
    /// The status that the shop has been told.
    PresentedStatus,
    /// The exception that goes with it: false, paidPartial or paidOver.
    PresentedException,
    /// btcPaid in satoshis.
    AmountPaid,
    /// btcPaid as a decimal text, `0` before payment.
    DisplayAmountPaid,
    /// By the speed that was asked for: high 0, medium 1, low 6.
    TargetConfirmations,
    /// cryptoInfo's payments: amount in satoshis, receivedTime, txid, outputIndex.
    Transactions,
    /// `email` of the buyer that the shop sent.
    BuyerEmail,
    /// emailAddress and, once paid, selectedTransactionCurrency; `{}` without either.
    BuyerProvidedInfo,
    /// Satoshis per currency without the network fee.
    PaymentSubtotals,
    /// Satoshis per currency with it.
    PaymentTotals,
    /// The totals as decimal texts.
    PaymentDisplayTotals,
    /// The subtotals as decimal texts.
    PaymentDisplaySubtotals,
    /// Per payment currency: its rate in the invoice's currency (never zero).
    ExchangeRates,
    /// Per payment currency: satoshisPerByte and totalFee, whole numbers.
    MinerFees,
    /// `BTC`, once something was paid.
    TransactionCurrency,
    /// The missing BTC, with paidPartial.
    UnderpaidAmount,
    /// The excess BTC, with paidOver.
    OverpaidAmount,
    /// Per payment currency: enabled.
    SupportedCurrencies,
    /// Per payment currency: the payment links that are not null.
    PaymentCodes,
    /// btcDue; below zero when overpaid, as BitPay wrote it.
    BtcDue,
    /// cryptoInfo's rate, a number without needless zeros.
    Rate,
    /// The invoice's currency and the rate.
    ExRates,
    /// The payment links of on-chain BTC that are not null.
    PaymentUrls,
    /// An address per payment currency.
    Addresses,
    /// A token of payferry's own for this invoice, the same in every answer.
    InvoiceToken,
}

/// Where the value of a member comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The shop's own words.
    Words(Word),
    /// A member of BTCPay's answer.
    Facts(Fact),
    /// A rule of payferry's.
    Derived(Derived),
    /// Always the same.
    Constant(json::Value),
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::value::{Error as NameError, StrDeserializer};

        let text = String::deserialize(deserializer)?;
        let (kind, name) = text.split_once(':').ok_or_else(|| D::Error::custom("a source is kind:name"))?;
        let unknown = |error: NameError| D::Error::custom(error);
        let variant = StrDeserializer::<NameError>::new(name);
        match kind {
            "words" => Word::deserialize(variant).map(Self::Words).map_err(unknown),
            "facts" => Fact::deserialize(variant).map(Self::Facts).map_err(unknown),
            "derived" => Derived::deserialize(variant).map(Self::Derived).map_err(unknown),
            "constant" => json::parse(name.as_bytes()).map(Self::Constant).map_err(D::Error::custom),
            _ => Err(D::Error::custom("a source is words, facts, derived or constant")),
        }
    }
}

/// Who may see a member. Ordered: each sees what those before it see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Anybody who knows the invoice's id; a pos token on a read shows no more.
    Public,
    /// Who creates the invoice with a pos token.
    Pos,
    /// Who signs, or has the API key.
    Merchant,
}

/// Whether a member is always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// In every answer to its audience.
    Always,
    /// Left out where the source has nothing.
    WhenKnown,
}

/// BitPay's type of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// Digits only.
    Integer,
    /// A number without needless zeros.
    Number,
    /// A string.
    String,
    /// `true` or `false`.
    Boolean,
    /// An object.
    Object,
    /// An array.
    Array,
    /// `false`, or a string.
    FalseOrString,
}

impl FieldType {
    /// Whether a value is of this type, in BitPay's spelling.
    #[must_use]
    pub fn fits(self, value: &json::Value) -> bool {
        match (self, value) {
            (Self::Integer, json::Value::Number(number)) => {
                number.text().bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
            }
            (Self::Number, json::Value::Number(number)) => {
                number.plain().is_ok_and(|plain| plain == number.text())
            }
            (Self::String | Self::FalseOrString, json::Value::String(_))
            | (Self::Boolean, json::Value::Bool(_))
            | (Self::FalseOrString, json::Value::Bool(false))
            | (Self::Object, json::Value::Object(_))
            | (Self::Array, json::Value::Array(_)) => true,
            _ => false,
        }
    }
}

/// One member; the table's order is the order in an answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its name in the answer.
    pub name: String,
    /// BitPay's type.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// Where its value comes from.
    pub source: Source,
    /// Who may see it.
    pub audience: Audience,
    /// Whether it is always there.
    pub presence: Presence,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    field: Vec<Field>,
}

static FIELDS: LazyLock<Vec<Field>> =
    LazyLock::new(|| super::built_in::<File>(include_str!("../../contract/invoice-fields.toml")).field);

/// All members, in the order of an answer.
#[must_use]
pub fn all() -> &'static [Field] {
    &FIELDS
}

/// The members that an audience sees, in order.
pub fn seen_by(audience: Audience) -> impl Iterator<Item = &'static Field> {
    all().iter().filter(move |field| field.audience <= audience)
}
