//! What the process still waits for before it may take traffic.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A set of named things that are not there yet, and whether the drain has begun.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    pending: BTreeSet<&'static str>,
    draining: bool,
}

/// Holds one name in the set; dropping it means "this part is ready now".
#[derive(Debug)]
#[must_use = "dropping it at once means ready at once"]
pub struct Pending {
    name: &'static str,
    readiness: Readiness,
}

impl Readiness {
    /// Adds a name; the process is not ready until the guard is dropped.
    pub fn wait_for(&self, name: &'static str) -> Pending {
        self.lock().pending.insert(name);
        Pending { name, readiness: self.clone() }
    }

    /// Whether nothing is pending and no drain has begun.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let state = self.lock();
        state.pending.is_empty() && !state.draining
    }

    /// The names still pending, sorted; `drain` stands among them once the drain has begun.
    #[must_use]
    pub fn pending(&self) -> Vec<&'static str> {
        let state = self.lock();
        state.pending.iter().copied().chain(state.draining.then_some("drain")).collect()
    }

    /// Not ready from now on, whatever happens to the pending names.
    pub fn drain(&self) {
        self.lock().draining = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.readiness.lock().pending.remove(self.name);
        tracing::info!(part = self.name, pending = ?self.readiness.pending(), "ready");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_ready_when_the_last_guard_is_dropped_and_never_after_a_drain() {
        let readiness = Readiness::default();
        let ledger = readiness.wait_for("ledger");
        let edge = readiness.wait_for("edge");
        assert_eq!(readiness.pending(), ["edge", "ledger"]);
        drop(ledger);
        assert!(!readiness.is_ready());
        drop(edge);
        assert!(readiness.is_ready());
        readiness.drain();
        assert!(!readiness.is_ready());
        assert_eq!(readiness.pending(), ["drain"]);
    }
}
