//! The command line: one file per command.

mod apply;
mod ca;
mod check;
mod credential;
mod demo;
mod demo_shop;
mod explain;
mod init;
mod invoice;
mod ledger;
mod notifications;
mod pairing;
mod report;
mod sandbox;
mod serve;
mod store;
mod voice;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, process_environment};

/// Lets shops that were written for bitpay.com buy through BTCPay Server.
///
/// payferry stands where bitpay.com stood, answers each shop as BitPay would, and makes and reads the
/// invoices at BTCPay Server. Shops are not changed.
#[derive(Debug, Parser)]
#[command(name = "payferry", version, max_term_width = 100, after_help = FIRST_STEPS)]
pub struct Cli {
    /// The configuration file.
    #[arg(long, short, global = true, default_value = "payferry.toml", value_name = "FILE")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

const FIRST_STEPS: &str = "\
First steps:
  payferry demo                 see one purchase, nothing installed, nothing kept
  payferry init                 write payferry.toml and the master secret
  payferry ca --out tls         a certificate for bitpay.com that your shops can trust
  payferry store add main       name a BTCPay store
  payferry store pair main      let BTCPay know payferry's key for it
  payferry pairing new main     a code for the shop to enter
  payferry serve
  payferry check                what is wrong, if anything
  payferry report               where BTCPay was not BitPay, and what is left to do

Exit codes: 0 fine, 1 failed, 2 wrong usage; report: 3 something new.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer shops until SIGTERM.
    Serve,
    /// Start a sandbox and payferry on this machine and show one purchase.
    Demo(demo::DemoArgs),
    /// Run a look-alike of BTCPay Server on this machine.
    Sandbox(sandbox::SandboxArgs),
    /// Write a configuration, a master secret and a data folder; never over existing ones.
    Init(init::InitArgs),
    /// Make a certificate authority and a certificate for bitpay.com, for a DNS swap.
    Ca(ca::CaArgs),
    /// Try each hop up to BTCPay, and say what to change.
    Check(check::CheckArgs),
    /// Make stores and credentials as a file has them.
    ///
    /// Prints the difference and makes it; a second run finds nothing to do. What the file does not name is
    /// left alone. The format: deploy/stores.example.toml.
    Apply(apply::ApplyArgs),
    /// Tell what payferry makes of one request, and why; nothing is sent or written.
    Explain(explain::ExplainArgs),
    Report(report::ReportArgs),
    /// The BTCPay stores that payferry serves.
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// The invoices that shops made.
    #[command(subcommand)]
    Invoice(invoice::InvoiceCommand),
    /// What shops were told of their invoices, and what waits to be.
    #[command(subcommand)]
    Notifications(notifications::NotificationsCommand),
    /// Codes that bind a shop's key to a store.
    #[command(subcommand)]
    Pairing(pairing::PairingCommand),
    /// What names a shop: taking over the token or API key that it has from BitPay, and giving out new ones.
    #[command(subcommand)]
    Credential(credential::CredentialCommand),
    /// The database in which payferry remembers.
    #[command(subcommand)]
    Ledger(ledger::LedgerCommand),
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// Whatever went wrong, with what to do about it.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Serve => serve::run(&load(&self.config)?).await,
            Command::Demo(args) => demo::run(args).await,
            Command::Sandbox(args) => sandbox::run(args).await,
            Command::Init(args) => init::run(&self.config, &args),
            Command::Ca(args) => ca::run(&args),
            Command::Check(args) => check::run(&self.config, &args).await,
            Command::Apply(args) => apply::run(&load(&self.config)?, &args).await,
            Command::Explain(args) => explain::run(&load(&self.config)?, &args).await,
            Command::Report(args) => report::run(&load(&self.config)?, &args).await,
            Command::Store(command) => store::run(&load(&self.config)?, command).await,
            Command::Invoice(command) => invoice::run(&load(&self.config)?, command).await,
            Command::Notifications(command) => notifications::run(&load(&self.config)?, command).await,
            Command::Ledger(command) => ledger::run(&load(&self.config)?, command).await,
            Command::Pairing(command) => pairing::run(&load(&self.config)?, command).await,
            Command::Credential(command) => credential::run(&load(&self.config)?, command).await,
        }
    }
}

fn load(path: &std::path::Path) -> anyhow::Result<Config> {
    Ok(Config::load(Some(path), process_environment())?)
}
