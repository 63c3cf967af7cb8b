//! `payferry ledger backup`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::voice::Voice;
use crate::config::Config;
use crate::ledger::{Backup, backup};

/// What can be done with the ledger as a whole.
#[derive(Debug, Subcommand)]
pub(super) enum LedgerCommand {
    /// Copy the ledger to a new file while payferry runs; never over an existing one.
    ///
    /// The copy is of no use without the master secret: keep that too, in another place.
    Backup {
        /// Where the copy goes; mode 0600.
        file: PathBuf,
        /// For machines: one JSON object.
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(config: &Config, command: LedgerCommand) -> anyhow::Result<ExitCode> {
    match command {
        LedgerCommand::Backup { file, json } => {
            let made = backup(&config.ledger.path, &file).await?;
            tell(config, &file, made, Voice::new(json));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(config: &Config, file: &Path, made: Backup, voice: Voice) {
    let Backup { bytes, invoices } = made;
    let secret = &config.secrets.master_secret_file;
    voice.say(format_args!("Wrote {} (mode 0600): {invoices} invoices, {bytes} bytes.", file.display()));
    voice.say("\nIt opens with this master secret only; keep a copy of that apart from it:");
    voice.say(format_args!("  {}", secret.display()));
    voice.say("How to restore: docs/runbook.md, \"Back up and restore the ledger\".");
    voice.answer(&json!({
        "file": file, "bytes": bytes, "invoices": invoices, "master_secret_file": secret,
    }));
}
