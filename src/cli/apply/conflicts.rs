//! A credential opens one store: what the file asks for and cannot be is refused before anything is done.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail};

use super::file::{WantedCredential, WantedStore};
use super::plan::Had;
use crate::ledger::{Credential, CredentialKind};

/// Refuses a credential that the file names twice, and one that goes on opening another store.
pub(super) fn refuse_conflicts(wanted: &BTreeMap<String, WantedStore>, had: &Had) -> anyhow::Result<()> {
    let (mut seen, mut opens) = (BTreeSet::new(), BTreeMap::new());
    for (store, credential) in named(wanted) {
        let it = (is_key(credential.kind), credential.hash.as_str());
        let in_one_store = !seen.insert((store, it));
        let other = if credential.revoked { None } else { opens.insert(it, store) };
        if let Some(other) = other.or(in_one_store.then_some(store)) {
            bail!("[store.{store}]: the {} stands under [store.{other}] too: name it once", name(credential));
        }
    }
    for (store, credential) in named(wanted).filter(|(_, credential)| !credential.revoked) {
        elsewhere(wanted, had, store, credential).with_context(|| format!("[store.{store}]"))?;
    }
    Ok(())
}

/// Every credential of the file, with the name of its store.
fn named(wanted: &BTreeMap<String, WantedStore>) -> impl Iterator<Item = (&str, &WantedCredential)> {
    wanted.iter().flat_map(|(name, store)| {
        let credentials = match store {
            WantedStore::Kept(store) => store.credentials.as_slice(),
            WantedStore::Removed { .. } => &[],
        };
        credentials.iter().map(move |credential| (name.as_str(), credential))
    })
}

/// Whether the file takes the credential away from that store.
fn is_revoked(wanted: &BTreeMap<String, WantedStore>, store: &str, credential: &WantedCredential) -> bool {
    matches!(wanted.get(store), Some(WantedStore::Removed { .. }))
        || named(wanted).any(|(name, one)| name == store && one.revoked && is_twin(one, credential))
}

fn elsewhere(
    wanted: &BTreeMap<String, WantedStore>,
    had: &Had,
    store: &str,
    credential: &WantedCredential,
) -> anyhow::Result<()> {
    for known in had.credentials.iter().filter(|known| is_same(credential, known)) {
        let opened = had.stores.iter().find(|had| had.id == known.store_id);
        let opened = opened.map_or("a removed store", |store| store.name.as_str());
        if opened != store && !is_revoked(wanted, opened, credential) {
            bail!(
                "the {} opens {opened} already (credential {}): to move it, name it under [store.{opened}] too, \
                 with revoked = true",
                name(credential),
                known.id
            );
        }
    }
    Ok(())
}

/// The same text may be an API key and a token; those are two credentials.
pub(super) fn is_same(wanted: &WantedCredential, known: &Credential) -> bool {
    known.token_hash == wanted.hash && is_key(known.kind) == is_key(wanted.kind)
}

fn is_twin(one: &WantedCredential, other: &WantedCredential) -> bool {
    one.hash == other.hash && is_key(one.kind) == is_key(other.kind)
}

fn is_key(kind: CredentialKind) -> bool {
    kind == CredentialKind::V1Key
}

/// How a credential is named, without any secret.
pub(super) fn name(wanted: &WantedCredential) -> String {
    let kind = wanted.kind.as_str().replace('_', "-");
    match &wanted.sin {
        Some(sin) => format!("{kind} of {sin}"),
        None => kind,
    }
}
