//! Invoices that are being attended to, and whose turn it is to look at BTCPay.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::Notify;

/// Invoices that are being attended to, by payferry's own id.
#[derive(Clone, Default)]
pub(super) struct UnderWay(Arc<Mutex<HashMap<String, Arc<Notify>>>>);

impl UnderWay {
    /// A place for an invoice that has none yet.
    pub(super) fn take(&self, row_id: &str) -> Option<Place> {
        let mut rows = self.rows();
        if rows.contains_key(row_id) {
            return None;
        }
        rows.insert(row_id.to_owned(), Arc::default());
        Some(Place { all: self.clone(), row_id: row_id.to_owned() })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.rows().len()
    }

    /// BTCPay has notified of it: it waits for no turn, also if it comes to wait only in a moment.
    pub(super) fn hurry(&self, row_id: &str) {
        if let Some(hurried) = self.rows().get(row_id) {
            hurried.notify_one();
        }
    }

    /// Ends when the invoice is hurried.
    pub(super) async fn hurried(&self, row_id: &str) {
        let hurried = self.rows().get(row_id).cloned();
        match hurried {
            Some(hurried) => hurried.notified().await,
            None => std::future::pending().await,
        }
    }

    fn rows(&self) -> MutexGuard<'_, HashMap<String, Arc<Notify>>> {
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
        self.all.rows().remove(&self.row_id);
    }
}

/// So many looks a second, evenly, in the order in which they were asked for. The limiter alone gives a turn to
/// whoever wakes first: of many that wait some would wait for ever.
pub(super) struct Pace {
    queue: tokio::sync::Mutex<()>,
    limiter: DefaultDirectRateLimiter,
}

impl Pace {
    pub(super) fn new(looks_per_second: u32) -> Self {
        let rate = NonZeroU32::new(looks_per_second).unwrap_or(NonZeroU32::MIN);
        Self { queue: tokio::sync::Mutex::default(), limiter: RateLimiter::direct(Quota::per_second(rate)) }
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self) {
        let _first = self.queue.lock().await;
        self.limiter.until_ready().await;
    }
}
