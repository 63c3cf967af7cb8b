//! Comparing BTCPay's failures with BitPay's.

use std::borrow::Cow;

use super::shape::count;
use super::{BtcpayCall, Divergence, Kind, Shape};
use crate::json::{self, Value};

/// An answer that is none: a status of 300 and above, or a body that is no JSON.
#[derive(Debug, Clone, Copy)]
pub struct FailedAnswer<'a> {
    /// What was asked.
    pub call: BtcpayCall,
    /// HTTP status.
    pub status: u16,
    /// The body, whole.
    pub body: &'a [u8],
}

/// Error texts of BTCPay's own that BitPay never used, and what they are called.
const TEXTS: [(&str, &str); 3] = [
    ("authentication failed", "auth-error-text"),
    ("dust threshold", "price-below-dust-400"),
    ("incorrectly formatted", "rates-base-empty"),
];

/// Finds how a failed answer differs: statuses that BitPay used otherwise, empty or foreign bodies,
/// two error members at once, no code, BTCPay's own texts, a log in the text.
///
/// A good answer has nothing to find.
#[must_use]
pub fn inspect_failure(failed: &FailedAnswer<'_>) -> Vec<Divergence> {
    let body = json::parse(failed.body).ok();
    if failed.status < 300 && body.is_some() {
        return Vec::new();
    }
    let shape = shape(failed, body.as_ref());
    let mut found = Vec::new();
    let mut add = |pointer: &'static str, kind, id| {
        found.push(Divergence { pointer: Cow::Borrowed(pointer), kind, id, shape });
    };
    by_status(failed, body.is_some(), &mut add);
    match &body {
        None => {
            if failed.status == 500 {
                add("", Kind::HttpStatus, Some("error-500-empty-body"));
            }
            add("", Kind::ErrorShape, Some("error-empty-body"));
        }
        Some(body) => by_body(failed.call, body, &mut add),
    }
    found
}

type Add<'a> = dyn FnMut(&'static str, Kind, Option<&'static str>) + 'a;

fn by_status(failed: &FailedAnswer<'_>, is_json: bool, add: &mut Add<'_>) {
    use BtcpayCall::{CreateInvoice, CreateToken, ListInvoices, ReadInvoice};
    let invoices = matches!(failed.call, CreateInvoice | ReadInvoice | ListInvoices);
    match failed.status {
        401 => add("", Kind::HttpStatus, Some("auth-missing-signature-error")),
        403 => {
            add("", Kind::HttpStatus, Some("auth-missing-signature-error"));
            if invoices {
                add("", Kind::ErrorShape, Some("auth-unpaired-identity-403"));
            }
        }
        404 if !is_json && invoices => add("", Kind::HttpStatus, Some("auth-missing-signature-error")),
        300..400 => add("", Kind::HttpStatus, Some("auth-missing-signature-error")),
        400 | 404 if failed.call == CreateToken => {
            add("", Kind::ErrorShape, Some("tokens-bad-pairing-code"));
        }
        400 | 500 if failed.call == CreateInvoice => {
            add("", Kind::HttpStatus, Some("error-status-validation"));
        }
        _ => {}
    }
}

fn by_body(call: BtcpayCall, body: &Value, add: &mut Add<'_>) {
    let errors = body.get("errors");
    let error = body.get("error");
    if error.is_none() && errors.is_none() {
        add("/error", Kind::MissingField, None);
    }
    if error.is_some() && errors.is_some() {
        add("/errors", Kind::ErrorShape, Some("error-both-keys"));
    }
    let items = errors.and_then(Value::as_array).unwrap_or_default();
    if items.iter().any(|item| item.get("param").is_none()) {
        add("/errors/*/param", Kind::MissingField, Some("error-list-without-param"));
    }
    if body.get("code").is_none() {
        add("/code", Kind::MissingField, Some("error-coded-missing"));
    }
    let text = error.and_then(Value::as_str).unwrap_or_default();
    for (_, id) in TEXTS.iter().filter(|(words, _)| text.contains(words)) {
        add("/error", Kind::ErrorShape, Some(id));
    }
    if call == BtcpayCall::ListRates && text.contains("default currency pairs") {
        add("/error", Kind::Semantics, Some("rates-need-pairs"));
    }
    if call == BtcpayCall::ListRatesV1 && text == "Store not found" {
        add("/error", Kind::AuthSemantics, Some("rates-v1-store"));
    }
    if text.contains('\n') {
        add("/error", Kind::ErrorShape, Some("error-text-carries-log"));
    }
}

fn shape(failed: &FailedAnswer<'_>, body: Option<&Value>) -> Shape {
    let status = failed.status;
    match body {
        None => Shape::Body { status, bytes: count(failed.body.len()) },
        Some(body) => {
            let text = body.get("error").and_then(Value::as_str).unwrap_or_default();
            let lines = u16::try_from(text.lines().count()).unwrap_or(u16::MAX);
            Shape::Error { status, text: count(text.len()), lines }
        }
    }
}
