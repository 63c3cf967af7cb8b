//! After an outage of BTCPay everything open is looked at: at a bounded rate, the oldest first.

use std::time::{Duration, Instant};

use sqlx::{Connection, Executor, SqliteConnection};

use crate::support::listening::Listening;
use crate::support::notifying::{looks, order, pay, quick};
use crate::support::{Shop, Stage};

const INVOICES: usize = 60;
const RATE: usize = 20;

/// Orders whose next poll is an hour away, the oldest first.
async fn orders(shop: &Shop, listening: &Listening) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..INVOICES {
        ids.push(order(shop, listening).await);
    }
    ids
}

/// The poll of this invoice comes now, as that of one of many always does.
async fn poll(stage: &Stage, id: &str) {
    let url = format!("sqlite://{}", stage.config().ledger.path.display());
    let mut ledger = SqliteConnection::connect(&url).await.unwrap();
    let sql = "UPDATE invoices SET wake_at = 1 WHERE invoice_id = ?";
    ledger.execute(sqlx::query(sql).bind(id)).await.unwrap();
    ledger.close().await.unwrap();
}

/// How many looks there were, again and again until all shops have heard.
async fn watched(stage: &Stage, listening: &Listening) -> Vec<(Duration, usize)> {
    let (started, mut seen) = (Instant::now(), Vec::new());
    while listening.heard().len() < INVOICES {
        let waited = started.elapsed();
        assert!(waited < Duration::from_secs(60), "only {} heard", listening.heard().len());
        seen.push((waited, looks(stage).len()));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    seen
}

/// BTCPay forgets what it had not sent when it is restarted, so payferry has to find it: without hammering a
/// server that has just come back, and the customer first who has waited longest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_outage_hid_is_found_at_a_bounded_rate_the_oldest_first() {
    let settings = format!("poll_every_seconds = 3600\nreads_per_second = {RATE}\n");
    let stage = Stage::set_with(&quick(&settings)).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    let ids = orders(&shop, &listening).await;
    stage.close_btcpay().await;
    stage.sandbox.owner().restart();
    for id in &ids {
        pay(&stage, id);
    }
    let knocks = ids.last().unwrap();
    poll(&stage, knocks).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    stage.sandbox.faults().forget_requests();
    stage.open_btcpay().await;

    let seen = watched(&stage, &listening).await;
    for (number, (from, before)) in seen.iter().enumerate() {
        for (to, after) in &seen[number..] {
            // A journal that is read a moment later than the clock has some more in it.
            let most = RATE + RATE * usize::try_from((*to - *from).as_millis()).unwrap() / 1000 + RATE / 2;
            assert!(after - before <= most, "{} looks in {:?}", after - before, *to - *from);
        }
    }
    let order: Vec<_> = looks(&stage);
    let mut first: Vec<&String> = Vec::new();
    for id in order.iter().filter(|id| *id != knocks) {
        if !first.contains(&id) {
            first.push(id);
        }
    }
    let places: Vec<_> = first.iter().map(|id| ids.iter().position(|other| other == *id).unwrap()).collect();
    // The first second has a burst of turns, which go to whoever is there first; none is left behind.
    let latest = places.iter().enumerate().map(|(place, age)| place.saturating_sub(*age)).max();
    assert!(
        latest.is_some_and(|latest| latest < INVOICES / 3),
        "looked at in this order of their age: {places:?}"
    );
}
