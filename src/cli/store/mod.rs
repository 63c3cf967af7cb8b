//! `payferry store add|list|pair|set|rotate|remove|test`

mod approval;
mod noticed;
pub(super) mod pair;
pub(super) mod proof;
pub(super) mod remove;
mod rotate;
pub(super) mod set;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use serde_json::json;

use super::voice::{Voice, outln};
use crate::app::{Opening, Rooms, now_ms, random};
use crate::config::Config;
use crate::ledger::{Ledger, LedgerError, Store};
use crate::walk::understand::Misunderstood;
use crate::walk::upstream::UpstreamError;

const CALL_WITHIN: Duration = Duration::from_secs(15);

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
        /// For machines: one JSON object.
        #[arg(long)]
        json: bool,
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
    Pair(pair::PairArgs),
    /// Choose what confirmed and complete mean to the store's shops, and whom it trusts when it notifies them.
    Set(set::SetArgs),
    /// Give the store a new key at BTCPay, without a pause for its shops.
    ///
    /// Pairs the new key, switches to it, says where the owner revokes the old one, and waits until
    /// BTCPay refuses it.
    Rotate(rotate::RotateArgs),
    /// Remove a store with its codes and credentials; its invoices stay readable.
    Remove(remove::RemoveArgs),
    /// Ask BTCPay whether it knows the store's key.
    Test {
        /// Name of the store.
        name: String,
        /// For machines: one JSON object.
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(config: &Config, command: StoreCommand) -> anyhow::Result<ExitCode> {
    let opening = match command {
        StoreCommand::Add { .. } => Opening::Made,
        StoreCommand::List { .. } | StoreCommand::Test { .. } => Opening::ToRead,
        _ => Opening::Existing,
    };
    let rooms = Rooms::open_as(config, opening).await?;
    let done = match command {
        StoreCommand::Add { name, server, json } => {
            add(config, &rooms, &name, server, Voice::new(json)).await.map(fine)
        }
        StoreCommand::List { json } => list(&rooms.ledger, json).await.map(fine),
        StoreCommand::Pair(args) => pair::run(&rooms, &args).await.map(fine),
        StoreCommand::Set(args) => set::run(&rooms, &args).await.map(fine),
        StoreCommand::Rotate(args) => rotate::run(config, &rooms, &args).await,
        StoreCommand::Remove(args) => remove::run(&rooms, &args).await.map(fine),
        StoreCommand::Test { name, json } => test(&rooms, &name, Voice::new(json)).await.map(fine),
    };
    rooms.ledger.close().await;
    done
}

fn fine((): ()) -> ExitCode {
    ExitCode::SUCCESS
}

/// The stores that were not removed, by name.
pub(super) async fn living(ledger: &Ledger) -> Result<Vec<Store>, LedgerError> {
    let mut stores = ledger.stores().await?;
    stores.retain(|store| store.removed_at.is_none());
    Ok(stores)
}

/// The store of that name.
pub(super) async fn find(ledger: &Ledger, name: &str) -> anyhow::Result<Store> {
    let store = living(ledger).await?.into_iter().find(|store| store.name == name);
    store.with_context(|| format!("no store is called {name}; `payferry store list` shows them"))
}

async fn add(
    config: &Config,
    rooms: &Rooms,
    name: &str,
    server: Option<String>,
    voice: Voice,
) -> anyhow::Result<()> {
    let server = match server {
        Some(server) => server,
        None if config.btcpay.len() == 1 => config.btcpay.keys().next().cloned().unwrap_or_default(),
        None => bail!("the configuration names {} BTCPay servers: choose with --server", config.btcpay.len()),
    };
    if !config.btcpay.contains_key(&server) {
        bail!("the configuration has no [btcpay.{server}]");
    }
    add_to_ledger(&rooms.ledger, name, &server).await?;
    voice.say(format_args!("Added {name}. Next: payferry store pair {name}"));
    voice.answer(&json!({ "name": name, "server": server, "paired": false }));
    Ok(())
}

/// Adds a store of that name under a new id.
pub(super) async fn add_to_ledger(ledger: &Ledger, name: &str, server: &str) -> anyhow::Result<()> {
    let mut id = [0; 16];
    random(&mut id);
    match ledger.add_store(&hex::encode(id), name, server, now_ms()).await {
        Err(LedgerError::Conflict(_)) => bail!("a store is called {name} already; see `payferry store list`"),
        added => added.context("the store was not added"),
    }
}

async fn list(ledger: &Ledger, json: bool) -> anyhow::Result<()> {
    let stores = living(ledger).await?;
    if json {
        let row = |store: &Store| json!({ "name": store.name, "server": store.server, "paired": store.paired_at.is_some() });
        outln!("{}", serde_json::Value::Array(stores.iter().map(row).collect()));
        return Ok(());
    }
    outln!("{:<24} {:<16} PAIRED", "STORE", "SERVER");
    for store in stores {
        let paired = if store.paired_at.is_some() { "yes" } else { "no" };
        outln!("{:<24} {:<16} {paired}", store.name, store.server);
    }
    Ok(())
}

async fn test(rooms: &Rooms, name: &str, voice: Voice) -> anyhow::Result<()> {
    let store = find(&rooms.ledger, name).await?;
    if store.paired_at.is_none() {
        bail!("{name} is not paired yet: payferry store pair {name}");
    }
    match works(rooms, &store).await {
        Ok(()) => {}
        Err(UpstreamError::Misunderstood(Misunderstood::KeyRefused(status))) => {
            bail!("BTCPay refused {name}'s key ({status}); `payferry store pair {name}` pairs it again")
        }
        Err(error) => {
            bail!("{name} was not tested: {error}; see [btcpay.{}] in the configuration", store.server)
        }
    }
    voice.say(format_args!("BTCPay knows {name}'s key."));
    voice.answer(&json!({ "name": name, "server": store.server, "works": true }));
    Ok(())
}

/// Asks for invoices by a filter that matches none: the answer is small, and only a paired store gets one.
async fn works(rooms: &Rooms, store: &Store) -> Result<(), UpstreamError> {
    rooms.upstream.find_by_item_code(store, "payferry-test", CALL_WITHIN).await.map(drop)
}
