//! `payferry store pair`: by a link that the owner approves, by a code that he made, or by his API key.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;
use zeroize::Zeroizing;

use super::super::voice::{Voice, errln};
use super::approval::{self, Asked};
use super::{find, works};
use crate::app::{Rooms, now_ms, random};
use crate::ledger::{Store, StoreCredentials};
use crate::walk::understand::Misunderstood;
use crate::walk::upstream::{UpstreamError, api_key_context};

/// What `store pair` asks.
#[derive(Debug, Args)]
pub(in crate::cli) struct PairArgs {
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
    /// Print the link and end; the same command again, after the approval, notes it.
    #[arg(long, conflicts_with_all = ["code", "api_key_file", "wait"])]
    no_wait: bool,
    /// For machines: one JSON object, at the end. Without waiting it has the link.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(rooms: &Rooms, args: &PairArgs) -> anyhow::Result<()> {
    let voice = Voice::new(args.json);
    let store = find(&rooms.ledger, &args.name).await?;
    if let Some(file) = &args.api_key_file {
        return with_api_key(rooms, &store, file, voice).await;
    }
    // Also where it used BTCPay's API key before: from here on its own key is asked about.
    let store = Store { credentials: StoreCredentials::Key, ..store };
    let by = match &args.code {
        Some(code) => {
            approval::claim(rooms, &store, code).await?;
            "code"
        }
        None if approval::knows_key(rooms, &store).await? => "earlier_approval",
        None => {
            let asked = approval::ask(rooms, &store).await?;
            show(&asked, voice);
            if args.no_wait {
                voice.answer(&json!({ "name": store.name, "paired": false, "approval_link": asked.link }));
                return Ok(());
            }
            errln!("Waiting for the approval (at most {} s) ...", args.wait);
            approval::wait(rooms, &store, &asked, Duration::from_secs(args.wait)).await?;
            "link"
        }
    };
    rooms.ledger.set_store_paired(&store.id, None, now_ms()).await?;
    voice.say(format_args!("{0} is paired. Next: payferry pairing new {0}", store.name));
    voice.answer(&json!({ "name": store.name, "paired": true, "by": by }));
    Ok(())
}

/// The link, where the owner is asked to open it.
pub(super) fn show(asked: &Asked, voice: Voice) {
    voice.say("Open this as the store's owner, choose the store and approve:");
    voice.say(format_args!("  {}", asked.link));
}

async fn with_api_key(rooms: &Rooms, store: &Store, file: &Path, voice: Voice) -> anyhow::Result<()> {
    keep_api_key(rooms, store, file).await?;
    voice.say(format_args!("{0} uses BTCPay's legacy API key. Next: payferry pairing new {0}", store.name));
    voice.answer(&json!({ "name": store.name, "paired": true, "by": "api_key" }));
    Ok(())
}

/// The API key in a file.
pub(in crate::cli) fn read_api_key(file: &Path) -> anyhow::Result<Zeroizing<String>> {
    let key = Zeroizing::new(std::fs::read_to_string(file).with_context(|| format!("{}", file.display()))?);
    match key.trim() {
        "" => bail!("{} is empty", file.display()),
        key => Ok(Zeroizing::new(key.to_owned())),
    }
}

/// The store as it would be with the API key of the file.
pub(in crate::cli) fn with_key_of(rooms: &Rooms, store: &Store, file: &Path) -> anyhow::Result<Store> {
    let key = read_api_key(file)?;
    let mut nonce = [0; 24];
    random(&mut nonce);
    let sealed = rooms.secrets.seal(&api_key_context(&store.id), nonce, key.as_bytes());
    Ok(Store { credentials: StoreCredentials::ApiKey(sealed), ..store.clone() })
}

/// Keeps BTCPay's API key for the store, only when BTCPay knows it.
pub(in crate::cli) async fn keep_api_key(rooms: &Rooms, store: &Store, file: &Path) -> anyhow::Result<()> {
    let with_key = with_key_of(rooms, store, file)?;
    match works(rooms, &with_key).await {
        Ok(()) => {}
        Err(UpstreamError::Misunderstood(Misunderstood::KeyRefused(status))) => bail!(
            "BTCPay refused the key in {} ({status}), and it was not kept: it must be the legacy API key of the \
             BTCPay store (store settings, access tokens); making a new one there ends the old one at once",
            file.display()
        ),
        Err(error) => bail!("the key was not tried and not kept: {error}"),
    }
    let StoreCredentials::ApiKey(sealed) = with_key.credentials else { return Ok(()) };
    Ok(rooms.ledger.set_store_paired(&store.id, Some(sealed), now_ms()).await?)
}
