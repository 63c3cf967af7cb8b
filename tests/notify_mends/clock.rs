//! Clocks that are set: nothing is lost, nothing waits until the old time comes back, and nothing is hammered.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use payferry::app::now_ms;

use crate::support::listening::{Listening, Reaction};
use crate::support::notifying::{Attending, looks, order, pay, quick};
use crate::support::{Stage, until};

const HALF_AN_HOUR_MS: i64 = 30 * 60_000;

/// A clock of its own for each story, off by so many milliseconds.
macro_rules! clock {
    ($off:ident, $clock:ident) => {
        static $off: AtomicI64 = AtomicI64::new(0);
        fn $clock() -> i64 {
            now_ms() + $off.load(Ordering::SeqCst)
        }
    };
}

/// BTCPay is asked again two seconds after it did not answer, not half an hour and two seconds after.
#[tokio::test]
async fn an_outage_does_not_last_as_long_as_a_clock_is_set_back() {
    clock!(OFF, clock);
    let stage = Stage::set_with(&quick("poll_every_seconds = 1\n")).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    let id = order(&shop, &listening).await;
    let attending = Attending::instead(&stage, clock).await;
    stage.close_btcpay().await;
    // Polls find that it is down.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    OFF.store(-HALF_AN_HOUR_MS, Ordering::SeqCst);
    pay(&stage, &id);
    stage.open_btcpay().await;
    listening.hears(&["1003 paid"]).await;
    attending.drain().await;
}

/// A shop that is to be told again is told again, although the time of the next try is lost.
#[tokio::test]
async fn a_retry_does_not_wait_for_the_time_that_was_lost() {
    clock!(OFF, clock);
    let stage = Stage::set_with(&quick("poll_every_seconds = 3600\n").replace("[1, 1, 1]", "[20]")).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    listening.reacts(&[Reaction::Answers("500 Oh"), Reaction::Answers("200 OK")]);
    let id = order(&shop, &listening).await;
    pay(&stage, &id);
    // A read finds it paid, and asks for a look.
    shop.read(&id).await;
    listening.hears(&["1003 paid"]).await;
    let attending = Attending::instead(&stage, clock).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    OFF.store(-HALF_AN_HOUR_MS, Ordering::SeqCst);
    listening.hears(&["1003 paid", "1003 paid"]).await;
    attending.drain().await;
}

/// Whoever wrote "confirmed" with a clock that was two hours ahead still writes "complete" a pause later.
#[tokio::test]
async fn a_clock_that_ran_ahead_and_is_put_right_holds_no_step_up() {
    clock!(OFF, clock);
    let settings =
        quick("poll_every_seconds = 1\n").replace("complete_after_seconds = 1", "complete_after_seconds = 5");
    let stage = Stage::set_with(&settings).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    let id = order(&shop, &listening).await;
    let attending = Attending::instead(&stage, clock).await;
    pay(&stage, &id);
    listening.hears(&["1003 paid"]).await;
    OFF.store(4 * HALF_AN_HOUR_MS, Ordering::SeqCst);
    stage.sandbox.owner().confirm(&id).unwrap();
    listening.hears(&["1003 paid", "1005 confirmed"]).await;
    OFF.store(0, Ordering::SeqCst);
    listening.hears(&["1003 paid", "1005 confirmed", "1006 complete"]).await;
    attending.drain().await;
}

/// The clock was hours ahead when payferry was stopped, and is right when it starts again.
#[tokio::test]
async fn a_clock_that_was_put_right_while_payferry_was_away_holds_nothing_up() {
    clock!(OFF, clock);
    let stage = Stage::set_with(&quick("poll_every_seconds = 1\n")).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    let id = order(&shop, &listening).await;
    OFF.store(4 * HALF_AN_HOUR_MS, Ordering::SeqCst);
    let ahead = Attending::instead(&stage, clock).await;
    stage.sandbox.faults().forget_requests();
    until("it is asleep until then", || !looks(&stage).is_empty()).await;
    ahead.drain().await;
    OFF.store(0, Ordering::SeqCst);
    pay(&stage, &id);
    let attending = Attending::start(&stage, clock).await;
    listening.hears(&["1003 paid"]).await;
    attending.drain().await;
}

/// Clocks are set by a second or two all the time: that must not read every open invoice at BTCPay.
#[tokio::test]
async fn a_small_step_of_the_clock_wakes_nobody() {
    clock!(OFF, clock);
    let stage = Stage::set_with(&quick("poll_every_seconds = 3600\n")).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    for _ in 0..5 {
        order(&shop, &listening).await;
    }
    let attending = Attending::instead(&stage, clock).await;
    stage.sandbox.faults().forget_requests();
    for back_ms in [-1, -500, -2000, -1000, -3000] {
        OFF.store(back_ms, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    assert!(looks(&stage).is_empty(), "{} looks", looks(&stage).len());
    OFF.store(-60_000, Ordering::SeqCst);
    // Each is looked at, and once more after what the shop was told "later" was put right.
    let seen = || looks(&stage).into_iter().collect::<BTreeSet<_>>().len();
    until("a large step wakes all", || seen() == 5).await;
    attending.drain().await;
}
