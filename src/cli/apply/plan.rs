//! The difference between the file and the ledger.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::bail;

use super::conflicts::{is_same, name, refuse_conflicts};
use super::file::{KeptStore, WantedCredential, WantedStore};
use crate::app::Rooms;
use crate::cli::store::pair::read_api_key;
use crate::ledger::{Credential, Overrides, Store, StoreCredentials};
use crate::presented::Settlement;
use crate::walk::upstream::api_key_context;

/// One thing to do, and how it is shown.
#[derive(Debug)]
pub(super) struct Change {
    /// `+` new, `~` other than before, `-` gone.
    pub(super) sign: char,
    /// Name of the store.
    pub(super) store: String,
    /// What it is, without any secret.
    pub(super) words: String,
    pub(super) action: Action,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { sign, store, words, .. } = self;
        write!(f, "{sign} {store}: {words}")
    }
}

/// What is done.
#[derive(Debug)]
pub(super) enum Action {
    RevokeCredential {
        id: String,
    },
    RemoveStore {
        force: bool,
    },
    AddStore {
        server: String,
    },
    MoveStore {
        server: String,
        force: bool,
        /// BTCPay there knows the store's key, and has its newest invoice.
        proved: bool,
    },
    UseApiKey {
        file: PathBuf,
    },
    /// What is None stays as it is.
    SetStore {
        settlement: Option<Settlement>,
        shop_ca_pem: Option<String>,
    },
    AddCredential(WantedCredential),
    FixCredential {
        id: String,
        overrides: Overrides,
    },
}

impl Action {
    /// What is taken away goes first, so that it may be given elsewhere; what opens a store comes after it.
    fn turn(&self) -> u8 {
        match self {
            Self::RevokeCredential { .. } => 0,
            Self::RemoveStore { .. } => 1,
            Self::AddStore { .. }
            | Self::MoveStore { .. }
            | Self::UseApiKey { .. }
            | Self::SetStore { .. } => 2,
            Self::AddCredential(_) | Self::FixCredential { .. } => 3,
        }
    }
}

/// Sign, words, action.
type Difference = (char, String, Action);

/// What the ledger has.
pub(super) struct Had {
    pub(super) stores: Vec<Store>,
    pub(super) credentials: Vec<Credential>,
}

/// What is to be done, in the order in which it is done.
pub(super) fn plan(
    wanted: BTreeMap<String, WantedStore>,
    had: &Had,
    rooms: &Rooms,
) -> anyhow::Result<Vec<Change>> {
    refuse_conflicts(&wanted, had)?;
    let mut changes = Vec::new();
    for (name, wanted) in wanted {
        let store = had.stores.iter().find(|store| store.name == name);
        let differences = match wanted {
            WantedStore::Removed { force } => {
                let gone = || ('-', "the store".to_owned(), Action::RemoveStore { force });
                store.map(|_| gone()).into_iter().collect()
            }
            WantedStore::Kept(mut wanted) => {
                let credentials = std::mem::take(&mut wanted.credentials);
                let mut differences = of_store(rooms, store, wanted)?;
                for wanted in credentials {
                    differences.extend(of_credential(wanted, store, had)?);
                }
                differences
            }
        };
        let change = |(sign, words, action)| Change { sign, store: name.clone(), words, action };
        changes.extend(differences.into_iter().map(change));
    }
    changes.sort_by_key(|change| change.action.turn());
    Ok(changes)
}

fn of_store(rooms: &Rooms, store: Option<&Store>, wanted: KeptStore) -> anyhow::Result<Vec<Difference>> {
    let KeptStore { server, force, api_key_file, settlement, shop_ca_pem, .. } = wanted;
    let mut differences = Vec::new();
    match store {
        None => differences.push(('+', format!("the store, at {server}"), Action::AddStore { server })),
        Some(store) if store.server != server => {
            let words = format!("the store's server: {} -> {server}", store.server);
            differences.push(('~', words, Action::MoveStore { server, force, proved: false }));
        }
        Some(_) => {}
    }
    if let Some(file) = api_key_file
        && !uses(rooms, store, &file)?
    {
        let words = format!("BTCPay's API key, from {}", file.display());
        differences.push(('~', words, Action::UseApiKey { file }));
    }
    differences.extend(of_settings(store, settlement, shop_ca_pem));
    Ok(differences)
}

/// What `payferry store set` would be told.
fn of_settings(
    store: Option<&Store>,
    settlement: Option<Settlement>,
    shop_ca_pem: Option<String>,
) -> Option<Difference> {
    let had = store.map_or(Settlement::Btcpay, |store| store.settlement);
    let settlement = settlement.filter(|wanted| *wanted != had);
    let had_pem = store.and_then(|store| store.shop_ca_pem.as_deref());
    let shop_ca_pem = shop_ca_pem.filter(|pem| Some(pem.as_str()) != had_pem);
    let mut words = Vec::new();
    if let Some(settlement) = settlement {
        words.push(format!("settlement {had} -> {settlement}"));
    }
    if shop_ca_pem.is_some() {
        words.push("your certificates, to trust when its shops are notified".to_owned());
    }
    (!words.is_empty()).then(|| ('~', words.join(", "), Action::SetStore { settlement, shop_ca_pem }))
}

/// Whether the store uses the API key of the file already.
fn uses(rooms: &Rooms, store: Option<&Store>, file: &std::path::Path) -> anyhow::Result<bool> {
    let key = read_api_key(file)?;
    let Some(store) = store else { return Ok(false) };
    let StoreCredentials::ApiKey(sealed) = &store.credentials else { return Ok(false) };
    let kept = rooms.secrets.open(&api_key_context(&store.id), sealed);
    Ok(kept.is_ok_and(|kept| kept.as_slice() == key.as_bytes()))
}

fn of_credential(
    wanted: WantedCredential,
    store: Option<&Store>,
    had: &Had,
) -> anyhow::Result<Option<Difference>> {
    let same =
        |one: &&Credential| is_same(&wanted, one) && store.is_some_and(|store| store.id == one.store_id);
    let name = name(&wanted);
    let Some(known) = had.credentials.iter().find(same) else {
        let added = || ('+', format!("{name} ({})", shown(&wanted.overrides)));
        let added = (!wanted.revoked).then(added);
        return Ok(added.map(|(sign, words)| (sign, words, Action::AddCredential(wanted))));
    };
    let id = known.id.clone();
    if wanted.revoked {
        return Ok(Some(('-', format!("{name} {id}"), Action::RevokeCredential { id })));
    }
    if (known.kind, known.facade, &known.sin) != (wanted.kind, wanted.facade, &wanted.sin) {
        bail!("{name}: credential {id} has another kind, facade or key; those never change: revoke it first");
    }
    if known.overrides == wanted.overrides {
        return Ok(None);
    }
    let words = format!("{name} {id}: {} -> {}", shown(&known.overrides), shown(&wanted.overrides));
    Ok(Some(('~', words, Action::FixCredential { id, overrides: wanted.overrides })))
}

fn shown(overrides: &Overrides) -> String {
    let Overrides { era, notification_form, label } = overrides;
    let mut parts = Vec::new();
    if let Some(era) = era {
        parts.push(format!("era {}", era.as_str()));
    }
    if let Some(form) = notification_form {
        parts.push(format!("notifications {form}"));
    }
    if let Some(label) = label {
        parts.push(format!("\"{}\"", label.escape_debug()));
    }
    if parts.is_empty() { "nothing fixed".to_owned() } else { parts.join(", ") }
}
