//! payferry's own look-alike of BTCPay Server 2.4.1, as far as its BitPay API goes.
//!
//! For tests, for the demo and for trying a shop offline. It computes its answers;
//! `tests/sandbox_recordings.rs` holds them against recordings of a real server.
//! Payments and blocks are only what [`Owner`] says: there is no chain behind it but a
//! list of transactions. Notifications are sent as BTCPay sends them.

mod accounting;
mod answer;
mod auth;
mod bulk;
mod call;
mod chain;
mod checkout;
mod create;
mod dates;
mod decimal;
mod deliver;
mod event;
mod faults;
mod ids;
mod invoice;
mod lenient;
mod list;
mod machine;
mod notification;
mod owner;
mod owner_money;
mod owner_page;
mod posdata;
mod post;
mod price;
mod rates;
mod read;
mod render;
mod request;
mod routes;
mod server;
mod store;
mod tokens;
mod watch;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use bulk::Bulk;
pub use decimal::Decimal;
pub use faults::{Fault, Faults, Matching, Outage, Received};
pub use ids::Random;
pub use invoice::{Invoice, Method, NetworkFee, Payment, Speed, Status};
pub use owner::{Owner, OwnerError, Words};
pub use owner_money::{Mark, Replacement};
use post::Post;
pub use store::{PairingCode, PairingError, StoreOptions};

/// Epoch milliseconds.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What a sandbox is made with.
#[derive(Clone)]
pub struct Options {
    /// The time.
    pub clock: Clock,
    /// Where ids, tokens and addresses come from.
    pub random: Random,
    /// Price of one bitcoin: `BTC_USD` and decimal text.
    pub rates: Vec<(String, String)>,
    /// Satoshi per byte, as number text.
    pub fee_rate: String,
    /// Pause before a notification is tried again, in milliseconds of the clock.
    pub notification_retry_ms: i64,
    /// How long a notification may go unanswered, in milliseconds of the clock.
    pub notification_timeout_ms: i64,
}

impl Options {
    /// The same with a clock that runs so many times faster from now on: invoices expire, and failed
    /// notifications come again, so much sooner.
    #[must_use]
    pub fn faster(self, times: u32) -> Self {
        let (clock, start) = (Arc::clone(&self.clock), (self.clock)());
        let fast = move || start + ((clock)() - start).saturating_mul(i64::from(times));
        Self { clock: Arc::new(fast), ..self }
    }
}

impl Default for Options {
    /// The clock and the randomness of the machine, 50000 USD and 40000 EUR.
    fn default() -> Self {
        let clock = || {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        };
        // A machine without randomness gives zeros: nothing in a sandbox is worth guessing.
        let random = |bytes: &mut [u8]| {
            let _ = getrandom::fill(bytes);
        };
        Self {
            clock: Arc::new(clock),
            random: Arc::new(random),
            rates: vec![
                ("BTC_USD".to_owned(), "50000".to_owned()),
                ("BTC_EUR".to_owned(), "40000".to_owned()),
            ],
            fee_rate: "20.001".to_owned(),
            notification_retry_ms: 600_000,
            notification_timeout_ms: 60_000,
        }
    }
}

/// What all parts of a sandbox share.
#[derive(Clone)]
struct Room(Arc<Shared>);

struct Shared {
    options: Options,
    state: Mutex<store::State>,
    faults: Faults,
    post: Post,
    /// Where the API listens.
    api: OnceLock<SocketAddr>,
}

impl Room {
    /// Scheme and host for what is made without a request.
    fn root(&self) -> String {
        self.0.api.get().map_or_else(|| "http://localhost".to_owned(), |address| format!("http://{address}"))
    }

    fn state(&self) -> MutexGuard<'_, store::State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> i64 {
        (self.0.options.clock)()
    }

    fn random(&self) -> &Random {
        &self.0.options.random
    }

    fn rates(&self) -> &[(String, String)] {
        &self.0.options.rates
    }

    /// Satoshi per byte now.
    fn fee_rate(&self) -> String {
        self.state().fee_rate.clone().unwrap_or_else(|| self.0.options.fee_rate.clone())
    }

    fn options(&self) -> &Options {
        &self.0.options
    }

    fn post(&self) -> &Post {
        &self.0.post
    }

    fn faults(&self) -> &Faults {
        &self.0.faults
    }

    fn around(&self, now_ms: i64) -> render::Around<'_> {
        render::Around { now_ms, random: self.random() }
    }
}

/// A look-alike of BTCPay Server; clones share everything.
#[derive(Clone)]
pub struct Sandbox(Room);

impl Sandbox {
    /// An empty one: no stores yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let shared = Shared {
            options,
            state: Mutex::default(),
            faults: Faults::default(),
            post: Post::default(),
            api: OnceLock::new(),
        };
        Self(Room(Arc::new(shared)))
    }

    /// The owner's hand.
    #[must_use]
    pub fn owner(&self) -> Owner {
        Owner(self.0.clone())
    }

    /// Misbehaviour and journal of the API's port.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.0.faults().clone()
    }

    /// The BitPay API and the notifications, until `stop`.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) {
        let room = self.0;
        if let Ok(address) = listener.local_addr() {
            let _ = room.0.api.set(address);
        }
        let (api, ends) = (room.clone(), stop.clone());
        let serving =
            server::serve(listener, ends, move |request, budget| server::api(api.clone(), request, budget));
        tokio::join!(serving, post::run(room, stop));
    }

    /// The owner's page and calls, until `stop`. No login: loopback only.
    pub async fn serve_owner(self, listener: TcpListener, stop: CancellationToken) {
        let owner = self.owner();
        server::serve(listener, stop, move |request, _| owner_page::answer(owner.clone(), request)).await;
    }
}

/// Serves a sandbox with one store, so that a shop can be paired at once, until `stop`.
/// `ready` learns the two addresses (API, owner) and the store's id.
///
/// # Errors
/// Where an address cannot be bound.
pub async fn run(
    api: SocketAddr,
    owner: SocketAddr,
    stop: CancellationToken,
    ready: impl FnOnce(SocketAddr, SocketAddr, &str),
) -> io::Result<()> {
    let sandbox = Sandbox::new(Options::default());
    let store = sandbox.owner().create_store(StoreOptions::default());
    let (api, owner) = (TcpListener::bind(api).await?, TcpListener::bind(owner).await?);
    ready(api.local_addr()?, owner.local_addr()?, &store);
    tokio::join!(sandbox.clone().serve(api, stop.clone()), sandbox.serve_owner(owner, stop));
    Ok(())
}
