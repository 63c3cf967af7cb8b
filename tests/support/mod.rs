//! The stage of every story: a sandbox in BTCPay's place, payferry in front of it, shops that know
//! only BitPay's API.
#![allow(dead_code, reason = "no story needs all of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

pub mod command;
pub mod listening;
pub mod notifying;
pub mod process;
pub mod shop;
pub mod small_disk;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use payferry::app::{self, Rooms, now_ms, random};
use payferry::config::Config;
use payferry::json::Value;
use payferry::ledger::{Facade, Ledger, Store};
use payferry::lifecycle::Lifecycle;
use payferry::pairing::{approve, new_code};
use payferry::sandbox::{Invoice, Options, Received, Sandbox, StoreOptions};
use payferry::secrets::MasterSecret;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[allow(unused_imports, reason = "no story needs all of it")]
pub use self::shop::{Answer, Shop};

/// Sandbox, folder with configuration, secret and ledger; payferry itself once it was started.
pub struct Stage {
    folder: TempDir,
    pub sandbox: Sandbox,
    pub btcpay: SocketAddr,
    closing: CancellationToken,
    pub lifecycle: Lifecycle,
    pub config_file: PathBuf,
    shops: AtomicU8,
    payferry: Option<SocketAddr>,
    admin: Option<SocketAddr>,
}

impl Stage {
    /// Sandbox and payferry, with the store "main" paired.
    pub async fn set() -> Self {
        Self::set_with("").await
    }

    /// The same with more lines in payferry.toml.
    pub async fn set_with(settings: &str) -> Self {
        Self::without_payferry(settings, "127.0.0.1:0").await.with_payferry().await
    }

    /// The same with the ledger in a folder of its own.
    pub async fn set_with_ledger_in(folder: &Path) -> Self {
        Self::prepare(Some(folder), "", "127.0.0.1:0").await.with_payferry().await
    }

    /// The same with more lines in payferry.toml.
    pub async fn set_with_ledger_and(folder: &Path, settings: &str) -> Self {
        Self::prepare(Some(folder), settings, "127.0.0.1:0").await.with_payferry().await
    }

    /// All but payferry, for stories in which it is a process of its own at `http`.
    pub async fn without_payferry(settings: &str, http: &str) -> Self {
        Self::prepare(None, settings, http).await
    }

    /// payferry starts on what was prepared.
    pub async fn with_payferry(mut self) -> Self {
        let addresses = app::start(&self.config(), &self.lifecycle).await.unwrap();
        (self.payferry, self.admin) = (addresses.http, Some(addresses.admin));
        self
    }

    async fn prepare(ledger: Option<&Path>, settings: &str, http: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let btcpay = listener.local_addr().unwrap();
        let (sandbox, closing) = (Sandbox::new(Options::default()), CancellationToken::new());
        tokio::spawn(sandbox.clone().serve(listener, closing.clone()));
        let folder = tempfile::tempdir().unwrap();
        MasterSecret::create(&folder.path().join("master.secret"), [7; 32]).unwrap();
        // A process of its own must be found again, so its ports are chosen here.
        let admin =
            if http.ends_with(":0") { "127.0.0.1:0".parse().unwrap() } else { process::free_address() };
        let ledger = ledger.unwrap_or(folder.path()).join("ledger.sqlite3");
        let text = format!(
            "[shop]\nhttp = \"{http}\"\n[admin]\nlisten = \"{admin}\"\n\
             [btcpay.sandbox]\npublic_url = \"http://{btcpay}\"\n\
             [ledger]\npath = \"{}\"\n[secrets]\nmaster_secret_file = \"master.secret\"\n{settings}\n",
            ledger.display()
        );
        let config_file = folder.path().join("payferry.toml");
        std::fs::write(&config_file, text).unwrap();
        let payferry = http.parse().ok();
        let (lifecycle, shops) = (Lifecycle::new(), AtomicU8::new(1));
        let stage = Self {
            folder,
            sandbox,
            btcpay,
            closing,
            lifecycle,
            config_file,
            shops,
            payferry,
            admin: Some(admin),
        };
        stage.add_store("main").await;
        stage
    }

    pub fn config(&self) -> Config {
        Config::load(Some(&self.config_file), Vec::new()).unwrap()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where shops find payferry.
    pub fn payferry(&self) -> SocketAddr {
        self.payferry.expect("payferry listens on HTTP")
    }

    /// What `/metrics` of the payferry in this process says.
    pub async fn metrics(&self) -> String {
        let shop = Shop::new(self.admin.expect("payferry was started"), [1; 32]);
        shop.send(http::Method::GET, "/metrics", "", false).await.text
    }

    /// Durable commits of the payferry of this story so far.
    pub async fn commits(&self) -> usize {
        let metrics = self.metrics().await;
        let line = metrics.lines().find_map(|line| line.strip_prefix("payferry_ledger_commits_total "));
        line.and_then(|count| count.parse().ok()).unwrap_or_default()
    }

    /// What is still to pay of an invoice, in bitcoin.
    pub fn due(&self, id: &str) -> String {
        let due = self.invoices().iter().find(|invoice| invoice.id == id).expect("BTCPay has it").due();
        format!("{}.{:08}", due / 100_000_000, due % 100_000_000)
    }

    pub async fn ledger(&self) -> Ledger {
        Ledger::open(&self.config().ledger.path).await.unwrap()
    }

    /// The operator names a store and pairs it with a new store at BTCPay.
    pub async fn add_store(&self, name: &str) {
        let owner = self.sandbox.owner();
        let upstream = owner.create_store(StoreOptions { name: name.to_owned(), ..StoreOptions::default() });
        let code = owner.new_pairing_code(&upstream, "payferry").unwrap();
        let rooms = Rooms::open(&self.config()).await.unwrap();
        rooms.ledger.add_store(&format!("id-of-{name}"), name, "sandbox", now_ms()).await.unwrap();
        let store = store(&rooms.ledger, name).await;
        rooms.upstream.pair(&store, Some(&code), Duration::from_secs(5)).await.unwrap();
        rooms.ledger.set_store_paired(&store.id, None, now_ms()).await.unwrap();
        rooms.ledger.close().await;
        self.sandbox.faults().forget_requests();
    }

    /// BTCPay's token of a store's key, which its owner sees on the page of access tokens.
    pub async fn token_at_btcpay(&self, store: &Store) -> String {
        let rooms = Rooms::open(&self.config()).await.unwrap();
        let answer = rooms.upstream.tokens(store, Duration::from_secs(5)).await.unwrap();
        rooms.ledger.close().await;
        let token = answer.get("data").and_then(Value::as_array).and_then(<[Value]>::first).unwrap();
        token.get("merchant").and_then(Value::as_str).unwrap().to_owned()
    }

    /// The operator makes a code for a shop.
    pub async fn code_for(&self, name: &str, facade: Facade) -> String {
        let ledger = self.ledger().await;
        let store = store(&ledger, name).await;
        let code = new_code(&ledger, &store, facade, None, now_ms(), random).await.unwrap();
        ledger.close().await;
        code
    }

    /// The operator approves a code that a shop asked for.
    pub async fn approve(&self, code: &str, name: &str) {
        let rooms = Rooms::open(&self.config()).await.unwrap();
        let store = store(&rooms.ledger, name).await;
        approve(&rooms.ledger, &rooms.secrets, code, &store, now_ms()).await.unwrap();
        rooms.ledger.close().await;
    }

    /// A shop with a key of its own that no store knows yet.
    pub fn shop(&self) -> Shop {
        let number = self.shops.fetch_add(1, Ordering::Relaxed);
        Shop::new(self.payferry(), [number; 32])
    }

    /// A shop that entered a code for the store "main".
    pub async fn paired_shop(&self) -> Shop {
        self.shop_paired_with("main").await
    }

    pub async fn shop_paired_with(&self, name: &str) -> Shop {
        let mut shop = self.shop();
        shop.pair(&self.code_for(name, Facade::Merchant).await).await;
        shop
    }

    /// What BTCPay was asked to make.
    pub fn creates_upstream(&self) -> Vec<Received> {
        let mut sent = self.sandbox.faults().requests();
        sent.retain(|request| request.method == "POST" && request.target.starts_with("/invoices"));
        sent
    }

    /// What BTCPay has.
    pub fn invoices(&self) -> Vec<Invoice> {
        self.sandbox.owner().invoices()
    }

    /// BTCPay's port is closed, and every connection to it with it.
    pub async fn close_btcpay(&self) {
        self.closing.cancel();
        until("BTCPay's port is closed", || std::net::TcpStream::connect(self.btcpay).is_err()).await;
    }

    /// BTCPay listens again where it did.
    pub async fn open_btcpay(&self) {
        let listener = TcpListener::bind(self.btcpay).await.unwrap();
        tokio::spawn(self.sandbox.clone().serve(listener, CancellationToken::new()));
    }
}

async fn store(ledger: &Ledger, name: &str) -> Store {
    let stores = ledger.stores().await.unwrap();
    stores.into_iter().find(|store| store.name == name).expect("the store was added")
}

/// Waits up to ten seconds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(10), "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The same for a question that has to be asked.
pub async fn until_async<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < Duration::from_secs(15), "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
