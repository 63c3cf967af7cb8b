//! When something is tried or looked at next.

use crate::presented::{Alarm, Presented, Status};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// The longest sleep between two looks, in ms.
pub(super) const LONGEST_MS: i64 = DAY_MS;
/// How long money that comes late is looked for once an hour.
const LATE_MONEY_MS: i64 = 7 * DAY_MS;
/// How long an invoice is looked at that only its owner can still move, in ms.
const OWNER_FOR_MS: i64 = 30 * DAY_MS;

/// What stands when BTCPay says less than the shop was told: nothing takes that back, only its owner.
const STUCK: [Alarm; 4] = [
    Alarm::PaymentVanishedAfterConfirmed,
    Alarm::PaymentShortAfterConfirmed,
    Alarm::InvalidAfterConfirmed,
    Alarm::InvalidatedByHandAfterConfirmed,
];

/// When the invoice is looked at next if nothing happens; None: never.
pub(super) fn next_look(presented: &Presented, now_ms: i64, every_ms: i64) -> Option<i64> {
    let age = now_ms.saturating_sub(presented.since_ms);
    let is_stuck = STUCK.iter().any(|alarm| presented.alarms.has(*alarm));
    let after_ms = match presented.status {
        Status::New | Status::Paid | Status::Confirmed if age < DAY_MS => every_ms,
        Status::New | Status::Paid | Status::Confirmed if !is_stuck && age < OWNER_FOR_MS => {
            every_ms.saturating_mul(10)
        }
        Status::New | Status::Paid | Status::Confirmed if !is_stuck => DAY_MS,
        Status::Expired if age < LATE_MONEY_MS => HOUR_MS.max(every_ms),
        Status::Complete | Status::Invalid if age < DAY_MS => HOUR_MS.max(every_ms),
        _ if age < OWNER_FOR_MS => DAY_MS,
        _ => return None,
    };
    Some(now_ms.saturating_add(after_ms))
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

    fn after(status: Status, alarms: &str, age_ms: i64) -> Option<i64> {
        let alarms = alarms.parse().expect("words of alarms");
        let presented = Presented { status, alarms, ..Presented::new(0) };
        next_look(&presented, age_ms, MINUTE_MS).map(|at| at - age_ms)
    }

    const MINUTE_MS: i64 = 60_000;

    #[test]
    fn an_invoice_is_looked_at_until_nothing_can_come_any_more() {
        for open in [Status::New, Status::Paid, Status::Confirmed] {
            assert_eq!(after(open, "", 10), Some(MINUTE_MS));
            assert_eq!(after(open, "", 2 * DAY_MS), Some(10 * MINUTE_MS));
            assert_eq!(after(open, "", 31 * DAY_MS), Some(DAY_MS), "money can still move it");
        }
        for (closed, hourly_for) in
            [(Status::Complete, DAY_MS), (Status::Invalid, DAY_MS), (Status::Expired, 7 * DAY_MS)]
        {
            assert_eq!(after(closed, "", hourly_for - 1), Some(HOUR_MS));
            assert_eq!(after(closed, "", hourly_for), Some(DAY_MS), "its owner may mark it days later");
            assert_eq!(after(closed, "", 30 * DAY_MS), None, "it may be erased");
        }
    }

    #[test]
    fn one_that_cannot_go_back_is_not_asked_for_for_ever() {
        for alarm in STUCK {
            assert_eq!(after(Status::Confirmed, alarm.as_str(), 10), Some(MINUTE_MS));
            assert_eq!(after(Status::Confirmed, alarm.as_str(), DAY_MS), Some(DAY_MS));
            assert_eq!(after(Status::Confirmed, alarm.as_str(), 30 * DAY_MS), None);
        }
    }
}
