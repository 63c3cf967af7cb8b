//! `payferry store set`: what a store counts as confirmed and complete, and whom it trusts.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;

use super::super::voice::Voice;
use crate::app::Rooms;
use crate::delivery::Roots;
use crate::presented::Settlement;

/// What `store set` asks.
#[derive(Debug, Args)]
pub(in crate::cli) struct SetArgs {
    /// Name of the store.
    name: String,
    /// What confirmed and complete mean to its shops.
    ///
    /// btcpay: settled at BTCPay is confirmed, complete follows after a pause; a shop that ships on
    /// `complete` ships as soon as BTCPay has settled, five blocks earlier than with BitPay at speed medium.
    /// bitpay: confirmed at the blocks that the shop asked for, complete at six, as with BitPay; BTCPay's own
    /// page sends the buyer back by itself only then. Counts for invoices made from now on.
    #[arg(long, value_parser = ["btcpay", "bitpay"])]
    settlement: Option<String>,
    /// Certificates (PEM) to trust, instead of the well-known ones, when its shops are notified.
    #[arg(long, value_name = "FILE")]
    shop_ca_file: Option<PathBuf>,
    /// Trust the well-known certificates again.
    #[arg(long, conflicts_with = "shop_ca_file")]
    no_shop_ca: bool,
    /// For machines: one JSON object.
    #[arg(long)]
    json: bool,
}

/// The certificates (PEM) in a file, that a shop's is checked against.
pub(in crate::cli) fn read_certificates(file: &Path) -> anyhow::Result<String> {
    let named = || format!("{}", file.display());
    let pem = std::fs::read_to_string(file).with_context(named)?;
    Roots::only(pem.as_bytes()).with_context(named)?;
    Ok(pem)
}

pub(super) async fn run(rooms: &Rooms, args: &SetArgs) -> anyhow::Result<()> {
    let store = super::find(&rooms.ledger, &args.name).await?;
    if args.settlement.is_none() && args.shop_ca_file.is_none() && !args.no_shop_ca {
        bail!("nothing to set: give --settlement, --shop-ca-file or --no-shop-ca");
    }
    let settlement = match &args.settlement {
        Some(word) => word.parse::<Settlement>()?,
        None => store.settlement,
    };
    let shop_ca_pem = match &args.shop_ca_file {
        Some(file) => Some(read_certificates(file)?),
        None => store.shop_ca_pem.filter(|_| !args.no_shop_ca),
    };
    let own = shop_ca_pem.is_some();
    rooms.ledger.set_store(&store.id, settlement, shop_ca_pem).await?;
    let voice = Voice::new(args.json);
    let trusts = if own { "your certificates" } else { "the well-known certificates" };
    voice.say(format_args!(
        "{}: settlement {settlement}; its shops are notified trusting {trusts}.",
        args.name
    ));
    voice.answer(&json!({ "name": args.name, "settlement": settlement.as_str(), "shop_ca": own }));
    Ok(())
}
