//! What is polled, what is looked at because a shop read it, and what an operator is told of late polls.

use std::time::Duration;

use payferry::app::now_ms;
use payferry::sandbox::Mark;

use super::notifying::{Ahead, quick};
use super::row_of;
use super::support::listening::Listening;
use super::support::notifying::order;
use super::support::{Stage, until_async};

const HOUR_MS: i64 = 3_600_000;

/// The owner of an invoice that got money on Friday marks it on Monday, and BTCPay cannot tell payferry.
#[tokio::test]
async fn a_shop_that_reads_or_lists_hears_what_the_owner_did_days_later() {
    let stage = Stage::set_with(&quick("poll_every_seconds = 3600\n")).await;
    let shop = stage.paired_shop().await;
    let (by_read, by_list) = (Listening::new(None).await, Listening::new(None).await);
    let (read, listed) = (order(&shop, &by_read).await, order(&shop, &by_list).await);
    for id in [&read, &listed] {
        stage.sandbox.owner().expire(id).unwrap();
        shop.read(id).await;
    }
    by_read.hears(&["1004 expired"]).await;
    by_list.hears(&["1004 expired"]).await;
    stage.sandbox.owner().mark(&read, Mark::Settled).unwrap();
    // It was looked at a moment ago: not at once, and not never.
    assert_eq!(shop.read(&read).await.data_text("status"), "expired", "a read never advances anything");
    by_read.hears(&["1004 expired", "1005 confirmed"]).await;
    stage.sandbox.owner().mark(&listed, Mark::Settled).unwrap();
    let list = shop.send(http::Method::GET, &format!("/invoices?token={}", shop.token), "", true).await;
    assert_eq!(list.status, 200, "{}", list.text);
    by_list.hears(&["1004 expired", "1005 confirmed"]).await;
}

#[tokio::test]
async fn after_an_outage_an_expired_invoice_is_looked_at_soon_and_not_before_the_open_ones() {
    let stage = Stage::set_with(&quick("poll_every_seconds = 3600\n")).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    let (expired, open) = (order(&shop, &listening).await, order(&shop, &listening).await);
    stage.sandbox.owner().expire(&expired).unwrap();
    shop.read(&expired).await;
    listening.hears(&["1004 expired"]).await;
    let (expired, open) = (row_of(&stage, &expired).await, row_of(&stage, &open).await);
    stage.lifecycle.drain();
    let (ledger, now) = (stage.ledger().await, now_ms());
    assert_eq!(ledger.wake_open("sandbox", now).await.unwrap(), 2);
    assert_eq!(ledger.due(now, 9).await.unwrap().0, std::slice::from_ref(&open));
    assert_eq!(ledger.due(now + HOUR_MS / 20, 9).await.unwrap().0, [open, expired]);
}

/// The machine's clock was years ahead when the invoice went to sleep, and is right again at the start.
#[tokio::test]
async fn what_sleeps_longer_than_anything_does_is_woken_at_the_start() {
    let stage = Stage::set_with(&quick("poll_every_seconds = 2\n")).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    let id = order(&shop, &listening).await;
    stage.lifecycle.drain();
    tokio::time::sleep(Duration::from_millis(300)).await;
    stage.ledger().await.defer(&row_of(&stage, &id).await, now_ms() + 900 * 24 * HOUR_MS).await.unwrap();
    stage.sandbox.owner().pay(&id, &stage.due(&id)).unwrap();
    let _ahead = Ahead::alone(&stage).await;
    listening.hears(&["1003 paid"]).await;
}

#[tokio::test]
async fn polls_that_do_not_keep_up_are_seen_in_the_metrics() {
    let stage = Stage::set_with(&quick("poll_every_seconds = 3600\nreads_per_second = 1\n")).await;
    let shop = stage.paired_shop().await;
    let (listening, ledger) = (Listening::new(None).await, stage.ledger().await);
    for _ in 0..12 {
        let row = row_of(&stage, &order(&shop, &listening).await).await;
        ledger.defer(&row, now_ms() - 120_000).await.unwrap();
    }
    until_async("it is said", || async {
        let metrics = stage.metrics().await;
        let late = metrics.lines().find_map(|line| line.strip_prefix("payferry_poll_late_seconds "));
        late.and_then(|late| late.parse::<i64>().ok()).is_some_and(|late| late >= 120)
    })
    .await;
}
