//! What BTCPay says of an invoice, paced, and what is known of BTCPay's outages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Notifier;
use super::attend::Case;
use crate::json::Object;
use crate::ledger::{Attended, LedgerError, Store};
use crate::presented::{PublicStatus, Seen, Settings, Settlement, Speed};
use crate::walk::facts::{Facts, FactsError};
use crate::walk::forward::ForwardError;
use crate::walk::understand::Misunderstood;
use crate::walk::upstream::UpstreamError;

const LOOK_WITHIN: Duration = Duration::from_secs(10);
/// While BTCPay is down one invoice after the other asks whether it is back, this far apart, in ms.
const KNOCK_EVERY_MS: i64 = 2_000;

/// Why an invoice cannot be looked at now.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum LookError {
    /// BTCPay is down, and was asked a moment ago.
    #[error("BTCPay is down")]
    Down,
    /// No usable answer.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// JSON, but no invoice.
    #[error(transparent)]
    Facts(#[from] FactsError),
    /// A status that BTCPay 2.4.1 does not have.
    #[error("BTCPay's status is not known")]
    Status,
    /// The ledger did not answer.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl LookError {
    /// Whether it passes by itself, when BTCPay or the ledger is back.
    pub(super) fn is_outage(&self) -> bool {
        match self {
            Self::Down | Self::Ledger(_) => true,
            Self::Upstream(UpstreamError::Forward(error)) => {
                !matches!(error, ForwardError::ServerUnknown | ForwardError::NotWritable)
            }
            Self::Upstream(UpstreamError::Misunderstood(answer)) => {
                matches!(answer, Misunderstood::Failed(_) | Misunderstood::NotJson)
            }
            Self::Upstream(_) | Self::Facts(_) | Self::Status => false,
        }
    }
}

/// BTCPay itself answers no 5xx when it is down (recorded: outages.md); what stands before it does. Another
/// 5xx is about one invoice and says nothing of the others.
fn shows_outage(error: &UpstreamError) -> bool {
    match error {
        UpstreamError::Forward(error) => {
            !matches!(error, ForwardError::ServerUnknown | ForwardError::NotWritable)
        }
        UpstreamError::Misunderstood(answer) => matches!(answer, Misunderstood::Failed(502..=504)),
        UpstreamError::Sealed | UpstreamError::NotPaired => false,
    }
}

/// One look.
pub(super) struct Looked {
    pub(super) facts: Facts,
    pub(super) seen: Seen,
    pub(super) settings: Settings,
}

/// Servers that are down: when they are asked next, milliseconds since 1970.
#[derive(Default)]
pub(super) struct Outages(Mutex<HashMap<String, i64>>);

impl Outages {
    /// Whether the server may be asked now.
    fn may_ask(&self, server: &str, now_ms: i64) -> bool {
        let mut down = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match down.get_mut(server) {
            // Further ahead than a knock: the clock was set back.
            Some(next) if *next > now_ms && *next <= now_ms + KNOCK_EVERY_MS => false,
            Some(next) => {
                *next = now_ms + KNOCK_EVERY_MS;
                true
            }
            None => true,
        }
    }

    fn is_down(&self, server: &str, now_ms: i64) -> bool {
        let mut down = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        down.insert(server.to_owned(), now_ms + KNOCK_EVERY_MS).is_none()
    }

    /// True where it was down before.
    fn is_up(&self, server: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(server).is_some()
    }
}

impl Notifier {
    /// Reads the invoice at BTCPay, and its public status where the settlement counts blocks.
    pub(super) async fn look(&self, case: &Case<'_>, stop: &CancellationToken) -> Result<Looked, LookError> {
        let Case { invoice, store, words } = case;
        let id = invoice.row.invoice_id.as_deref().unwrap_or_default();
        if !self.outages.may_ask(&store.server, (self.clock)()) {
            return Err(LookError::Down);
        }
        // What BTCPay has notified of does not queue behind polls.
        if !invoice.urgent {
            stop.run_until_cancelled(self.pace.until_ready()).await.ok_or(LookError::Down)?;
        }
        let answer = self.upstream.read_invoice(store, id, LOOK_WITHIN).await;
        self.note(store, &answer.as_ref().map(|_| ()).map_err(Clone::clone)).await?;
        let facts = Facts::of_answer(&answer?)?;
        let settlement = invoice.settlement.unwrap_or(store.settlement);
        let settings = self.settings(settlement, words);
        let mut seen = facts.seen().map_err(|_| LookError::Status)?;
        let counts = settings.settlement.rule(settings.speed).confirmations.is_some();
        if counts && facts.status == "paid" {
            seen.public = match self.public(store, id).await {
                Ok(public) => public,
                // The signed read stands: without the count of blocks only `confirmed` comes later.
                Err(error) => {
                    self.metrics.attend_failed();
                    tracing::warn!(invoice = id, store = store.name, %error, "invoice_not_seen");
                    None
                }
            };
        }
        Ok(Looked { facts, seen, settings })
    }

    fn settings(&self, settlement: Settlement, words: &Object) -> Settings {
        let asked = words.get("transactionSpeed").and_then(crate::json::Value::as_str);
        let ms = |seconds: u64| i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
        Settings {
            settlement,
            speed: Speed::asked(asked, Speed::Medium),
            complete_after_ms: ms(self.config.complete_after_seconds),
            invalid_after_ms: ms(self.config.invalid_after_seconds),
        }
    }

    async fn public(&self, store: &Store, id: &str) -> Result<Option<PublicStatus>, LookError> {
        let answer = self.upstream.public_status(store, id, LOOK_WITHIN).await?;
        let text = |name: &str| answer.get(name).and_then(crate::json::Value::as_str);
        let due = text("due").and_then(|due| crate::json::Number::parse(due).ok());
        let confirmations = answer.get("receivedConfirmations").and_then(crate::json::Value::as_number);
        Ok(Some(PublicStatus {
            processing: text("status") == Some("Processing"),
            nothing_due: due.is_some_and(|due| due.is_zero()),
            confirmations: confirmations.and_then(|count| count.text().parse().ok()),
        }))
    }

    /// After an outage everything open is looked at: BTCPay forgets what it had not sent
    /// (recorded: outages.md, waiting retries do not survive a restart).
    async fn note(&self, store: &Store, outcome: &Result<(), UpstreamError>) -> Result<(), LedgerError> {
        let now_ms = (self.clock)();
        match outcome {
            Err(error) => {
                if shows_outage(error) && self.outages.is_down(&store.server, now_ms) {
                    tracing::warn!(server = store.server, "btcpay_down");
                }
            }
            Ok(()) => {
                if self.outages.is_up(&store.server) {
                    let woken = self.ledger.wake_open(&store.server, now_ms).await;
                    if woken.is_err() {
                        // Nothing is reconciled yet: the next good read tries again.
                        self.outages.is_down(&store.server, now_ms);
                    }
                    let invoices = woken?;
                    tracing::warn!(server = store.server, invoices, "btcpay_back");
                }
            }
        }
        Ok(())
    }

    /// The store of an invoice.
    pub(super) async fn store(&self, invoice: &Attended) -> Option<Arc<Store>> {
        self.directory.store(&invoice.row.store_id).await
    }
}
