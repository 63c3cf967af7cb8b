//! The rules for values that the table names.

use crate::contract::btcpay_answers::{Allowed, Check, Rule};
use crate::json::{Number, Object, Value};

/// What a rule for one member may ask about the others of its invoice.
#[derive(Default)]
pub(super) struct Invoice<'a> {
    data: Option<&'a Value>,
}

impl<'a> Invoice<'a> {
    pub(super) fn of(data: &'a Value) -> Self {
        Self { data: Some(data) }
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

    fn complete(&self) -> bool {
        self.text("status") == Some("complete")
    }
}

/// Whether the value breaks the rule.
pub(super) fn breaks(check: &Check, value: &Value, invoice: &Invoice<'_>) -> bool {
    match check.rule {
        Rule::OneOf => !named(check, value),
        Rule::NoneOf => named(check, value),
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
        Rule::ZeroThoughPaid => value.as_number().is_some_and(Number::is_zero) && invoice.paid(),
        Rule::DueThoughComplete => value.as_str().is_some_and(above_zero) && invoice.complete(),
        Rule::NewThoughPaid => {
            let due = invoice.text("btcDue").is_some_and(above_zero);
            value.as_str() == Some("new") && invoice.paid() && !due
        }
        Rule::AboveSubtotals => above_subtotals(value, invoice),
        Rule::PaidTwice => {
            let paid = value.as_str().and_then(satoshi);
            let price = invoice.text("btcPrice").and_then(satoshi);
            invoice.complete() && invoice.exception().is_none() && price.is_some() && paid > price
        }
        Rule::PaidLess => {
            let paid = value.as_str().and_then(satoshi);
            let price = invoice.text("btcPrice").and_then(satoshi);
            let done = matches!(invoice.text("status"), Some("paid" | "complete"));
            done && invoice.exception().is_none() && paid > Some(0) && paid < price
        }
        Rule::InvalidThoughPaid => {
            value.as_str() == Some("invalid") && invoice.paid() && invoice.exception() != Some("marked")
        }
        Rule::OneAtMost => value.as_array().is_some_and(|items| items.len() > 1),
        Rule::NotEmpty => value.as_array().is_some_and(<[Value]>::is_empty),
        Rule::OtherThanMerchant => merchant_alone(value),
        Rule::NotBitcoinAlone => bitcoin_alone(value),
        Rule::NotNewestFirst => neighbours(value, |earlier, later| earlier > later),
        Rule::SecondsDiffer => neighbours(value, |earlier, later| earlier == later),
        Rule::Always => true,
    }
}

fn named(check: &Check, value: &Value) -> bool {
    check.values.iter().any(|allowed| match (allowed, value) {
        (Allowed::Boolean(allowed), Value::Bool(value)) => allowed == value,
        (Allowed::Text(allowed), Value::String(value)) => allowed == value,
        _ => false,
    })
}

fn above_subtotals(totals: &Value, invoice: &Invoice<'_>) -> bool {
    let Some(subtotals) = invoice.data.and_then(|data| data.get("paymentSubtotals")) else { return false };
    let whole = |value: &Value| value.as_number().and_then(Number::as_i64);
    let mut totals = totals.as_object().into_iter().flat_map(Object::iter);
    totals.any(|(name, total)| {
        let subtotal = subtotals.get(name).and_then(whole);
        subtotal.is_some() && whole(total) > subtotal
    })
}

/// A bitcoin amount of at most eight decimals.
fn satoshi(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    (fraction.len() <= 8).then(|| format!("{whole}{fraction:0<8}").parse().ok()).flatten()
}

fn merchant_alone(value: &Value) -> bool {
    let Some(items) = value.as_array().filter(|items| !items.is_empty()) else { return false };
    items.iter().all(|item| {
        item.as_object().is_some_and(|object| object.iter().all(|(facade, _)| facade == "merchant"))
    })
}

fn bitcoin_alone(value: &Value) -> bool {
    let Some([one]) = value.as_array() else { return false };
    let is_one = one.get("rate").and_then(Value::as_number).and_then(plain).is_some_and(|rate| rate == "1");
    is_one && one.get("code").and_then(Value::as_str) == Some("BTC")
}

fn neighbours(value: &Value, show: impl Fn(i64, i64) -> bool) -> bool {
    let time = |item: &Value| item.get("invoiceTime").and_then(Value::as_number).and_then(Number::as_i64);
    let pairs = value.as_array().unwrap_or_default().windows(2);
    pairs
        .filter_map(|pair| pair.first().and_then(time).zip(pair.last().and_then(time)))
        .any(|(earlier, later)| show(earlier, later))
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
