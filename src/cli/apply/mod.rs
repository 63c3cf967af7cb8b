//! `payferry apply`: makes stores and credentials as a file has them, and nothing else.

mod file;
mod plan;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;

use self::file::WantedCredential;
use self::plan::{Action, Change, Had};
use super::store::{add_to_ledger, find, living, pair, remove};
use super::voice::Voice;
use crate::adoption::{NewCredential, Origin, add};
use crate::app::{Rooms, now_ms, random};
use crate::config::Config;
use crate::ledger::Store;

/// What `apply` asks.
#[derive(Debug, Args)]
pub(super) struct ApplyArgs {
    /// The file.
    file: PathBuf,
    /// Print the difference and make nothing.
    #[arg(long)]
    dry_run: bool,
    /// For machines: one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: &Config, args: &ApplyArgs) -> anyhow::Result<ExitCode> {
    let wanted = file::read(&args.file, config)?;
    let rooms = Rooms::open(config).await?;
    let applied = apply(&rooms, wanted, args).await;
    rooms.ledger.close().await;
    applied.map(|()| ExitCode::SUCCESS)
}

async fn apply(
    rooms: &Rooms,
    wanted: std::collections::BTreeMap<String, file::WantedStore>,
    args: &ApplyArgs,
) -> anyhow::Result<()> {
    let voice = Voice::new(args.json);
    let had = Had { stores: living(&rooms.ledger).await?, credentials: rooms.ledger.credentials().await? };
    let unnamed: Vec<_> =
        had.stores.iter().map(|store| store.name.clone()).filter(|name| !wanted.contains_key(name)).collect();
    let changes = plan::plan(wanted, &had, rooms)?;
    let mut shown = Vec::new();
    for change in changes {
        let Change { sign, store, words, .. } = &change;
        voice.say(format_args!("{sign} {store}: {words}"));
        shown.push(json!({ "sign": sign.to_string(), "store": store, "what": words }));
        if !args.dry_run {
            let what = format!("{sign} {store}: {words}");
            let made = carry_out(rooms, change).await;
            made.with_context(|| format!("{what}: not made, nor what follows; run it again"))?;
        }
    }
    if shown.is_empty() {
        voice.say("Nothing to do.");
    } else if args.dry_run {
        voice.say("Nothing was made (--dry-run).");
    }
    if !unnamed.is_empty() {
        voice.say(format_args!("Not in the file, and left alone: {}", unnamed.join(", ")));
    }
    let unpaired = unpaired(rooms).await?;
    for name in &unpaired {
        voice.say(format_args!("Next: payferry store pair {name}"));
    }
    voice.answer(&json!({
        "changes": shown, "made": !args.dry_run, "left_alone": unnamed, "not_paired": unpaired,
    }));
    Ok(())
}

async fn unpaired(rooms: &Rooms) -> anyhow::Result<Vec<String>> {
    let mut stores = living(&rooms.ledger).await?;
    stores.retain(|store| store.paired_at.is_none());
    Ok(stores.into_iter().map(|store| store.name).collect())
}

async fn carry_out(rooms: &Rooms, change: Change) -> anyhow::Result<()> {
    let Change { store: name, action, .. } = change;
    let ledger = &rooms.ledger;
    match action {
        Action::AddStore { server } => add_to_ledger(ledger, &name, &server).await,
        Action::MoveStore { server } => {
            let store = find(ledger, &name).await?;
            Ok(ledger.move_store(&store.id, &server, now_ms()).await?)
        }
        Action::UseApiKey { file } => {
            let store = find(ledger, &name).await?;
            pair::keep_api_key(rooms, &store, &file).await
        }
        Action::RemoveStore { force } => {
            let store = find(ledger, &name).await?;
            if !force {
                let used = ledger.store_use(&store.id).await?;
                remove::refuse_while_used(rooms, &store, used).await.context("force = true is not set")?;
            }
            remove::remove(rooms, &store).await
        }
        Action::AddCredential(wanted) => {
            let store = find(ledger, &name).await?;
            bring_along(rooms, &store, wanted).await
        }
        Action::FixCredential { id, overrides } => match ledger.fix_credential(&id, overrides).await? {
            true => Ok(()),
            false => bail!("it was revoked meanwhile"),
        },
        Action::RevokeCredential { id } => {
            ledger.revoke_credential(&id, now_ms()).await?;
            Ok(())
        }
    }
}

/// A credential that the shop has already.
async fn bring_along(rooms: &Rooms, store: &Store, wanted: WantedCredential) -> anyhow::Result<()> {
    let origin = Origin { ledger: &rooms.ledger, secrets: &rooms.secrets, now_ms: now_ms(), random };
    let new = NewCredential {
        kind: wanted.kind,
        facade: wanted.facade,
        sin: wanted.sin,
        text: Some(wanted.text.to_string()),
        overrides: wanted.overrides,
    };
    add(origin, store, new).await?;
    Ok(())
}
