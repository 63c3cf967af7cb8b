//! Whether the payferry that serves signs with a store's new key: by its own word (`payferry_store_key`).

use std::time::Duration;

use crate::cli::check::wire::Way;
use crate::config::Config;
use crate::ledger::ServingLock;

/// It asks the ledger every 400 ms.
const WITHIN: Duration = Duration::from_secs(10);
const ASK_EVERY: Duration = Duration::from_millis(200);

/// What is known of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Noticed {
    /// It signs with the new key.
    Yes,
    /// It goes on with a key of that number.
    No(u32),
    /// No payferry serves on the ledger.
    NobodyServes,
    /// It was not found out: why.
    Unknown(String),
}

/// Asks until it has switched, for ten seconds at most.
pub(super) async fn wait(config: &Config, store: &str, key: u32) -> Noticed {
    if !ServingLock::is_taken(&config.ledger.path) {
        return Noticed::NobodyServes;
    }
    let end = tokio::time::Instant::now() + WITHIN;
    loop {
        let seen = ask(config, store).await;
        match seen {
            Ok(seen) if seen >= key => return Noticed::Yes,
            Ok(seen) if tokio::time::Instant::now() >= end => return Noticed::No(seen),
            Err(why) if tokio::time::Instant::now() >= end => return Noticed::Unknown(why),
            _ => tokio::time::sleep(ASK_EVERY).await,
        }
    }
}

/// The number of the key by which the store signs.
async fn ask(config: &Config, store: &str) -> Result<u32, String> {
    let address = config.admin.listen;
    if address.port() == 0 {
        return Err("admin.listen has port 0, so it cannot be asked".to_owned());
    }
    let heard = Way::here(address, None).get(&address.to_string(), "/metrics").await;
    let heard = heard.map_err(|error| format!("admin.listen: {error}"))?;
    let text = String::from_utf8_lossy(&heard.body);
    let line = format!("payferry_store_key{{store=\"{store}\"}} ");
    let key = text.lines().find_map(|text| text.strip_prefix(&line)).and_then(|key| key.trim().parse().ok());
    key.ok_or_else(|| format!("admin.listen ({address}) does not say by which key {store} signs"))
}
