//! One payferry before as many BTCPays as there are lives.

use std::fmt::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use payferry::app::{Rooms, now_ms, random};
use payferry::contract::Era;
use payferry::ledger::{Facade, Ledger, Overrides, Store};
use payferry::lifecycle::Lifecycle;
use payferry::pairing::new_code;
use payferry::sandbox::{Options, Sandbox};
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::cast::Role;
use crate::life::Life;
use crate::recorded_life::{self, Heading};
use crate::support::process::free_address;
use crate::support::{Shop, Stage, until};

const HOUR: &str = "invalid_after_seconds = 3600";
const PASSED: &str = "invalid_after_seconds = 1";

/// A BTCPay with a clock that the test sets.
#[derive(Clone)]
pub struct Btcpay {
    /// What payferry calls it, and the store there.
    name: String,
    /// The store's id in the ledger.
    pub store_id: String,
    pub sandbox: Sandbox,
    pub clock: Arc<AtomicI64>,
    pub address: SocketAddr,
}

/// All that a life needs.
pub struct Scene {
    pub role: Role,
    pub btcpay: Btcpay,
    /// One of no particular era, and one that reads as BitPay wrote from 2021 on.
    pub shops: [Shop; 2],
    pub ledger: Arc<Ledger>,
    /// The same ledger, for what no command asks.
    pub reads: SqlitePool,
}

/// payferry and the BTCPays behind it.
pub struct House {
    stage: Option<Stage>,
    cast: Vec<(Role, Btcpay)>,
    notify: SocketAddr,
}

impl Btcpay {
    async fn open(name: String, heading: &Heading) -> Self {
        let clock = Arc::new(AtomicI64::new(heading.start));
        let hand = Arc::clone(&clock);
        let options = Options { clock: Arc::new(move || hand.load(Ordering::SeqCst)), ..Options::default() };
        let sandbox = Sandbox::new(options);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(sandbox.clone().serve(listener, CancellationToken::new()));
        sandbox.owner().set_fee_rate(&heading.fee_rate);
        sandbox.owner().set_lag(heading.lag_ms.unwrap_or_default());
        Self { store_id: format!("id-of-{name}"), name, sandbox, clock, address }
    }
}

impl House {
    /// Starts everything; each life has a store of its own at a BTCPay of its own.
    pub async fn open(roles: Vec<Role>) -> Self {
        let (notify, mut cast) = (free_address(), Vec::new());
        let mut settings = format!(
            "[notify]\nlisten = \"{notify}\"\npublic_url = \"http://{notify}\"\n\
             allow_private = [\"127.0.0.0/8\"]\ndelay_after_create_ms = 0\ncomplete_after_seconds = 1\n\
             {HOUR}\npoll_every_seconds = 3600\nreads_per_second = 10000\ndeliveries_per_shop = 8\n"
        );
        for (number, role) in roles.into_iter().enumerate() {
            let btcpay = Btcpay::open(format!("life-{number}"), &role.heading).await;
            let Btcpay { name, address, .. } = &btcpay;
            write!(settings, "[btcpay.{name}]\npublic_url = \"http://{address}\"\n").unwrap();
            cast.push((role, btcpay));
        }
        let stage = Stage::without_payferry(&settings, &free_address().to_string()).await;
        let rooms = Rooms::open(&stage.config()).await.unwrap();
        for (role, Btcpay { name, store_id, .. }) in &cast {
            rooms.ledger.add_store(store_id, name, name, now_ms()).await.unwrap();
            rooms.ledger.set_store(store_id, role.settlement, None).await.unwrap();
        }
        let stores = rooms.ledger.stores().await.unwrap();
        for (role, btcpay) in &cast {
            let owner = btcpay.sandbox.owner();
            let upstream = owner.create_store(recorded_life::store(&role.heading));
            let code = owner.new_pairing_code(&upstream, "payferry").unwrap();
            let store = stores.iter().find(|store| store.id == btcpay.store_id).unwrap();
            rooms.upstream.pair(store, Some(&code), Duration::from_secs(20)).await.unwrap();
            rooms.ledger.set_store_paired(&store.id, None, now_ms()).await.unwrap();
        }
        rooms.ledger.close().await;
        Self { stage: Some(stage.with_payferry().await), cast, notify }
    }

    /// All that each life needs.
    pub async fn scenes(&mut self) -> Vec<Scene> {
        let (stage, ledger) = (self.stage(), Arc::new(self.stage().ledger().await));
        let mut shops = Vec::new();
        let stores = ledger.stores().await.unwrap();
        for (number, (_, btcpay)) in (1..).zip(&self.cast) {
            let store = stores.iter().find(|store| store.id == btcpay.store_id).unwrap();
            shops.push([
                shop(stage, &ledger, store, [number, 1]).await,
                shop(stage, &ledger, store, [number, 2]).await,
            ]);
        }
        fix_era(&ledger, &shops).await;
        let options = SqliteConnectOptions::new().filename(stage.config().ledger.path).read_only(true);
        let reads = SqlitePool::connect_with(options).await.unwrap();
        let scene = |((role, btcpay), shops)| {
            let (ledger, reads) = (Arc::clone(&ledger), reads.clone());
            Scene { role, btcpay, shops, ledger, reads }
        };
        self.cast.drain(..).zip(shops).map(scene).collect()
    }

    pub fn stage(&self) -> &Stage {
        self.stage.as_ref().unwrap()
    }

    /// payferry is started again, and a vanished payment has had its time.
    pub async fn let_an_hour_pass(&mut self) {
        let mut stage = self.stage.take().unwrap();
        let addresses = [stage.payferry(), self.notify, stage.config().admin.listen];
        stage.lifecycle.drain();
        stage.lifecycle.cut();
        until("payferry is gone", || addresses.iter().all(|at| TcpStream::connect(at).is_err())).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let text = std::fs::read_to_string(&stage.config_file).unwrap();
        std::fs::write(&stage.config_file, text.replace(HOUR, PASSED)).unwrap();
        stage.lifecycle = Lifecycle::new();
        self.stage = Some(stage.with_payferry().await);
    }
}

/// A shop with a key of its own that entered a code for the store.
async fn shop(stage: &Stage, ledger: &Ledger, store: &Store, key: [u8; 2]) -> Shop {
    let mut shop = Shop::new(stage.payferry(), [key; 16].concat().try_into().unwrap());
    let code = new_code(ledger, store, Facade::Merchant, None, now_ms(), random).await.unwrap();
    shop.pair(&code).await;
    shop
}

/// The operator fixes the second shops' era; payferry hears of it within a moment.
async fn fix_era(ledger: &Ledger, shops: &[[Shop; 2]]) {
    let newer: Vec<String> = shops.iter().map(|[_, newer]| newer.sin()).collect();
    for credential in ledger.credentials().await.unwrap() {
        if credential.sin.as_ref().is_some_and(|sin| newer.iter().any(|its| its == sin.as_str())) {
            let overrides = Overrides { era: Some(Era::Y2021), ..credential.overrides.clone() };
            assert!(ledger.fix_credential(&credential.id, overrides).await.unwrap());
        }
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
}

/// What was heard, for the webhook models of real libraries.
pub fn keep_bodies(lives: &[Life]) {
    let bodies: Vec<String> = lives.iter().flat_map(Life::bodies).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/heard");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("lives.jsonl"), bodies.join("\n") + "\n").unwrap();
}
