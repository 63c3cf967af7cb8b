//! Comparing a notification of BTCPay's with what BitPay would have sent.

use std::borrow::Cow;

use http::HeaderMap;

use super::inspect::inspect;
use super::{BtcpayCall, Divergence, Kind, Shape};
use crate::contract::btcpay_answers::events;
use crate::contract::divergences;
use crate::json::{Number, Value};

/// A notification as it came in.
#[derive(Debug, Clone, Copy)]
pub struct Notification<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Whether its body has more than one line.
    pub many_lines: bool,
    /// Its body.
    pub body: &'a Value,
}

/// Statuses that BitPay told in the flat form.
const FLAT: [&str; 3] = ["paid", "confirmed", "complete"];

/// Finds how a notification differs. Both forms are looked at: payferry asks for the enveloped one, so a
/// flat one is its twin. Pointers are those of the flat form in both.
#[must_use]
pub fn inspect_notification(notification: &Notification<'_>) -> Vec<Divergence> {
    let Notification { headers, many_lines, body } = notification;
    let event = body.get("event");
    let data = event.and_then(|_| body.get("data")).unwrap_or(body);
    let mut found = inspect(BtcpayCall::Notification, data);
    let mut add = |id: &str| found.extend(by_catalogue(id, "", Shape::Absent));
    if !headers.contains_key("x-signature") {
        add("ipn-no-hmac");
    }
    if headers.contains_key(http::header::COOKIE) {
        add("ipn-cookies-kept");
    }
    if *many_lines {
        add("ipn-pretty-printed");
    }
    match event {
        Some(event) => envelope(event, &mut found),
        None => {
            add("ipn-extended-and-flat-duplicates");
            let status = data.get("status").and_then(Value::as_str);
            if status.is_some_and(|status| !FLAT.contains(&status)) {
                add("ipn-flat-set-differs");
            }
        }
    }
    found
}

/// What is to be noted of a notification of a new invoice that came before the answer to its create.
#[must_use]
pub fn created_before_answer() -> Option<Divergence> {
    by_catalogue("ipn-created-before-answer", "", Shape::Absent)
}

fn envelope(event: &Value, found: &mut Vec<Divergence>) {
    if event.get("timestamp").is_none() {
        found.extend(by_catalogue("ipn-event-timestamp-missing", "/event/timestamp", Shape::Absent));
    }
    let code = event.get("code").and_then(Value::as_number).and_then(Number::as_i64);
    let name = event.get("name").and_then(Value::as_str);
    let known = events().iter().find(|known| Some(known.code) == code && Some(&*known.name) == name);
    match known {
        Some(known) => {
            let shape = Shape::of(event.get("code"));
            found.extend(known.ids.iter().flat_map(|id| by_catalogue(id, "/event/code", shape)));
        }
        None => found.push(Divergence {
            pointer: Cow::Borrowed("/event/code"),
            kind: Kind::ValueDomain,
            id: None,
            shape: Shape::of(event.get("code")),
        }),
    }
}

/// A divergence of the catalogue's own kind.
pub(super) fn by_catalogue(id: &str, pointer: &'static str, shape: Shape) -> Option<Divergence> {
    let known = divergences::find(id)?;
    Some(Divergence { pointer: Cow::Borrowed(pointer), kind: known.kind, id: Some(&known.id), shape })
}
