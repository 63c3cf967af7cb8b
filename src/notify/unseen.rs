//! What is done for an invoice that cannot be seen: what was written before still goes out, the looks become
//! rarer, and after a week the operator is told that it is lost.

use super::Notifier;
use super::attend::{AttendError, Case, Turn};
use super::look::LookError;
use crate::ledger::{Attended, Glance, LedgerError, Rest, Told};
use crate::presented::Alarm;
use crate::walk::forward::ForwardError;
use crate::walk::understand::Misunderstood;
use crate::walk::upstream::UpstreamError;

/// How long an invoice sleeps while the whole server is down, in ms.
pub(super) const AFTER_OUTAGE_MS: i64 = 5_000;
/// The first sleep after a look failed for a reason that may pass, and the longest.
const PASSING_MS: (i64, i64) = (5_000, 600_000);
/// The same where somebody has to do something first.
const LASTING_MS: (i64, i64) = (600_000, 24 * 3_600_000);
/// An invoice that was not seen for so long, in so many looks, is lost.
const LOST_AFTER_MS: i64 = 7 * 24 * 3_600_000;
const LOST_AFTER_LOOKS: u32 = 8;

/// Sleep after a look that failed like `looks` before it: twice as long each time.
fn backed_off((first, most): (i64, i64), looks: u32) -> i64 {
    first.saturating_mul(1 << looks.min(20)).min(most)
}

/// Sleep of an invoice that even an operator sees only in the log, in ms.
pub(super) fn after_defect_ms(blind_looks: u32) -> i64 {
    backed_off(LASTING_MS, blind_looks)
}

impl LookError {
    /// What the look came to.
    fn glance(&self) -> Glance {
        match self {
            Self::Down | Self::Stopping | Self::Ledger(_) => Glance::None,
            Self::Facts(_) | Self::Status => Glance::Refused,
            Self::Upstream(UpstreamError::Sealed | UpstreamError::NotPaired) => Glance::Refused,
            Self::Upstream(UpstreamError::Forward(error)) => match error {
                ForwardError::ServerUnknown | ForwardError::NotWritable => Glance::Refused,
                _ => Glance::Failed,
            },
            Self::Upstream(UpstreamError::Misunderstood(answer)) => match answer {
                Misunderstood::Failed(_) | Misunderstood::NotJson => Glance::Failed,
                _ => Glance::Refused,
            },
        }
    }
}

impl Notifier {
    /// What was written before is still delivered, at its own times.
    pub(super) async fn without_btcpay(
        &self,
        case: &Case<'_>,
        error: &LookError,
    ) -> Result<Turn, AttendError> {
        if matches!(error, LookError::Stopping) {
            return Ok(Turn::Leave);
        }
        let now_ms = (self.clock)();
        let Attended { waiting, blind_looks, .. } = case.invoice;
        if let Some(waiting) = waiting.as_ref().filter(|waiting| self.is_due(waiting, now_ms)) {
            return Ok(self.deliver(case, waiting).await?);
        }
        let glance = error.glance();
        let after_ms = match glance {
            Glance::None | Glance::Seen => AFTER_OUTAGE_MS,
            Glance::Failed => backed_off(PASSING_MS, *blind_looks),
            Glance::Refused => backed_off(LASTING_MS, *blind_looks),
        };
        self.log_unseen(case, error, glance);
        let is_lost = glance != Glance::None && is_lost(case.invoice, now_ms);
        if is_lost {
            self.give_up(case, now_ms).await?;
        }
        let retry = waiting.as_ref().map(|waiting| waiting.next_at);
        let look = (!is_lost).then_some(now_ms.saturating_add(after_ms));
        Ok(Turn::Rest(Rest { until_ms: look.into_iter().chain(retry).min(), glance }))
    }

    /// Once for each invoice; an outage has its own line.
    fn log_unseen(&self, case: &Case<'_>, error: &LookError, glance: Glance) {
        let (invoice, store) = (case.invoice.row.invoice_id.as_deref(), &case.store.name);
        if glance == Glance::None {
            tracing::debug!(invoice, store, %error, "invoice_not_seen");
            return;
        }
        self.metrics.attend_failed();
        if case.invoice.blind_looks == 0 {
            tracing::warn!(invoice, store, %error, "invoice_not_seen");
        } else {
            tracing::info!(invoice, store, %error, looks = case.invoice.blind_looks, "invoice_not_seen");
        }
    }

    /// Nothing will be told any more unless somebody asks for it, and the operator hears that.
    async fn give_up(&self, case: &Case<'_>, now_ms: i64) -> Result<(), LedgerError> {
        let alarm = Alarm::InvoiceLostAtBtcpay;
        let mut presented = case.invoice.row.presented.clone();
        if !presented.alarms.raise(alarm) {
            return Ok(());
        }
        let told = Told {
            row_id: case.invoice.row.row_id.clone(),
            presented,
            notification: None,
            rewritten: None,
            alarm: Some((alarm.as_str().to_owned(), self.name())),
            resent: false,
        };
        self.ledger.tell(told, now_ms).await?;
        let (invoice, store) = (case.invoice.row.invoice_id.as_deref(), &case.store.name);
        self.metrics.alarm(alarm.as_str());
        tracing::warn!(target: "alarm", alarm = alarm.as_str(), invoice, store, "see docs/runbook.md");
        Ok(())
    }
}

fn is_lost(invoice: &Attended, now_ms: i64) -> bool {
    let since = invoice.blind_since.unwrap_or(now_ms);
    invoice.blind_looks >= LOST_AFTER_LOOKS && now_ms.saturating_sub(since) >= LOST_AFTER_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_become_rarer_up_to_a_bound() {
        let passing: Vec<i64> = (0..9).map(|looks| backed_off(PASSING_MS, looks) / 1000).collect();
        assert_eq!(passing, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
        let lasting: Vec<i64> = (0..9).map(|looks| backed_off(LASTING_MS, looks) / 60_000).collect();
        assert_eq!(lasting, [10, 20, 40, 80, 160, 320, 640, 1280, 1440]);
        assert_eq!(backed_off(LASTING_MS, u32::MAX), LASTING_MS.1);
    }
}
