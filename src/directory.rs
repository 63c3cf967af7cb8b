//! Stores and credentials in memory: authenticating a request never waits for SQL.
//!
//! The snapshot is replaced whole when another process (the command line) has committed, which is
//! noticed within half a second; a credential that is not in it gets one look at the ledger.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::bitid::Sin;
use crate::ledger::{Credential, CredentialKind, CredentialName, Facade, Ledger, LedgerError, Store};

/// How often the ledger is asked whether another process changed it: what the operator revokes ends
/// within a second.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// Reloads on a miss run one at a time, and at most so many callers wait for one.
const WAITING_FOR_RELOAD: usize = 64;
const RELOAD_WITHIN: Duration = Duration::from_millis(500);

/// A credential with its store.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What the shop holds.
    pub credential: Arc<Credential>,
    /// What it opens.
    pub store: Arc<Store>,
}

#[derive(Default)]
struct Snapshot {
    stores: HashMap<String, Arc<Store>>,
    by_token: HashMap<String, Entry>,
    by_v1_key: HashMap<String, Entry>,
    by_id: HashMap<String, Entry>,
    by_sin: HashMap<Sin, Vec<Entry>>,
}

/// The in-memory picture of the ledger's stores and credentials.
pub struct Directory {
    ledger: Ledger,
    snapshot: ArcSwap<Snapshot>,
    reload: tokio::sync::Mutex<()>,
    waiting: Semaphore,
}

impl Directory {
    /// Reads the ledger.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn load(ledger: Ledger) -> Result<Arc<Self>, LedgerError> {
        let snapshot = ArcSwap::from_pointee(read(&ledger).await?);
        let waiting = Semaphore::new(WAITING_FOR_RELOAD);
        Ok(Arc::new(Self { ledger, snapshot, reload: tokio::sync::Mutex::default(), waiting }))
    }

    /// The credential of a token, by the token's hash.
    pub async fn token(&self, hash: &str) -> Option<Entry> {
        let known = self.ledger.knows_credential(CredentialName::Token(hash));
        self.find(|snapshot| snapshot.by_token.get(hash).cloned(), known).await
    }

    /// The credential of a v1 API key, by the key's hash.
    pub async fn v1_key(&self, hash: &str) -> Option<Entry> {
        let known = self.ledger.knows_credential(CredentialName::V1Key(hash));
        self.find(|snapshot| snapshot.by_v1_key.get(hash).cloned(), known).await
    }

    /// A credential, by payferry's id of it; only the picture in memory is asked.
    #[must_use]
    pub fn credential(&self, id: &str) -> Option<Entry> {
        self.snapshot.load().by_id.get(id).cloned()
    }

    /// Every credential of a key, by all of its SINs, those of the merchant facade first.
    pub async fn sins(&self, sins: &[Sin]) -> Vec<Entry> {
        let known = self.ledger.knows_credential(CredentialName::Sins(sins));
        let look = |snapshot: &Snapshot| {
            let mut entries = of_one_owner(sins.iter().filter_map(|sin| snapshot.by_sin.get(sin)));
            entries.sort_by_key(|entry| entry.credential.facade);
            Some(entries).filter(|entries| !entries.is_empty())
        };
        self.find(look, known).await.unwrap_or_default()
    }

    /// Whether one of these SINs has a credential; only the picture in memory is asked.
    #[must_use]
    pub fn holds(&self, sins: &[Sin]) -> bool {
        let snapshot = self.snapshot.load();
        sins.iter().any(|sin| snapshot.by_sin.contains_key(sin))
    }

    /// Every credential of that name; only the picture in memory is asked.
    #[must_use]
    pub fn remembered(&self, name: CredentialName<'_>) -> Vec<Entry> {
        let snapshot = self.snapshot.load();
        match name {
            CredentialName::Token(hash) => snapshot.by_token.get(hash).cloned().into_iter().collect(),
            CredentialName::V1Key(hash) => snapshot.by_v1_key.get(hash).cloned().into_iter().collect(),
            CredentialName::Sins(sins) => {
                sins.iter().filter_map(|sin| snapshot.by_sin.get(sin)).flatten().cloned().collect()
            }
        }
    }

    /// A store, by payferry's id for it.
    pub async fn store(&self, id: &str) -> Option<Arc<Store>> {
        self.find(|snapshot| snapshot.stores.get(id).cloned(), async { Ok(true) }).await
    }

    /// Every store of the picture, for those who look for one by its name.
    #[must_use]
    pub fn stores(&self) -> Vec<Arc<Store>> {
        self.snapshot.load().stores.values().cloned().collect()
    }

    /// Reads the ledger again, for example after a pairing.
    ///
    /// # Errors
    /// [`LedgerError`]; the old picture stays.
    pub async fn refresh(&self) -> Result<(), LedgerError> {
        let _alone = self.reload.lock().await;
        self.snapshot.store(Arc::new(read(&self.ledger).await?));
        Ok(())
    }

    /// Watches for changes of stores and credentials, by whatever process, until told to stop.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) {
        let mut last = None;
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            let version = self.ledger.directory_version().await;
            let changed = match version {
                Ok(version) if last == Some(version) => continue,
                // Only what was really read counts as seen: else a revoked credential would go on.
                Ok(version) => self.refresh().await.map(|()| last = Some(version)),
                Err(error) => Err(error),
            };
            if let Err(error) = changed {
                tracing::warn!(%error, "directory_not_refreshed");
            }
        }
    }

    /// Looks into the picture; where it misses, `known` asks the ledger, and only a yes reads it anew.
    async fn find<T>(
        &self,
        look: impl Fn(&Snapshot) -> Option<T>,
        known: impl Future<Output = Result<bool, LedgerError>>,
    ) -> Option<T> {
        let before = self.snapshot.load_full();
        if let Some(found) = look(&before) {
            return Some(found);
        }
        let _waiting = self.waiting.try_acquire().ok()?;
        let reload = async {
            if !known.await? {
                return Ok(());
            }
            let _alone = self.reload.lock().await;
            // Another miss may have reloaded while this one waited.
            if Arc::ptr_eq(&before, &self.snapshot.load_full()) {
                self.snapshot.store(Arc::new(read(&self.ledger).await?));
            }
            Ok::<(), LedgerError>(())
        };
        match tokio::time::timeout(RELOAD_WITHIN, reload).await {
            Ok(Ok(())) => look(&self.snapshot.load()),
            _ => None,
        }
    }
}

/// One key has two SINs, and the second is paired by whoever names it: it counts only for stores that the SIN
/// which was known first opens, too.
fn of_one_owner<'a>(groups: impl Iterator<Item = &'a Vec<Entry>>) -> Vec<Entry> {
    let mut groups: Vec<&Vec<Entry>> = groups.collect();
    let since = |group: &&Vec<Entry>| group.iter().map(|entry| entry.credential.created_at).min();
    groups.sort_by_key(since);
    let Some((first, others)) = groups.split_first() else { return Vec::new() };
    let own = |entry: &&Entry| first.iter().any(|known| known.store.id == entry.store.id);
    first.iter().chain(others.iter().copied().flatten().filter(own)).cloned().collect()
}

async fn read(ledger: &Ledger) -> Result<Snapshot, LedgerError> {
    let stores = ledger.stores().await?.into_iter().map(|store| (store.id.clone(), Arc::new(store)));
    let mut snapshot = Snapshot { stores: stores.collect(), ..Snapshot::default() };
    for credential in ledger.credentials().await? {
        let Some(store) = snapshot.stores.get(&credential.store_id).cloned() else { continue };
        let entry = Entry { credential: Arc::new(credential), store };
        let hash = entry.credential.token_hash.clone();
        snapshot.by_id.insert(entry.credential.id.clone(), entry.clone());
        match entry.credential.kind {
            CredentialKind::V1Key => snapshot.by_v1_key.insert(hash, entry.clone()),
            _ => snapshot.by_token.insert(hash, entry.clone()),
        };
        if let Some(sin) = entry.credential.sin.clone() {
            snapshot.by_sin.entry(sin).or_default().push(entry);
        }
    }
    Ok(snapshot)
}

impl Entry {
    /// Whether this is the credential of that facade.
    #[must_use]
    pub fn is(&self, facade: Facade) -> bool {
        self.credential.facade == facade
    }
}
