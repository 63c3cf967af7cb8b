//! Invoices that are being attended to, and whose turn it is to look at BTCPay.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{Notify, oneshot};

/// Invoices that are being attended to, by payferry's own id.
#[derive(Clone, Default)]
pub(super) struct UnderWay(Arc<Mutex<Rows>>);

#[derive(Default)]
struct Rows {
    all: HashMap<String, Begun>,
    begun: u64,
}

/// One that is under way.
#[derive(Clone)]
struct Begun {
    /// How many were begun before it.
    number: u64,
    hurried: Arc<Notify>,
}

impl UnderWay {
    /// A place for an invoice that has none yet.
    pub(super) fn take(&self, row_id: &str) -> Option<Place> {
        let mut rows = self.rows();
        if rows.all.contains_key(row_id) {
            return None;
        }
        rows.begun += 1;
        let begun = Begun { number: rows.begun, hurried: Arc::default() };
        rows.all.insert(row_id.to_owned(), begun);
        Some(Place { all: self.clone(), row_id: row_id.to_owned() })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.rows().all.len()
    }

    /// BTCPay has notified of it: it waits for no turn, also if it comes to wait only in a moment.
    pub(super) fn hurry(&self, row_id: &str) {
        if let Some(begun) = self.rows().all.get(row_id) {
            begun.hurried.notify_one();
        }
    }

    /// Ends when the invoice is hurried.
    pub(super) async fn hurried(&self, row_id: &str) {
        let begun = self.rows().all.get(row_id).cloned();
        match begun {
            Some(begun) => begun.hurried.notified().await,
            None => std::future::pending().await,
        }
    }

    /// How many were begun before it; one that is not under way is the last.
    pub(super) fn number(&self, row_id: &str) -> u64 {
        self.rows().all.get(row_id).map_or(u64::MAX, |begun| begun.number)
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Given back when it is dropped, also by a task that panicked.
pub(super) struct Place {
    all: UnderWay,
    row_id: String,
}

impl Place {
    /// Whose it is.
    pub(super) fn row_id(&self) -> &str {
        &self.row_id
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.all.rows().all.remove(&self.row_id);
    }
}

/// So many looks a second, evenly; each turn goes to whoever of those that wait was begun first. Tasks that begin
/// together come to wait in any order, and the limiter alone gives a turn to whoever wakes first.
pub(super) struct Pace {
    waiting: Mutex<BTreeMap<u64, oneshot::Sender<()>>>,
    next: tokio::sync::Mutex<()>,
    limiter: DefaultDirectRateLimiter,
}

impl Pace {
    pub(super) fn new(looks_per_second: u32) -> Self {
        let rate = NonZeroU32::new(looks_per_second).unwrap_or(NonZeroU32::MIN);
        let limiter = RateLimiter::direct(Quota::per_second(rate));
        Self { waiting: Mutex::default(), next: tokio::sync::Mutex::default(), limiter }
    }

    /// Waits for a turn; `number` says when it was begun. Whoever waits gives turns to all, until his own comes.
    pub(super) async fn turn(&self, number: u64) {
        let (give, mut own) = oneshot::channel();
        self.all().insert(number, give);
        let _leaves = Leaves { pace: self, number };
        loop {
            tokio::select! {
                biased;
                _ = &mut own => return,
                () = self.give() => {}
            }
        }
    }

    async fn give(&self) {
        let _alone = self.next.lock().await;
        self.limiter.until_ready().await;
        if let Some((_, first)) = self.all().pop_first() {
            // One that has left a moment ago loses its turn, nobody else does.
            let _ = first.send(());
        }
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<u64, oneshot::Sender<()>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes its place out of the line, also where it is hurried or stopped.
struct Leaves<'a> {
    pace: &'a Pace,
    number: u64,
}

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.pace.all().remove(&self.number);
    }
}
