//! `payferry store remove`: takes a store away, and what opens it; its invoices stay readable.

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::super::voice::Voice;
use super::{CALL_WITHIN, find};
use crate::app::{Rooms, now_ms};
use crate::ledger::{Store, StoreUse};

/// BTCPay's words for invoices that may still be paid or confirmed.
const OPEN: [&str; 2] = ["new", "paid"];

/// What `store remove` asks.
#[derive(Debug, Args)]
pub(in crate::cli) struct RemoveArgs {
    /// Name of the store.
    name: String,
    /// Remove it although shops hold credentials for it, or invoices are open.
    #[arg(long)]
    force: bool,
    /// For machines: one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(rooms: &Rooms, args: &RemoveArgs) -> anyhow::Result<()> {
    let voice = Voice::new(args.json);
    let store = find(&rooms.ledger, &args.name).await?;
    let used = rooms.ledger.store_use(&store.id).await?;
    if !args.force {
        refuse_while_used(rooms, &store, used).await?;
    }
    remove(rooms, &store).await?;
    voice.say(format_args!("Removed {}.", store.name));
    if store.paired_at.is_some() {
        voice.say(
            "BTCPay still knows its key, which payferry uses to read the invoices that are left; \
             once they are of no more use, revoke it in BTCPay (store settings, access tokens).",
        );
    }
    let StoreUse { credentials, invoices, .. } = used;
    voice.answer(&json!({
        "name": store.name, "removed": true, "credentials": credentials, "invoices_kept": invoices,
    }));
    Ok(())
}

/// Takes the store away.
pub(in crate::cli) async fn remove(rooms: &Rooms, store: &Store) -> anyhow::Result<()> {
    Ok(rooms.ledger.remove_store(store, now_ms()).await?)
}

/// What speaks against it, if anything.
pub(in crate::cli) async fn refuse_while_used(
    rooms: &Rooms,
    store: &Store,
    used: StoreUse,
) -> anyhow::Result<()> {
    let mut against = Vec::new();
    if used.credentials > 0 {
        against.push(format!("shops hold {} credentials for it", used.credentials));
    }
    if used.pending > 0 {
        against.push(format!("{} creates have an unknown outcome", used.pending));
    }
    if used.notifications > 0 {
        against.push(format!("{} notifications wait for their shops", used.notifications));
    }
    if used.invoices > 0 && store.paired_at.is_some() {
        match open_invoices(rooms, store).await {
            Ok(0) => {}
            Ok(open) => against.push(format!("{open} of its invoices are open")),
            Err(error) => against.push(format!("BTCPay did not say whether invoices are open ({error})")),
        }
    }
    if !against.is_empty() {
        bail!("{} is in use: {}. --force removes it all the same", store.name, against.join("; "));
    }
    Ok(())
}

/// Those that BTCPay may still tell news of, as far as the ledger knows them.
async fn open_invoices(rooms: &Rooms, store: &Store) -> anyhow::Result<usize> {
    let mut open = 0;
    for status in OPEN {
        for invoice in rooms.upstream.invoices_with_status(store, status, CALL_WITHIN).await? {
            let id = invoice.get("id").and_then(crate::json::Value::as_str).unwrap_or_default();
            open += usize::from(rooms.ledger.find_invoice(id).await?.is_some());
        }
    }
    Ok(open)
}
