//! One look at BTCPay for everybody who asks within a minute.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Quotes;

/// How long rates count, in milliseconds. BTCPay itself keeps a provider's rates for minutes.
const FRESH_MS: i64 = 60_000;
/// How long a failure is shared, so that those who waited for one flight do not each start another.
const FAILED_MS: i64 = 1_000;

type Slot<E> = Arc<tokio::sync::Mutex<Option<Kept<E>>>>;

struct Kept<E> {
    at_ms: i64,
    outcome: Result<Arc<Quotes>, E>,
}

impl<E: Clone> Kept<E> {
    fn counts(&self, now_ms: i64) -> bool {
        let lasts = if self.outcome.is_ok() { FRESH_MS } else { FAILED_MS };
        (0..lasts).contains(&now_ms.saturating_sub(self.at_ms))
    }
}

/// The last rates of every store that was asked for them.
pub struct RateCache<E> {
    slots: Mutex<HashMap<String, Slot<E>>>,
}

impl<E> Default for RateCache<E> {
    fn default() -> Self {
        Self { slots: Mutex::default() }
    }
}

impl<E: Clone> RateCache<E> {
    /// The rates of a store, from memory for a minute, else by `fetch`: one flight at a time, whose
    /// outcome all who wait for it share. Older rates are never given out, not even when `fetch` fails.
    ///
    /// `clock` gives milliseconds since 1970. A caller who goes away ends his flight; the next one
    /// starts another.
    ///
    /// # Errors
    /// What `fetch` failed with, now or less than a second ago.
    pub async fn get(
        &self,
        store_id: &str,
        clock: fn() -> i64,
        fetch: impl Future<Output = Result<Quotes, E>>,
    ) -> Result<Arc<Quotes>, E> {
        let slot = self.slot(store_id);
        let mut kept = slot.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.counts(clock())) {
            return kept.outcome.clone();
        }
        let outcome = fetch.await.map(Arc::new);
        *kept = Some(Kept { at_ms: clock(), outcome: outcome.clone() });
        outcome
    }

    fn slot(&self, store_id: &str) -> Slot<E> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(store_id.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "tests")]

    use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

    use super::*;

    static NOW: AtomicI64 = AtomicI64::new(0);

    fn clock() -> i64 {
        NOW.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn rates_count_a_minute_and_a_failure_a_second() {
        let (cache, flights) = (RateCache::<&str>::default(), AtomicU32::new(0));
        let ask = async |outcome: Result<Quotes, &'static str>| {
            let fetch = async {
                flights.fetch_add(1, Ordering::Relaxed);
                outcome
            };
            cache.get("s", clock, fetch).await.map(drop)
        };
        for (now, outcome, seen, flown) in [
            (0, Err("down"), Err("down"), 1),
            (999, Ok(Quotes::default()), Err("down"), 1),
            (1_000, Ok(Quotes::default()), Ok(()), 2),
            (60_999, Err("down"), Ok(()), 2),
            (61_000, Err("down"), Err("down"), 3),
            (90_000, Ok(Quotes::default()), Ok(()), 4),
            // The clock was set back: nobody knows any more how old those rates are.
            (30_000, Err("down"), Err("down"), 5),
            (29_999, Ok(Quotes::default()), Ok(()), 6),
        ] {
            NOW.store(now, Ordering::Relaxed);
            assert_eq!((ask(outcome).await, flights.load(Ordering::Relaxed)), (seen, flown), "at {now} ms");
        }
    }

    #[tokio::test]
    async fn a_hundred_at_once_share_one_flight() {
        let cache = Arc::new(RateCache::<&str>::default());
        let flights = Arc::new(AtomicU32::new(0));
        let asks = (0..100).map(|_| {
            let (cache, flights) = (Arc::clone(&cache), Arc::clone(&flights));
            tokio::spawn(async move {
                let fetch = async {
                    flights.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                    Ok(Quotes::default())
                };
                cache.get("s", || 5, fetch).await.map(drop)
            })
        });
        for ask in asks.collect::<Vec<_>>() {
            ask.await.expect("no panic").expect("rates");
        }
        assert_eq!(flights.load(Ordering::Relaxed), 1);
    }
}
