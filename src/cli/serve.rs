//! `payferry serve`

use std::process::ExitCode;

use crate::app;
use crate::config::Config;
use crate::lifecycle::{Lifecycle, Signals};
use crate::telemetry::init_logging;

pub(super) async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    init_logging(config.log.format, &config.log.filter)?;
    let lifecycle = Lifecycle::new();
    let signals = Signals::install()?;
    let addresses = app::start(config, &lifecycle).await?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        http = ?addresses.http,
        https = ?addresses.https,
        admin = %addresses.admin,
        "payferry answers"
    );
    Ok(lifecycle.run(signals, config.limits.drain()).await.exit_code().into())
}
