//! `payferry report`

mod group;
mod since;
mod table;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use self::group::groups;
use self::since::Since;
use super::store::find;
use super::voice::out;
use crate::app::now_ms;
use crate::config::Config;
use crate::ledger::Ledger;

/// Exit code that says: something new is among what was shown.
const NEWS: u8 = 3;

/// Say where BTCPay was not BitPay, and what is left to do.
///
/// For each difference: how often and by which shop it was seen, what it would have broken, whether
/// payferry repairs it, and what is left for you.
///
/// New is what no report with --ack has shown yet. Counts are those since the journal began. --since
/// leaves out what was last seen before, but never what is new: however seldom somebody looks, news
/// are shown once and end with 3.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 nothing new, 1 failed, 2 wrong usage, 3 something new is shown.\n\
    For a daily mail: payferry report --since 24h --ack")]
pub(super) struct ReportArgs {
    /// Only what was seen since then, or is new: 30m, 24h, 7d, or a day in UTC like 2026-11-27.
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
    /// Only what was seen with this store.
    #[arg(long, value_name = "NAME")]
    store: Option<String>,
    /// Take note of all that is shown: the next report does not call it new.
    #[arg(long)]
    ack: bool,
    /// For machines: one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: &Config, args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let path = &config.ledger.path;
    let ledger = if args.ack { Ledger::open_existing(path).await } else { Ledger::open_to_read(path).await };
    let ledger = ledger.with_context(|| format!("ledger {}", path.display()))?;
    let done = report(&ledger, args).await;
    ledger.close().await;
    done
}

async fn report(ledger: &Ledger, args: &ReportArgs) -> anyhow::Result<ExitCode> {
    if let Some(store) = &args.store
        && !ledger.has_divergences_of(store).await?
    {
        find(ledger, store).await?;
    }
    let now = now_ms();
    let since = args.since.map_or(0, |since| since.at(now));
    let rows = ledger.divergences(since, args.store.as_deref()).await?;
    let groups = groups(&rows);
    let read = if args.json {
        let divergences: Vec<_> = groups.iter().map(group::Group::json).collect();
        out(format_args!("{}\n", serde_json::json!({ "divergences": divergences })))
    } else {
        out(format_args!("{}", table::table(&groups)))
    };
    let news = groups.iter().any(|group| group.is_new());
    // What nobody could read stays new.
    if args.ack && read {
        ledger.acknowledge_divergences(&rows, now).await?;
    }
    Ok(if news { NEWS.into() } else { ExitCode::SUCCESS })
}
