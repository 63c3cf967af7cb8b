//! What BTCPay would have made of a shop's request, had it been passed on as it came.
//!
//! payferry repairs or refuses such requests before they leave; without this nobody would know that
//! a shop leans on it.

mod body;
mod condition;
mod head;

use http::HeaderMap;

use super::Divergence;

/// A request as the shop sent it.
#[derive(Clone, Copy)]
pub struct ShopRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// Path and query, as sent.
    pub target: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, empty for none.
    pub body: &'a [u8],
    /// The body as JSON, where it is an object.
    pub json: Option<&'a crate::json::Object>,
}

impl std::fmt::Debug for ShopRequest<'_> {
    /// Without what buyers told and what is secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShopRequest").field("method", &self.method).finish_non_exhaustive()
    }
}

impl<'a> ShopRequest<'a> {
    fn path(&self) -> &'a str {
        self.target.split('?').next().unwrap_or_default()
    }

    fn query(&self) -> &'a str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Both headers of a signature, not empty.
    fn is_signed(&self) -> bool {
        ["x-identity", "x-signature"]
            .iter()
            .all(|name| self.header(name).is_some_and(|text| !text.is_empty()))
    }

    fn has_credentials(&self) -> bool {
        self.is_signed() || self.headers.contains_key(http::header::AUTHORIZATION)
    }
}

/// Finds what BTCPay would have refused or misread. Each id is named once per place.
#[must_use]
pub fn inspect_request(request: &ShopRequest<'_>) -> Vec<Divergence> {
    let mut found = Vec::new();
    head::inspect(request, &mut found);
    body::inspect(request, &mut found);
    found
}
