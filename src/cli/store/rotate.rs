//! `payferry store rotate`: the next key is paired and proved before the switch, so no request ever
//! meets a key that BTCPay does not know.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;

use super::super::voice::{Voice, errln};
use super::noticed::{self, Noticed};
use super::proof::{self, Unproved};
use super::{approval, find, pair, works};
use crate::app::{Rooms, now_ms};
use crate::bitid::Sin;
use crate::config::Config;
use crate::ledger::{Store, StoreCredentials};
use crate::walk::understand::Misunderstood;
use crate::walk::upstream::UpstreamError;

const ASK_EVERY: Duration = Duration::from_secs(1);

/// What `store rotate` asks.
#[derive(Debug, Args)]
pub(in crate::cli) struct RotateArgs {
    /// Name of the store.
    name: String,
    /// A pairing code that the owner made in BTCPay, instead of a link.
    #[arg(long)]
    code: Option<String>,
    /// Give up waiting after so many seconds, for the approval and again for the end of the old key.
    #[arg(long, default_value_t = 900)]
    wait: u64,
    /// Do not wait until the old key is revoked; `payferry check` tells later.
    #[arg(long)]
    no_wait: bool,
    /// For machines: one JSON object, at the end.
    #[arg(long)]
    json: bool,
}

/// What BTCPay makes of the old key.
enum OldKey {
    Dead,
    Works,
    Unknown(UpstreamError),
}

pub(super) async fn run(config: &Config, rooms: &Rooms, args: &RotateArgs) -> anyhow::Result<ExitCode> {
    let voice = Voice::new(args.json);
    let old = find(&rooms.ledger, &args.name).await?;
    refuse_unfit(&old)?;
    let new = Store { epoch: rooms.ledger.reserve_epoch(&old.id).await?, ..old.clone() };
    pair_key(rooms, &new, args, voice).await?;
    switch(rooms, &old, &new).await.with_context(|| {
        let sin = sin(rooms, &new);
        format!(
            "BTCPay now knows a key that nobody uses: revoke it there (access tokens: the token of {sin})"
        )
    })?;
    let page = format!("{}/stores/STORE-ID/tokens", rooms.upstream.public_url(&old));
    let sin = sin(rooms, &old);
    end_old_requests(config, &new, &format!("{page}, the token of {sin}")).await?;
    voice.say("Now revoke the old key as the store's owner (store settings, access tokens):");
    voice.say(format_args!("  {page}   the token of {sin}"));
    voice.say("  (STORE-ID stands for BTCPay's own id of the store, which is in the address of its pages)");
    let old_key = if args.no_wait { look(rooms, &old).await } else { wait(rooms, &old, args.wait).await };
    let (code, works) = tell(&old_key, &old, args, voice);
    voice.answer(&json!({
        "name": old.name,
        "key": new.epoch,
        "old_key": { "key": old.epoch, "sin": sin.as_str(), "works": works, "revoke_at": page },
    }));
    Ok(code)
}

fn sin(rooms: &Rooms, store: &Store) -> Sin {
    rooms.secrets.store_key(&store.id, store.epoch).public().sin()
}

/// To the new key, once it is proved.
async fn switch(rooms: &Rooms, old: &Store, new: &Store) -> anyhow::Result<()> {
    prove(rooms, old, new).await?;
    if !rooms.ledger.switch_epoch(&old.id, old.epoch, new.epoch, now_ms()).await? {
        bail!("{} was changed meanwhile, and the key was not switched; run it again", old.name);
    }
    Ok(())
}

/// Until no request is under way any more that began with the old key, as far as can be known.
async fn end_old_requests(config: &Config, new: &Store, old_key: &str) -> anyhow::Result<()> {
    errln!("Switched. Asking the payferry that serves whether it signs with the new key ...");
    match noticed::wait(config, &new.name, new.epoch).await {
        Noticed::NobodyServes => {
            errln!("No payferry serves on this ledger; the next one starts with the new key.");
            return Ok(());
        }
        Noticed::Yes => errln!("It does. Requests that began with the old key end now ..."),
        Noticed::No(seen) => bail!(
            "the ledger has key {}, but the payferry that serves still signs with key {seen}. DO NOT REVOKE the old \
             key before payferry_store_key shows {} at /metrics: look for directory_not_refreshed in its log \
             (docs/runbook.md), or restart it. Then revoke it: {old_key}",
            new.epoch,
            new.epoch
        ),
        Noticed::Unknown(why) => errln!(
            "It is not known whether it does ({why}). Before you revoke the old key look for \
             directory_not_refreshed in its log (docs/runbook.md): none means that it does."
        ),
    }
    tokio::time::sleep(Duration::from_millis(config.limits.answer_deadline_ms)).await;
    Ok(())
}

fn refuse_unfit(store: &Store) -> anyhow::Result<()> {
    let name = &store.name;
    if store.credentials != StoreCredentials::Key {
        bail!(
            "{name} uses BTCPay's legacy API key, which only BTCPay can renew: make a new one there, then \
             payferry store pair {name} --api-key-file FILE"
        );
    }
    if store.paired_at.is_none() {
        bail!("{name} is not paired yet: payferry store pair {name}");
    }
    Ok(())
}

async fn pair_key(rooms: &Rooms, new: &Store, args: &RotateArgs, voice: Voice) -> anyhow::Result<()> {
    if let Some(code) = &args.code {
        return approval::claim(rooms, new, code).await;
    }
    let asked = approval::ask(rooms, new).await?;
    pair::show(&asked, voice);
    errln!("Waiting for the approval (at most {} s) ...", args.wait);
    approval::wait(rooms, new, &asked, Duration::from_secs(args.wait)).await
}

/// The new key must open the store that the old one opens.
async fn prove(rooms: &Rooms, old: &Store, new: &Store) -> anyhow::Result<()> {
    match proof::prove(rooms, old, new).await {
        Ok(()) => Ok(()),
        Err(Unproved::OtherStore(_)) => bail!(
            "the new key was approved for another BTCPay store: it does not see {}'s invoices. Nothing was \
             switched; run it again",
            old.name
        ),
        Err(error) => Err(error).context("the new key was not proved, and nothing was switched"),
    }
}

async fn look(rooms: &Rooms, old: &Store) -> OldKey {
    match works(rooms, old).await {
        Ok(()) => OldKey::Works,
        Err(UpstreamError::Misunderstood(Misunderstood::KeyRefused(_))) => OldKey::Dead,
        Err(error) => OldKey::Unknown(error),
    }
}

async fn wait(rooms: &Rooms, old: &Store, seconds: u64) -> OldKey {
    errln!("Waiting until BTCPay refuses it (at most {seconds} s) ...");
    let end = tokio::time::Instant::now() + Duration::from_secs(seconds);
    loop {
        match look(rooms, old).await {
            OldKey::Dead => return OldKey::Dead,
            seen if tokio::time::Instant::now() >= end => return seen,
            _ => tokio::time::sleep(ASK_EVERY).await,
        }
    }
}

/// Says how the old key stands; it works, as far as is known.
fn tell(old_key: &OldKey, old: &Store, args: &RotateArgs, voice: Voice) -> (ExitCode, Option<bool>) {
    let missed = if args.no_wait { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    match old_key {
        OldKey::Dead => {
            voice.say(format_args!("{} has a new key, and BTCPay refuses the old one.", old.name));
            (ExitCode::SUCCESS, Some(false))
        }
        OldKey::Works => {
            errln!(
                "{} has a new key, but THE OLD KEY STILL WORKS until it is revoked on that page; \
                 do not rotate again for that, `payferry check` tells when it is dead.",
                old.name
            );
            (missed, Some(true))
        }
        OldKey::Unknown(error) => {
            errln!("{} has a new key; whether the old one still works is not known: {error}.", old.name);
            (missed, None)
        }
    }
}
