//! Lets pages of other sites read answers, where a page may ask at all: POS tokens stand in public HTML, and
//! rates and lists of coins ask for nothing. A signature or an API key never comes from a stranger's page.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use http::{HeaderMap, HeaderValue, Method};

use super::authenticate::{Caller, Dialect};
use crate::contract::{Endpoint, Found, Proof, endpoints};

/// Headers that BitPay's light clients send. Neither a signature's nor Authorization: those stay at home.
const HEADERS: HeaderValue = HeaderValue::from_static(
    "content-type, x-accept-version, x-bitpay-plugin-info, x-bitpay-api-frame, x-bitpay-api-frame-version",
);
const ANYBODY: HeaderValue = HeaderValue::from_static("*");
const A_DAY: HeaderValue = HeaderValue::from_static("86400");

/// Whether the page that asked may read the answer.
#[derive(Debug, Clone, Copy)]
pub struct Sharing {
    asked: bool,
    allowed: bool,
    /// A refusal tells nothing of anybody, and a page must see why it got nothing.
    refusal: bool,
}

impl Sharing {
    /// A page asks where an Origin came along; nothing is allowed yet.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        Self { asked: headers.contains_key(ORIGIN), allowed: false, refusal: false }
    }

    /// What a page may read of a refusal: of a call that it may make, with nothing along that no page has.
    pub fn expect(&mut self, endpoint: Endpoint, headers: &HeaderMap) {
        let private = ["x-identity", "x-signature", "x-pubkey", "authorization"];
        self.refusal =
            may_come_from_a_page(endpoint) && private.iter().all(|name| !headers.contains_key(*name));
    }

    /// Allowed for whom a page may speak.
    pub fn allow(&mut self, endpoint: Endpoint, caller: &Caller) {
        self.allowed = match caller {
            Caller::Visitor(_) => tells_everybody(endpoint),
            Caller::Shop(shop) => shop.dialect == Dialect::PosToken,
            Caller::Key(_) | Caller::Nobody(_) => false,
        };
    }

    /// Says so in the answer.
    pub fn mark(self, refused: bool, headers: &mut HeaderMap) {
        if self.asked && if refused { self.refusal } else { self.allowed } {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANYBODY);
        }
    }
}

/// What a page may do, asked before it does it.
#[derive(Debug, Clone)]
pub struct Preflight(HeaderValue);

impl Preflight {
    /// Writes the permission.
    pub fn mark(&self, headers: &mut HeaderMap) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANYBODY);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, self.0.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, A_DAY);
    }
}

/// A browser's question, where the call that it asks for may come from a page; None for anything else.
#[must_use]
pub fn preflight(method: &Method, path: &str, headers: &HeaderMap) -> Option<Preflight> {
    if method != Method::OPTIONS || !headers.contains_key(ORIGIN) {
        return None;
    }
    let wanted = headers.get(ACCESS_CONTROL_REQUEST_METHOD)?;
    match endpoints::find(wanted.to_str().ok()?, path) {
        Found::Served(endpoint, _) if may_come_from_a_page(endpoint) => Some(Preflight(wanted.clone())),
        _ => None,
    }
}

fn may_come_from_a_page(endpoint: Endpoint) -> bool {
    tells_everybody(endpoint) || endpoint.takes(Proof::PosToken)
}

/// Calls whose answers are the same for all the world. Pairing is none of them: a stranger's page in the
/// merchant's browser must not try codes or read what it was told.
fn tells_everybody(endpoint: Endpoint) -> bool {
    matches!(endpoint, Endpoint::Rates | Endpoint::Currencies | Endpoint::SupportedWallets)
}
