//! `payferry apply`: makes stores and credentials as a file has them, and nothing else.

mod conflicts;
mod file;
mod plan;
mod preflight;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Value, json};

use self::file::WantedCredential;
use self::plan::{Action, Change, Had};
use super::store::{add_to_ledger, find, living, pair, remove};
use super::voice::Voice;
use crate::adoption::{NewCredential, Origin, add};
use crate::app::{Opening, Rooms, now_ms, random};
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
    // A dry run needs a ledger to compare with, and leaves it as it is.
    let rooms = Rooms::open_as(config, if args.dry_run { Opening::ToRead } else { Opening::Made }).await?;
    let applied = apply(&rooms, wanted, args).await;
    rooms.ledger.close().await;
    applied.map(|()| ExitCode::SUCCESS)
}

async fn apply(
    rooms: &Rooms,
    wanted: BTreeMap<String, file::WantedStore>,
    args: &ApplyArgs,
) -> anyhow::Result<()> {
    let voice = Voice::new(args.json);
    let had = Had { stores: living(&rooms.ledger).await?, credentials: rooms.ledger.credentials().await? };
    let named: BTreeSet<_> = wanted.keys().cloned().collect();
    let left_alone = had.stores.iter().map(|store| &store.name).filter(|name| !named.contains(*name));
    let mut changes = plan::plan(wanted, &had, rooms)?;
    preflight::check(rooms, &mut changes, &had).await.context("nothing was made")?;
    let Made { shown, failed } = make(rooms, changes, args, voice).await;
    if shown.is_empty() {
        voice.say("Nothing to do.");
    } else if args.dry_run {
        voice.say("Nothing was made (--dry-run).");
    }
    let left_alone: Vec<_> = left_alone.cloned().collect();
    if !left_alone.is_empty() {
        voice.say(format_args!("Not in the file, and left alone: {}", left_alone.join(", ")));
    }
    let unpaired = unpaired(rooms).await?;
    for name in &unpaired {
        voice.say(format_args!("Next: payferry store pair {name}"));
    }
    voice.answer(&json!({
        "changes": shown,
        "made": !args.dry_run && failed.is_none(),
        "error": failed.as_ref().map(|error| format!("{error:#}")),
        "left_alone": left_alone,
        "not_paired": unpaired,
    }));
    failed.map_or(Ok(()), Err)
}

/// What was shown of the changes, and why they ended early.
struct Made {
    shown: Vec<Value>,
    failed: Option<anyhow::Error>,
}

/// Shows each change and makes it; after one that fails the others are shown to a machine only.
async fn make(rooms: &Rooms, changes: Vec<Change>, args: &ApplyArgs, voice: Voice) -> Made {
    let (mut shown, mut failed) = (Vec::new(), None);
    for change in changes {
        let (what, tries) = (change.to_string(), failed.is_none());
        let mut row = json!({ "sign": change.sign.to_string(), "store": change.store, "what": change.words });
        if tries {
            voice.say(&what);
        }
        if tries && !args.dry_run {
            let done = carry_out(rooms, change).await;
            failed = done.with_context(|| format!("{what}: not made, nor what follows; run it again")).err();
        }
        row["made"] = (tries && !args.dry_run && failed.is_none()).into();
        shown.push(row);
    }
    Made { shown, failed }
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
        Action::MoveStore { server, proved, .. } => {
            let store = find(ledger, &name).await?;
            Ok(ledger.move_store(&store.id, &server, proved, now_ms()).await?)
        }
        Action::UseApiKey { file } => {
            let store = find(ledger, &name).await?;
            pair::keep_api_key(rooms, &store, &file).await
        }
        Action::SetStore { settlement, shop_ca_pem } => {
            let store = find(ledger, &name).await?;
            let pem = shop_ca_pem.or(store.shop_ca_pem);
            Ok(ledger.set_store(&store.id, settlement.unwrap_or(store.settlement), pem).await?)
        }
        Action::RemoveStore { .. } => {
            let store = find(ledger, &name).await?;
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
