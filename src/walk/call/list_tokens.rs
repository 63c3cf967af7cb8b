//! `GET /tokens`: what a key may use.

use super::Call;
use crate::directory::Entry;
use crate::pairing;
use crate::walk::answer::Reply;

pub(super) fn list_tokens(call: &mut Call<'_>, entries: &[Entry]) -> Reply {
    call.record.store = entries.first().map(|entry| entry.store.name.clone());
    pairing::list_tokens(&call.walk.pairing.tokens_of(entries)).into()
}
