//! Whatever BTCPay says, in any order: no shop hears of a lower status after a higher one.

use payferry::presented::{Event, Presented, Seen, Settings, Settlement, Speed, Status, step};
use proptest::prelude::*;

use super::{NOW, PATIENCE, PAUSE, do_all, seen, settings};

const SAYS: &[&str] = &[
    "new",
    "new+paidPartial$",
    "new$",
    "paid$",
    "paid",
    "paid$0",
    "paid$1",
    "paid$2",
    "paid$6",
    "paid+paidOver$",
    "paid+paidOver$1",
    "complete$",
    "complete",
    "complete+paidOver$",
    "complete+marked",
    "complete+marked$",
    "expired",
    "expired$",
    "expired+paidPartial$",
    "expired+paidLater$",
    "invalid",
    "invalid$",
    "invalid+paidOver$",
    "invalid+marked",
    "invalid+marked$",
];

/// What BTCPay says, and how much later.
fn history() -> impl Strategy<Value = Vec<(Seen, i64)>> {
    let waits = prop_oneof![Just(0), 0..2 * PAUSE, 0..2 * PATIENCE, Just(-PATIENCE)];
    let one = (proptest::sample::select(SAYS), waits).prop_map(|(text, wait)| (seen(text), wait));
    proptest::collection::vec(one, 1..30)
}

fn any_settings() -> impl Strategy<Value = Settings> {
    (proptest::sample::select(Settlement::ALL), proptest::sample::select(Speed::ALL))
        .prop_map(|(settlement, speed)| settings(settlement, speed))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_shop_never_hears_of_a_lower_status(history in history(), settings in any_settings()) {
        let (mut at, mut now) = (Presented::new(NOW), NOW);
        let mut told: Vec<(Event, Status)> = Vec::new();
        for (seen, wait) in history {
            now += wait;
            let before = at.clone();
            let (after, done) = do_all(&at, &seen, &settings, now);
            for step in &done {
                prop_assert!(step.then.status >= at.status, "{} after {}", step.then.status, at.status);
                prop_assert_eq!(step.event.is_some(), step.then.status > at.status, "told when, and only when, it moves");
                prop_assert!(step.then != at, "a step that changes nothing");
                at = step.then.clone();
                told.extend(step.event.map(|event| (event, step.then.status)));
            }
            prop_assert_eq!(&at, &after);
            if seen.by_hand && at.status != before.status {
                prop_assert_eq!(at.exception, None, "`marked` is false to a shop");
            }
            let (still, again) = do_all(&at, &seen, &settings, now);
            prop_assert!(again.is_empty(), "the same again is no news");
            prop_assert_eq!(&at, &still);
        }
        prop_assert!(told.is_sorted_by(|(_, before), (_, after)| before < after), "{:?}", told);
        for (event, status) in told {
            prop_assert_eq!(event.status(), Some(status), "the code fits the status in the body");
        }
    }

    /// The last word counts: what BTCPay settled in the end is complete in the end.
    #[test]
    fn what_is_settled_ends_complete(history in history(), settings in any_settings()) {
        let (mut at, mut now) = (Presented::new(NOW), NOW);
        for (seen, wait) in &history {
            now += wait;
            at = do_all(&at, seen, &settings, now).0;
        }
        let (confirmed, done) = do_all(&at, &seen("complete$"), &settings, now);
        prop_assert!(confirmed.status >= Status::Confirmed);
        let pause = now + PAUSE;
        let (complete, more) = do_all(&confirmed, &seen("complete$"), &settings, pause);
        prop_assert_eq!(complete.status, Status::Complete);
        let completed = done.iter().chain(&more).filter(|step| step.event == Some(Event::Completed)).count();
        prop_assert_eq!(completed, usize::from(at.status != Status::Complete), "told once");
    }

    /// To store all steps at once, or one and ask again, is the same where BTCPay says nothing new.
    #[test]
    fn steps_are_what_asking_again_gives(history in history(), settings in any_settings()) {
        let (mut at, mut now) = (Presented::new(NOW), NOW);
        for (seen, wait) in history {
            now += wait;
            let steps = step(&at, &seen, &settings, now);
            prop_assert!(steps.is_sorted_by_key(|step| step.not_before_ms));
            let due: Vec<_> = steps.iter().filter(|step| step.not_before_ms <= now).cloned().collect();
            let (after, done) = do_all(&at, &seen, &settings, now);
            let told = |steps: &[payferry::presented::Step]| {
                steps.iter().map(|step| (step.then.status, step.event, step.then.exception)).collect::<Vec<_>>()
            };
            prop_assert!(told(&done).starts_with(&told(&due)));
            at = after;
        }
    }
}
