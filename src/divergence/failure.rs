//! Comparing BTCPay's failures with BitPay's.

use super::{Divergence, Kind};
use crate::json::{self, Value};

/// Finds how a failed answer (status 400 and above) differs: empty or foreign bodies,
/// two error members at once, a log in the text, 401 and 403 where BitPay used 500.
#[must_use]
pub fn inspect_failure(status: u16, body: &[u8]) -> Vec<Divergence> {
    let mut found = Vec::new();
    if status < 400 {
        return found;
    }
    let mut add = |pointer: &str, kind, id| found.push(Divergence { pointer: pointer.to_owned(), kind, id });
    match status {
        401 => add("", Kind::HttpStatus, Some("auth-missing-signature-error")),
        403 => add("", Kind::HttpStatus, Some("auth-unpaired-identity-403")),
        _ => {}
    }
    match json::parse(body) {
        Err(_) if status == 500 => add("", Kind::ErrorShape, Some("error-500-empty-body")),
        Err(_) => add("", Kind::ErrorShape, Some("error-empty-body")),
        Ok(value) => {
            let errors = value.get("errors");
            let error = value.get("error");
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
            if error.and_then(Value::as_str).is_some_and(|text| text.contains('\n')) {
                add("/error", Kind::ErrorShape, Some("error-text-carries-log"));
            }
        }
    }
    found
}
