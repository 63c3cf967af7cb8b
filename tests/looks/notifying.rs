//! A notifier whose clock goes as its story wants.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use payferry::app::{self, Rooms};
use payferry::delivery::Deliveries;
use payferry::directory::Directory;
use payferry::journal::Journal;
use payferry::notify::{Notifier, NotifierParts};
use payferry::telemetry::Metrics;
use tokio::sync::{Mutex, MutexGuard, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::support::listening::Listening;
use super::support::{Shop, Stage};

/// Times scaled down; `more` ends the section.
pub fn quick(more: &str) -> String {
    format!(
        "[notify]\nallow_private = [\"127.0.0.0/8\"]\ndelay_after_create_ms = 0\ncomplete_after_seconds = 2592000\n\
         retry_after_seconds = [1, 1, 1]\ndelivery_timeout_ms = 700\n{more}"
    )
}

pub async fn order(shop: &Shop, listening: &Listening) -> String {
    let url = listening.url();
    let members =
        format!(r#""price":10,"currency":"EUR","extendedNotifications":true,"notificationURL":"{url}""#);
    shop.create(&members).await.invoice_id()
}

static AHEAD_MS: AtomicI64 = AtomicI64::new(0);
static ALONE: Mutex<()> = Mutex::const_new(());

fn clock() -> i64 {
    app::now_ms() + AHEAD_MS.load(Ordering::SeqCst)
}

/// The only notifier on the stage's ledger, until it is dropped; its clock is ahead of the others'.
pub struct Ahead {
    _alone: MutexGuard<'static, ()>,
    _stop: DropGuard,
    _nudge: mpsc::Sender<String>,
}

impl Ahead {
    /// Ends the payferry of the stage and goes on in its place.
    pub async fn alone(stage: &Stage) -> Self {
        let alone = ALONE.lock().await;
        AHEAD_MS.store(0, Ordering::SeqCst);
        stage.lifecycle.drain();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let Rooms { ledger, secrets, upstream } = Rooms::open(&stage.config()).await.unwrap();
        let section = stage.config().notify;
        let notifier = Notifier::new(NotifierParts {
            directory: Directory::load(ledger.clone()).await.unwrap(),
            ledger,
            secrets,
            upstream,
            deliveries: Deliveries::new(section.allow_private.clone(), section.delivery_timeout()).unwrap(),
            metrics: Metrics::new(),
            journal: Journal::new(Metrics::new(), app::now_ms).0,
            clock,
            random: app::random,
            config: section,
        });
        let (nudge, nudges) = mpsc::channel(1);
        let stop = CancellationToken::new();
        tokio::spawn(Arc::clone(&notifier).run(nudges, TaskTracker::new(), stop.clone()));
        Self { _alone: alone, _stop: stop.drop_guard(), _nudge: nudge }
    }

    /// So much later.
    pub fn by(&self, ms: i64) {
        AHEAD_MS.fetch_add(ms, Ordering::SeqCst);
    }
}
