//! How often reads of a shop may have an invoice looked at.

use crate::ledger::Attended;
use crate::presented::Status;

/// A read that saw a difference has the invoice looked at, but no more often than this, in ms.
const EVERY_MS: i64 = 2_000;
/// The same where the difference stays until the owner does something: an alarm says so.
const EVERY_WHERE_IT_STAYS_MS: i64 = 600_000;

/// Until when the invoice is not looked at for a read's sake, as it was looked at a moment ago, milliseconds
/// since 1970.
pub(super) fn held_until(invoice: &Attended, now_ms: i64) -> Option<i64> {
    let presented = &invoice.row.presented;
    let has_alarm = presented.alarms.iter().next().is_some();
    let stays = has_alarm && !matches!(presented.status, Status::New | Status::Paid);
    let until_ms = invoice.looked_at.saturating_add(if stays { EVERY_WHERE_IT_STAYS_MS } else { EVERY_MS });
    // Looked at later than now: the clock was set back.
    (!invoice.resend && invoice.looked_at <= now_ms && until_ms > now_ms).then_some(until_ms)
}
