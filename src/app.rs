//! The whole: rooms put together in the order of start-up.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::admin::{self, Admin};
use crate::adoption::Strangers;
use crate::config::Config;
use crate::delivery::Deliveries;
use crate::directory::Directory;
use crate::edge::{self, ConnectionLimits, Listeners, Witness};
use crate::journal::{Journal, MOST_ROWS};
use crate::ledger::{DivergenceWriter, Ledger, LedgerError, ServingLock};
use crate::lifecycle::Lifecycle;
use crate::notify::{Notifier, NotifierParts, intake};
use crate::pairing::PairingDesk;
use crate::rates::{RateCache, RateSource};
use crate::retention;
use crate::secrets::MasterSecret;
use crate::telemetry::Metrics;
use crate::walk::create::{Creates, CreatesParts};
use crate::walk::forward::Servers;
use crate::walk::upstream::Upstream;
use crate::walk::{Arrival, Limits, Walk};

/// Invoices that reads asked to look at; more than these are found by polls.
const WAITING_NUDGES: usize = 1024;
/// How often the ledger's write-ahead log is carried over, where no commit has done it.
const CARRY_OVER_EVERY: Duration = Duration::from_secs(60);

/// Where payferry listens, once it does.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// Plain HTTP towards shops.
    pub http: Option<SocketAddr>,
    /// TLS towards shops.
    pub https: Option<SocketAddr>,
    /// The operator's own listener.
    pub admin: SocketAddr,
}

/// Milliseconds since 1970, by the system clock.
#[must_use]
pub fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Fills with random bytes from the system. Without randomness no id and no nonce is safe,
/// so a system that has none ends the process.
pub fn random(bytes: &mut [u8]) {
    if getrandom::fill(bytes).is_err() {
        std::process::abort();
    }
}

/// What every command that touches stores opens first.
pub struct Rooms {
    /// Stores, credentials, pairings, invoices.
    pub ledger: Ledger,
    /// Keys and seals.
    pub secrets: Arc<MasterSecret>,
    /// The way to BTCPay.
    pub upstream: Arc<Upstream>,
}

/// How the ledger is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// To be used; made where it is missing, brought up to date where it is old.
    Made,
    /// The same, but it must be there.
    Existing,
    /// To be left as it is: a write fails.
    ToRead,
    /// To be left as it is: a write is undone.
    ToRehearse,
}

impl Opening {
    async fn ledger(self, path: &Path) -> Result<Ledger, LedgerError> {
        match self {
            Self::Made => Ledger::open(path).await,
            Self::Existing => Ledger::open_existing(path).await,
            Self::ToRead => Ledger::open_to_read(path).await,
            Self::ToRehearse => Ledger::open_for_rehearsal(path).await,
        }
    }
}

impl Rooms {
    /// Opens ledger and secret and prepares the way to BTCPay. A ledger that is missing is made.
    ///
    /// # Errors
    /// Each with what to do.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        Self::open_as(config, Opening::Made).await
    }

    /// The same with the ledger opened in that way.
    ///
    /// # Errors
    /// Each with what to do.
    pub async fn open_as(config: &Config, opening: Opening) -> anyhow::Result<Self> {
        Self::open_with(config, opening, Metrics::new(), None).await
    }

    async fn open_with(
        config: &Config,
        opening: Opening,
        metrics: Metrics,
        journal: Option<Journal>,
    ) -> anyhow::Result<Self> {
        let secrets = Arc::new(MasterSecret::load(&config.secrets.master_secret_file)?);
        let path = &config.ledger.path;
        let ledger = opening.ledger(path).await.with_context(|| format!("ledger {}", path.display()))?;
        same_secret(&ledger, &secrets).await.with_context(|| format!("ledger {}", path.display()))?;
        let servers = Servers::new(&config.btcpay)?;
        let upstream = Upstream::new(servers, Arc::clone(&secrets), metrics);
        let upstream = Arc::new(match journal {
            Some(journal) => upstream.noted_in(journal),
            None => upstream,
        });
        Ok(Self { ledger, secrets, upstream })
    }
}

/// Refuses a ledger that was written with another master secret: nothing in it could be opened, and BTCPay
/// knows none of the keys that follow from this one.
///
/// # Errors
/// The ledger's own, and the refusal.
pub async fn same_secret(ledger: &Ledger, secrets: &MasterSecret) -> anyhow::Result<()> {
    const PLACE: &str = "ledger-secret-proof";
    let proof = match ledger.kept_proof().await? {
        Some(proof) => proof,
        None if ledger.is_left_as_it_is() => return Ok(()),
        None => {
            let mut nonce = [0; 24];
            random(&mut nonce);
            ledger.secret_proof(secrets.seal(PLACE, nonce, &[])).await?
        }
    };
    let opened = secrets.open(PLACE, &proof).map(drop);
    opened.context(
        "it was written with another master secret; put that one back (docs/runbook.md, \"Master secret lost\")",
    )
}

/// Starts payferry; it then runs until the lifecycle ends.
///
/// # Errors
/// Whatever keeps it from starting.
pub async fn start(config: &Config, lifecycle: &Lifecycle) -> anyhow::Result<Addresses> {
    let pending = lifecycle.readiness().wait_for("start");
    let admin_listener = admin::bind(config.admin.listen).await.context("admin.listen")?;
    let limits = ConnectionLimits {
        head_bytes: config.limits.head_bytes,
        headers: config.limits.headers,
        header_timeout: config.shop.header_timeout(),
        idle_timeout: config.shop.idle_timeout(),
    };
    let listeners = Listeners::bind(&config.shop, limits)?;
    let metrics = Metrics::new();
    let (journal, keeper) = Journal::new(metrics.clone(), now_ms);
    let path = &config.ledger.path;
    let lock = ServingLock::take(path).with_context(|| format!("ledger {}", path.display()))?;
    let rooms = Rooms::open_with(config, Opening::Made, metrics.clone(), Some(journal.clone())).await?;
    let hard = lifecycle.hard().clone();
    lifecycle.spawn_beside("lock", async move {
        hard.cancelled().await;
        drop(lock);
    });
    let writer = DivergenceWriter::new(&config.ledger.path, MOST_ROWS);
    lifecycle.spawn("journal", keeper.keep(writer, lifecycle.hard().clone()));
    let addresses = Addresses {
        http: listeners.http(),
        https: listeners.https(),
        admin: admin_listener.local_addr().context("admin.listen")?,
    };
    let commits = {
        let ledger = rooms.ledger.clone();
        move || ledger.commits()
    };
    let directory = Directory::load(rooms.ledger.clone()).await?;
    let store_keys = {
        let directory = Arc::clone(&directory);
        move || directory.stores().iter().map(|store| (store.name.clone(), store.epoch)).collect()
    };
    let admin = Admin {
        readiness: lifecycle.readiness().clone(),
        metrics: metrics.clone(),
        commits: Arc::new(commits),
        store_keys: Arc::new(store_keys),
    };
    lifecycle.spawn_beside("admin", admin::serve(admin_listener, admin, lifecycle.hard().clone()));
    let (nudge, nudges) = mpsc::channel(WAITING_NUDGES);
    let witness = Witness { metrics: metrics.clone(), clock: now_ms, random };
    lifecycle.spawn("directory", Arc::clone(&directory).watch(lifecycle.soft().clone()));
    let erasing =
        retention::keep(rooms.ledger.clone(), config.ledger.retention_days, now_ms, lifecycle.soft().clone());
    lifecycle.spawn("retention", erasing);
    let log_kept_short = rooms.ledger.clone().keep_log_short(CARRY_OVER_EVERY, lifecycle.soft().clone());
    lifecycle.spawn("carry over", log_kept_short);
    notify(config, &rooms, &directory, &metrics, (nudges, journal.clone()), lifecycle).await?;
    let walk = Arc::new(walk(config, rooms, directory, metrics, Ends { nudges: nudge, journal }, lifecycle));
    edge::serve(listeners, &witness, lifecycle, move |arrival: edge::Arrival, request| {
        let walk = Arc::clone(&walk);
        async move { walk.answer(Arrival { tls: arrival.tls, peer: arrival.peer }, request).await }
    });
    drop(pending);
    Ok(addresses)
}

/// Notifications in and out, until the drain; what is not delivered then waits in the ledger.
async fn notify(
    config: &Config,
    rooms: &Rooms,
    directory: &Arc<Directory>,
    metrics: &Metrics,
    (nudges, journal): (mpsc::Receiver<String>, Journal),
    lifecycle: &Lifecycle,
) -> anyhow::Result<()> {
    let section = config.notify.clone();
    let listener = match section.listen {
        Some(address) => Some(TcpListener::bind(address).await.context("notify.listen")?),
        None => None,
    };
    let notifier = Notifier::new(NotifierParts {
        ledger: rooms.ledger.clone(),
        directory: Arc::clone(directory),
        secrets: Arc::clone(&rooms.secrets),
        upstream: Arc::clone(&rooms.upstream),
        deliveries: Deliveries::new(section.allow_private.clone(), section.delivery_timeout())?,
        metrics: metrics.clone(),
        journal,
        clock: now_ms,
        random,
        config: section,
    });
    if let Some(listener) = listener {
        let serve = intake::serve(listener, Arc::clone(&notifier), lifecycle.soft().clone());
        lifecycle.spawn("notify", serve);
    }
    let (tasks, soft, hard) = (lifecycle.tasks().clone(), lifecycle.soft().clone(), lifecycle.hard().clone());
    lifecycle.spawn("outbox", notifier.run(nudges, tasks, soft, hard));
    Ok(())
}

/// Where the walk sends what others take up.
pub(crate) struct Ends {
    /// Row ids of invoices to look at.
    pub(crate) nudges: mpsc::Sender<String>,
    /// Divergences.
    pub(crate) journal: Journal,
}

/// The walk with everything that it needs; its background work ends with the lifecycle.
pub(crate) fn walk(
    config: &Config,
    rooms: Rooms,
    directory: Arc<Directory>,
    metrics: Metrics,
    ends: Ends,
    lifecycle: &Lifecycle,
) -> Walk {
    let Rooms { ledger, secrets, upstream } = rooms;
    let strangers = Strangers::new(Arc::clone(&secrets), now_ms, random);
    let kept = Arc::clone(&strangers).keep_in(ledger.clone(), lifecycle.soft().clone());
    lifecycle.spawn("strangers", kept);
    let creates = Creates::new(CreatesParts {
        ledger: ledger.clone(),
        upstream: Arc::clone(&upstream),
        secrets: Arc::clone(&secrets),
        tasks: lifecycle.tasks().clone(),
        clock: now_ms,
        random,
        reads_on: Duration::from_millis(config.limits.create_reads_on_ms),
        quiet_ms: i64::try_from(config.limits.create_quiet_ms).unwrap_or(i64::MAX),
        most: config.limits.creates_under_way,
        pos_per_minute: config.limits.pos_creates_per_minute,
        notify_base: config.notify.public_url.as_ref().map(ToString::to_string),
        first_look_ms: i64::try_from(config.notify.poll_every_seconds * 1000).unwrap_or(i64::MAX),
    });
    Walk {
        pairing: PairingDesk::new(ledger.clone(), Arc::clone(&directory), Arc::clone(&secrets), random),
        ledger,
        directory,
        secrets,
        upstream,
        creates,
        rates: RateCache::default(),
        rate_source: RateSource::new(config.rates.clone()),
        metrics,
        strangers,
        nudges: ends.nudges,
        journal: ends.journal,
        clock: now_ms,
        random,
        limits: Limits {
            body_bytes: config.limits.body_bytes,
            answer_within: Duration::from_millis(config.limits.answer_deadline_ms),
            answer_within_short: Duration::from_millis(config.limits.answer_deadline_short_ms),
            url_ports: config.shop.url_ports.clone(),
        },
    }
}
