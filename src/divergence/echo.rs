//! Comparing what the shop sent with what BTCPay says it sent.

use std::borrow::Cow;

use super::notification::by_catalogue;
use super::{BtcpayCall, Divergence, Kind, Shape};
use crate::json::{self, Object, Value};

/// What an answer is compared with.
#[derive(Debug, Clone, Copy)]
pub struct Echo<'a> {
    /// The call that was answered.
    pub call: BtcpayCall,
    /// What was sent when the invoice or the token was made.
    pub sent: &'a Object,
}

/// Texts that BitPay gives back to the letter.
const TEXTS: [(&str, &str); 3] =
    [("orderId", "/data/orderId"), ("itemDesc", "/data/itemDesc"), ("posData", "/data/posData")];

/// Members that BitPay gives back when they were sent, and BTCPay never.
const GONE: [(&str, &str, &str); 4] = [
    ("redirectURL", "/data/redirectURL", "missing-redirecturl"),
    ("closeURL", "/data/closeURL", "missing-closeurl"),
    ("autoRedirect", "/data/autoRedirect", "missing-autoredirect"),
    ("itemizedDetails", "/data/itemizedDetails", "missing-itemizeddetails"),
];

/// Finds what of the shop's own words did not come back as they were sent.
#[must_use]
pub fn inspect_echo(echo: &Echo<'_>, answer: &Value) -> Vec<Divergence> {
    let Some(data) = answer.get("data") else { return Vec::new() };
    let mut found = Vec::new();
    let mut add = |pointer: &'static str, kind, id, shape| {
        found.push(Divergence { pointer: Cow::Borrowed(pointer), kind, id, shape });
    };
    match echo.call {
        BtcpayCall::CreateInvoice | BtcpayCall::ReadInvoice => invoice(echo, data, &mut add),
        BtcpayCall::CreateToken => {
            for token in data.as_array().unwrap_or_default().iter().take(1) {
                new_token(echo.sent, token, &mut add);
            }
        }
        _ => {}
    }
    found
}

type Add<'a> = dyn FnMut(&'static str, Kind, Option<&'static str>, Shape) + 'a;

fn invoice(echo: &Echo<'_>, data: &Value, add: &mut Add<'_>) {
    let sent = echo.sent;
    for (name, pointer) in TEXTS {
        let Some(before) = sent.last_any_case(name).and_then(Value::as_str) else { continue };
        let after = data.get(name);
        if !before.is_empty() && after.and_then(Value::as_str) != Some(before) {
            add(pointer, Kind::ValueDomain, rewritten(echo.call, name, before), Shape::of(after));
        }
    }
    buyer(echo, data, add);
    for (name, pointer, id) in GONE {
        if sent.last_any_case(name).is_some_and(|value| !value.is_null()) && data.get(name).is_none() {
            add(pointer, Kind::MissingField, Some(id), Shape::Absent);
        }
    }
    let price = |object: Option<&Value>| object.and_then(Value::as_number).and_then(|n| n.plain().ok());
    let (before, after) = (price(sent.last_any_case("price")), price(data.get("price")));
    let made = data.get("status").and_then(Value::as_str) == Some("new");
    if made && before.is_some() && before != after {
        add("/data/price", Kind::Semantics, Some("price-clamped-rounded"), Shape::of(data.get("price")));
    }
    speed(sent, data, add);
}

/// With high speed BTCPay is done before there is a block, and never looks again (recorded:
/// life-high-settled-then-double-spent). An invoice of nothing is complete from the start.
fn speed(sent: &Object, data: &Value, add: &mut Add<'_>) {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_ascii_lowercase);
    let high = text(sent.last_any_case("transactionSpeed")).as_deref() == Some("high");
    let complete = text(data.get("status")).as_deref() == Some("complete");
    let marked = text(data.get("exceptionStatus")).as_deref() == Some("marked");
    let unpaid = text(data.get("btcPaid")).is_none_or(|paid| !paid.bytes().any(|b| matches!(b, b'1'..=b'9')));
    if high && complete && !marked && !unpaid {
        let shape = Shape::of(data.get("status"));
        add("/data/status", Kind::Semantics, Some("zero-conf-complete-is-final"), shape);
    }
}

fn buyer(echo: &Echo<'_>, data: &Value, add: &mut Add<'_>) {
    let Some(sent) = echo.sent.last_any_case("buyer").and_then(Value::as_object) else { return };
    let there = data.get("buyer");
    if sent.last_any_case("notify").is_some() && there.is_none_or(|buyer| buyer.get("notify").is_none()) {
        add("/data/buyer/notify", Kind::MissingField, Some("missing-buyer-notify"), Shape::Absent);
    }
    // A flat member wins over the nested one, at BTCPay too.
    let places = [("name", "buyerName", "/data/buyer/name"), ("email", "buyerEmail", "/data/buyer/email")];
    for (name, flat, pointer) in places {
        if echo.sent.last_any_case(flat).is_some() {
            continue;
        }
        let Some(before) = sent.last_any_case(name).and_then(Value::as_str) else { continue };
        let after = there.and_then(|buyer| buyer.get(name));
        if !before.is_empty() && after.and_then(Value::as_str) != Some(before) {
            add(pointer, Kind::ValueDomain, rewritten(echo.call, name, before), Shape::of(after));
        }
    }
}

/// Why a text came back otherwise: BTCPay read a date or an object in it, or somebody changed it.
fn rewritten(call: BtcpayCall, name: &str, before: &str) -> Option<&'static str> {
    let object = || matches!(json::parse_within(before.as_bytes(), json::MOST_VALUES), Ok(Value::Object(_)));
    let lenient = || before.trim_start().starts_with('{');
    if name == "posData" && (object() || lenient()) {
        return Some("posdata-json-rewritten");
    }
    if looks_like_a_date(before) {
        return Some("date-like-text-rewritten");
    }
    if before.contains('\0') {
        return Some("error-500-empty-body");
    }
    (call == BtcpayCall::ReadInvoice).then_some("metadata-changes-later")
}

/// `2026-01-02T…`
fn looks_like_a_date(text: &str) -> bool {
    let form = b"dddd-dd-ddT";
    let bytes = text.as_bytes();
    bytes.len() > form.len()
        && form.iter().zip(bytes).all(|(form, byte)| match form {
            b'd' => byte.is_ascii_digit(),
            fixed => fixed == byte,
        })
}

fn new_token(sent: &Object, token: &Value, add: &mut Add<'_>) {
    let text = |name: &str| sent.last_any_case(name).and_then(Value::as_str);
    let facade = token.get("facade");
    if facade.is_some() && facade.and_then(Value::as_str) != text("facade") {
        add("/data/*/facade", Kind::ValueDomain, Some("tokens-facade-ignored"), Shape::of(facade));
    }
    let code = token.get("pairingCode");
    if text("pairingCode").is_some() && code.is_some() {
        add(
            "/data/*/pairingCode",
            Kind::ExtraField,
            Some("tokens-pairing-code-after-claim"),
            Shape::of(code),
        );
    }
}

/// What the checkout's public status shows, which anybody may read who knows the invoice; `answer` is None
/// where BTCPay says that there is none, though there is an invoice.
#[must_use]
pub fn inspect_public_status(answer: Option<&Value>) -> Option<Divergence> {
    let Some(answer) = answer else {
        return by_catalogue("browser-archived-404", "", Shape::Absent);
    };
    let private = ["customerEmail", "orderId", "storeId"];
    let shown = private.into_iter().find_map(|name| answer.get(name))?;
    by_catalogue("browser-status-json-public", "", Shape::of(Some(shown)))
}

/// Whether the checkout link leads to where BTCPay's public address is: it is made of what the request
/// that created the invoice said, so a proxy in between can spoil it for good.
///
/// `public_url` is scheme, authority and path, without a slash at the end.
#[must_use]
pub fn inspect_link(public_url: &str, answer: &Value) -> Option<Divergence> {
    let url = answer.get("data")?.get("url")?;
    let good = url.as_str()?.strip_prefix(public_url).is_some_and(|rest| rest.starts_with("/invoice?id="));
    (!good).then(|| Divergence {
        pointer: Cow::Borrowed("/data/url"),
        kind: Kind::ValueDomain,
        id: Some("url-host-and-scheme"),
        shape: Shape::of(Some(url)),
    })
}
