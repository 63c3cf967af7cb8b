//! Carries the counts from memory into the ledger, every few seconds and at the end.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::tally::{Alike, Count};
use crate::contract::divergences::Repaired;
use crate::divergence::Divergence;
use crate::ledger::{DivergenceRow, DivergenceWriter};

const EVERY: Duration = Duration::from_secs(3);
/// Most rows that wait in memory while the ledger cannot be written.
const MOST_WAITING: usize = 10_000;
/// How long the last write may take; with the process gone the counts of some seconds are lost.
const LAST_WRITE: Duration = Duration::from_secs(2);

/// What makes two rows of the ledger one.
type Key = (String, String, String, String);

/// The task that keeps the journal.
pub struct Keeper {
    shared: Arc<Shared>,
    closed: mpsc::Receiver<()>,
    waiting: HashMap<Key, DivergenceRow>,
    healthy: bool,
}

impl Keeper {
    pub(super) fn new(shared: Arc<Shared>, closed: mpsc::Receiver<()>) -> Self {
        Self { shared, closed, waiting: HashMap::new(), healthy: true }
    }

    /// Writes until every handle of the journal is gone, or `hard` is cancelled. Trouble of the disk is
    /// counted and logged when it begins and when it ends; nobody waits for it.
    pub async fn keep(mut self, mut writer: DivergenceWriter, hard: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => self.write(&mut writer).await,
                _ = self.closed.recv() => break,
                () = hard.cancelled() => break,
            }
        }
        if tokio::time::timeout(LAST_WRITE, self.write(&mut writer)).await.is_err() {
            tracing::warn!(rows = self.waiting.len(), "journal_left_unwritten");
        }
    }

    async fn write(&mut self, writer: &mut DivergenceWriter) {
        self.collect();
        if self.waiting.is_empty() {
            return;
        }
        let mut rows: Vec<_> = self.waiting.drain().map(|(_, row)| row).collect();
        match writer.merge(&mut rows).await {
            Ok(dropped) => {
                self.shared.metrics.divergences_dropped(dropped);
                if !self.healthy {
                    tracing::info!("journal_written_again");
                }
                self.healthy = true;
            }
            Err(error) => {
                self.shared.metrics.journal_failure();
                if self.healthy {
                    tracing::warn!(%error, "journal_not_written");
                }
                self.healthy = false;
                rows.into_iter().for_each(|row| self.wait(row));
            }
        }
    }

    /// Takes the counts and makes one row of each difference.
    fn collect(&mut self) {
        let now = (self.shared.clock)();
        let taken = self.shared.tally.lock().unwrap_or_else(PoisonError::into_inner).take(now);
        for (alike, count) in taken {
            let mut told = HashSet::new();
            for one in alike.found.iter() {
                let identity = one.identity();
                if told.insert(identity.clone()) {
                    self.wait(row(&alike, count, one, identity.into_owned()));
                }
            }
        }
    }

    fn wait(&mut self, row: DivergenceRow) {
        let endpoint = row.endpoint.clone();
        let key = (row.identity.clone(), endpoint, row.store.clone(), row.agent.clone());
        if let Some(there) = self.waiting.get_mut(&key) {
            there.count += row.count;
            there.first_seen = there.first_seen.min(row.first_seen);
            there.last_seen = there.last_seen.max(row.last_seen);
        } else if self.waiting.len() < MOST_WAITING {
            self.waiting.insert(key, row);
        } else {
            self.shared.metrics.divergences_dropped(usize::try_from(row.count).unwrap_or(usize::MAX));
        }
    }
}

fn row(alike: &Alike, count: Count, one: &Divergence, identity: String) -> DivergenceRow {
    DivergenceRow {
        identity,
        endpoint: alike.endpoint.to_owned(),
        store: alike.store.clone(),
        agent: alike.agent.clone(),
        catalogue_id: one.id.map(str::to_owned),
        kind: one.kind.name().to_owned(),
        pointer: one.pointer.to_string(),
        sample: one.shape.to_string(),
        repaired: one.known().map_or(Repaired::No, |known| known.repaired()).name().to_owned(),
        first_seen: count.first,
        last_seen: count.last,
        count: count.many,
        acknowledged_at: None,
    }
}
