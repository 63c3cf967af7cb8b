//! Counting in memory what is alike.

use std::collections::HashMap;
use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;

use super::Sighting;
use crate::divergence::Divergence;

/// Most entries; a shop's requests are alike, so that a hundred shops have some thousand.
const MOST: usize = 8192;
/// An entry that was not seen for so long makes room.
const FORGOTTEN_AFTER_MS: i64 = 600_000;

/// Sightings that differ in nothing but their time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Alike {
    pub(super) endpoint: &'static str,
    pub(super) store: String,
    pub(super) agent: String,
    pub(super) found: Arc<Vec<Divergence>>,
}

impl Alike {
    pub(super) fn new(sighting: &Sighting<'_>, found: Vec<Divergence>) -> Self {
        let Sighting { endpoint, store, agent } = *sighting;
        Self { endpoint, store: store.to_owned(), agent: agent.to_owned(), found: Arc::new(found) }
    }
}

/// What was counted since it was last taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count {
    pub(super) many: i64,
    pub(super) first: i64,
    pub(super) last: i64,
}

struct Entry {
    counters: Vec<Counter>,
    count: Count,
}

/// All entries.
#[derive(Default)]
pub(super) struct Tally {
    entries: HashMap<Alike, Entry>,
}

impl Tally {
    /// Counts once more; false where there is no entry yet.
    pub(super) fn again(&mut self, alike: &Alike, now: i64) -> bool {
        let Some(Entry { counters, count }) = self.entries.get_mut(alike) else { return false };
        counters.iter().for_each(|counter| {
            counter.inc();
        });
        if count.many == 0 {
            count.first = now;
        }
        count.many += 1;
        count.last = now;
        true
    }

    /// Makes an entry; false where there is no room. The counters were raised already.
    pub(super) fn first(&mut self, alike: Alike, counters: Vec<Counter>, now: i64) -> bool {
        if let Some(entry) = self.entries.get_mut(&alike) {
            entry.count.many += 1;
            return true;
        }
        let room = self.entries.len() < MOST;
        if room {
            let count = Count { many: 1, first: now, last: now };
            self.entries.insert(alike, Entry { counters, count });
        }
        room
    }

    /// Takes what was counted, and forgets what was not seen for long.
    pub(super) fn take(&mut self, now: i64) -> Vec<(Alike, Count)> {
        let mut taken = Vec::new();
        for (alike, entry) in self.entries.iter_mut().filter(|(_, entry)| entry.count.many > 0) {
            taken.push((alike.clone(), entry.count));
            entry.count.many = 0;
        }
        self.entries.retain(|_, entry| now - entry.count.last < FORGOTTEN_AFTER_MS);
        taken
    }
}
