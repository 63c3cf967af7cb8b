//! Reads what a shop asks for in `POST /invoices`, by BitPay's rules.
//!
//! BTCPay reads money leniently ("5,50" is 550, 010 is 8, `{}` is an open-price invoice), so
//! what BitPay would refuse never leaves this step. What real clients send beyond the rules
//! (`"physical":"true"`, `orderID:77`, nulls, fractional nonces) passes.

use sha2::{Digest, Sha256};

use crate::contract::ErrorCode;
use crate::json::{self, JsonError, Number, Object, Value};

/// Texts that go back to the shop exactly as they came, under BitPay's names.
const TEXTS: [&str; 10] = [
    "posData",
    "orderId",
    "itemDesc",
    "itemCode",
    "guid",
    "redirectURL",
    "closeURL",
    "notificationURL",
    "notificationEmail",
    "transactionSpeed",
];

/// Switches; clients also send them as text or as 0 and 1 (ruby `"physical":"true"`).
const SWITCHES: [&str; 4] = ["fullNotifications", "extendedNotifications", "physical", "autoRedirect"];

/// BitPay's buyer member beside the flat name of 2011 to 2018.
pub const BUYER: [(&str, &str); 9] = [
    ("name", "buyerName"),
    ("address1", "buyerAddress1"),
    ("address2", "buyerAddress2"),
    ("locality", "buyerCity"),
    ("region", "buyerState"),
    ("postalCode", "buyerZip"),
    ("country", "buyerCountry"),
    ("email", "buyerEmail"),
    ("phone", "buyerPhone"),
];

/// Names that some clients use for a buyer's address instead (BTCPay's own model).
const BUYER_OTHER: [(&str, &str); 3] = [("locality", "city"), ("region", "state"), ("postalCode", "zip")];

/// Why BitPay would refuse the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// The body is not JSON, or nested too deep.
    #[error("the body cannot be read: {0}")]
    Json(#[from] JsonError),
    /// JSON, but an array, a text, a number.
    #[error("the body is a JSON {0}, not an object")]
    NotAnObject(&'static str),
    /// No price, or null, or an empty text.
    #[error("price is missing")]
    PriceMissing,
    /// Neither a JSON number nor plain decimal text.
    #[error("price is not a number")]
    PriceInvalid,
    /// Zero or below.
    #[error("price is not above zero")]
    PriceNotPositive,
    /// No currency, or null, or an empty text.
    #[error("currency is missing")]
    CurrencyMissing,
    /// Not three letters.
    #[error("currency is not three letters")]
    CurrencyInvalid,
}

impl OrderError {
    /// The row of the error table.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Json(JsonError::TooDeep) => ErrorCode::JsonTooDeep,
            Self::Json(_) => ErrorCode::JsonInvalid,
            Self::NotAnObject(_) => ErrorCode::RequestNotAnObject,
            Self::PriceMissing => ErrorCode::PriceMissing,
            Self::PriceInvalid => ErrorCode::PriceInvalid,
            Self::PriceNotPositive => ErrorCode::PriceNotPositive,
            Self::CurrencyMissing => ErrorCode::CurrencyMissing,
            Self::CurrencyInvalid => ErrorCode::CurrencyInvalid,
        }
    }
}

/// What the shop asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct Order {
    /// Above zero, plain decimal text without needless zeros.
    pub price: String,
    /// Three upper-case letters.
    pub currency: String,
    /// The shop's own words under BitPay's names, as they are given back.
    pub words: Object,
    /// The whole request, for members that only the upstream request needs.
    pub request: Object,
}

impl std::fmt::Debug for Order {
    /// Without what the buyer told and the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Order")
            .field("price", &self.price)
            .field("currency", &self.currency)
            .finish_non_exhaustive()
    }
}

impl Order {
    /// The text the shop sent under one of BitPay's names.
    #[must_use]
    pub fn word(&self, name: &str) -> Option<&str> {
        self.words.get(name)?.as_str()
    }

    /// The shop's guid, where it sent one that tells anything: an empty one would merge strangers' orders.
    #[must_use]
    pub fn guid(&self) -> Option<&str> {
        self.word("guid").filter(|guid| !guid.trim().is_empty())
    }

    /// SHA-256 (hex) of price, currency and orderId: with the guid it tells a repeat from a new order.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for part in [&self.price, &self.currency, self.word("orderId").unwrap_or_default()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hex::encode(hash.finalize())
    }
}

/// The `token` member of a request body, wherever and however it is spelled.
#[must_use]
pub fn token_of(request: &Value) -> Option<&str> {
    request.as_object()?.last_any_case("token")?.as_str()
}

/// Reads a body as JSON; AdvantShop's leading `&` is dropped.
///
/// # Errors
/// [`OrderError::Json`] and [`OrderError::NotAnObject`].
pub fn parse(body: &[u8]) -> Result<Object, OrderError> {
    let body = body.strip_prefix(b"&").unwrap_or(body);
    match json::parse(body)? {
        Value::Object(object) => Ok(object),
        other => Err(OrderError::NotAnObject(other.kind())),
    }
}

/// Reads an order from the request's members.
///
/// # Errors
/// [`OrderError`] where BitPay would refuse it.
pub fn read(request: Object) -> Result<Order, OrderError> {
    let price = price(request.last_any_case("price"))?;
    let currency = currency(request.last_any_case("currency"))?;
    let words = words(&request);
    Ok(Order { price, currency, words, request })
}

fn price(value: Option<&Value>) -> Result<String, OrderError> {
    let number = match value {
        None | Some(Value::Null) => return Err(OrderError::PriceMissing),
        Some(Value::String(text)) if text.is_empty() => return Err(OrderError::PriceMissing),
        Some(Value::Number(number)) => number.clone(),
        Some(Value::String(text)) => decimal_text(text)?,
        Some(_) => return Err(OrderError::PriceInvalid),
    };
    if number.is_zero() || number.is_negative() {
        return Err(OrderError::PriceNotPositive);
    }
    number.plain().map_err(|_| OrderError::PriceInvalid)
}

/// Digits, at most one point between digits; leading zeros are written so by shops ("010.00" is ten).
fn decimal_text(text: &str) -> Result<Number, OrderError> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return Err(OrderError::PriceInvalid);
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    Number::parse(&format!("{whole}.{fraction}")).map_err(|_| OrderError::PriceInvalid)
}

fn currency(value: Option<&Value>) -> Result<String, OrderError> {
    match value {
        None | Some(Value::Null) => Err(OrderError::CurrencyMissing),
        Some(Value::String(text)) if text.is_empty() => Err(OrderError::CurrencyMissing),
        Some(Value::String(text)) if text.len() == 3 && text.bytes().all(|b| b.is_ascii_alphabetic()) => {
            Ok(text.to_ascii_uppercase())
        }
        Some(_) => Err(OrderError::CurrencyInvalid),
    }
}

fn words(request: &Object) -> Object {
    let mut words = Object::new();
    for name in TEXTS {
        if let Some(text) = request.last_any_case(name).and_then(text) {
            words.push(name, text);
        }
    }
    for name in SWITCHES {
        if let Some(switch) = request.last_any_case(name).and_then(switch) {
            words.push(name, switch);
        }
    }
    if let Some(items) = request.last_any_case("itemizedDetails").and_then(items) {
        words.push("itemizedDetails", items);
    }
    if let Some(window) = request.last_any_case("acceptanceWindow").and_then(window) {
        words.push("acceptanceWindow", window);
    }
    let buyer = buyer(request);
    if !buyer.is_empty() {
        words.push("buyer", buyer);
    }
    words
}

/// Texts come as texts; numbers and truth values become text, as BTCPay and BitPay both store them;
/// an object or an array (posData of some hand-written shops) becomes its JSON text.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn switch(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        },
        Value::Number(number) => match number.text() {
            "1" => Some(true),
            "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// The lines of an order; one without amount or description is none.
fn items(value: &Value) -> Option<Value> {
    let item = |item: &Value| {
        let amount = match item.get("amount")? {
            Value::Number(number) => number.plain().ok()?,
            Value::String(text) => decimal_text(text).ok()?.plain().ok()?,
            _ => return None,
        };
        let mut line = Object::new().with("amount", Value::Number(Number::parse(&amount).ok()?));
        line.push("description", text(item.get("description")?)?);
        if let Some(fee) = item.get("isFee").and_then(switch) {
            line.push("isFee", fee);
        }
        Some(Value::Object(line))
    };
    let items: Vec<_> = value.as_array()?.iter().filter_map(item).collect();
    (!items.is_empty()).then(|| items.into())
}

/// How long the invoice can be paid, whole milliseconds above zero; shops also send it as text.
fn window(value: &Value) -> Option<i64> {
    let window = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => Number::parse(text).ok()?.as_i64(),
        _ => None,
    };
    window.filter(|window| *window > 0)
}

fn buyer(request: &Object) -> Object {
    let nested = request.last_any_case("buyer").and_then(Value::as_object);
    let mut buyer = Object::new();
    for (name, flat) in BUYER {
        let other = BUYER_OTHER.iter().find(|(ours, _)| *ours == name).map(|(_, other)| *other);
        let value = request
            .last_any_case(flat)
            .or_else(|| nested?.last_any_case(name))
            .or_else(|| nested?.last_any_case(other?));
        if let Some(text) = value.and_then(text) {
            buyer.push(name, text);
        }
    }
    let notify = request.last_any_case("buyerNotify").or_else(|| nested?.last_any_case("notify"));
    if let Some(notify) = notify.and_then(switch) {
        buyer.push("notify", notify);
    }
    buyer
}
