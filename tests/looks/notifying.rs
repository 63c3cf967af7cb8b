//! A notifier whose clock goes as its story wants.

use std::sync::atomic::{AtomicI64, Ordering};

use payferry::app;
use tokio::sync::{Mutex, MutexGuard};

use super::support::Stage;
use super::support::notifying::{Attending, quick as scaled_down};

/// Times scaled down, but for the pause after `confirmed`; `more` ends the section.
pub fn quick(more: &str) -> String {
    scaled_down(more).replace("complete_after_seconds = 1\n", "complete_after_seconds = 2592000\n")
}

static AHEAD_MS: AtomicI64 = AtomicI64::new(0);
static ALONE: Mutex<()> = Mutex::const_new(());

fn clock() -> i64 {
    app::now_ms() + AHEAD_MS.load(Ordering::SeqCst)
}

/// The only notifier on the stage's ledger, until it is dropped; its clock is ahead of the others'.
pub struct Ahead {
    _alone: MutexGuard<'static, ()>,
    _attending: Attending,
}

impl Ahead {
    /// Ends the payferry of the stage and goes on in its place.
    pub async fn alone(stage: &Stage) -> Self {
        let alone = ALONE.lock().await;
        AHEAD_MS.store(0, Ordering::SeqCst);
        Self { _alone: alone, _attending: Attending::instead(stage, clock).await }
    }

    /// So much later.
    pub fn by(&self, ms: i64) {
        AHEAD_MS.fetch_add(ms, Ordering::SeqCst);
    }
}
