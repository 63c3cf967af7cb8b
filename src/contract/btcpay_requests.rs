//! What BTCPay would make of a shop's request as it came (`contract/btcpay-requests.toml`).

use std::sync::LazyLock;

use serde::Deserialize;

use super::btcpay_answers::BtcpayCall;

/// A call that BTCPay does not have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MissingPath {
    /// The method, or `*`.
    pub method: String,
    /// In lower case; `:name` is one segment, a final `*` one or more.
    pub path: String,
    /// Its id in the catalogue.
    pub id: String,
}

/// A condition on a member or a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// It is not there.
    Absent,
    /// It is there and not null.
    Present,
    /// It is missing, null or an empty text.
    Empty,
    /// A number, or a text of one, that is zero or below.
    NotPositive,
    /// A text that is there and no plain decimal with a point.
    NotPlainDecimalText,
    /// It is there and neither a truth value, the word for one, 0 or 1.
    NotTruthValue,
    /// It is there and no whole number.
    NotNumber,
    /// It is there, not null and no text.
    NotText,
    /// An array or a text.
    ArrayOrText,
    /// An object with locality, region or postalCode.
    HasBitpayAddress,
    /// An object with notify.
    HasNotify,
    /// A list with something else than BTC.
    OtherThanBitcoin,
    /// A list with BTC.
    Bitcoin,
    /// A text that is not high, medium or low.
    NoSpeed,
    /// It is there and no absolute https address, or one with a user name.
    NoHttpsAddress,
    /// An address with a user name.
    HasUserName,
    /// A text of more than 1000 characters.
    Long,
    /// It is there and not MM/DD/YYYY.
    NoUsDate,
    /// It is missing or no whole number above zero.
    NoCount,
    /// It is there and no whole number above zero.
    BadCount,
    /// It is there and no list of AAA_BBB.
    NoPairs,
}

/// A member of `POST /invoices`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its name; any letter case is meant.
    pub name: String,
    /// When BTCPay makes something else of it than BitPay.
    pub when: When,
    /// The id in the catalogue of what it makes of it.
    pub id: String,
}

/// A parameter in a query.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// The call that takes it.
    pub call: BtcpayCall,
    /// Its name.
    pub name: String,
    /// When BTCPay makes something else of it than BitPay.
    pub when: When,
    /// The id in the catalogue of what it makes of it.
    pub id: String,
}

/// The whole table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requests {
    /// Calls that BTCPay does not have.
    pub path: Vec<MissingPath>,
    /// Members of `POST /invoices`.
    pub member: Vec<Member>,
    /// Parameters.
    pub query: Vec<Parameter>,
}

static REQUESTS: LazyLock<Requests> =
    LazyLock::new(|| super::built_in(include_str!("../../contract/btcpay-requests.toml")));

/// The table.
#[must_use]
pub fn requests() -> &'static Requests {
    &REQUESTS
}
