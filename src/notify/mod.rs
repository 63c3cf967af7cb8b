//! Notifications: BTCPay tells payferry to look, payferry tells shops what they would have heard from BitPay.
//!
//! `intake` wakes an invoice, `engine` takes those whose time has come, `attend` does what follows for one
//! of them: a delivery that waits, a look at BTCPay, one step of the machine (`presented`), sleep.
//! Everything that must not be lost is a row of the ledger before anybody hears of it.

mod attend;
pub mod body;
mod engine;
mod hold;
mod hosts;
pub mod intake;
mod look;
mod outages;
mod outbox;
mod schedule;
pub mod select;
pub mod sign;
mod under_way;
mod unseen;
mod witness;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::Notify;

pub use self::body::body;
pub use self::select::{Wants, selected};
pub use self::sign::signature;

use self::hosts::Hosts;
pub use self::outbox::context as body_context;
use self::witness::Notifications;
use crate::config::NotifySection;
use crate::delivery::Deliveries;
use crate::directory::Directory;
use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::secrets::MasterSecret;
use crate::telemetry::Metrics;
use crate::walk::upstream::Upstream;

/// What BTCPay has notified of is read so many times faster than polls at most.
const URGENT_TIMES: u32 = 5;

/// Everything that notifying needs.
pub struct Notifier {
    ledger: Ledger,
    directory: Arc<Directory>,
    secrets: Arc<MasterSecret>,
    upstream: Arc<Upstream>,
    deliveries: Deliveries,
    metrics: Metrics,
    journal: Journal,
    clock: fn() -> i64,
    random: fn(&mut [u8]),
    config: NotifySection,
    hosts: Hosts,
    notifications: Notifications,
    under_way: under_way::UnderWay,
    pace: under_way::Pace,
    urgent_pace: under_way::Pace,
    polls_late: AtomicBool,
    outages: outages::Outages,
    unkept: outbox::Unkept,
    awake: Notify,
}

/// What a [`Notifier`] is made of.
pub struct NotifierParts {
    /// Where everything is kept.
    pub ledger: Ledger,
    /// Stores and credentials.
    pub directory: Arc<Directory>,
    /// Opens words, seals bodies, derives tokens.
    pub secrets: Arc<MasterSecret>,
    /// The way to BTCPay.
    pub upstream: Arc<Upstream>,
    /// The way to shops.
    pub deliveries: Deliveries,
    /// Counters.
    pub metrics: Metrics,
    /// Where divergences are noted.
    pub journal: Journal,
    /// Milliseconds since 1970.
    pub clock: fn() -> i64,
    /// Fills with random bytes.
    pub random: fn(&mut [u8]),
    /// Times and bounds.
    pub config: NotifySection,
}

impl Notifier {
    /// Ready; [`Notifier::run`] does the work.
    #[must_use]
    pub fn new(parts: NotifierParts) -> Arc<Self> {
        let NotifierParts {
            ledger,
            directory,
            secrets,
            upstream,
            deliveries,
            metrics,
            journal,
            clock,
            random,
            config,
        } = parts;
        Arc::new(Self {
            ledger,
            directory,
            secrets,
            upstream,
            deliveries,
            metrics,
            journal,
            clock,
            random,
            notifications: Notifications::default(),
            hosts: Hosts::new(config.deliveries_per_shop, config.attended_at_once),
            under_way: under_way::UnderWay::default(),
            pace: under_way::Pace::new(config.reads_per_second),
            urgent_pace: under_way::Pace::new(config.reads_per_second.saturating_mul(URGENT_TIMES)),
            polls_late: AtomicBool::new(false),
            config,
            outages: outages::Outages::default(),
            unkept: outbox::Unkept::default(),
            awake: Notify::new(),
        })
    }
}
