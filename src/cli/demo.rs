//! `payferry demo`: one purchase of a legacy shop, all on this machine, nothing kept.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use tokio::net::TcpListener;

use super::demo_shop::DemoShop;
use crate::adoption::{NewCredential, Origin, add};
use crate::app::{self, Addresses, Rooms, now_ms, random};
use crate::config::Config;
use crate::ledger::{CredentialKind, Facade, Overrides, Store};
use crate::lifecycle::{Lifecycle, Signals};
use crate::pairing::new_code;
use crate::sandbox::{Options, Sandbox, StoreOptions};
use crate::secrets::MasterSecret;
use crate::telemetry::init_logging;

const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const CALL_WITHIN: Duration = Duration::from_secs(10);
const STORE: &str = "demo";

/// What `demo` asks.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Stop after the purchase instead of waiting for Ctrl-C.
    #[arg(long)]
    once: bool,
    /// Write addresses, a pairing code, a POS token and an API key as JSON, in one piece, when all is ready.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where plain HTTP listens; a free port of its own without it.
    #[arg(long, value_name = "ADDRESS", default_value_t = LOOPBACK)]
    http_listen: SocketAddr,
    /// Where TLS listens; a free port of its own without it.
    #[arg(long, value_name = "ADDRESS", default_value_t = LOOPBACK)]
    https_listen: SocketAddr,
    /// Write payferry's log (request lines, divergences) to standard error.
    #[arg(long)]
    log: bool,
}

/// The sandbox's surroundings: real clock, real randomness.
pub(super) fn sandbox_options() -> Options {
    Options { clock: Arc::new(now_ms), random: Arc::new(random), ..Options::default() }
}

pub(super) async fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    let lifecycle = Lifecycle::new();
    let signals = Signals::install()?;
    let folder = tempfile::Builder::new().prefix("payferry-demo-").tempdir()?;
    if args.log {
        init_logging(crate::config::LogFormat::Json, "info")?;
    }
    println!("Starting a look-alike of BTCPay Server and payferry ...");
    let (sandbox, sandbox_url, owner_url) = start_sandbox(&lifecycle).await?;
    let config_file = write_config(folder.path(), &args, &sandbox_url)?;
    let config = Config::load(Some(&config_file), Vec::new())?;
    let store = prepare(&config, &sandbox).await?;
    let addresses = app::start(&config, &lifecycle).await?;
    let rooms = Rooms::open(&config).await?;
    let code = |label: &str| {
        let (ledger, store, label) = (rooms.ledger.clone(), store.clone(), label.to_owned());
        async move { new_code(&ledger, &store, Facade::Merchant, Some(label), now_ms(), random).await }
    };
    let first = code("demo shop").await?;
    sandbox.faults().forget_requests();
    let http = addresses.http.context("the demo listens on HTTP")?;
    purchase(&sandbox, http, &first).await?;
    if args.once {
        lifecycle.drain();
    } else {
        let pos_code = new_code(&rooms.ledger, &store, Facade::Pos, None, now_ms(), random).await?;
        let demo_store = DemoStore {
            name: STORE,
            pairing_code: code("your shop").await?,
            pos_token: DemoShop::pos_token(http, new_secret(), &pos_code).await?,
            v1_api_key: api_key(&rooms, &store).await?,
        };
        let ready = Ready { addresses, sandbox_url, owner_url, config_file, store: demo_store };
        ready.print();
        if let Some(file) = &args.json {
            ready.write(file)?;
        }
    }
    let outcome = lifecycle.run(signals, Duration::from_secs(5)).await;
    drop(folder);
    Ok(outcome.exit_code().into())
}

/// The look-alike, its address, and that of its owner's page, where payments are made.
async fn start_sandbox(lifecycle: &Lifecycle) -> anyhow::Result<(Sandbox, String, String)> {
    let (api, owner) = (TcpListener::bind(LOOPBACK).await?, TcpListener::bind(LOOPBACK).await?);
    let (api_url, owner_url) =
        (format!("http://{}", api.local_addr()?), format!("http://{}", owner.local_addr()?));
    let sandbox = Sandbox::new(sandbox_options());
    lifecycle.spawn("sandbox", sandbox.clone().serve(api, lifecycle.soft().clone()));
    lifecycle.spawn("owner", sandbox.clone().serve_owner(owner, lifecycle.soft().clone()));
    Ok((sandbox, api_url, owner_url))
}

fn write_config(folder: &Path, args: &DemoArgs, sandbox_url: &str) -> anyhow::Result<PathBuf> {
    // The sandbox must know where to notify before payferry listens there.
    let notify = std::net::TcpListener::bind(LOOPBACK)?.local_addr()?;
    super::ca::issue(&folder.join("tls"), &["127.0.0.1".to_owned(), "localhost".to_owned()])?;
    MasterSecret::create(&folder.join("master.secret"), new_secret())?;
    let text = format!(
        "[shop]\nhttp = \"{}\"\nhttps = \"{}\"\n\
         certificate_file = \"tls/certificate.pem\"\nkey_file = \"tls/key.pem\"\n\n\
         [admin]\nlisten = \"127.0.0.1:0\"\n\n\
         [btcpay.sandbox]\npublic_url = \"{sandbox_url}\"\n\n\
         [notify]\nlisten = \"{notify}\"\npublic_url = \"http://{notify}\"\ncomplete_after_seconds = 10\n\
         allow_private = [\"127.0.0.0/8\", \"::1/128\"]\n\n\
         [ledger]\npath = \"ledger.sqlite3\"\n\n\
         [secrets]\nmaster_secret_file = \"master.secret\"\n",
        args.http_listen, args.https_listen
    );
    let file = folder.join("payferry.toml");
    fs::write(&file, text)?;
    Ok(file)
}

/// The operator's part: a store at BTCPay, the same store at payferry, paired by a code.
async fn prepare(config: &Config, sandbox: &Sandbox) -> anyhow::Result<Store> {
    let owner = sandbox.owner();
    let upstream_store =
        owner.create_store(StoreOptions { name: STORE.to_owned(), ..StoreOptions::default() });
    let upstream_code = owner.new_pairing_code(&upstream_store, "payferry")?;
    let rooms = Rooms::open(config).await?;
    let mut id = [0; 16];
    random(&mut id);
    let id = hex::encode(id);
    rooms.ledger.add_store(&id, STORE, "sandbox", now_ms()).await?;
    let store = super::store::find(&rooms.ledger, STORE).await?;
    rooms.upstream.pair(&store, Some(&upstream_code), CALL_WITHIN).await?;
    rooms.ledger.set_store_paired(&id, None, now_ms()).await?;
    rooms.ledger.close().await;
    Ok(store)
}

/// A key such as BitPay's first shops had.
async fn api_key(rooms: &Rooms, store: &Store) -> anyhow::Result<String> {
    let new = NewCredential {
        kind: CredentialKind::V1Key,
        facade: Facade::Merchant,
        sin: None,
        text: None,
        overrides: Overrides::default(),
    };
    let origin = Origin { ledger: &rooms.ledger, secrets: &rooms.secrets, now_ms: now_ms(), random };
    let (_, key) = add(origin, store, new).await?;
    key.context("a new key")
}

/// A shop that was written for bitpay.com buys; each step shows what it sent, what BTCPay was sent, what it got.
async fn purchase(sandbox: &Sandbox, payferry: SocketAddr, code: &str) -> anyhow::Result<()> {
    let journal = sandbox.clone();
    let shop = DemoShop::new(payferry, new_secret(), Box::new(move || show_upstream(&journal)))?;
    println!("\n== 1. The shop pairs: it enters the code that the operator gave it");
    let token = shop.pair(code).await?;
    println!("\n== 2. The shop makes an invoice, signed with its own key");
    let invoice = shop.create(&token).await?;
    println!("\n== 3. The shop reads it, signed");
    shop.read(&invoice, Some(&token)).await?;
    println!("\n== 4. Another part of the shop reads it without any credential: no buyer data, no token");
    shop.read(&invoice, None).await?;
    Ok(())
}

fn new_secret() -> [u8; 32] {
    let mut secret = [0; 32];
    random(&mut secret);
    secret
}

fn show_upstream(sandbox: &Sandbox) {
    let sent = sandbox.faults().requests();
    sandbox.faults().forget_requests();
    if sent.is_empty() {
        println!("  BTCPay  was sent nothing: pairing is payferry's own affair");
    }
    for request in sent {
        let signed =
            if request.header("x-signature").is_some() { "   (signed with the store's key)" } else { "" };
        println!("  BTCPay  was sent {} {}{signed}", request.method, request.target);
        if !request.body.is_empty() {
            println!("          {}", super::demo_shop::shorten(&String::from_utf8_lossy(&request.body)));
        }
    }
}

struct Ready {
    addresses: Addresses,
    sandbox_url: String,
    owner_url: String,
    config_file: PathBuf,
    store: DemoStore,
}

/// What a shop of your own can begin with; one member for each kind of credential that payferry gives out.
#[derive(Serialize)]
struct DemoStore {
    name: &'static str,
    /// Works once.
    pairing_code: String,
    /// Works at once.
    pos_token: String,
    /// Works at once, under `/api` and as Basic on `/invoices`.
    v1_api_key: String,
}

impl Ready {
    fn print(&self) {
        let folder = self.config_file.parent().unwrap_or(Path::new(".")).display();
        println!("\n== Your turn: point a shop of your own at it (Ctrl-C ends it and keeps nothing)");
        if let (Some(http), Some(https)) = (self.addresses.http, self.addresses.https) {
            println!("  shop over http    http://{http}");
            println!("  shop over https   https://{https}   (trust {folder}/tls/ca.pem)");
        }
        println!(
            "  pairing code      {}   (works once; more: payferry --config {folder}/payferry.toml pairing new {STORE})",
            self.store.pairing_code
        );
        println!("  POS token         {}   (creates and public reads, no signature)", self.store.pos_token);
        println!("  v1 API key        {}   (POST /api/invoice with Basic)", self.store.v1_api_key);
        println!("  metrics           http://{}/metrics", self.addresses.admin);
        println!("  BTCPay look-alike {}", self.sandbox_url);
        println!(
            "  pay an invoice    {}   (its owner's page; or: payferry sandbox pay INVOICE --sandbox {0})",
            self.owner_url
        );
    }

    fn write(&self, file: &Path) -> anyhow::Result<()> {
        let url = |scheme: &str, address: Option<SocketAddr>| {
            address.map(|address| format!("{scheme}://{address}"))
        };
        let folder = self.config_file.parent().unwrap_or(Path::new("."));
        let ready = serde_json::json!({
            "shop": { "http": url("http", self.addresses.http), "https": url("https", self.addresses.https) },
            "ca_file": folder.join("tls/ca.pem"),
            "config_file": self.config_file,
            "admin": format!("http://{}", self.addresses.admin),
            "sandbox": self.sandbox_url,
            "owner": self.owner_url,
            "stores": [&self.store],
        });
        let beside = file.with_extension("tmp");
        fs::write(&beside, ready.to_string()).with_context(|| format!("{}", beside.display()))?;
        fs::rename(&beside, file).with_context(|| format!("{}", file.display()))
    }
}
