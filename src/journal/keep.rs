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
use crate::ledger::{DivergenceRow, DivergenceWriter, LedgerError};

const EVERY: Duration = Duration::from_secs(3);
/// Most rows that wait in memory while the ledger cannot be written.
const MOST_WAITING: usize = 10_000;
/// Rows that are made of the counts before they are written.
const PORTION: usize = 2_000;
/// How often old rows are forgotten.
const FORGET_EVERY_MS: i64 = 24 * 3_600_000;
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
    /// When old rows are forgotten next, milliseconds since 1970.
    forget_at: i64,
}

impl Keeper {
    pub(super) fn new(shared: Arc<Shared>, closed: mpsc::Receiver<()>) -> Self {
        Self { shared, closed, waiting: HashMap::new(), healthy: true, forget_at: 0 }
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
        writer.hurry();
        if tokio::time::timeout(LAST_WRITE, self.write(&mut writer)).await.is_err() {
            tracing::warn!(rows = self.waiting.len(), "journal_left_unwritten");
        }
    }

    /// Takes the counts and writes them, a portion after the other: with thousands of shops a few seconds have
    /// more rows than may wait.
    async fn write(&mut self, writer: &mut DivergenceWriter) {
        let now = (self.shared.clock)();
        let taken = self.shared.tally.lock().unwrap_or_else(PoisonError::into_inner).take(now);
        let mut taken = taken.into_iter();
        loop {
            let all = self.collect(&mut taken);
            if self.waiting.is_empty() {
                break;
            }
            if self.write_waiting(writer).await.is_err() {
                taken.for_each(|(alike, count)| self.make_rows(&alike, count));
                return;
            }
            if all {
                break;
            }
        }
        self.forget(writer, now).await;
    }

    async fn write_waiting(&mut self, writer: &mut DivergenceWriter) -> Result<(), LedgerError> {
        let mut rows: Vec<_> = self.waiting.drain().map(|(_, row)| row).collect();
        let written = writer.merge(&mut rows).await;
        match &written {
            Ok(dropped) => {
                self.shared.metrics.divergences_dropped(*dropped);
                if !self.healthy {
                    tracing::info!("journal_written_again");
                }
            }
            Err(error) => {
                self.shared.metrics.journal_failure();
                if self.healthy {
                    tracing::warn!(%error, "journal_not_written");
                }
                rows.into_iter().for_each(|row| self.wait(row));
            }
        }
        self.healthy = written.is_ok();
        written.map(drop)
    }

    async fn forget(&mut self, writer: &mut DivergenceWriter, now: i64) {
        // Further ahead than a day: the clock was set back.
        if now < self.forget_at && self.forget_at - now <= FORGET_EVERY_MS {
            return;
        }
        match writer.forget(now).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "divergences_forgotten"),
            Err(error) => tracing::debug!(%error, "divergences_not_forgotten"),
        }
        self.forget_at = now + FORGET_EVERY_MS;
    }

    /// Makes rows of the counts until there is a portion; true where that was all.
    fn collect(&mut self, taken: &mut impl Iterator<Item = (Alike, Count)>) -> bool {
        while self.waiting.len() < PORTION {
            match taken.next() {
                Some((alike, count)) => self.make_rows(&alike, count),
                None => return true,
            }
        }
        false
    }

    /// One row for each difference.
    fn make_rows(&mut self, alike: &Alike, count: Count) {
        let mut told = HashSet::new();
        for one in alike.found.iter() {
            let identity = one.identity();
            if told.insert(identity.clone()) {
                self.wait(row(alike, count, one, identity.into_owned()));
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
