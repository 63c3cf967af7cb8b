//! Price and currency. A price is a JSON number, or a text of digits with at most one point.

use super::OrderError;
use crate::contract::currencies::decimals;
use crate::json::{Number, Value};

/// The price as plain decimal text, above zero.
pub(super) fn price(value: Option<&Value>, currency: &str) -> Result<String, OrderError> {
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
    let plain = number.plain().map_err(|_| OrderError::PriceInvalid)?;
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    if whole.parse::<u64>().is_err() {
        return Err(OrderError::PriceTooLarge);
    }
    if whole == "0" && rounds_to_zero(fraction, decimals(currency)) {
        return Err(OrderError::PriceTooSmall);
    }
    Ok(plain)
}

/// BTCPay rounds half away from zero to the digits of the currency (create-requests/price-round-half).
fn rounds_to_zero(fraction: &str, decimals: usize) -> bool {
    let (kept, rest) = fraction.split_at(decimals.min(fraction.len()));
    kept.bytes().all(|digit| digit == b'0') && rest.bytes().next().is_none_or(|digit| digit < b'5')
}

/// Digits, at most one point between digits; leading zeros are written so by shops ("010.00" is ten).
pub(super) fn decimal_text(text: &str) -> Result<Number, OrderError> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return Err(OrderError::PriceInvalid);
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    Number::parse(&format!("{whole}.{fraction}")).map_err(|_| OrderError::PriceInvalid)
}

/// Three letters, upper case.
pub(super) fn currency(value: Option<&Value>) -> Result<String, OrderError> {
    match value {
        None | Some(Value::Null) => Err(OrderError::CurrencyMissing),
        Some(Value::String(text)) if text.is_empty() => Err(OrderError::CurrencyMissing),
        Some(Value::String(text)) if text.len() == 3 && text.bytes().all(|b| b.is_ascii_alphabetic()) => {
            Ok(text.to_ascii_uppercase())
        }
        Some(_) => Err(OrderError::CurrencyInvalid),
    }
}
