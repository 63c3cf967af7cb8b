//! How the process starts being ready, drains, and stops.
//!
//! Two cancellation tokens describe the end: *soft* means "finish what you
//! have, take nothing new"; *hard* means "stop now". Hard implies soft.

mod readiness;
mod signals;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use readiness::{Pending, Readiness};
pub use signals::Signals;

/// How long tasks may take to notice the hard token before the process leaves them behind.
const AFTER_CUT: Duration = Duration::from_secs(2);

/// How the process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Every task finished inside the grace time.
    Drained,
    /// The grace time ran out, or a second signal came: tasks were cut.
    Cut,
    /// An essential task ended by itself; the others were drained.
    Failed,
}

impl Outcome {
    /// The exit code of the process: 0 for an orderly end (also a cut one), 1 for a failure.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Drained | Self::Cut => 0,
            Self::Failed => 1,
        }
    }
}

/// The shared handle on the life of the process. Clones are the same life.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    soft: CancellationToken,
    hard: CancellationToken,
    tasks: TaskTracker,
    readiness: Readiness,
    failed: Arc<AtomicBool>,
}

impl Lifecycle {
    /// A life that has just begun: nothing pending, nothing cancelled.
    #[must_use]
    pub fn new() -> Self {
        let hard = CancellationToken::new();
        Self { soft: hard.child_token(), hard, ..Self::default() }
    }

    /// Cancelled when the drain begins.
    #[must_use]
    pub fn soft(&self) -> &CancellationToken {
        &self.soft
    }

    /// Cancelled when everything must stop at once.
    #[must_use]
    pub fn hard(&self) -> &CancellationToken {
        &self.hard
    }

    /// Tasks that a drain waits for.
    #[must_use]
    pub fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// What `/ready` reports.
    #[must_use]
    pub fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// Begins the drain: first not ready, then the soft token. Calling it again does nothing.
    pub fn drain(&self) {
        self.readiness.drain();
        self.soft.cancel();
    }

    /// Stops everything now.
    pub fn cut(&self) {
        self.readiness.drain();
        self.hard.cancel();
    }

    /// Starts a task that the process cannot live without. When it ends (or panics) before a
    /// drain has begun, the drain begins and the outcome is [`Outcome::Failed`].
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let watch = DeathWatch { name, lifecycle: self.clone() };
        self.tasks.spawn(async move {
            let _watch = watch;
            task.await;
        });
    }

    /// Like [`spawn`](Self::spawn), for a task that goes on during the drain and that nobody waits
    /// for at the end: the operator must be able to watch a drain.
    pub fn spawn_beside<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let watch = DeathWatch { name, lifecycle: self.clone() };
        tokio::spawn(async move {
            let _watch = watch;
            task.await;
        });
    }

    /// Waits for a signal (or a failed task), then drains for at most `grace`.
    ///
    /// A second signal, or the end of the grace time, cuts. Returns when every tracked task has
    /// ended, or two seconds after the cut.
    pub async fn run(&self, mut signals: Signals, grace: Duration) -> Outcome {
        tokio::select! {
            signal = signals.next() => tracing::info!(signal, "draining"),
            () = self.soft.cancelled() => {}
        }
        self.drain();
        self.tasks.close();
        let cut = tokio::select! {
            () = self.tasks.wait() => false,
            () = tokio::time::sleep(grace) => { tracing::warn!("grace time is over: cutting"); true }
            signal = signals.next() => { tracing::warn!(signal, "second signal: cutting"); true }
            () = self.hard.cancelled() => true,
        };
        if cut {
            self.cut();
            if tokio::time::timeout(AFTER_CUT, self.tasks.wait()).await.is_err() {
                tracing::warn!(left = self.tasks.len(), "tasks did not stop");
            }
        }
        match (self.failed.load(Ordering::SeqCst), cut) {
            (true, _) => Outcome::Failed,
            (false, true) => Outcome::Cut,
            (false, false) => Outcome::Drained,
        }
    }
}

/// Lives inside an essential task; its drop tells the lifecycle that the task is over.
struct DeathWatch {
    name: &'static str,
    lifecycle: Lifecycle,
}

impl Drop for DeathWatch {
    fn drop(&mut self) {
        if !self.lifecycle.soft.is_cancelled() {
            tracing::error!(task = self.name, "an essential task ended; draining");
            self.lifecycle.failed.store(true, Ordering::SeqCst);
            self.lifecycle.drain();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn a_signal_drains_and_waits_for_tasks() {
        let life = Lifecycle::new();
        let soft = life.soft().clone();
        life.spawn("worker", async move { soft.cancelled().await });
        let (send, signals) = Signals::scripted();
        send.send("SIGTERM").await.expect("the lifecycle listens");
        assert_eq!(life.run(signals, LONG).await, Outcome::Drained);
        assert!(!life.readiness().is_ready());
        assert!(!life.hard().is_cancelled());
    }

    #[tokio::test]
    async fn a_second_signal_cuts() {
        let life = Lifecycle::new();
        let hard = life.hard().clone();
        life.spawn("stubborn", async move { hard.cancelled().await });
        let (send, signals) = Signals::scripted();
        send.send("SIGTERM").await.expect("the lifecycle listens");
        send.send("SIGTERM").await.expect("the lifecycle listens");
        assert_eq!(life.run(signals, LONG).await, Outcome::Cut);
    }

    #[tokio::test]
    async fn the_grace_time_cuts() {
        let life = Lifecycle::new();
        let hard = life.hard().clone();
        life.spawn("stubborn", async move { hard.cancelled().await });
        life.drain();
        let (_send, signals) = Signals::scripted();
        assert_eq!(life.run(signals, Duration::from_millis(20)).await, Outcome::Cut);
    }

    #[tokio::test]
    async fn a_dead_task_is_a_failure_even_after_a_panic() {
        for panics in [false, true] {
            let life = Lifecycle::new();
            life.spawn("fragile", async move { assert!(!panics, "as told") });
            let (_send, signals) = Signals::scripted();
            let outcome = life.run(signals, LONG).await;
            assert_eq!(outcome, Outcome::Failed);
            assert_eq!(outcome.exit_code(), 1);
        }
    }

    #[test]
    fn hard_implies_soft_but_not_the_other_way() {
        let life = Lifecycle::new();
        life.cut();
        assert!(life.soft().is_cancelled());
        let life = Lifecycle::new();
        life.drain();
        assert!(!life.hard().is_cancelled());
    }
}
