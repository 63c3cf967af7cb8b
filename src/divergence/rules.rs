//! The rules for values that the table names.

use crate::contract::btcpay_invoice::{Allowed, Check, Rule};
use crate::json::{Number, Value};

/// What a rule for one member may ask about the others.
pub(super) struct Answer<'a> {
    data: Option<&'a Value>,
}

impl<'a> Answer<'a> {
    pub(super) fn of(answer: &'a Value) -> Self {
        Self { data: answer.get("data") }
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.data?.get(name)?.as_str()
    }

    pub(super) fn paid(&self) -> bool {
        self.text("btcPaid").is_some_and(above_zero)
    }

    pub(super) fn exception(&self) -> Option<&'a str> {
        self.text("exceptionStatus")
    }
}

/// Whether the value breaks the rule.
pub(super) fn breaks(check: &Check, value: &Value, answer: &Answer<'_>) -> bool {
    match check.rule {
        Rule::OneOf => !check.values.iter().any(|allowed| match (allowed, value) {
            (Allowed::Boolean(allowed), Value::Bool(value)) => allowed == value,
            (Allowed::Text(allowed), Value::String(value)) => allowed == value,
            _ => false,
        }),
        Rule::AboveZero => value.as_number().is_some_and(|n| n.is_zero() || n.is_negative()),
        Rule::PlainNumber => {
            value.as_number().is_some_and(|n| n.plain().is_ok_and(|plain| plain != n.text()))
        }
        Rule::TwoDecimals => value.as_number().and_then(plain).is_some_and(|text| decimals(&text) > 2),
        Rule::SixDecimals => value.as_str().is_some_and(|text| decimals(text) > 6),
        Rule::Milliseconds => value.as_number().is_some_and(|n| n.text().ends_with("000")),
        Rule::CurrencyKeys => {
            value.as_object().is_some_and(|object| object.iter().any(|(key, _)| !is_currency(key)))
        }
        Rule::NoNullMembers => {
            value.as_object().is_some_and(|object| object.iter().any(|(_, member)| member.is_null()))
        }
        Rule::ZeroThoughPaid => value.as_number().is_some_and(Number::is_zero) && answer.paid(),
        Rule::DueThoughComplete => {
            value.as_str().is_some_and(above_zero) && answer.text("status") == Some("complete")
        }
        Rule::NewThoughPaid => {
            let due = answer.text("btcDue").is_some_and(above_zero);
            value.as_str() == Some("new") && answer.paid() && !due
        }
        Rule::Always => true,
    }
}

fn plain(number: &Number) -> Option<String> {
    number.plain().ok()
}

/// Digits after the point of a decimal text.
fn decimals(text: &str) -> usize {
    text.split_once('.').map_or(0, |(_, fraction)| fraction.len())
}

fn above_zero(text: &str) -> bool {
    Number::parse(text).is_ok_and(|number| !number.is_zero() && !number.is_negative())
}

/// `BTC`, `USDCn`, `ETH_m`: how BitPay spelled payment currencies over the years.
fn is_currency(key: &str) -> bool {
    let (code, chain) = key.split_once('_').map_or((key, None), |(code, chain)| (code, Some(chain)));
    let code = code.strip_suffix('n').unwrap_or(code);
    let good_code = (2..=6).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let good_chain = chain.is_none_or(|chain| {
        (1..=6).contains(&chain.len()) && chain.bytes().all(|byte| byte.is_ascii_lowercase())
    });
    good_code && good_chain
}
