//! payferry as one who notifies: settings with times scaled down, BTCPay's own calls, and a notifier whose clock
//! a story sets.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use payferry::app::{self, Rooms};
use payferry::config::Config;
use payferry::delivery::Deliveries;
use payferry::directory::Directory;
use payferry::journal::Journal;
use payferry::ledger::NotificationRow;
use payferry::notify::{Notifier, NotifierParts};
use payferry::telemetry::Metrics;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::listening::Listening;
use super::{Shop, Stage};

/// Times scaled down.
pub fn quick(more: &str) -> String {
    format!(
        "[notify]\nallow_private = [\"127.0.0.0/8\"]\ndelay_after_create_ms = 0\ncomplete_after_seconds = 1\n\
         retry_after_seconds = [1, 1, 1]\ndelivery_timeout_ms = 700\n{more}"
    )
}

/// Only BTCPay's notifications move anything: the first poll is an hour away.
pub fn notified(address: &str) -> String {
    quick(&format!("poll_every_seconds = 3600\nlisten = \"{address}\"\npublic_url = \"http://{address}\"\n"))
}

/// An order of a shop that wants to hear everything.
pub async fn order(shop: &Shop, listening: &Listening) -> String {
    let url = listening.url();
    let members =
        format!(r#""price":10,"currency":"EUR","extendedNotifications":true,"notificationURL":"{url}""#);
    shop.create(&members).await.invoice_id()
}

/// One notification as BTCPay sends it.
pub async fn notify(url: &str, code: u16) -> u16 {
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let btcpay = Shop::new(address.parse().unwrap(), [9; 32]);
    let body = format!(
        "{{\n  \"event\": {{\n    \"code\": {code}\n  }},\n  \"data\": {{\n    \"status\": \"complete\"\n  }}\n}}"
    );
    btcpay.send(Method::POST, &format!("/{path}"), &body, false).await.status
}

/// A customer pays all of it.
pub fn pay(stage: &Stage, id: &str) {
    stage.sandbox.owner().pay_rest(id).unwrap();
}

/// What the ledger knows of an invoice's notifications, in order.
pub async fn outbox(stage: &Stage, id: &str) -> Vec<NotificationRow> {
    let ledger = stage.ledger().await;
    let rows = ledger.notifications_of(id).await.unwrap();
    ledger.close().await;
    rows
}

/// The ids of the invoices that payferry read at BTCPay, in order.
pub fn looks(stage: &Stage) -> Vec<String> {
    let requests = stage.sandbox.faults().requests();
    let reads = requests.iter().filter(|request| request.method == "GET");
    let ids = reads.filter_map(|request| request.target.strip_prefix("/invoices/"));
    ids.filter_map(|rest| rest.split('?').next()).map(str::to_owned).collect()
}

/// A notifier with a clock of its own, in the place of the stage's.
pub struct Attending {
    stop: CancellationToken,
    tasks: TaskTracker,
    _nudges: mpsc::Sender<String>,
}

impl Attending {
    /// From here on only this one works: the payferry of the stage is drained, and answers no shop any more.
    pub async fn instead(stage: &Stage, clock: fn() -> i64) -> Self {
        stage.lifecycle.drain();
        tokio::time::sleep(Duration::from_millis(300)).await;
        Self::start(stage, clock).await
    }

    pub async fn start(stage: &Stage, clock: fn() -> i64) -> Self {
        Self::of(&stage.config(), clock).await
    }

    /// The same with settings of its own.
    pub async fn of(config: &Config, clock: fn() -> i64) -> Self {
        let (nudge, nudges) = mpsc::channel(1);
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let notifier = notifier(config, clock).await;
        tokio::spawn(notifier.run(nudges, tasks.clone(), stop.clone(), CancellationToken::new()));
        Self { stop, tasks, _nudges: nudge }
    }

    /// A drain: what is under way is waited for.
    pub async fn drain(self) {
        self.stop.cancel();
        self.tasks.close();
        let ended = tokio::time::timeout(Duration::from_secs(30), self.tasks.wait()).await;
        assert!(ended.is_ok(), "a drain has an end");
    }
}

async fn notifier(config: &Config, clock: fn() -> i64) -> Arc<Notifier> {
    let Rooms { ledger, secrets, upstream } = Rooms::open(config).await.unwrap();
    let section = config.notify.clone();
    Notifier::new(NotifierParts {
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
    })
}
