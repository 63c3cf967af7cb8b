//! Every row of `contract/presented-status.toml`, walked: what was told, what BTCPay says, what follows.

use std::collections::BTreeSet;

use payferry::presented::{Alarm, Reading, Settlement, Speed, Status, alarm_texts, rows, step};

use super::{NOW, PATIENCE, presented, say, seen, settings};

/// Told, BTCPay (see `seen`), and what follows under settlement `btcpay`.
const BTCPAY: &[(&str, &str, &str)] = &[
    ("new", "new", ""),
    ("new", "new+paidPartial$", "new+paidPartial"),
    ("new", "paid$", "paid 1003"),
    ("new", "paid+paidOver$", "paid+paidOver 1003"),
    // BTCPay's public count means nothing where BTCPay itself settles.
    ("new", "paid$1", "paid 1003"),
    ("new", "complete$", "paid 1003, confirmed 1005, complete 1006 after 60000"),
    (
        "new",
        "complete+paidOver$",
        "paid+paidOver 1003, confirmed+paidOver 1005, complete+paidOver 1006 after 60000",
    ),
    ("new", "complete", "paid 1003, confirmed 1005, complete 1006 after 60000"),
    ("new", "complete+marked", "confirmed 1005, complete 1006 after 60000"),
    ("new", "expired", "expired 1004"),
    ("new", "expired+paidPartial$", "expired+paidPartial 1004 alarm partial_payment_kept"),
    ("new", "expired+paidLater$", "expired+paidLater 1004 alarm money_kept_after_expiry"),
    ("new", "invalid$", "invalid 1013 alarm money_on_invalid"),
    ("new", "invalid+marked", "invalid 1013"),
    ("new", "invalid+marked$", "invalid 1013 alarm money_on_invalid"),
    ("paid", "paid$", ""),
    ("paid", "paid+paidOver$", "paid+paidOver"),
    ("paid", "complete$", "confirmed 1005, complete 1006 after 60000"),
    ("paid", "complete+marked$", "confirmed 1005, complete 1006 after 60000"),
    ("paid", "invalid$", "invalid 1013 alarm money_on_invalid"),
    ("paid", "invalid", "invalid 1013"),
    ("paid", "invalid+marked$", "invalid 1013 alarm money_on_invalid"),
    ("paid", "new", "paid alarm payment_vanished, invalid 1013 after 3600000"),
    ("paid", "new+paidPartial$", "paid alarm payment_short, invalid 1013 after 3600000"),
    ("paid", "expired", "paid alarm payment_vanished, invalid 1013 after 3600000"),
    ("paid", "expired+paidPartial$", "paid alarm payment_short, invalid 1013 after 3600000"),
    ("expired", "expired", ""),
    ("expired", "expired+paidLater$", "expired+paidLater alarm money_kept_after_expiry"),
    ("expired", "expired+paidPartial$", "expired+paidPartial alarm partial_payment_kept"),
    ("expired", "complete+marked", "confirmed 1005, complete 1006 after 60000"),
    ("expired", "invalid+marked", "invalid 1013"),
    ("expired", "new", ""),
    ("expired", "paid$", ""),
    ("invalid", "invalid+marked", ""),
    ("invalid", "invalid+marked$", "invalid alarm money_on_invalid"),
    ("invalid", "new", ""),
    ("invalid", "expired", ""),
    ("invalid", "complete$", "confirmed 1005, complete 1006 after 60000"),
    ("invalid", "complete+marked", "confirmed 1005, complete 1006 after 60000"),
    ("confirmed", "complete$", "complete 1006 after 60000"),
    ("confirmed", "invalid+marked$", "confirmed alarm invalidated_by_hand_after_confirmed"),
    ("confirmed", "new", "confirmed alarm payment_vanished_after_confirmed"),
    ("complete", "complete$", ""),
    ("complete", "complete+marked", ""),
    ("complete", "new", "complete alarm payment_vanished_after_confirmed"),
    ("complete", "expired$", "complete alarm payment_short_after_confirmed"),
    ("complete", "paid$", ""),
    ("complete", "invalid", "complete alarm invalid_after_confirmed"),
    ("complete", "invalid+marked", "complete alarm invalidated_by_hand_after_confirmed"),
];

/// The same under settlement `bitpay`, for a shop that asked for medium speed.
const BITPAY_MEDIUM: &[(&str, &str, &str)] = &[
    ("new", "paid$", "paid 1003"),
    ("new", "paid$0", "paid 1003"),
    ("new", "paid$1", "paid 1003, confirmed 1005"),
    ("new", "complete$", "paid 1003, confirmed 1005, complete 1006"),
    ("paid", "paid$0", ""),
    ("paid", "paid$1", "confirmed 1005"),
    ("paid", "paid+paidOver$5", "confirmed+paidOver 1005"),
    ("paid", "complete$", "confirmed 1005, complete 1006"),
    ("invalid", "paid$1", "confirmed 1005"),
    ("invalid", "paid$0", "invalid alarm money_on_invalid"),
    ("expired", "paid$1", ""),
    ("confirmed", "paid$0", ""),
    ("confirmed", "paid+paidOver$0", "confirmed+paidOver"),
    ("confirmed", "paid$3", ""),
    ("confirmed", "complete$", "complete 1006"),
    ("confirmed", "new+paidPartial$", "confirmed alarm payment_short_after_confirmed"),
    ("confirmed", "invalid$", "confirmed alarm invalid_after_confirmed"),
    ("complete", "paid$1", ""),
];

#[test]
fn every_row_of_the_table_is_walked() {
    let mut walked = BTreeSet::new();
    let tables =
        [(Settlement::Btcpay, Speed::Medium, BTCPAY), (Settlement::Bitpay, Speed::Medium, BITPAY_MEDIUM)];
    for (settlement, speed, cases) in tables {
        for (told, btcpay, expected) in cases {
            let status: Status = told.parse().unwrap();
            let seen = seen(btcpay);
            let steps = step(&presented(status), &seen, &settings(settlement, speed), NOW);
            assert_eq!(say(&steps), *expected, "{settlement}: told {told}, BTCPay says {btcpay}");
            let reading = seen.reading(settlement.rule(speed));
            walked.extend(rows().iter().position(|row| row.fits(status, reading, seen.by_hand)));
        }
    }
    let all: BTreeSet<_> = (0..rows().len()).collect();
    let missing: Vec<_> = all.difference(&walked).map(|at| &rows()[*at]).collect();
    assert!(missing.is_empty(), "rows that no case walks: {missing:#?}");
}

#[test]
fn every_pair_has_exactly_one_row() {
    use Reading::{Complete, Confirmed, Expired, Invalid, New, Paid};
    for status in Status::ALL {
        for reading in [New, Paid, Confirmed, Complete, Expired, Invalid] {
            for by_hand in [false, true] {
                let fitting = rows().iter().filter(|row| row.fits(*status, reading, by_hand)).count();
                assert_eq!(fitting, 1, "told {status}, BTCPay says {reading:?}, by hand: {by_hand}");
            }
        }
    }
}

/// rules of the table itself: up only, told by the event of the status reached.
#[test]
fn no_row_goes_down() {
    for row in rows() {
        for presented in &row.presented {
            let path = [[*presented].as_slice(), &row.next, row.overdue.as_slice()].concat();
            assert!(path.is_sorted_by(|before, after| before < after), "goes down: {row:?}");
        }
    }
}

#[test]
fn every_alarm_is_explained_once_and_raised_somewhere() {
    for alarm in Alarm::ALL {
        assert_eq!(alarm_texts().iter().filter(|text| text.alarm == *alarm).count(), 1, "{alarm}");
        let raised = rows().iter().flat_map(|row| &row.raises).any(|raises| raises.alarm == *alarm);
        let by_looks = alarm_texts().iter().any(|text| text.alarm == *alarm && text.by_looks);
        assert!(raised != by_looks, "no row raises {alarm}");
    }
}

/// rules.md's settlement, speed by speed: BTCPay is asked, N blocks, complete.
#[test]
fn settlement_says_what_is_asked_of_btcpay() {
    use Settlement::{Bitpay, Btcpay};
    for speed in Speed::ALL {
        let rule = Btcpay.rule(*speed);
        assert_eq!((rule.upstream, rule.confirmations), (None, None), "btcpay leaves {speed} alone");
    }
    let asked = |speed| {
        let rule = Bitpay.rule(speed);
        (rule.upstream, rule.confirmations)
    };
    assert_eq!(asked(Speed::High), (Some(Speed::High), None), "zero blocks are BTCPay's to judge");
    assert_eq!(asked(Speed::Medium), (Some(Speed::Low), Some(1)));
    assert_eq!(asked(Speed::LowMedium), (Some(Speed::Low), Some(2)));
    assert_eq!(asked(Speed::Low), (Some(Speed::Low), None));
}

#[test]
fn a_speed_is_read_as_bitpay_did() {
    assert_eq!(Speed::asked(Some("HIGH"), Speed::Medium), Speed::High);
    assert_eq!(
        Speed::asked(Some("fast"), Speed::Medium),
        Speed::Medium,
        "life-no-medium-default-speed-bad-word"
    );
    assert_eq!(Speed::asked(None, Speed::Low), Speed::Low);
}

/// outages.md, 4: one and the same answer must show Processing, nothing due and the blocks.
#[test]
fn a_count_counts_only_with_processing_and_nothing_due() {
    let settings = settings(Settlement::Bitpay, Speed::Medium);
    let mut reading = seen("paid$1");
    let mut says = |change: &dyn Fn(&mut payferry::presented::PublicStatus)| {
        reading = seen("paid$1");
        change(reading.public.as_mut().unwrap());
        say(&step(&presented(Status::Paid), &reading, &settings, NOW))
    };
    assert_eq!(says(&|_| {}), "confirmed 1005");
    assert_eq!(says(&|public| public.nothing_due = false), "", "life-low-two-payments-first-double-spent");
    assert_eq!(says(&|public| public.processing = false), "", "life-low-reorg-at-3-double-spent");
    assert_eq!(says(&|public| public.confirmations = Some(0)), "");
    assert_eq!(says(&|public| public.confirmations = None), "");
}

/// The pause runs from `confirmed`, not from the newest reading.
#[test]
fn complete_waits_for_its_pause_and_no_longer() {
    let settings = settings(Settlement::Btcpay, Speed::Medium);
    let confirmed = presented(Status::Confirmed);
    let at = |now| step(&confirmed, &seen("complete$"), &settings, now)[0].not_before_ms;
    assert_eq!(at(NOW), NOW + 60_000);
    assert_eq!(at(NOW + 59_999), NOW + 60_000);
    assert_eq!(at(NOW + 90_000), NOW + 90_000);
}

/// life-rbf-double-spent-then-paid-again: the money comes back before patience ends.
#[test]
fn money_that_comes_back_stops_the_clock_and_may_vanish_again() {
    let settings = settings(Settlement::Btcpay, Speed::Medium);
    let go = |at, btcpay: &str, now| super::do_all(at, &seen(btcpay), &settings, now);
    let new = presented(Status::New);
    let (paid, _) = go(&new, "paid$", NOW);
    let (short, done) = go(&paid, "new", NOW + 1000);
    assert_eq!(done[0].alarm, Some(Alarm::PaymentVanished));
    assert_eq!(short.unpaid_since_ms, Some(NOW + 1000));
    let (short, done) = go(&short, "new", NOW + 2000);
    assert!(done.is_empty(), "an alarm is raised once: {}", say(&done));
    let (paid, _) = go(&short, "paid$", NOW + 3000);
    assert_eq!((paid.status, paid.unpaid_since_ms), (Status::Paid, None));
    let (again, done) = go(&paid, "new", NOW + PATIENCE + 5000);
    assert_eq!(done.len(), 1, "{}", say(&done));
    assert_eq!(done[0].alarm, Some(Alarm::PaymentVanished), "it is news again");
    let (invalid, done) = go(&again, "expired", NOW + 2 * PATIENCE + 5000);
    assert_eq!((invalid.status, done.len()), (Status::Invalid, 1));
}

/// The clock is an hour early when `confirmed` is stored, then right again.
#[test]
fn a_clock_that_is_set_back_costs_no_more_than_the_pause() {
    let settings = settings(Settlement::Btcpay, Speed::Medium);
    let mut confirmed = presented(Status::Confirmed);
    confirmed.since_ms = NOW + PATIENCE;
    let (at, done) = super::do_all(&confirmed, &seen("complete$"), &settings, NOW);
    assert_eq!((at.since_ms, done.len()), (NOW, 1), "only noted: {}", say(&done));
    let (at, _) = super::do_all(&at, &seen("complete$"), &settings, NOW + 60_000);
    assert_eq!(at.status, Status::Complete);
}

#[test]
fn times_far_away_do_not_overflow() {
    let mut settings = settings(Settlement::Btcpay, Speed::Medium);
    (settings.complete_after_ms, settings.invalid_after_ms) = (i64::MAX, i64::MAX);
    let steps = step(&presented(Status::Confirmed), &seen("complete$"), &settings, NOW);
    assert_eq!(steps[0].not_before_ms, i64::MAX);
    let steps = step(&presented(Status::Paid), &seen("new"), &settings, NOW);
    assert_eq!(steps[1].not_before_ms, i64::MAX);
}
