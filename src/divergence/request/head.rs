//! Method, path, query and headers.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::super::{BtcpayCall, Divergence, Shape};
use super::ShopRequest;
use super::condition::parameter_meets;
use crate::contract::btcpay_requests::{MissingPath, Parameter, requests};
use crate::contract::divergences;

pub(super) fn inspect(request: &ShopRequest<'_>, found: &mut Vec<Divergence>) {
    let path = request.path().trim_start_matches('/').trim_end_matches('/').to_ascii_lowercase();
    let segments: Vec<&str> = path.split('/').collect();
    let mut add = |id: &str, shape| add(found, id, shape);
    if let Some(row) = requests().path.iter().find(|row| fits(row, request.method, &segments)) {
        add(&row.id, Shape::Absent);
    }
    spelling(request, &path, &mut add);
    credentials(request, &segments, &mut add);
    headers(request, &segments, &mut add);
    match segments.as_slice() {
        ["invoices"] if request.method == "GET" => query(BtcpayCall::ListInvoices, request, &mut add),
        ["rates"] => query(BtcpayCall::ListRates, request, &mut add),
        ["api", "rates"] => add("rates-v1-store", Shape::Absent),
        ["invoice"] if in_a_frame(request) => add("browser-view-popup", Shape::Absent),
        _ => {}
    }
}

/// A page of BitPay's that is opened inside a shop's page, by its own script or by hand.
fn in_a_frame(request: &ShopRequest<'_>) -> bool {
    form_urlencoded::parse(request.query().as_bytes())
        .any(|(name, value)| name == "view" && matches!(&*value, "popup" | "iframe"))
}

/// The one segment of a path like `/invoices` or `/invoices/`.
pub(super) fn single_segment(path: &str) -> Option<&'static str> {
    let path = path.trim_matches('/');
    ["invoices", "tokens"].into_iter().find(|known| path.eq_ignore_ascii_case(known))
}

type Add<'a> = dyn FnMut(&str, Shape) + 'a;

fn add(found: &mut Vec<Divergence>, id: &str, shape: Shape) {
    let Some(known) = divergences::find(id) else { return };
    let one = Divergence { pointer: Cow::Borrowed(""), kind: known.kind, id: Some(&known.id), shape };
    if !found.contains(&one) {
        found.push(one);
    }
}

fn fits(row: &MissingPath, method: &str, segments: &[&str]) -> bool {
    if row.method != "*" && row.method != method {
        return false;
    }
    let mut given = segments.iter();
    for expected in row.path.split('/').skip(1) {
        if expected == "*" {
            return given.next().is_some();
        }
        let Some(segment) = given.next() else { return false };
        if !expected.starts_with(':') && expected != *segment {
            return false;
        }
    }
    given.next().is_none()
}

/// BTCPay takes few spellings of a path and of a method.
fn spelling(request: &ShopRequest<'_>, path: &str, add: &mut Add<'_>) {
    match request.method {
        "HEAD" => add("http-head-405", Shape::Absent),
        "OPTIONS" => add("http-cors-open", Shape::Absent),
        _ if request.headers.contains_key("origin") => add("http-cors-open", Shape::Absent),
        _ => {}
    }
    let fixed = |text: &str| ["invoices", "tokens", "rates"].iter().any(|word| text.starts_with(word));
    let raw = request.path();
    let first = raw.trim_start_matches('/').split('/').next().unwrap_or_default();
    let odd = raw.starts_with("//") || raw.ends_with('/') || first != first.to_ascii_lowercase();
    if fixed(path) && odd {
        add("route-case-and-slash", Shape::of_text(raw));
    }
    let signed = request.is_signed();
    if signed && request.target.contains(['[', ']', '|', '"']) {
        add("auth-unusual-urls-never-verify", Shape::of_text(request.target));
    }
    let odd_body = request.body.starts_with(b"\xef\xbb\xbf") || std::str::from_utf8(request.body).is_err();
    let long_key = request.header("x-identity").is_some_and(|key| key.len() == 130);
    if signed && (odd_body || long_key) {
        add("auth-unusual-urls-never-verify", Shape::Absent);
    }
}

/// What BTCPay would have said for want of a credential.
fn credentials(request: &ShopRequest<'_>, segments: &[&str], add: &mut Add<'_>) {
    if let Some(basic) = request.header("authorization")
        && !is_bare_key(basic)
    {
        add("auth-api-key-basic-form", Shape::of_text(basic));
    }
    let open = !request.has_credentials();
    match (request.method, segments) {
        ("POST", ["invoices"]) if open => add("route-unsigned-post-404", Shape::Absent),
        ("GET", ["invoices"]) if open => add("error-anonymous-list-500", Shape::Absent),
        ("GET", ["invoices", _]) if open => add("route-public-get-invoice-403", Shape::Absent),
        ("GET", ["rates", ..]) if open || request.query().contains("storeId") => {
            add("rates-need-store", Shape::Absent);
        }
        ("GET", ["tokens"]) if open => add("tokens-unsigned-not-refused", Shape::Absent),
        _ => {}
    }
}

/// `Basic base64(KEY)`, padded, without a colon: all that BTCPay takes.
fn is_bare_key(authorization: &str) -> bool {
    let Some((scheme, encoded)) = authorization.split_once(' ') else { return false };
    let decoded = BASE64.decode(encoded.trim()).unwrap_or_default();
    scheme.eq_ignore_ascii_case("basic") && !decoded.is_empty() && !decoded.contains(&b':')
}

fn headers(request: &ShopRequest<'_>, segments: &[&str], add: &mut Add<'_>) {
    let content_type = request.header("content-type").unwrap_or_default();
    if let ("GET", ["invoices", _]) = (request.method, segments)
        && !content_type.starts_with("application/json")
        && !request.query().split('&').any(|part| part.starts_with("token="))
    {
        add("route-get-invoice-html", Shape::of_text(content_type));
    }
    if let ("POST", ["invoices"]) = (request.method, segments)
        && !is_json_type(content_type)
    {
        add("route-post-content-type", Shape::of_text(content_type));
    }
    if request.headers.keys().any(|name| name.as_str().starts_with("x-forwarded-")) {
        add("auth-forwarded-headers-trusted", Shape::Absent);
    }
    let v2 = matches!(segments, ["invoices" | "tokens" | "rates", ..]);
    if v2 && request.header("x-accept-version") != Some("2.0.0") {
        add(
            "auth-x-accept-version-ignored",
            Shape::of_text(request.header("x-accept-version").unwrap_or_default()),
        );
    }
}

/// A spelling that BTCPay and BitPay both take.
fn is_json_type(content_type: &str) -> bool {
    let (media, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    let parameters = parameters.trim().to_ascii_lowercase();
    media.trim_end() == "application/json" && matches!(&*parameters, "" | "charset=utf-8")
}

fn query(call: BtcpayCall, request: &ShopRequest<'_>, add: &mut Add<'_>) {
    let pairs: Vec<_> = form_urlencoded::parse(request.query().as_bytes()).collect();
    for Parameter { name, when, id, .. } in requests().query.iter().filter(|row| row.call == call) {
        let value = pairs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| &**value);
        if parameter_meets(*when, value) {
            add(id, value.map_or(Shape::Absent, Shape::of_text));
        }
    }
}
