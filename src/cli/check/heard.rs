//! The way of BTCPay's notifications, walked by BTCPay itself: it notifies of a test invoice (event 1001, as it is
//! made), and the payferry that serves counts that in the ledger.

use std::time::Duration;

use super::finding::Finding;
use crate::app::{now_ms, random};
use crate::config::Config;
use crate::ledger::{Ledger, LedgerError, ServingLock, Store};
use crate::notify::intake;

const HOP: &str = "notify.public_url";
/// BTCPay sends it within a second; one that waits in its queue comes later.
const WITHIN: Duration = Duration::from_secs(10);
const ASK_EVERY: Duration = Duration::from_millis(100);

/// Who would hear it.
pub(super) enum Ear {
    /// The payferry that serves, below this address.
    Listens {
        /// `notify.public_url`.
        base: String,
        /// Where it counts.
        ledger: Ledger,
    },
    /// Nobody, and why.
    Deaf(String),
}

/// A notification that should come.
pub(super) struct Awaited<'a> {
    ledger: &'a Ledger,
    id: String,
    /// The address for BTCPay.
    pub(super) url: String,
}

impl Ear {
    /// Whoever listens with this configuration.
    pub(super) async fn of(config: &Config) -> Self {
        let Some(base) = &config.notify.public_url else {
            return Self::Deaf("notify.public_url is not set, so BTCPay notifies nobody".to_owned());
        };
        if !ServingLock::is_taken(&config.ledger.path) {
            return Self::Deaf("payferry serve is not running, so nobody would hear it".to_owned());
        }
        match Ledger::open_existing(&config.ledger.path).await {
            Ok(ledger) => Self::Listens { base: base.to_string(), ledger },
            Err(error) => Self::Deaf(format!("the ledger cannot be written: {error}")),
        }
    }

    /// Prepares for one notification; None where nobody would hear it.
    pub(super) async fn wait_for(&self, store: &Store) -> Result<Option<Awaited<'_>>, LedgerError> {
        let Self::Listens { base, ledger } = self else { return Ok(None) };
        let mut bytes = [0; 12];
        random(&mut bytes);
        let id = format!("{}{}", intake::TEST, bs58::encode(bytes).into_string());
        ledger.add_test_row(&store.id, &id, now_ms()).await?;
        Ok(Some(Awaited { ledger, url: format!("{base}/{id}"), id }))
    }

    /// Why nothing can be said.
    pub(super) fn deaf(&self) -> Option<Finding> {
        let Self::Deaf(why) = self else { return None };
        let tried = "let BTCPay notify of the test invoices";
        Some(Finding::unknown(HOP, tried, format!("cannot see whether BTCPay reaches it: {why}")))
    }

    /// Gives the ledger back.
    pub(super) async fn close(self) {
        if let Self::Listens { ledger, .. } = self {
            ledger.close().await;
        }
    }
}

impl Awaited<'_> {
    /// Whether it came.
    pub(super) async fn came(self, invoice: &str) -> Finding {
        let tried = format!("let BTCPay notify of invoice {invoice}");
        let end = tokio::time::Instant::now() + WITHIN;
        let came = loop {
            match self.ledger.test_row_was_woken(&self.id).await {
                Ok(false) if tokio::time::Instant::now() < end => tokio::time::sleep(ASK_EVERY).await,
                came => break came,
            }
        };
        let dropped = self.ledger.drop_test_row(&self.id).await;
        match came.and_then(|came| dropped.map(|()| came)) {
            Ok(true) => Finding::ok(HOP, tried, "it came, and payferry wrote it down"),
            Ok(false) => {
                let came =
                    format!("nothing came within {} s: shops hear of payments by polls", WITHIN.as_secs());
                Finding::wrong(HOP, tried, came).change(
                    "let BTCPay's machine reach the address, and the address lead to notify.listen; BTCPay trusts \
                     well-known CAs alone, and its log says why it could not deliver",
                )
            }
            Err(error) => Finding::unknown(HOP, tried, format!("the ledger did not tell: {error}")),
        }
    }

    /// There is no invoice to be notified of.
    pub(super) async fn in_vain(self) {
        // The next check drops what this one leaves.
        let _ = self.ledger.drop_test_row(&self.id).await;
    }
}
