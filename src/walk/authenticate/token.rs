//! Tokens that come without a signature.

use super::Presented;
use crate::directory::{Directory, Entry};
use crate::ledger::Facade;
use crate::secrets::token_hash;
use crate::walk::order::token_of;

/// The token of body or query; an empty one is none.
pub(super) fn of(presented: &Presented<'_>) -> Option<String> {
    if let Some(token) = presented.json.and_then(token_of).filter(|token| !token.is_empty()) {
        return Some(token.to_owned());
    }
    in_query(presented.url.target)
}

/// The token of a query.
pub(super) fn in_query(target: &str) -> Option<String> {
    let query = target.split_once('?')?.1;
    let token = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "token")?.1;
    Some(token.into_owned()).filter(|token| !token.is_empty())
}

/// A POS token opens creating and public reading; a merchant token without signature opens nothing.
pub(super) async fn pos(token: Option<&str>, directory: &Directory) -> Option<Entry> {
    directory.token(&token_hash(token?)).await.filter(|entry| entry.is(Facade::Pos))
}
