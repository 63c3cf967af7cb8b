//! The conditions that the table of requests names.

use crate::contract::btcpay_requests::When;
use crate::json::{Number, Object, Value};

/// BTCPay keeps texts of any length; BitPay documents 100 characters and took some more.
const LONG: usize = 1000;

/// Whether a member of a body meets the condition.
pub(super) fn meets(when: When, value: Option<&Value>) -> bool {
    let there = value.filter(|value| !value.is_null());
    let text = there.and_then(Value::as_str);
    match when {
        When::Absent => value.is_none(),
        When::Present => there.is_some(),
        When::Empty => there.is_none() || text == Some(""),
        When::NotPositive => there.and_then(number).is_some_and(|n| n.is_zero() || n.is_negative()),
        When::NotPlainDecimalText => text.is_some_and(|text| !text.is_empty() && !is_plain_decimal(text)),
        When::NotTruthValue => value.is_some_and(|value| !is_truth_value(value)),
        When::NotNumber => value.is_some_and(|value| value.as_number().and_then(Number::as_i64).is_none()),
        When::NotText => there.is_some() && text.is_none(),
        When::ArrayOrText => text.is_some() || there.and_then(Value::as_array).is_some(),
        When::HasBitpayAddress => has(there, &["locality", "region", "postalCode"]),
        When::HasNotify => has(there, &["notify"]),
        When::OtherThanBitcoin => codes(there).any(|code| !code.eq_ignore_ascii_case("BTC")),
        When::Bitcoin => codes(there).any(|code| code.eq_ignore_ascii_case("BTC")),
        When::NoSpeed => there.is_some() && !matches!(text, Some("high" | "medium" | "low")),
        When::NoHttpsAddress => there.is_some() && !text.is_some_and(is_https_address),
        When::HasUserName => text.is_some_and(has_user_name),
        When::Long => text.is_some_and(|text| text.len() > LONG),
        When::NoUsDate | When::NoCount | When::BadCount | When::NoPairs => false,
    }
}

/// Whether a parameter of a query meets the condition.
pub(super) fn parameter_meets(when: When, value: Option<&str>) -> bool {
    match when {
        When::Absent => value.is_none(),
        When::Present => value.is_some(),
        When::Empty => value.is_none_or(str::is_empty),
        When::NoUsDate => value.is_some_and(|text| !is_us_date(text)),
        When::NoCount => !value.is_some_and(is_count),
        When::BadCount => value.is_some_and(|text| !is_count(text)),
        When::NoPairs => value.is_some_and(|text| !text.is_empty() && !text.split(',').all(is_pair)),
        _ => false,
    }
}

fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => Number::parse(text).ok(),
        _ => None,
    }
}

fn is_plain_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(text),
    }
}

fn is_truth_value(value: &Value) -> bool {
    match value {
        Value::Bool(_) => true,
        Value::Number(number) => matches!(number.text(), "0" | "1"),
        Value::String(text) => text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"),
        _ => false,
    }
}

fn has(value: Option<&Value>, names: &[&str]) -> bool {
    let object = value.and_then(Value::as_object);
    object.is_some_and(|object: &Object| names.iter().any(|name| object.last_any_case(name).is_some()))
}

fn codes(value: Option<&Value>) -> impl Iterator<Item = &str> {
    value.and_then(Value::as_array).unwrap_or_default().iter().filter_map(Value::as_str)
}

fn is_https_address(text: &str) -> bool {
    text.parse::<http::Uri>().is_ok_and(|uri| {
        let authority = uri.authority().map(http::uri::Authority::as_str);
        uri.scheme_str() == Some("https") && authority.is_some_and(|authority| !authority.contains('@'))
    })
}

fn has_user_name(text: &str) -> bool {
    text.parse::<http::Uri>().is_ok_and(|uri| uri.authority().is_some_and(|it| it.as_str().contains('@')))
}

/// `MM/DD/YYYY`, its slashes encoded or not.
fn is_us_date(text: &str) -> bool {
    let form = b"dd/dd/dddd";
    text.len() == form.len()
        && form.iter().zip(text.bytes()).all(|(form, byte)| match form {
            b'd' => byte.is_ascii_digit(),
            _ => byte == b'/',
        })
}

fn is_count(text: &str) -> bool {
    text.parse::<u32>().is_ok_and(|count| count > 0)
}

fn is_pair(text: &str) -> bool {
    let code = |code: &str| code.len() >= 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    text.split_once('_').is_some_and(|(base, currency)| code(base) && code(currency))
}
