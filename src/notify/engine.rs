//! Takes the invoices whose time has come, the longest waiting first, a bounded number at a time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Notifier;
use super::attend::Why;
use super::schedule::LONGEST_MS;
use crate::ledger::Beyond;

/// The longest sleep; another process may have asked for a resend.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Clocks are set by so much all the time; what sleeps then sleeps no longer than this in addition, in ms.
const CLOCK_MAY_STEP_MS: i64 = 5_000;
/// The longest sleep of an invoice at which nobody has looked yet, in ms.
const FIRST_SLEEP_MS: i64 = 3_600_000;
/// How long a notification that was given up is counted, in ms.
const GIVEN_UP_FOR_MS: i64 = 7 * 24 * 3_600_000;
/// A poll that is so late is told to the operator, in ms.
const POLLS_LATE_MS: i64 = 60_000;
/// How often the numbers of the outbox are refreshed.
const GAUGE_EVERY: Duration = Duration::from_secs(5);

/// Where tasks are started, and how they end.
struct Work {
    tasks: TaskTracker,
    stop: CancellationToken,
    cut: CancellationToken,
}

impl Notifier {
    /// Attends to invoices until `stop`; those under way are counted by `tasks`, and end at `cut` wherever they are.
    pub async fn run(
        self: Arc<Self>,
        mut nudges: mpsc::Receiver<String>,
        tasks: TaskTracker,
        stop: CancellationToken,
        cut: CancellationToken,
    ) {
        let work = Work { tasks, stop: stop.clone(), cut };
        let mut last_ms = i64::MAX;
        if let Err(error) = self.ledger.wake_blind((self.clock)()).await {
            tracing::warn!(%error, "notifications_not_read");
        }
        let mut gauge = tokio::time::interval(GAUGE_EVERY);
        while !stop.is_cancelled() {
            last_ms = self.watch_clock(last_ms).await;
            let sleep = self.round(&work).await;
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.awake.notified() => {}
                _ = gauge.tick() => self.gauge().await,
                () = tokio::time::sleep(sleep) => {}
                Some(row_id) = nudges.recv(), if self.under_way.count() < self.config.attended_at_once => {
                    self.spawn(&row_id, Why::Nudged, &work);
                }
            }
        }
    }

    /// Starts what is due; gives how long nothing is.
    async fn round(self: &Arc<Self>, work: &Work) -> Duration {
        let busy = self.under_way.count();
        if busy >= self.config.attended_at_once {
            return Duration::from_millis(20);
        }
        let now_ms = (self.clock)();
        let most = u32::try_from(self.config.attended_at_once + busy).unwrap_or(u32::MAX);
        match self.ledger.due(now_ms, most).await {
            Ok((due, next)) => {
                let room = self.config.attended_at_once - busy;
                let waiting = due.len() > busy;
                for row_id in due.iter().take(busy + room) {
                    self.spawn(row_id, Why::Due, work);
                }
                let until = next.map_or(LONGEST_SLEEP, |at| millis(at - now_ms));
                if waiting { Duration::from_millis(20) } else { until.min(LONGEST_SLEEP) }
            }
            Err(error) => {
                tracing::warn!(%error, "notifications_not_read");
                LONGEST_SLEEP
            }
        }
    }

    /// When the clock was set back everything is looked at; at the start, what was put to sleep by a clock that
    /// was ahead.
    async fn watch_clock(&self, last_ms: i64) -> i64 {
        let now_ms = (self.clock)();
        let at_start = last_ms == i64::MAX;
        if !at_start && now_ms <= last_ms && now_ms >= last_ms - CLOCK_MAY_STEP_MS {
            return last_ms;
        }
        if now_ms < last_ms {
            let woken = match at_start {
                true => self.ledger.wake_wrongly_asleep(self.longest_sleeps(now_ms), now_ms).await,
                false => self.ledger.wake_beyond(now_ms, now_ms).await,
            };
            if let Err(error) = woken {
                tracing::warn!(%error, "notifications_not_read");
                return last_ms;
            }
        }
        now_ms
    }

    /// Beyond what nothing sleeps that the clock of now put to sleep.
    fn longest_sleeps(&self, now_ms: i64) -> Beyond {
        let poll_ms = millis_of(self.config.poll_every_seconds).saturating_mul(10);
        Beyond {
            looked_at: now_ms.saturating_add(CLOCK_MAY_STEP_MS),
            wake_at: now_ms.saturating_add(poll_ms.max(LONGEST_MS)),
            first_wake_at: now_ms.saturating_add(poll_ms.max(FIRST_SLEEP_MS)),
        }
    }

    /// Whether polls keep up, said once.
    async fn watch_polls(&self) {
        let Ok(oldest) = self.ledger.oldest_poll().await else { return };
        let late_ms = oldest.map_or(0, |oldest| (self.clock)().saturating_sub(oldest).max(0));
        self.metrics.set_poll_late(late_ms / 1000);
        let is_late = late_ms > POLLS_LATE_MS;
        if is_late && !self.polls_late.swap(is_late, Ordering::Relaxed) {
            let reads_per_second = self.config.reads_per_second;
            tracing::warn!(late_seconds = late_ms / 1000, reads_per_second, "polls_late");
        }
        self.polls_late.store(is_late, Ordering::Relaxed);
    }

    async fn gauge(&self) {
        self.watch_polls().await;
        let now_ms = (self.clock)();
        if let Ok(outbox) = self.ledger.outbox(now_ms.saturating_sub(GIVEN_UP_FOR_MS)).await {
            let age_ms = outbox.oldest.map_or(0, |oldest| now_ms.saturating_sub(oldest));
            self.metrics.set_outbox(outbox.depth, age_ms / 1000, outbox.given_up);
        }
    }

    fn spawn(self: &Arc<Self>, row_id: &str, why: Why, work: &Work) {
        let Some(place) = self.under_way.take(row_id) else { return };
        let (notifier, stop, cut) = (Arc::clone(self), work.stop.clone(), work.cut.clone());
        work.tasks.spawn(async move {
            // What is cut off stands in the ledger as before the try: it is made again.
            let _ = cut.run_until_cancelled(notifier.attend(place.row_id(), why, &stop)).await;
            drop(place);
            notifier.awake.notify_one();
        });
    }
}

fn millis_of(seconds: u64) -> i64 {
    i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX)
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
