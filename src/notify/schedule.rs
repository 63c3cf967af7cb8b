//! When something is tried or looked at next.

use crate::presented::Status;

/// How often an invoice is looked at that only its owner can still move, in milliseconds, and for how long.
pub(super) const SETTLED_EVERY_MS: i64 = 3_600_000;
const SETTLED_FOR_MS: i64 = 24 * 3_600_000;
/// The same for one that expired: money may come late.
const EXPIRED_FOR_MS: i64 = 7 * 24 * 3_600_000;
/// An invoice that has been open for a day is looked at ten times less often.
const YOUNG_FOR_MS: i64 = 24 * 3_600_000;

/// When the invoice is looked at next if nothing happens; None: never.
pub(super) fn next_look(status: Status, since_ms: i64, now_ms: i64, every_ms: i64) -> Option<i64> {
    let age = now_ms.saturating_sub(since_ms);
    match status {
        Status::New | Status::Paid | Status::Confirmed if age < YOUNG_FOR_MS => Some(now_ms + every_ms),
        Status::New | Status::Paid | Status::Confirmed => Some(now_ms + 10 * every_ms),
        Status::Expired if age < EXPIRED_FOR_MS => Some(now_ms + SETTLED_EVERY_MS.max(every_ms)),
        Status::Complete | Status::Invalid if age < SETTLED_FOR_MS => {
            Some(now_ms + SETTLED_EVERY_MS.max(every_ms))
        }
        Status::Expired | Status::Complete | Status::Invalid => None,
    }
}

/// When a notification is tried again after its `tries`th try failed; None: it is parked.
pub(super) fn next_try(tries: u32, retry_after_ms: &[i64], now_ms: i64) -> Option<i64> {
    let index = usize::try_from(tries.saturating_sub(1)).ok()?;
    retry_after_ms.get(index).map(|after| now_ms + after)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// BitPay's documentation of 2014 and 2017: tries at 0, 1, 5, 14 and 30 minutes, given up at 55.
    #[test]
    fn the_default_tries_come_at_bitpays_minutes() {
        let default = crate::config::NotifySection::default();
        let after: Vec<i64> = default.retry_after_seconds.iter().map(|s| *s as i64 * 1000).collect();
        let mut at = 0;
        let mut minutes = vec![0];
        for tries in 1.. {
            match next_try(tries, &after, at) {
                Some(next) => at = next,
                None => break,
            }
            minutes.push(at / 60_000);
        }
        assert_eq!(minutes, [0, 1, 5, 14, 30, 55]);
    }

    #[test]
    fn an_invoice_is_looked_at_until_nothing_can_come_any_more() {
        let minute = 60_000;
        assert_eq!(next_look(Status::New, 0, 10, minute), Some(10 + minute));
        assert_eq!(
            next_look(Status::Paid, 0, 2 * YOUNG_FOR_MS, minute),
            Some(2 * YOUNG_FOR_MS + 10 * minute)
        );
        assert_eq!(next_look(Status::Complete, 0, 10, minute), Some(10 + SETTLED_EVERY_MS));
        assert_eq!(next_look(Status::Complete, 0, SETTLED_FOR_MS, minute), None);
        assert_eq!(
            next_look(Status::Expired, 0, SETTLED_FOR_MS, minute),
            Some(SETTLED_FOR_MS + SETTLED_EVERY_MS)
        );
    }
}
