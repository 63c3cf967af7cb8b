//! `payferry check`: each hop from payferry's own files to a store's key at BTCPay.

mod believed;
pub(super) mod certificate;
mod finding;
mod former_keys;
mod heard;
mod here;
mod key;
mod names;
mod notify;
mod rates;
mod server;
mod test_invoice;
mod trusting;
pub(super) mod wire;

use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use self::finding::{Finding, Report};
use self::heard::Ear;
use self::server::{Btcpay, Seen};
use super::store::living;
use super::voice::Voice;
use crate::app::{Rooms, now_ms, same_secret};
use crate::config::{Config, process_environment};
use crate::ledger::{Ledger, LedgerError, try_to_write};
use crate::secrets::MasterSecret;
use crate::telemetry::Metrics;
use crate::walk::forward::Servers;
use crate::walk::upstream::Upstream;

const CANNOT_SEE: &[&str] = &[
    "whether the shops' machines find payferry (their hosts file or DNS, firewalls) and trust its CA",
    "whether buyers' browsers reach the checkout links",
    "whether payferry reaches the shops' notification addresses",
    "whether BTCPay reaches notify.public_url; --create lets it try, while payferry serves",
    "what happens behind BTCPay (node, NBXplorer, wallet, rates); --create tries them once",
];

/// What `check` asks.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Make a small test invoice at BTCPay for each store, and let BTCPay notify of it; it stays there, unpaid.
    #[arg(long)]
    create: bool,
    /// Currency of the test invoices.
    #[arg(long, requires = "create", default_value = "USD")]
    currency: String,
    /// For machines: one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(path: &Path, args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    inspect(path, args, &mut report).await;
    report.tell(Voice::new(args.json), CANNOT_SEE);
    Ok(if report.is_fine() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn inspect(path: &Path, args: &CheckArgs, report: &mut Report) {
    let tried = format!("read {}", path.display());
    let config = match Config::load(Some(path), process_environment()) {
        Ok(config) => config,
        Err(error) => {
            let change = "correct that key; config.example.toml says what each means";
            return report.add(Finding::wrong("configuration", tried, error.to_string()).change(change));
        }
    };
    report.add(Finding::ok("configuration", tried, "every key is known and makes sense"));
    let (findings, certified) = certificate::check(&config.shop, now_ms());
    let rooms = open(&config, report).await;
    report.extend(here::listeners(&config).await);
    report.extend(findings);
    report.extend(names::check(&certified).await);
    report.add(notify::check(&config.notify).await);
    let servers = servers(&config, report).await;
    if let Some(rooms) = rooms {
        stores(args, &config, &rooms, &servers, report).await;
        rooms.ledger.close().await;
    }
}

/// Secret and ledger, each with its own finding.
async fn open(config: &Config, report: &mut Report) -> Option<Rooms> {
    let secrets = Arc::new(load_secret(&config.secrets.master_secret_file, report)?);
    let ledger = open_ledger(&config.ledger.path, &secrets, report).await?;
    // A server that cannot be prepared has its own finding below.
    let servers = Servers::new(&config.btcpay).unwrap_or_default();
    let upstream = Arc::new(Upstream::new(servers, Arc::clone(&secrets), Metrics::new()));
    Some(Rooms { ledger, secrets, upstream })
}

fn load_secret(file: &Path, report: &mut Report) -> Option<MasterSecret> {
    let tried = format!("read {}", file.display());
    match MasterSecret::load(file) {
        Ok(secrets) => {
            report.add(Finding::ok("secret", tried, "64 digits that only its owner may read"));
            Some(secrets)
        }
        Err(error) => {
            let change =
                "payferry init makes one; where stores are paired already, put the copy of the old one back";
            report.add(Finding::wrong("secret", tried, error.to_string()).change(change));
            None
        }
    }
}

async fn open_ledger(path: &Path, secrets: &MasterSecret, report: &mut Report) -> Option<Ledger> {
    let tried = format!("open {}, and write into it without leaving anything", path.display());
    let wrong = |error: String, change: &str| Finding::wrong("ledger", tried.clone(), error).change(change);
    let room = "make room on the disk, and let payferry's user write the file and its folder";
    let ledger = match Ledger::open_to_read(path).await {
        Ok(ledger) => ledger,
        Err(error) => {
            let change = match error {
                LedgerError::Missing => "payferry store add NAME makes it; or correct ledger.path",
                LedgerError::Older | LedgerError::Newer => "run the version of payferry that it belongs to",
                _ => room,
            };
            report.add(wrong(error.to_string(), change));
            return None;
        }
    };
    if let Err(error) = same_secret(&ledger, secrets).await {
        let change =
            "put the copy of the secret back that belongs to this ledger, or restore both from one backup";
        report.add(wrong(format!("{error:#}"), change));
        ledger.close().await;
        return None;
    }
    report.add(match try_to_write(path).await {
        Ok(()) => Finding::ok("ledger", tried, "it opens, its tables are up to date, and it can be written"),
        Err(error) => wrong(format!("it opens, but cannot be written: {error}"), room),
    });
    Some(ledger)
}

async fn servers(config: &Config, report: &mut Report) -> HashMap<String, (Btcpay, Seen)> {
    let mut servers = HashMap::new();
    for (name, settings) in &config.btcpay {
        match Btcpay::new(name, settings) {
            Err(error) => report.add(
                Finding::wrong(&format!("btcpay.{name}"), "prepare TLS", error.to_string())
                    .change("correct the file or the address"),
            ),
            Ok(btcpay) => {
                let seen = server::check(&btcpay, now_ms).await;
                report.extend(seen.findings.iter().cloned());
                servers.insert(name.clone(), (btcpay, seen));
            }
        }
    }
    if config.btcpay.is_empty() {
        report.add(
            Finding::wrong("btcpay", "find a [btcpay.NAME] in the configuration", "there is none")
                .change("add one: config.example.toml shows how"),
        );
    }
    servers
}

async fn stores(
    args: &CheckArgs,
    config: &Config,
    rooms: &Rooms,
    servers: &HashMap<String, (Btcpay, Seen)>,
    report: &mut Report,
) {
    let stores = match living(&rooms.ledger).await {
        Ok(stores) => stores,
        Err(error) => {
            return report.add(Finding::wrong("ledger", "list the stores", error.to_string()));
        }
    };
    if stores.is_empty() {
        report.add(Finding::note("stores", "list the stores", "none yet").change("payferry store add NAME"));
    }
    report.extend(rates::check(&config.rates, &stores));
    let ear = if args.create { Some(Ear::of(config).await) } else { None };
    report.extend(ear.as_ref().and_then(Ear::deaf));
    for store in stores {
        let hop = format!("store.{}", store.name);
        match servers.get(&store.server) {
            None => report.add(
                Finding::wrong(&hop, "find its server", format!("no usable [btcpay.{}]", store.server))
                    .change("add it to the configuration under that name"),
            ),
            Some((_, seen)) if !seen.answers => {
                report.add(Finding::note(&hop, "ask for its key", "not asked: its server does not answer"));
            }
            Some((btcpay, seen)) => {
                report.extend(key::check(btcpay, seen, rooms, &store).await);
                if let Some(ear) = ear.as_ref().filter(|_| store.paired_at.is_some()) {
                    report.extend(test_invoice::check(btcpay, rooms, &store, &args.currency, ear).await);
                }
            }
        }
    }
    if let Some(ear) = ear {
        ear.close().await;
    }
}
