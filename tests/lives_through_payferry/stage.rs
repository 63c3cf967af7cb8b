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
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::life::Life;
use crate::recorded_life::{self, Heading};
use crate::support::process::free_address;
use crate::support::{Shop, Stage, until};
use crate::told::{self, Story};

const HOUR: &str = "invalid_after_seconds = 3600";
const PASSED: &str = "invalid_after_seconds = 1";

/// What one life is: its name, what was recorded, what a shop hears of it.
pub struct Role {
    pub id: String,
    pub heading: Heading,
    pub steps: Vec<Value>,
    pub readings: Vec<(i64, String)>,
    pub story: Arc<Story>,
    pub is_low: bool,
}

/// A BTCPay with a clock that the test sets.
#[derive(Clone)]
pub struct Btcpay {
    pub sandbox: Sandbox,
    pub clock: Arc<AtomicI64>,
    address: SocketAddr,
}

/// payferry and the BTCPays behind it.
pub struct House {
    stage: Option<Stage>,
    cast: Vec<(Role, Btcpay)>,
    notify: SocketAddr,
}

/// All lives that a shop behind payferry can have.
pub fn cast() -> Vec<Role> {
    let mut recordings: Vec<_> = recorded_life::lives().into_iter().map(Some).collect();
    let mut lives = told::lives();
    let mut cast = Vec::new();
    for story in told::told().life.into_iter().map(Arc::new) {
        for id in &story.lives {
            let name = format!("life-{}", id.rsplit('/').next().unwrap());
            let its = |one: &&mut Option<(Heading, _)>| one.as_ref().is_some_and(|(it, _)| it.id == name);
            let (heading, steps) = recordings.iter_mut().find(its).and_then(Option::take).expect(id);
            let life = lives.remove(id).unwrap();
            let readings = life.readings.into_iter().map(|reading| (reading.t, reading.is)).collect();
            let is_low = life.speed.as_deref() == Some("low");
            cast.push(Role { id: id.clone(), heading, steps, readings, story: Arc::clone(&story), is_low });
        }
    }
    cast
}

impl Btcpay {
    async fn open(heading: &Heading) -> Self {
        let clock = Arc::new(AtomicI64::new(heading.start));
        let hand = Arc::clone(&clock);
        let options = Options { clock: Arc::new(move || hand.load(Ordering::SeqCst)), ..Options::default() };
        let sandbox = Sandbox::new(options);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(sandbox.clone().serve(listener, CancellationToken::new()));
        sandbox.owner().set_fee_rate(&heading.fee_rate);
        sandbox.owner().set_lag(heading.lag_ms.unwrap_or_default());
        Self { sandbox, clock, address }
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
            let btcpay = Btcpay::open(&role.heading).await;
            let url = format!("http://{}", btcpay.address);
            write!(settings, "[btcpay.life-{number}]\npublic_url = \"{url}\"\n").unwrap();
            cast.push((role, btcpay));
        }
        let stage = Stage::without_payferry(&settings, &free_address().to_string()).await;
        let rooms = Rooms::open(&stage.config()).await.unwrap();
        for (number, (role, btcpay)) in cast.iter().enumerate() {
            let (name, id) = (format!("life-{number}"), format!("id-of-life-{number}"));
            rooms.ledger.add_store(&id, &name, &name, now_ms()).await.unwrap();
            let owner = btcpay.sandbox.owner();
            let upstream = owner.create_store(recorded_life::store(&role.heading));
            let code = owner.new_pairing_code(&upstream, "payferry").unwrap();
            let store = store(&rooms.ledger, &name).await;
            rooms.upstream.pair(&store, Some(&code), Duration::from_secs(20)).await.unwrap();
            rooms.ledger.set_store_paired(&id, None, now_ms()).await.unwrap();
        }
        rooms.ledger.close().await;
        Self { stage: Some(stage.with_payferry().await), cast, notify }
    }

    /// The lives, each with a shop of no particular era and one that reads as BitPay wrote from 2021 on.
    pub async fn lives(&mut self) -> Vec<Life> {
        let stage = self.stage.as_ref().unwrap();
        let ledger = Arc::new(stage.ledger().await);
        let mut shops = Vec::new();
        for number in 0..self.cast.len() {
            let store = store(&ledger, &format!("life-{number}")).await;
            let number = u8::try_from(number + 1).unwrap();
            shops.push([
                shop(stage, &ledger, &store, [number, 1]).await,
                shop(stage, &ledger, &store, [number, 2]).await,
            ]);
        }
        fix_era(&ledger, &shops).await;
        let mut lives = Vec::new();
        for ((role, btcpay), shops) in self.cast.drain(..).zip(shops) {
            lives.push(Life::begin(role, btcpay, shops, Arc::clone(&ledger)).await);
        }
        lives
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

async fn store(ledger: &Ledger, name: &str) -> Store {
    let stores = ledger.stores().await.unwrap();
    stores.into_iter().find(|store| store.name == name).expect("the store was added")
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
