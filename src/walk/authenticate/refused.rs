//! Whose a call is that payferry refuses before anybody has proved anything.

use std::sync::Arc;

use http::HeaderMap;

use super::{api_key, signature, token};
use crate::directory::Directory;
use crate::ledger::{CredentialName, Store};
use crate::secrets::token_hash;

/// The store that a caller claims to be of: nothing is verified and the ledger is not asked, so it is for the
/// journal alone. None where no known credential is named, or one of several stores.
#[must_use]
pub fn claimed_store(headers: &HeaderMap, target: &str, directory: &Directory) -> Option<Arc<Store>> {
    let token = token::in_query(target).map(|token| token_hash(&token));
    let entries = if let Some(sins) = signature::sins(headers) {
        let mut entries = directory.remembered(CredentialName::Sins(&sins));
        let own = |hash: &String| entries.iter().position(|entry| entry.credential.token_hash == *hash);
        match token.as_ref().and_then(own) {
            Some(at) => vec![entries.swap_remove(at)],
            None => entries,
        }
    } else if let Some(hash) = token {
        directory.remembered(CredentialName::Token(&hash))
    } else {
        directory.remembered(CredentialName::V1Key(&token_hash(&api_key::of(headers)?)))
    };
    let store = &entries.first()?.store;
    entries.iter().all(|entry| entry.store.id == store.id).then(|| Arc::clone(store))
}
