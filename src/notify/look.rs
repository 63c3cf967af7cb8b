//! What BTCPay says of an invoice, paced.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Notifier;
use super::attend::Case;
use super::outages::{Change, Sign};
use crate::json::{Number, Object, Value};
use crate::ledger::{Attended, LedgerError, Store};
use crate::presented::{PublicStatus, Seen, Settings, Settlement, Speed};
use crate::walk::facts::{Facts, FactsError};
use crate::walk::upstream::UpstreamError;

const LOOK_WITHIN: Duration = Duration::from_secs(10);
/// An invoice that could not be seen so often in a row is broken itself.
const KNOWN_BAD_AFTER: u32 = 3;

/// Why an invoice cannot be looked at now.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum LookError {
    /// BTCPay is down, and was asked a moment ago.
    #[error("BTCPay is down")]
    Down,
    /// payferry stops: nothing new is begun.
    #[error("payferry stops")]
    Stopping,
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

/// One look.
pub(super) struct Looked {
    pub(super) facts: Facts,
    pub(super) seen: Seen,
    pub(super) settings: Settings,
}

impl Notifier {
    /// Reads the invoice at BTCPay, and its public status where the settlement counts blocks.
    pub(super) async fn look(&self, case: &Case<'_>, stop: &CancellationToken) -> Result<Looked, LookError> {
        let Case { invoice, store, words, .. } = case;
        let id = invoice.row.invoice_id.as_deref().unwrap_or_default();
        if !self.outages.may_ask(&store.server, (self.clock)()) {
            return Err(LookError::Down);
        }
        // What BTCPay has notified of does not queue behind polls.
        let number = self.under_way.number(&invoice.row.row_id);
        let paced = async {
            if !invoice.urgent {
                tokio::select! {
                    biased;
                    () = self.under_way.hurried(&invoice.row.row_id) => {}
                    () = self.pace.turn(number) => return,
                }
            }
            self.urgent_pace.turn(number).await;
        };
        stop.run_until_cancelled(paced).await.ok_or(LookError::Stopping)?;
        let answer = self.upstream.read_invoice(store, id, LOOK_WITHIN).await;
        self.note(case, &answer).await?;
        let answer = answer?;
        self.observe_look(case, &answer);
        let facts = Facts::of_answer(&answer)?;
        let settlement = invoice.settlement.unwrap_or(store.settlement);
        let settings = self.settings(settlement, words);
        let mut seen = facts.seen().map_err(|_| LookError::Status)?;
        let counts = settings.settlement.rule(settings.speed).confirmations.is_some();
        if counts && facts.status == "paid" {
            seen.public = self.public(case, id).await;
        }
        Ok(Looked { facts, seen, settings })
    }

    fn settings(&self, settlement: Settlement, words: &Object) -> Settings {
        let asked = words.get("transactionSpeed").and_then(Value::as_str);
        let ms = |seconds: u64| i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
        Settings {
            settlement,
            speed: Speed::asked(asked, Speed::Medium),
            complete_after_ms: ms(self.config.complete_after_seconds),
            invalid_after_ms: ms(self.config.invalid_after_seconds),
        }
    }

    async fn public(&self, case: &Case<'_>, id: &str) -> Option<PublicStatus> {
        let store = case.store;
        let answer = self.upstream.public_status(store, id, LOOK_WITHIN).await;
        self.observe_public(case, answer.as_ref());
        match answer {
            Ok(answer) => Some(counted(&answer)),
            // The signed read stands: without the count of blocks only `confirmed` comes later.
            Err(error) => {
                self.metrics.attend_failed();
                tracing::warn!(invoice = id, store = store.name, %error, "invoice_not_seen");
                None
            }
        }
    }

    /// What the end of a look says of the server. After an outage everything open is looked at: BTCPay forgets
    /// what it had not sent (recorded: outages.md, waiting retries do not survive a restart).
    async fn note(&self, case: &Case<'_>, answer: &Result<Value, UpstreamError>) -> Result<(), LookError> {
        let (server, now_ms) = (&case.store.server, (self.clock)());
        let (row_id, sign) = (&case.invoice.row.row_id, Sign::of(answer));
        let known_bad = case.invoice.blind_looks >= KNOWN_BAD_AFTER;
        match self.outages.note(server, row_id, sign, known_bad, now_ms) {
            Change::Down => {
                let error = answer.as_ref().err().map(ToString::to_string);
                tracing::warn!(server, error, "btcpay_down");
            }
            Change::Back => {
                let woken = self.ledger.wake_open(server, now_ms).await;
                if woken.is_err() {
                    // Nothing is reconciled yet: the next good read tries again.
                    self.outages.not_yet_back(server, now_ms);
                }
                let invoices = woken?;
                tracing::warn!(server, invoices, "btcpay_back");
            }
            Change::None => {}
        }
        let says_nothing = !matches!(sign, Sign::Answers | Sign::NotAsked);
        if says_nothing && self.outages.is_down(server) { Err(LookError::Down) } else { Ok(()) }
    }

    /// The store of an invoice.
    pub(super) async fn store(&self, invoice: &Attended) -> Option<Arc<Store>> {
        self.directory.store(&invoice.row.store_id).await
    }
}

/// The blocks that the public status counts.
fn counted(answer: &Value) -> PublicStatus {
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    let due = text("due").and_then(|due| Number::parse(due).ok());
    let confirmations = answer.get("receivedConfirmations").and_then(Value::as_number);
    PublicStatus {
        processing: text("status") == Some("Processing"),
        nothing_due: due.is_some_and(|due| due.is_zero()),
        confirmations: confirmations.and_then(|count| count.text().parse().ok()),
    }
}
