//! Writes payferry's own requests to BTCPay Server and signs them with the store's key.
//!
//! Nothing of the shop's request travels on as it is: BTCPay picks the store by the signing key,
//! believes `X-Forwarded-*` from anyone and chokes on optional members that BitPay took.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::{ExposeSecret, SecretString};

use super::order::Order;
use crate::bitid::SecretKey;
use crate::contract::Era;
use crate::contract::notifications::{Asked, Full, email_goes_on};
use crate::json::{Object, Value};
use crate::presented::{Settlement, Speed};

/// BTCPay wants an expirationTime at least 30 s ahead (create-requests/expirationtime-soon);
/// a margin covers the way there.
const EXPIRATION_AHEAD_MS: i64 = 35_000;

/// No shop gives its buyers longer than a year; a larger number is a mistake.
const LONGEST_WINDOW_MS: i64 = 366 * 24 * 3_600_000;

/// The upstream item code stands in a request line when it is looked for; BitPay documents 100 characters.
const LONGEST_ITEM_CODE: usize = 200;

/// How payferry proves itself to BTCPay for one store.
#[derive(Debug)]
pub enum StoreAuth {
    /// The store's own key, paired at BTCPay.
    Key(SecretKey),
    /// BTCPay's legacy API key: `Basic base64(KEY)`, without a colon (auth/basic-key-colon is 401).
    ApiKey(SecretString),
}

/// One request to BTCPay, complete but for the connection.
#[derive(Clone, PartialEq, Eq)]
pub struct UpstreamRequest {
    /// `GET` or `POST`.
    pub method: http::Method,
    /// Path and query, the path of BTCPay's public address included.
    pub target: String,
    /// Every header but Host and Content-Length.
    pub headers: Vec<(http::HeaderName, String)>,
    /// Empty for GET.
    pub body: String,
}

impl std::fmt::Debug for UpstreamRequest {
    /// Without headers and body: they hold the signature or API key, and what the buyer told.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpstreamRequest").field("method", &self.method).finish_non_exhaustive()
    }
}

/// BTCPay's public address, as it must stand in signatures and checkout links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicAddress {
    /// `http` or `https`.
    pub scheme: String,
    /// Host, and the port where it is not the scheme's own.
    pub authority: String,
    /// Empty, or a path that begins with a slash and does not end in one.
    pub path: String,
}

/// A member that BTCPay would refuse or misread, left out of the upstream request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftOut {
    /// The member, as a JSON pointer.
    pub pointer: &'static str,
    /// Its id in the catalogue of divergences.
    pub id: &'static str,
}

/// What payferry adds to an order on its way to BTCPay.
#[derive(Debug, Clone, Copy)]
pub struct Additions<'a> {
    /// The row's id; stands behind the item code.
    pub mark: &'a str,
    /// Where BTCPay notifies payferry of this invoice; None: nowhere, payferry polls.
    pub notify_url: Option<&'a str>,
    /// What the store counts as confirmed and complete.
    pub settlement: Settlement,
    /// In which of BitPay's eras the shop speaks.
    pub era: Era,
}

/// `POST /invoices` for an order.
#[must_use]
pub fn create(order: &Order, additions: &Additions<'_>, now_ms: i64) -> (Object, Vec<LeftOut>) {
    let mut left_out = Vec::new();
    let mut body = Object::new();
    let price =
        crate::json::Number::parse(&order.price).map_or(Value::from(order.price.as_str()), Value::Number);
    body.push("price", price);
    body.push("currency", order.currency.as_str());
    for name in ["orderId", "itemDesc", "posData", "redirectURL"] {
        if let Some(text) = order.word(name) {
            body.push(name, without_nul(text));
        }
    }
    body.push("itemCode", item_code(order, additions.mark));
    speed(order, additions.settlement, &mut body, &mut left_out);
    notifications(order, additions, &mut body, &mut left_out);
    for (name, upstream) in [("physical", "physical"), ("autoRedirect", "redirectAutomatically")] {
        if let Some(Value::Bool(value)) = order.words.get(name) {
            body.push(upstream, *value);
        }
    }
    buyer(order, &mut body);
    expiration(order, now_ms, &mut body, &mut left_out);
    currencies(order, &mut body, &mut left_out);
    unreadable(order, &mut left_out);
    (body, left_out)
}

/// The upstream item code: the shop's own (BTCPay's filter is exact) and the row's mark.
#[must_use]
pub fn item_code(order: &Order, mark: &str) -> String {
    item_code_of(&order.words, mark)
}

/// The same from stored words, for finding an invoice after a crash.
#[must_use]
pub fn item_code_of(words: &Object, mark: &str) -> String {
    let own = words.get("itemCode").and_then(Value::as_str).map(without_nul).unwrap_or_default();
    let own: String = own.chars().take(LONGEST_ITEM_CODE).collect();
    format!("{own}~{mark}")
}

fn speed(order: &Order, settlement: Settlement, body: &mut Object, left_out: &mut Vec<LeftOut>) {
    let asked = order.word("transactionSpeed");
    let known = asked.is_none_or(|word| {
        ["high", "medium", "low", "low-medium"].iter().any(|known| word.eq_ignore_ascii_case(known))
    });
    if !known {
        left_out.push(LeftOut { pointer: "/transactionSpeed", id: "transactionspeed-domain" });
    }
    match (settlement.rule(Speed::asked(asked, Speed::Medium)).upstream, asked) {
        (Some(instead), _) => body.push("transactionSpeed", instead.as_str()),
        (None, Some(word)) if known => body.push("transactionSpeed", word.to_ascii_lowercase()),
        (None, _) => {}
    }
}

/// BTCPay notifies payferry, of everything and in one form; the shop hears from payferry. The shop's e-mail
/// address goes on only to whom BitPay mailed at each change, too (`contract/notifications.toml`).
fn notifications(order: &Order, additions: &Additions<'_>, body: &mut Object, left_out: &mut Vec<LeftOut>) {
    if let Some(url) = additions.notify_url {
        body.push("notificationURL", url);
        body.push("fullNotifications", true);
        body.push("extendedNotifications", true);
    }
    let Some(address) = order.word("notificationEmail").filter(|address| !address.is_empty()) else { return };
    if mailed(order, additions.era) {
        body.push("notificationEmail", without_nul(address));
    } else {
        left_out.push(LeftOut { pointer: "/notificationEmail", id: "notification-email" });
    }
}

fn mailed(order: &Order, era: Era) -> bool {
    let flag = |name: &str| order.words.get(name).and_then(Value::as_bool);
    let asked = Asked {
        era,
        full: Full::from(flag("fullNotifications")),
        extended: flag("extendedNotifications").unwrap_or(false),
        speed: Speed::asked(order.word("transactionSpeed"), Speed::Medium).as_str(),
    };
    email_goes_on(&asked, order.word("notificationURL").is_some_and(|url| !url.trim().is_empty()))
}

/// BTCPay loses locality, region and postalCode in a nested buyer (create-requests/buyer-nested-bitpay).
fn buyer(order: &Order, body: &mut Object) {
    let Some(buyer) = order.words.get("buyer").and_then(Value::as_object) else { return };
    let mut upstream = Object::new();
    for (name, value) in buyer.iter() {
        let name = match name {
            "locality" => "city",
            "region" => "state",
            "postalCode" => "zip",
            "notify" => continue,
            same => same,
        };
        if let Some(text) = value.as_str() {
            upstream.push(name, without_nul(text));
        }
    }
    if !upstream.is_empty() {
        body.push("buyer", upstream);
    }
}

fn expiration(order: &Order, now_ms: i64, body: &mut Object, left_out: &mut Vec<LeftOut>) {
    let Some(value) = order.request.last_any_case("expirationTime").filter(|value| !value.is_null()) else {
        return window(order, now_ms, body, left_out);
    };
    let latest = now_ms + LONGEST_WINDOW_MS;
    match value.as_number().and_then(crate::json::Number::as_i64) {
        Some(at) if at > now_ms + EXPIRATION_AHEAD_MS && at < latest => body.push("expirationTime", at),
        _ => left_out.push(LeftOut { pointer: "/expirationTime", id: "request-answer-members-rejected" }),
    }
}

/// BTCPay ignores acceptanceWindow, but takes a time at which the invoice expires
/// (request-acceptancewindow-ignored).
fn window(order: &Order, now_ms: i64, body: &mut Object, left_out: &mut Vec<LeftOut>) {
    let window = order.words.get("acceptanceWindow").and_then(Value::as_number);
    let Some(window) = window.and_then(crate::json::Number::as_i64) else { return };
    if (EXPIRATION_AHEAD_MS + 1..LONGEST_WINDOW_MS).contains(&window) {
        // whole seconds: BTCPay answers a create with what it was sent, and later reads without milliseconds
        body.push("expirationTime", (now_ms + window) / 1000 * 1000);
    } else {
        left_out.push(LeftOut { pointer: "/acceptanceWindow", id: "request-acceptancewindow-ignored" });
    }
}

fn currencies(order: &Order, body: &mut Object, left_out: &mut Vec<LeftOut>) {
    if let Some(Value::Array(wanted)) = order.request.last_any_case("paymentCurrencies") {
        if wanted.iter().any(|code| code.as_str().is_some_and(|code| code.eq_ignore_ascii_case("BTC"))) {
            body.push("paymentCurrencies", vec![Value::from("BTC")]);
        } else if !wanted.is_empty() {
            left_out
                .push(LeftOut { pointer: "/paymentCurrencies", id: "payment-currencies-unsupported-400" });
        }
    }
    for (pointer, name) in [
        ("/supportedTransactionCurrencies", "supportedTransactionCurrencies"),
        ("/minerFees", "minerFees"),
        ("/exchangeRates", "exchangeRates"),
        ("/universalCodes", "universalCodes"),
        ("/refundInfo", "refundInfo"),
    ] {
        if order.request.last_any_case(name).is_some_and(|value| !value.is_null()) {
            left_out.push(LeftOut { pointer, id: "request-answer-members-rejected" });
        }
    }
}

/// What makes the whole body unreadable for BTCPay and never goes there, or goes in another form.
fn unreadable(order: &Order, left_out: &mut Vec<LeftOut>) {
    let sent = |pointer: &str| order.request.last_any_case(pointer.trim_start_matches('/'));
    for pointer in ["/fullNotifications", "/extendedNotifications", "/physical", "/nonce"] {
        let empty = sent(pointer).is_some_and(|value| value.is_null() || value.as_str() == Some(""));
        let strange = sent(pointer).is_some() && order.words.get(&pointer[1..]).is_none();
        if empty || (strange && pointer != "/nonce") {
            left_out.push(LeftOut { pointer, id: "bool-null-or-empty-rejected" });
        }
    }
    if sent("/buyer").is_some_and(|buyer| !buyer.is_null() && buyer.as_object().is_none()) {
        left_out.push(LeftOut { pointer: "/buyer", id: "buyer-empty-array-rejected" });
    }
    if sent("/posData").is_some_and(|data| matches!(data, Value::Object(_) | Value::Array(_))) {
        left_out.push(LeftOut { pointer: "/posData", id: "posdata-object-rejected" });
    }
}

/// BTCPay answers a NUL in any stored text with an empty 500 (errors/500-*); the shop's own text keeps it.
fn without_nul(text: &str) -> String {
    text.replace('\0', "")
}

/// Completes and signs a request for BTCPay's public address.
///
/// `target` is the path and query below the public address, percent-encoded as it will be sent.
#[must_use]
pub fn sign(
    address: &PublicAddress,
    auth: &StoreAuth,
    method: http::Method,
    target: &str,
    body: Option<&Object>,
) -> UpstreamRequest {
    let target = format!("{}{target}", address.path);
    let body = body.map(|body| Value::Object(body.clone()).to_string()).unwrap_or_default();
    let mut request = plain(address, method, target, body);
    match auth {
        StoreAuth::Key(key) => {
            let url = format!("{}://{}{}", address.scheme, address.authority, request.target);
            let signature = key.sign(&url, request.body.as_bytes());
            request.headers.push((http::HeaderName::from_static("x-identity"), key.public().to_hex()));
            request.headers.push((http::HeaderName::from_static("x-signature"), signature));
        }
        StoreAuth::ApiKey(key) => {
            let value = format!("Basic {}", BASE64.encode(key.expose_secret()));
            request.headers.push((http::header::AUTHORIZATION, value));
        }
    }
    request
}

/// A request without credentials, for pairing.
#[must_use]
pub fn unsigned(
    address: &PublicAddress,
    method: http::Method,
    target: &str,
    body: &Object,
) -> UpstreamRequest {
    let target = format!("{}{target}", address.path);
    plain(address, method, target, Value::Object(body.clone()).to_string())
}

/// A read without credentials, of what BTCPay shows to anybody.
#[must_use]
pub fn unsigned_read(address: &PublicAddress, target: &str) -> UpstreamRequest {
    plain(address, http::Method::GET, format!("{}{target}", address.path), String::new())
}

/// A request without credentials; `target` includes the path of the public address.
///
/// The JSON content type stands on GET too: without it BTCPay sends a read to its login page
/// (auth/get-no-token-no-type).
#[must_use]
pub fn plain(address: &PublicAddress, method: http::Method, target: String, body: String) -> UpstreamRequest {
    let headers = vec![
        (http::header::CONTENT_TYPE, "application/json".to_owned()),
        (http::header::ACCEPT, "application/json".to_owned()),
        (http::header::USER_AGENT, concat!("payferry/", env!("CARGO_PKG_VERSION")).to_owned()),
        (http::HeaderName::from_static("x-forwarded-proto"), address.scheme.clone()),
    ];
    UpstreamRequest { method, target, headers, body }
}
