//! How often reads of a shop may have an invoice looked at.

use crate::ledger::Attended;

/// A read that saw a difference has the invoice looked at, but no more often than this, in ms.
const EVERY_MS: i64 = 2_000;
/// The same where the difference stays: an alarm was raised, and only the owner can do something.
const EVERY_WITH_ALARM_MS: i64 = 600_000;

/// Until when the invoice is not looked at for a read's sake, as it was looked at a moment ago, milliseconds
/// since 1970.
pub(super) fn held_until(invoice: &Attended, now_ms: i64) -> Option<i64> {
    let every_ms = match invoice.row.presented.alarms.iter().next() {
        Some(_) => EVERY_WITH_ALARM_MS,
        None => EVERY_MS,
    };
    let until_ms = invoice.looked_at.saturating_add(every_ms);
    // Looked at later than now: the clock was set back.
    (!invoice.resend && invoice.looked_at <= now_ms && until_ms > now_ms).then_some(until_ms)
}
