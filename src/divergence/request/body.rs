//! The body of a create, and of a request for a token.

use std::borrow::Cow;

use super::super::{Divergence, Shape, inspect::shown};
use super::condition::meets;
use super::{ShopRequest, head};
use crate::contract::btcpay_requests::{Member, requests};
use crate::contract::divergences;
use crate::json::{Object, Value};

pub(super) fn inspect(request: &ShopRequest<'_>, found: &mut Vec<Divergence>) {
    if request.method != "POST" {
        return;
    }
    match head::single_segment(request.path()) {
        Some("invoices") => create(request, found),
        Some("tokens") => token(request, found),
        _ => {}
    }
}

fn create(request: &ShopRequest<'_>, found: &mut Vec<Divergence>) {
    let Some(body) = request.json else {
        add(found, "", "json-body-lenient", Shape::Absent);
        return;
    };
    if let Some(name) = oddly_named(body) {
        add(found, "", "json-body-lenient", Shape::of_text(name));
    }
    for Member { name, when, id } in &requests().member {
        let value = body.last_any_case(name);
        if meets(*when, value) {
            add(found, name, id, Shape::of(value));
        }
    }
}

/// A member in another letter case than BitPay's, or there twice: BTCPay takes the last.
fn oddly_named(body: &Object) -> Option<&str> {
    let mut before: Vec<&str> = Vec::new();
    for (name, _) in body.iter().take(100) {
        let known = requests().member.iter().find(|member| member.name.eq_ignore_ascii_case(name));
        let odd = known.is_some_and(|member| member.name != name && name != "orderID");
        if odd || before.iter().any(|earlier| earlier.eq_ignore_ascii_case(name)) {
            return Some(name);
        }
        before.push(name);
    }
    None
}

fn token(request: &ShopRequest<'_>, found: &mut Vec<Divergence>) {
    let id = request.json.and_then(|body| body.last_any_case("id")).and_then(Value::as_str);
    if let Some(id) = id
        && id.trim() != id
    {
        add(found, "id", "tokens-sin-blanks", Shape::of_text(id));
    }
    if request.headers.contains_key("x-signature") {
        add(found, "", "tokens-unsigned-not-refused", Shape::Absent);
    }
}

/// `name` is a member of the table, or the table's own word; none of the shop's text gets in.
fn add(found: &mut Vec<Divergence>, name: &str, id: &str, shape: Shape) {
    let Some(known) = divergences::find(id) else { return };
    let pointer = if name.is_empty() { Cow::Borrowed("") } else { Cow::Owned(format!("/{}", shown(name))) };
    found.push(Divergence { pointer, kind: known.kind, id: Some(&known.id), shape });
}
