//! Every recorded life lived again with payferry between the shop and BTCPay: the shop makes the invoice
//! through payferry, owner and chain do at a sandbox what was recorded, BTCPay notifies payferry, payferry
//! notifies the shop. What the shop hears is held against `tests/data/told.toml`.
//!
//! Each life has a BTCPay of its own, with its own clock and chain, all behind one payferry; five shops
//! that asked for different notifications have their invoices side by side in it. payferry's clock is the
//! true one: a minute between confirmed and complete is a second, and the hour that a vanished payment
//! has passes by starting payferry again with a shorter one.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "lives_through_payferry/life.rs"]
mod life;
#[path = "support/recorded_life.rs"]
mod recorded_life;
#[path = "lives_through_payferry/stage.rs"]
mod stage;
mod support;
#[path = "support/told.rs"]
mod told;

use std::sync::Arc;
use std::time::Instant;

use life::{Life, WISHES};
use stage::House;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// More would only make each wait longer for the processor.
const AT_ONCE: usize = 24;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shops_behind_payferry_hear_what_bitpay_would_have_told() {
    let started = Instant::now();
    let mut house = House::open(stage::cast()).await;
    let lives = house.lives().await;
    let count = lives.len();
    println!("{count} lives are ready after {:?}", started.elapsed());
    let lives = each(lives, Life::live).await;
    println!("lived after {:?}", started.elapsed());
    house.let_an_hour_pass().await;
    let lives = each(lives, Life::end).await;
    println!("the hour is over after {:?}", started.elapsed());
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let mut heard = 0;
    let mut wrong = Vec::new();
    for life in &lives {
        heard += life.heard();
        wrong.extend(life.differences());
    }
    stage::keep_bodies(&lives);
    println!("{heard} notifications for {} invoices of {count} lives", count * WISHES.len());
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(count, 162, "every life but those that no shop behind payferry can have");
    assert!(heard > 1000, "only {heard}");
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
