//! `payferry pairing new|approve|list`

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Subcommand;

use super::store::find;
use super::voice::{Voice, errln, outln};
use crate::app::{Opening, Rooms, now_ms, random};
use crate::config::Config;
use crate::ledger::{Facade, Ledger, Pairing};
use crate::pairing::{approve, new_code};
use crate::secrets::MasterSecret;

/// What can be done with pairing codes.
#[derive(Debug, Subcommand)]
pub(super) enum PairingCommand {
    /// Make a code; the first shop that enters it is bound to the store.
    New {
        /// Name of the store.
        store: String,
        /// What the shop's token may do: merchant or pos.
        #[arg(long, default_value = "merchant")]
        facade: String,
        /// A note for yourself.
        #[arg(long)]
        label: Option<String>,
        /// For machines: one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Approve a code that a shop asked for; its token works from then on.
    Approve {
        /// The code as the shop shows it; letter case counts.
        code: String,
        /// Name of the store that the shop belongs to.
        #[arg(long)]
        store: String,
        /// For machines: one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// List the codes that are still open.
    List {
        /// For machines: one JSON array.
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(config: &Config, command: PairingCommand) -> anyhow::Result<ExitCode> {
    let looks = matches!(command, PairingCommand::List { .. });
    let opening = if looks { Opening::ToRead } else { Opening::Existing };
    let Rooms { ledger, secrets, .. } = Rooms::open_as(config, opening).await?;
    let done = match command {
        PairingCommand::New { store, facade, label, json } => {
            make(&ledger, &store, &facade, label, json).await
        }
        PairingCommand::Approve { code, store, json } => {
            bind(&ledger, &secrets, &code, &store, Voice::new(json)).await
        }
        PairingCommand::List { json } => list(&ledger, json).await,
    };
    ledger.close().await;
    done.map(|()| ExitCode::SUCCESS)
}

async fn make(
    ledger: &Ledger,
    store: &str,
    facade: &str,
    label: Option<String>,
    json: bool,
) -> anyhow::Result<()> {
    let store = find(ledger, store).await?;
    let facade: Facade = facade.parse().ok().context("--facade is merchant or pos")?;
    let code = new_code(ledger, &store, facade, label, now_ms(), random).await?;
    if json {
        outln!(
            "{}",
            serde_json::json!({ "pairing_code": code, "store": store.name, "facade": facade.as_str() })
        );
    } else {
        outln!("{code}");
        errln!("Enter this code in the shop within 24 hours; it works once, and letter case counts.");
    }
    Ok(())
}

async fn bind(
    ledger: &Ledger,
    secrets: &Arc<MasterSecret>,
    code: &str,
    store: &str,
    voice: Voice,
) -> anyhow::Result<()> {
    let store = find(ledger, store).await?;
    let sin = approve(ledger, secrets, code, &store, now_ms()).await?;
    voice.say(format_args!("Bound {sin} to {}; its token works from now on.", store.name));
    voice.answer(&serde_json::json!({ "store": store.name, "sin": sin.as_str() }));
    Ok(())
}

async fn list(ledger: &Ledger, json: bool) -> anyhow::Result<()> {
    let now = now_ms();
    let open = ledger.open_pairings(now).await?;
    if json {
        let items: Vec<_> = open.iter().map(|pairing| row(pairing, now)).collect();
        outln!("{}", serde_json::Value::Array(items));
        return Ok(());
    }
    outln!("{:<9} {:<36} {:<9} {:>7}  LABEL", "CODE", "SIN", "FACADE", "MINUTES");
    for pairing in &open {
        outln!(
            "{:<9} {:<36} {:<9} {:>7}  {}",
            pairing.code.as_deref().unwrap_or("(hidden)"),
            pairing.sin.as_deref().unwrap_or("(any)"),
            pairing.facade,
            (now - pairing.created_at) / 60_000,
            pairing.label.as_deref().unwrap_or_default().escape_debug(),
        );
    }
    Ok(())
}

fn row(pairing: &Pairing, now: i64) -> serde_json::Value {
    serde_json::json!({
        "code": pairing.code,
        "sin": pairing.sin,
        "facade": pairing.facade.as_str(),
        "label": pairing.label,
        "age_ms": now - pairing.created_at,
        "needs_approval": pairing.sin.is_some(),
    })
}
