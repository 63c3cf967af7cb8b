//! Does what follows for one invoice: deliver what waits, look at BTCPay, take one step, sleep.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::hold::held_until;
use super::look::Looked;
use super::schedule::next_look;
use super::unseen::{AFTER_OUTAGE_MS, after_defect_ms};
use super::{Notifier, outbox};
use crate::json::Object;
use crate::ledger::{Attended, Credential, Glance, InvoiceState, LedgerError, Rest, Store, Told, Waiting};
use crate::presented::{Event, Presented, Step, step};
use crate::walk::create::{WordsSealed, open_words};

/// Most steps and deliveries in one go; an invoice has five or so in its whole life.
const MOST_TURNS: usize = 16;

/// Why an invoice cannot be attended to.
#[derive(Debug, thiserror::Error)]
pub(super) enum AttendError {
    /// The ledger did not answer.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Its words cannot be opened: another master secret.
    #[error(transparent)]
    Sealed(#[from] WordsSealed),
    /// Its store is gone from the ledger.
    #[error("the store of the invoice is not known")]
    StoreUnknown,
}

/// What comes after one turn.
pub(super) enum Turn {
    /// Something was done; there may be more.
    Again,
    /// Nothing to do before then; None: nothing more at all.
    Sleep(Option<i64>),
    /// The same after a look.
    Rest(Rest),
    /// payferry stops: the ledger has what is left.
    Leave,
}

/// Why an invoice is attended to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Its time has come.
    Due,
    /// A shop's read saw that BTCPay says something else than the shop was told.
    Nudged,
}

/// One invoice with what belongs to it.
pub(super) struct Case<'a> {
    pub(super) invoice: &'a Attended,
    pub(super) store: &'a Store,
    pub(super) words: &'a Object,
    /// What made it, also where that was revoked since: its shop still checks the signature by it.
    pub(super) credential: Option<&'a Credential>,
}

impl Notifier {
    /// Attends to the invoice until it can sleep; whatever goes wrong is logged and tried again.
    pub(super) async fn attend(&self, row_id: &str, why: Why, stop: &CancellationToken) {
        if let Err(error) = self.turns(row_id, why, stop).await {
            tracing::warn!(row = row_id, %error, "invoice_not_attended");
            self.metrics.attend_failed();
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    }

    async fn turns(&self, row_id: &str, why: Why, stop: &CancellationToken) -> Result<(), AttendError> {
        for turn in 1.. {
            if stop.is_cancelled() {
                // In a drain nothing new is begun; the ledger has what is left.
                return Ok(());
            }
            let invoice = match self.ledger.attended(row_id).await {
                Err(error @ LedgerError::Unreadable(_)) => {
                    self.ledger.defer(row_id, (self.clock)() + after_defect_ms(0)).await?;
                    return Err(error.into());
                }
                found => found?,
            };
            let Some(invoice) = invoice else { return Ok(()) };
            let held =
                (turn == 1 && why == Why::Nudged).then(|| held_until(&invoice, (self.clock)())).flatten();
            if let Some(until_ms) = held {
                return Ok(self.ledger.wake_by(&invoice, until_ms).await?);
            }
            let done = self.turn(&invoice, stop).await;
            let now_ms = (self.clock)();
            let rest = match &done {
                Ok(Turn::Again) if turn < MOST_TURNS => continue,
                Ok(Turn::Again) => Rest::until(Some(now_ms + AFTER_OUTAGE_MS)),
                Ok(Turn::Sleep(until)) => Rest::until(*until),
                Ok(Turn::Rest(rest)) => *rest,
                Ok(Turn::Leave) => return Ok(()),
                Err(
                    AttendError::Sealed(_)
                    | AttendError::StoreUnknown
                    | AttendError::Ledger(LedgerError::Unreadable(_)),
                ) => {
                    let until_ms = Some(now_ms + after_defect_ms(invoice.blind_looks));
                    Rest { until_ms, glance: Glance::Refused }
                }
                Err(AttendError::Ledger(_)) => return done.map(drop),
            };
            self.ledger.rest(row_id, invoice.wakes, rest, now_ms).await?;
            return done.map(drop);
        }
        Ok(())
    }

    async fn turn(&self, invoice: &Attended, stop: &CancellationToken) -> Result<Turn, AttendError> {
        if invoice.row.state != InvoiceState::Created || !invoice.row.relayed {
            return Ok(Turn::Sleep(None));
        }
        let store = self.store(invoice).await.ok_or(AttendError::StoreUnknown)?;
        let Some(words) = open_words(&self.secrets, &invoice.row)? else {
            // Final for so long that its address was erased: there is nobody to tell.
            return Ok(Turn::Sleep(None));
        };
        let credential = self.credential(invoice).await?;
        let case = Case { invoice, store: &store, words: &words, credential: credential.as_deref() };
        // The first try of what waits comes before anything else: a shop hears one thing after the other.
        if let Some(waiting) = invoice.waiting.as_ref().filter(|waiting| waiting.tries == 0) {
            let turn = self.deliver(&case, waiting).await?;
            let Turn::Sleep(place_at) = turn else { return Ok(turn) };
            let look_at = self.looked_at_without_place(&case, waiting);
            if look_at > (self.clock)() {
                return Ok(Turn::Sleep(place_at.into_iter().chain([look_at]).min()));
            }
        }
        let looked = self.look(&case, stop).await;
        if stop.is_cancelled() {
            return Ok(Turn::Leave);
        }
        match looked {
            Ok(looked) => self.decide(&case, &looked).await,
            Err(error) => self.without_btcpay(&case, &error).await,
        }
    }

    async fn credential(&self, invoice: &Attended) -> Result<Option<Arc<Credential>>, LedgerError> {
        let Some(id) = &invoice.credential_id else { return Ok(None) };
        if let Some(entry) = self.directory.credential(id) {
            return Ok(Some(entry.credential));
        }
        Ok(self.ledger.credential(id).await?.map(Arc::new))
    }

    async fn decide(&self, case: &Case<'_>, looked: &Looked) -> Result<Turn, AttendError> {
        let now_ms = (self.clock)();
        let Attended { row, bound_at, resend, waiting, .. } = case.invoice;
        let presented = not_later(&row.presented, now_ms);
        // Not of the corrected one: what `step` corrects it also stores, else a pause would begin anew with each look.
        let steps = step(&row.presented, &looked.seen, &looked.settings, now_ms);
        let earliest = bound_at.min(&now_ms).saturating_add(ms(self.config.delay_after_create_ms));
        let next = steps.first().map(|step| (step, step.not_before_ms.max(earliest)));
        if let Some((step, _)) = next.filter(|(_, at)| *at <= now_ms) {
            self.take(case, looked, step, now_ms).await?;
            return Ok(Turn::Again);
        }
        if *resend {
            self.repeat(case, looked, now_ms).await?;
            return Ok(Turn::Again);
        }
        let mut retry = waiting.as_ref().map(|waiting| waiting.next_at);
        if let Some(waiting) = waiting.as_ref().filter(|waiting| self.is_due(waiting, now_ms)) {
            match self.deliver(case, waiting).await? {
                Turn::Sleep(until_ms) => retry = until_ms,
                turn => return Ok(turn),
            }
        }
        let look = next_look(&presented, now_ms, self.every_ms());
        let until_ms = [look, retry, next.map(|(_, at)| at)].into_iter().flatten().min();
        Ok(Turn::Rest(Rest { until_ms, glance: Glance::Seen }))
    }

    /// Commits one step, with what the shop is sent and what the operator is told.
    async fn take(
        &self,
        case: &Case<'_>,
        looked: &Looked,
        step: &Step,
        now_ms: i64,
    ) -> Result<(), LedgerError> {
        let notification = step.event.and_then(|event| outbox::written(self, case, looked, step, event));
        let untold = notification.is_none();
        let rewritten = untold.then(|| outbox::rewritten(self, case, looked, step)).flatten();
        let alarm = step.alarm.map(|alarm| (alarm.as_str().to_owned(), self.name()));
        let told = Told {
            row_id: case.invoice.row.row_id.clone(),
            presented: step.then.clone(),
            notification,
            rewritten,
            alarm,
            resent: false,
        };
        self.ledger.tell(told, now_ms).await?;
        if let Some(alarm) = step.alarm {
            let (invoice, store) = (case.invoice.row.invoice_id.as_deref(), &case.store.name);
            self.metrics.alarm(alarm.as_str());
            tracing::warn!(target: "alarm", alarm = alarm.as_str(), invoice, store, "see docs/runbook.md");
        }
        Ok(())
    }

    /// The shop, or the operator, asked to hear the present state again. Where the shop never took the event
    /// that tells this state it gets that one: many plugins do nothing on 1012 (WooCommerce, WHMCS).
    async fn repeat(&self, case: &Case<'_>, looked: &Looked, now_ms: i64) -> Result<(), LedgerError> {
        let (row, presented) = (&case.invoice.row, case.invoice.row.presented.clone());
        let event = match Event::telling(presented.status).filter(|event| self.form(case, *event).is_some()) {
            Some(event) if !self.ledger.has_taken(&row.row_id, event.code()).await? => event,
            _ => Event::ManuallyNotified,
        };
        let step = Step { then: presented.clone(), event: None, not_before_ms: now_ms, alarm: None };
        let told = Told {
            row_id: row.row_id.clone(),
            presented,
            notification: outbox::written(self, case, looked, &step, event),
            rewritten: None,
            alarm: None,
            resent: true,
        };
        self.ledger.tell(told, now_ms).await
    }

    /// When the invoice may be looked at though the first try of what waits has found no place at its shop. After
    /// the time of a try that counts as one that failed: the next step may be taken. Milliseconds since 1970.
    fn looked_at_without_place(&self, case: &Case<'_>, waiting: &Waiting) -> i64 {
        let Attended { urgent, looked_at, .. } = case.invoice;
        let failed_at = waiting.created_at.saturating_add(ms(self.config.delivery_timeout_ms));
        // Later than now: the clock was set back.
        let looked_at = if *looked_at > (self.clock)() { 0 } else { *looked_at };
        let poll_at = if *urgent { 0 } else { looked_at.saturating_add(self.every_ms()) };
        failed_at.max(poll_at)
    }

    fn every_ms(&self) -> i64 {
        ms(self.config.poll_every_seconds.saturating_mul(1000))
    }

    /// Due, or further ahead than any retry: then the clock was set back.
    pub(super) fn is_due(&self, waiting: &Waiting, now_ms: i64) -> bool {
        let longest = self.config.retry_after_seconds.iter().max().copied().unwrap_or(0);
        waiting.next_at <= now_ms || waiting.next_at > now_ms.saturating_add(ms(longest.saturating_mul(1000)))
    }

    /// 16 random bytes in base58.
    pub(super) fn name(&self) -> String {
        let mut bytes = [0; 16];
        (self.random)(&mut bytes);
        bs58::encode(bytes).into_string()
    }
}

/// A clock that was set back must not hold an invoice up: nothing was told later than now.
fn not_later(presented: &Presented, now_ms: i64) -> Presented {
    let mut presented = presented.clone();
    presented.since_ms = presented.since_ms.min(now_ms);
    presented.unpaid_since_ms = presented.unpaid_since_ms.map(|since| since.min(now_ms));
    presented
}

fn ms(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
