//! `payferry credential pending|adopt|add|list|revoke`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::store::find;
use super::voice::{Voice, errln, outln};
use crate::adoption::{Adoption, NewCredential, Origin, add, adopt};
use crate::app::{Opening, Rooms, now_ms, random};
use crate::bitid::Sin;
use crate::config::Config;
use crate::contract::Era;
use crate::ledger::{
    Credential, CredentialKind, Facade, Ledger, NotificationForm, Overrides, PendingAdoption, Store,
};

/// What can be done with credentials.
#[derive(Debug, Subcommand)]
pub(super) enum CredentialCommand {
    /// List what was refused within the last day and could be adopted.
    ///
    /// A signature that is good but of a key or with a token that nobody knows, an unknown POS token, an
    /// unknown API key. Look at agent, address and host: whoever reaches payferry can make an entry.
    Pending {
        /// For machines: one JSON array.
        #[arg(long)]
        json: bool,
    },
    /// Bind a credential that waits to a store; the shop's next request succeeds, nothing is changed in the shop.
    Adopt(AdoptArgs),
    /// Make a credential, or bring along one that the shop has already.
    ///
    /// A new one is printed once.
    Add(AddArgs),
    /// List the credentials that open a store.
    List {
        /// Only those of this store.
        #[arg(long)]
        store: Option<String>,
        /// For machines: one JSON array.
        #[arg(long)]
        json: bool,
    },
    /// End a credential; it opens nothing any more within a second.
    Revoke {
        /// Its id, as `list` shows it.
        id: String,
        /// For machines: one JSON object.
        #[arg(long)]
        json: bool,
    },
}

/// What can be fixed for a credential.
#[derive(Debug, Args)]
pub(super) struct Fixed {
    /// The era of BitPay's API whose members the shop reads, instead of guessing it from the shop's software:
    /// 2014, 2018, 2019, 2021 or every.
    #[arg(long)]
    era: Option<String>,
    /// How the shop reads notifications: flat or enveloped.
    #[arg(long, value_name = "FORM")]
    notifications: Option<String>,
    /// A note for yourself.
    #[arg(long)]
    label: Option<String>,
}

/// What `adopt` asks.
#[derive(Debug, Args)]
pub(super) struct AdoptArgs {
    /// Its id, as `pending` shows it.
    id: String,
    /// Name of the store that the shop belongs to.
    #[arg(long)]
    store: String,
    /// What its token may do: merchant or pos; as it was used where left out.
    #[arg(long)]
    facade: Option<String>,
    #[command(flatten)]
    fixed: Fixed,
    /// For machines: one JSON object.
    #[arg(long)]
    json: bool,
}

/// What `add` asks.
#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// Name of the store that it opens.
    #[arg(long)]
    store: String,
    /// token (with --sin), pos-token or v1-key.
    #[arg(long)]
    kind: String,
    /// A file with the one that the shop has already; without it a new one is made.
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
    /// The key that a token belongs to.
    #[arg(long)]
    sin: Option<String>,
    /// What a token may do: merchant or pos.
    #[arg(long, default_value = "merchant")]
    facade: String,
    #[command(flatten)]
    fixed: Fixed,
    /// For machines: one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: &Config, command: CredentialCommand) -> anyhow::Result<ExitCode> {
    let looks = matches!(command, CredentialCommand::Pending { .. } | CredentialCommand::List { .. });
    let rooms = Rooms::open_as(config, if looks { Opening::ToRead } else { Opening::Existing }).await?;
    let done = match command {
        CredentialCommand::Pending { json } => pending(&rooms.ledger, json).await,
        CredentialCommand::Adopt(args) => bind(&rooms, args).await,
        CredentialCommand::Add(args) => make(&rooms, args).await,
        CredentialCommand::List { store, json } => list(&rooms.ledger, store.as_deref(), json).await,
        CredentialCommand::Revoke { id, json } => revoke(&rooms.ledger, &id, Voice::new(json)).await,
    };
    rooms.ledger.close().await;
    done.map(|()| ExitCode::SUCCESS)
}

fn origin(rooms: &Rooms) -> Origin<'_> {
    Origin { ledger: &rooms.ledger, secrets: &rooms.secrets, now_ms: now_ms(), random }
}

fn facade(text: &str) -> anyhow::Result<Facade> {
    text.parse().ok().context("--facade is merchant or pos")
}

fn overrides(fixed: Fixed) -> anyhow::Result<Overrides> {
    let form = |text: String| text.parse().ok().context("--notifications is flat or enveloped");
    let notification_form = fixed.notifications.map(form).transpose()?;
    let era = fixed.era.map(|era| Era::fixable(&era)).transpose().context("--era")?;
    Ok(Overrides { era, notification_form, label: fixed.label })
}

async fn bind(rooms: &Rooms, args: AdoptArgs) -> anyhow::Result<()> {
    let voice = Voice::new(args.json);
    let store = find(&rooms.ledger, &args.store).await?;
    let facade = args.facade.as_deref().map(facade).transpose()?;
    let adoption = Adoption { facade, overrides: overrides(args.fixed)? };
    let bound = adopt(origin(rooms), &args.id, &store, adoption).await?;
    let kind = bound.first().map_or(CredentialKind::Token, |credential| credential.kind);
    voice.say(format_args!("Bound the {kind} to {}; the shop's next request succeeds.", store.name));
    let bound: Vec<_> = bound.iter().map(|credential| row(credential, &store.name)).collect();
    voice.answer(&json!({ "store": store.name, "credentials": bound }));
    Ok(())
}

async fn make(rooms: &Rooms, args: AddArgs) -> anyhow::Result<()> {
    let voice = Voice::new(args.json);
    let store = find(&rooms.ledger, &args.store).await?;
    let new = NewCredential {
        kind: kind(&args.kind)?,
        facade: facade(&args.facade)?,
        sin: args.sin.as_deref().map(Sin::parse).transpose().context("--sin")?,
        text: args.from_file.as_deref().map(read).transpose()?,
        overrides: overrides(args.fixed)?,
    };
    let (credential, text) = add(origin(rooms), &store, new).await?;
    let mut answer = row(&credential, &store.name);
    match text {
        None => voice.say(format_args!("Added; {} opens {} from now on.", credential.id, store.name)),
        Some(text) => {
            answer["secret"] = Value::from(text.as_str());
            if !args.json {
                outln!("{text}");
            }
            errln!("Enter this in the shop; it opens {} from now on, and is shown once.", store.name);
        }
    }
    voice.answer(&answer);
    Ok(())
}

/// As the ledger has it, with the command line's hyphen.
fn kind(text: &str) -> anyhow::Result<CredentialKind> {
    match text.replace('-', "_").parse() {
        Ok(CredentialKind::SigningKey) | Err(_) => bail!("--kind is token, pos-token or v1-key"),
        Ok(kind) => Ok(kind),
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
    Ok(text.trim().to_owned())
}

async fn pending(ledger: &Ledger, json: bool) -> anyhow::Result<()> {
    let (now, waiting) = (now_ms(), ledger.pending_adoptions(now_ms()).await?);
    if json {
        outln!("{}", Value::Array(waiting.iter().map(waiting_row).collect()));
        return Ok(());
    }
    outln!(
        "{:<13} {:<12} {:<36} {:<9} {:>6} {:>8}  FROM, HOST, AGENT",
        "ID",
        "KIND",
        "SIN",
        "HASH",
        "TIMES",
        "MINUTES"
    );
    for one in &waiting {
        outln!(
            "{:<13} {:<12} {:<36} {:<9} {:>6} {:>8}  {}, {}, {}",
            one.id,
            one.kind.as_str(),
            one.sin.as_ref().map_or("-", Sin::as_str),
            short(one.token_hash.as_deref()),
            one.count,
            (now - one.last_seen) / 60_000,
            one.address,
            one.host.escape_debug(),
            one.agent.escape_debug(),
        );
    }
    Ok(())
}

fn waiting_row(one: &PendingAdoption) -> Value {
    json!({
        "id": one.id,
        "kind": one.kind.as_str(),
        "sin": one.sin.as_ref().map(Sin::as_str),
        "hash": one.token_hash.as_deref().map(|hash| short(Some(hash))),
        "agent": one.agent,
        "address": one.address,
        "host": one.host,
        "first_seen_ms": one.first_seen,
        "last_seen_ms": one.last_seen,
        "count": one.count,
    })
}

/// The first eight digits, as the request log shows them.
fn short(hash: Option<&str>) -> &str {
    hash.and_then(|hash| hash.get(..8)).unwrap_or("-")
}

async fn list(ledger: &Ledger, store: Option<&str>, json: bool) -> anyhow::Result<()> {
    let stores = match store {
        Some(name) => vec![find(ledger, name).await?],
        None => ledger.stores().await?,
    };
    let name = |id: &str| stores.iter().find(|store| store.id == id).map(|store: &Store| store.name.as_str());
    let credentials = ledger.credentials().await?;
    let listed = credentials.iter().filter_map(|credential| Some((credential, name(&credential.store_id)?)));
    if json {
        outln!("{}", Value::Array(listed.map(|(credential, store)| row(credential, store)).collect()));
        return Ok(());
    }
    outln!("{:<17} {:<24} {:<10} {:<9} {:<36} {:<9} LABEL", "ID", "STORE", "KIND", "FACADE", "SIN", "HASH");
    for (credential, store) in listed {
        outln!(
            "{:<17} {:<24} {:<10} {:<9} {:<36} {:<9} {}",
            credential.id,
            store,
            credential.kind.as_str(),
            credential.facade.as_str(),
            credential.sin.as_ref().map_or("-", Sin::as_str),
            short(Some(&credential.token_hash)),
            credential.overrides.label.as_deref().unwrap_or_default().escape_debug(),
        );
    }
    Ok(())
}

fn row(credential: &Credential, store: &str) -> Value {
    json!({
        "id": credential.id,
        "store": store,
        "kind": credential.kind.as_str(),
        "facade": credential.facade.as_str(),
        "sin": credential.sin.as_ref().map(Sin::as_str),
        "hash": short(Some(&credential.token_hash)),
        "era": credential.overrides.era.map(Era::as_str),
        "notifications": credential.overrides.notification_form.map(NotificationForm::as_str),
        "label": credential.overrides.label,
        "created_ms": credential.created_at,
    })
}

async fn revoke(ledger: &Ledger, id: &str, voice: Voice) -> anyhow::Result<()> {
    if !ledger.revoke_credential(id, now_ms()).await? {
        bail!("no credential has that id; `payferry credential list` shows them");
    }
    voice.say(format_args!("Revoked; it opens nothing any more within a second."));
    voice.answer(&json!({ "id": id, "revoked": true }));
    Ok(())
}
