//! `payferry init`

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;

use super::voice::Voice;
use crate::app::random;
use crate::config::PublicUrl;
use crate::secrets::MasterSecret;

/// What `init` asks.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The address under which buyers open BTCPay's checkout.
    #[arg(long, value_name = "URL", default_value = "https://btcpay.example.com")]
    btcpay_url: String,
    /// Folder for the ledger and the master secret.
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// For machines: one JSON object with the files' names.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(config: &Path, args: &InitArgs) -> anyhow::Result<ExitCode> {
    let url: PublicUrl = args.btcpay_url.parse().map_err(|why| anyhow::anyhow!("--btcpay-url {why}"))?;
    if config.exists() {
        bail!("{} is already there; init never overwrites", config.display());
    }
    let folder = config.parent().map(Path::to_path_buf).unwrap_or_default();
    let data = folder.join(&args.data);
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&data)
        .with_context(|| format!("{}", data.display()))?;
    let secret = data.join("master.secret");
    let mut bytes = [0; 32];
    random(&mut bytes);
    MasterSecret::create(&secret, bytes)?;
    let text = text(&url, &args.data);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(config)?;
    file.write_all(text.as_bytes())?;
    let voice = Voice::new(args.json);
    voice.say(format_args!("Wrote {} and {} (mode 0600).\n", config.display(), secret.display()));
    voice.say("Keep a copy of the master secret apart from this machine, for example on paper:");
    voice.say("  it is 64 hexadecimal digits; without it every store must be paired again.\n");
    voice.say("Next: payferry ca --out tls, then payferry store add NAME.");
    voice.answer(&serde_json::json!({ "config_file": config, "master_secret_file": secret, "data": data }));
    Ok(ExitCode::SUCCESS)
}

fn text(url: &PublicUrl, data: &Path) -> String {
    let data = data.display();
    format!(
        "# Every key and what it does: config.example.toml\n\n\
         [shop]\nhttp = \"127.0.0.1:8080\"\n\
         # https = \"0.0.0.0:443\"\n# certificate_file = \"tls/certificate.pem\"\n# key_file = \"tls/key.pem\"\n\n\
         [admin]\nlisten = \"127.0.0.1:9470\"\n\n\
         [btcpay.main]\npublic_url = \"{url}\"\n\n\
         # BTCPay tells payferry at once when an invoice changes; without it payferry looks once a minute.\n\
         # [notify]\n# listen = \"127.0.0.1:9471\"\n# public_url = \"http://127.0.0.1:9471\"\n\n\
         [ledger]\npath = \"{data}/ledger.sqlite3\"\n\n\
         [secrets]\nmaster_secret_file = \"{data}/master.secret\"\n"
    )
}
