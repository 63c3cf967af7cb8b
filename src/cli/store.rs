//! `payferry store add|list|pair|test`

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Subcommand;

use crate::app::{Rooms, now_ms, random};
use crate::config::Config;
use crate::json::Value;
use crate::ledger::{Ledger, LedgerError, Store, StoreCredentials};
use crate::walk::understand::Misunderstood;
use crate::walk::upstream::{UpstreamError, api_key_context};

const CALL_WITHIN: Duration = Duration::from_secs(15);
const ASK_EVERY: Duration = Duration::from_secs(2);

/// What can be done with stores.
#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    /// Add a store under a name of your own.
    Add {
        /// Your name for it.
        name: String,
        /// Its BTCPay server in the configuration; not needed where there is one.
        #[arg(long)]
        server: Option<String>,
    },
    /// List the stores.
    List {
        /// For machines: one JSON array.
        #[arg(long)]
        json: bool,
    },
    /// Let BTCPay know payferry's key for the store.
    ///
    /// Without options: prints the link on which the owner approves, and waits.
    Pair {
        /// Name of the store.
        name: String,
        /// A pairing code that the owner made in BTCPay (store settings, access tokens).
        #[arg(long)]
        code: Option<String>,
        /// A file with the store's legacy API key of BTCPay, instead of payferry's key.
        #[arg(long, value_name = "FILE", conflicts_with = "code")]
        api_key_file: Option<PathBuf>,
        /// Give up waiting for the approval after so many seconds.
        #[arg(long, default_value_t = 900)]
        wait: u64,
    },
    /// Ask BTCPay whether it knows the store's key.
    Test {
        /// Name of the store.
        name: String,
    },
}

pub(super) async fn run(config: &Config, command: StoreCommand) -> anyhow::Result<ExitCode> {
    let rooms = Rooms::open(config).await?;
    let done = match command {
        StoreCommand::Add { name, server } => add(config, &rooms, &name, server).await,
        StoreCommand::List { json } => list(&rooms.ledger, json).await,
        StoreCommand::Pair { name, code, api_key_file, wait } => {
            pair(&rooms, &name, code.as_deref(), api_key_file, Duration::from_secs(wait)).await
        }
        StoreCommand::Test { name } => test(&rooms, &name).await,
    };
    rooms.ledger.close().await;
    done.map(|()| ExitCode::SUCCESS)
}

/// The store of that name.
pub(super) async fn find(ledger: &Ledger, name: &str) -> anyhow::Result<Store> {
    let store = ledger.stores().await?.into_iter().find(|store| store.name == name);
    store.with_context(|| format!("no store is called {name}; `payferry store list` shows them"))
}

async fn add(config: &Config, rooms: &Rooms, name: &str, server: Option<String>) -> anyhow::Result<()> {
    let server = match server {
        Some(server) => server,
        None if config.btcpay.len() == 1 => config.btcpay.keys().next().cloned().unwrap_or_default(),
        None => bail!("the configuration names {} BTCPay servers: choose with --server", config.btcpay.len()),
    };
    if !config.btcpay.contains_key(&server) {
        bail!("the configuration has no [btcpay.{server}]");
    }
    let mut id = [0; 16];
    random(&mut id);
    match rooms.ledger.add_store(&hex::encode(id), name, &server, now_ms()).await {
        Err(LedgerError::Conflict(_)) => bail!("a store is called {name} already; see `payferry store list`"),
        added => added.context("the store was not added")?,
    }
    println!("Added {name}. Next: payferry store pair {name}");
    Ok(())
}

async fn list(ledger: &Ledger, json: bool) -> anyhow::Result<()> {
    let stores = ledger.stores().await?;
    if json {
        let row = |store: &Store| serde_json::json!({ "name": store.name, "server": store.server, "paired": store.paired_at.is_some() });
        println!("{}", serde_json::Value::Array(stores.iter().map(row).collect()));
        return Ok(());
    }
    println!("{:<24} {:<16} PAIRED", "STORE", "SERVER");
    for store in stores {
        let paired = if store.paired_at.is_some() { "yes" } else { "no" };
        println!("{:<24} {:<16} {paired}", store.name, store.server);
    }
    Ok(())
}

async fn pair(
    rooms: &Rooms,
    name: &str,
    code: Option<&str>,
    api_key_file: Option<PathBuf>,
    wait: Duration,
) -> anyhow::Result<()> {
    let store = find(&rooms.ledger, name).await?;
    if let Some(file) = api_key_file {
        let key = std::fs::read_to_string(&file).with_context(|| format!("{}", file.display()))?;
        let mut nonce = [0; 24];
        random(&mut nonce);
        let sealed = rooms.secrets.seal(&api_key_context(&store.id), nonce, key.trim().as_bytes());
        rooms.ledger.set_store_paired(&store.id, Some(sealed), now_ms()).await?;
        println!("{name} uses BTCPay's legacy API key. Try: payferry store test {name}");
        return Ok(());
    }
    // Also where it used BTCPay's API key before: from here on its own key is asked about.
    let store = Store { credentials: StoreCredentials::Key, ..store };
    let answer = rooms.upstream.pair(&store, code, CALL_WITHIN).await?;
    if code.is_none() {
        let asked = answer.get("data").and_then(Value::as_array).and_then(<[Value]>::first);
        let asked = asked.and_then(|token| token.get("pairingCode")).and_then(Value::as_str);
        let asked = asked.context("BTCPay's answer has no pairing code")?;
        println!("Open this as the store's owner, choose the store and approve:");
        println!("  {}", rooms.upstream.approval_link(&store, asked)?);
        eprintln!("Waiting for the approval (at most {} s) ...", wait.as_secs());
        let approved = async {
            while !knows_key(rooms, &store).await? {
                tokio::time::sleep(ASK_EVERY).await;
            }
            anyhow::Ok(())
        };
        let late = "nobody approved in time; run the same command again for a new link";
        tokio::time::timeout(wait, approved).await.context(late)??;
    } else if !knows_key(rooms, &store).await? {
        bail!("BTCPay took the code but does not know the key");
    }
    rooms.ledger.set_store_paired(&store.id, None, now_ms()).await?;
    println!("{name} is paired. Next: payferry pairing new {name}");
    Ok(())
}

/// BTCPay lists the store's token once the owner approved; before, the list is empty.
async fn knows_key(rooms: &Rooms, store: &Store) -> anyhow::Result<bool> {
    let answer = rooms.upstream.tokens(store, CALL_WITHIN).await?;
    Ok(answer.get("data").and_then(Value::as_array).is_some_and(|tokens| !tokens.is_empty()))
}

async fn test(rooms: &Rooms, name: &str) -> anyhow::Result<()> {
    let store = find(&rooms.ledger, name).await?;
    if store.paired_at.is_none() {
        bail!("{name} is not paired yet: payferry store pair {name}");
    }
    // A filter that matches nothing: the answer is small, and only a paired store gets one.
    match rooms.upstream.find_by_item_code(&store, "payferry-test", CALL_WITHIN).await {
        Ok(_) => {}
        Err(UpstreamError::Misunderstood(Misunderstood::KeyRefused(status))) => {
            bail!("BTCPay refused {name}'s key ({status}); `payferry store pair {name}` pairs it again")
        }
        Err(error) => {
            bail!("{name} was not tested: {error}; see [btcpay.{}] in the configuration", store.server)
        }
    }
    println!("BTCPay knows {name}'s key.");
    Ok(())
}
