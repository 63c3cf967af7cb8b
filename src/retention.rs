//! Erases the texts of shops and buyers `ledger.retention_days` after an invoice was final.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::ledger::{Ledger, LedgerError};

/// How often it is looked whether something has become old enough.
const EVERY: Duration = Duration::from_secs(3600);
/// Invoices in one commit, so that creates never wait for long.
const BATCH: u32 = 100;
/// Between two commits.
const PAUSE: Duration = Duration::from_millis(50);
const DAY_MS: i64 = 24 * 3_600_000;

/// Erases what is old enough, at the start and then every hour, until `stop`.
pub async fn keep(ledger: Ledger, days: u32, clock: fn() -> i64, stop: CancellationToken) {
    loop {
        let erased = stop.run_until_cancelled(erase(&ledger, days, clock)).await;
        match erased {
            Some(Ok(0)) => {}
            Some(Ok(invoices)) => tracing::info!(invoices, days, "texts_erased"),
            Some(Err(error)) => tracing::warn!(%error, "texts_not_erased"),
            None => return,
        }
        if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
            return;
        }
    }
}

async fn erase(ledger: &Ledger, days: u32, clock: fn() -> i64) -> Result<usize, LedgerError> {
    let mut all = 0;
    loop {
        let now_ms = clock();
        let before_ms = now_ms.saturating_sub(i64::from(days).saturating_mul(DAY_MS));
        match ledger.erase_final(before_ms, now_ms, BATCH).await? {
            0 => return Ok(all),
            erased => all += erased,
        }
        tokio::time::sleep(PAUSE).await;
    }
}
