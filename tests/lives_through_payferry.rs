//! Every recorded life lived again with payferry between the shop and BTCPay: the shop makes the invoice
//! through payferry, owner and chain do at a sandbox what was recorded, BTCPay notifies payferry, payferry
//! notifies the shop. What the shop hears, and what alarms the operator, is held against
//! `tests/data/told.toml`.
//!
//! Each life has a BTCPay of its own, with its own clock and chain, all behind one payferry; five shops
//! that asked for different notifications have their invoices side by side in it. payferry's clock is the
//! true one: a minute between confirmed and complete is a second, and the hour that a vanished payment
//! has passes by starting payferry again with a shorter one.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "lives_through_payferry/alarms.rs"]
mod alarms;
#[path = "lives_through_payferry/cast.rs"]
mod cast;
#[path = "lives_through_payferry/life.rs"]
mod life;
#[path = "lives_through_payferry/made_before.rs"]
mod made_before;
#[path = "support/recorded_life.rs"]
mod recorded_life;
#[path = "lives_through_payferry/stage.rs"]
mod stage;
mod support;
#[path = "support/told.rs"]
mod told;

use std::sync::Arc;
use std::time::Instant;

use alarms::{AlarmLog, Raised};
use life::Life;
use made_before::MadeBefore;
use stage::House;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// More would only make each wait longer for the processor.
const AT_ONCE: usize = 24;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shops_behind_payferry_hear_what_bitpay_would_have_told() {
    let (started, log) = (Instant::now(), AlarmLog::start());
    let mut house = House::open(cast::cast()).await;
    let mut lives = Vec::new();
    for scene in house.scenes().await {
        lives.push(Life::begin(scene).await);
    }
    let count = lives.len();
    println!("{count} lives are ready after {:?}", started.elapsed());
    let lives = each(lives, Life::live).await;
    println!("lived after {:?}", started.elapsed());
    let mut counted = alarms::Counts::new();
    alarms::add(&mut counted, &house.stage().metrics().await);
    house.let_an_hour_pass().await;
    let lives = each(lives, Life::end).await;
    println!("the hour is over after {:?}", started.elapsed());
    let expected = lives.iter().map(Life::alarms_expected).sum();
    let raised = Raised::all(&house.stage().ledger().await, expected).await;
    alarms::add(&mut counted, &house.stage().metrics().await);
    let heard: usize = lives.iter().map(Life::heard).sum();
    let wrong: Vec<String> = lives.iter().flat_map(|life| life.differences(&raised)).collect();
    stage::keep_bodies(&lives);
    println!("{heard} notifications and {expected} alarms for {count} lives: {counted:#?}");
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(counted, raised.counts(), "the metric counts each alarm once");
    assert_eq!(log.lines(), alarms::listed(house.stage().folder()), "each alarm is logged once, and listed");
    assert_eq!(count, 162 + 30, "every life that a shop behind payferry can have");
    assert!(heard > 1000 && expected > 200, "only {heard} and {expected}");
}

/// The lives whose invoices no shop behind payferry can make were made before it stood there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invoices_that_payferry_did_not_make_are_read_through_it() {
    let (roles, expected): (Vec<_>, Vec<_>) = cast::made_before().into_iter().unzip();
    let mut house = House::open(roles).await;
    let (mut count, mut wrong) = (0, Vec::new());
    for (scene, expected) in house.scenes().await.into_iter().zip(expected) {
        wrong.extend(MadeBefore::begin(scene, expected).live().await.differences().await);
        count += 1;
    }
    let ledger = house.stage().ledger().await;
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
    assert!(
        ledger.alarms(1).await.unwrap().is_empty() && ledger.notifications(None, 1).await.unwrap().is_empty()
    );
    assert_eq!(count, 13);
}

/// Does something with every life, a bounded number at a time.
async fn each<F, G>(lives: Vec<Life>, what: F) -> Vec<Life>
where
    F: Fn(Life) -> G + Copy + Send + 'static,
    G: Future<Output = Life> + Send,
{
    let (places, mut under_way) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
    for life in lives {
        let places = Arc::clone(&places);
        under_way.spawn(async move {
            let _place = places.acquire_owned().await.unwrap();
            what(life).await
        });
    }
    under_way.join_all().await
}
