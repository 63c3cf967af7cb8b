//! Reads what a shop asks for when it makes an invoice, by BitPay's rules.
//!
//! BTCPay reads money leniently ("5,50" is 550, 010 is 8, `{}` is an open-price invoice), so
//! what BitPay would refuse never leaves this step. What real clients send beyond the rules
//! (`"physical":"true"`, `orderID:77`, nulls, fractional nonces) passes.

mod body;
mod buyer;
mod price;
mod words;

use sha2::{Digest, Sha256};

pub use self::body::{parse, parse_as, parse_form};
pub use self::buyer::BUYER;
use crate::contract::ErrorCode;
use crate::json::{JsonError, Object, Value};

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
    /// More than BTCPay can charge: it would charge less.
    #[error("price is above what can be charged")]
    PriceTooLarge,
    /// It would be rounded to zero, and an invoice over zero is paid at once.
    #[error("price is below the smallest unit of the currency")]
    PriceTooSmall,
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
            Self::PriceInvalid | Self::PriceTooLarge => ErrorCode::PriceInvalid,
            Self::PriceTooSmall => ErrorCode::PriceTooSmall,
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

/// Reads an order from the request's members.
///
/// # Errors
/// [`OrderError`] where BitPay would refuse it.
pub fn read(request: Object) -> Result<Order, OrderError> {
    let currency = price::currency(request.last_any_case("currency"));
    let price = price::price(request.last_any_case("price"), currency.as_deref().unwrap_or_default())?;
    let currency = currency?;
    let words = words::words(&request);
    Ok(Order { price, currency, words, request })
}
