//! The journal of divergences: every sighting is counted in memory, told once, and kept in the ledger
//! by a task of its own.
//!
//! Whoever notes a sighting takes a lock for some microseconds and never touches the disk. Memory is
//! bounded: what is alike (same call, store, agent and findings) is one entry with a count.

mod agent;
mod keep;
mod tally;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use self::tally::{Alike, Tally};
use crate::divergence::{self, Divergence};
use crate::telemetry::Metrics;

pub use agent::{noted_agent, proves};
pub use keep::Keeper;

/// Rows of the ledger beyond which agents are no longer told apart; there are never more than twice as many.
pub const MOST_ROWS: u32 = 20_000;
/// Most places that are remembered as told; beyond it nothing is an event any more, only counted and kept.
const MOST_TOLD: usize = 20_000;

/// Where something was seen.
#[derive(Debug, Clone, Copy)]
pub struct Sighting<'a> {
    /// Name of BitPay's call.
    pub endpoint: &'static str,
    /// Name of the store; empty where there is none.
    pub store: &'a str,
    /// The shop's software, as it names itself; empty for payferry's own calls.
    pub agent: &'a str,
}

/// A handle on the journal; clones share it. The keeper writes what is left when the last one is dropped.
#[derive(Clone)]
pub struct Journal {
    shared: Arc<Shared>,
    #[expect(dead_code, reason = "its drop tells the keeper")]
    open: mpsc::Sender<()>,
}

/// What handles and keeper share.
struct Shared {
    tally: Mutex<Tally>,
    told: Mutex<HashSet<String>>,
    metrics: Metrics,
    clock: fn() -> i64,
}

impl Journal {
    /// An empty journal and what keeps it; `clock` gives milliseconds since 1970.
    #[must_use]
    pub fn new(metrics: Metrics, clock: fn() -> i64) -> (Self, Keeper) {
        let (open, closed) = mpsc::channel(1);
        let shared = Arc::new(Shared { tally: Mutex::default(), told: Mutex::default(), metrics, clock });
        (Self { shared: Arc::clone(&shared), open }, Keeper::new(shared, closed))
    }

    /// Counts what was found, and tells what is new since the start; returns how much it was.
    pub fn note(&self, sighting: &Sighting<'_>, found: Vec<Divergence>) -> u32 {
        let many = u32::try_from(found.len()).unwrap_or(u32::MAX);
        if found.is_empty() {
            return 0;
        }
        let now = (self.shared.clock)();
        let alike = Alike::new(sighting, found);
        if !self.tally().again(&alike, now) {
            self.first_time(sighting, alike, now);
        }
        many
    }

    fn first_time(&self, sighting: &Sighting<'_>, alike: Alike, now: i64) {
        let Shared { metrics, .. } = &*self.shared;
        let mut counters = Vec::with_capacity(alike.found.len());
        for one in alike.found.iter() {
            let counter = metrics.divergence(sighting.endpoint, one.kind.name(), one.label());
            counter.inc();
            counters.push(counter);
            if self.is_news(sighting, one) {
                divergence::report(one, sighting.endpoint, sighting.store, sighting.agent);
            }
        }
        let many = alike.found.len();
        if !self.tally().first(alike, counters, now) {
            metrics.divergences_dropped(many);
        }
    }

    /// One event per place, call, store and agent since the start.
    fn is_news(&self, sighting: &Sighting<'_>, one: &Divergence) -> bool {
        let Sighting { endpoint, store, agent } = sighting;
        let place = format!("{endpoint} {store} {agent} {} {}", one.kind.name(), one.pointer);
        let mut told = self.shared.told.lock().unwrap_or_else(PoisonError::into_inner);
        let news = told.len() < MOST_TOLD && told.insert(place);
        if news && told.len() == MOST_TOLD {
            tracing::warn!(places = MOST_TOLD, "divergence_events_end");
        }
        news
    }

    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.shared.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").finish_non_exhaustive()
    }
}
