//! `settlement = "bitpay"` counts blocks on BTCPay's public page. Where that page fails, the signed read stands.

use std::time::Duration;

use payferry::presented::Settlement;
use payferry::sandbox::{Fault, Matching};

use crate::support::listening::Listening;
use crate::support::notifying::{looks, order, pay, quick};
use crate::support::{Stage, until};

/// An order at a store with six confirmations, paid while the public page fails.
async fn paid_without_the_page() -> (Stage, Listening) {
    let stage = Stage::without_payferry(&quick("poll_every_seconds = 1\n"), "127.0.0.1:0").await;
    let ledger = stage.ledger().await;
    ledger.set_store("id-of-main", Settlement::Bitpay, None).await.unwrap();
    ledger.close().await;
    let stage = stage.with_payferry().await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    let id = order(&shop, &listening).await;
    stage.sandbox.faults().always(Matching::on("GET", "/i/"), Fault::Page(503));
    pay(&stage, &id);
    listening.hears(&["1003 paid"]).await;
    (stage, listening)
}

/// Waits for polls that could have told something.
async fn polled(stage: &Stage) {
    let before = looks(stage).len();
    until("polls go on", || looks(stage).len() >= before + 2).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
}

#[tokio::test]
async fn a_failing_public_page_tells_nothing_too_early_and_polls_go_on() {
    let (stage, listening) = paid_without_the_page().await;
    for _ in 0..5 {
        stage.sandbox.owner().mine(1);
        polled(&stage).await;
        assert_eq!(listening.told(), ["1003 paid"], "no block was seen, and BTCPay waits for six");
    }
    let metrics = stage.metrics().await;
    assert!(!metrics.contains("payferry_attend_failures_total 0"), "operators hear of it: {metrics}");
    stage.sandbox.owner().mine(1);
    listening.hears(&["1003 paid", "1005 confirmed", "1006 complete"]).await;
}

#[tokio::test]
async fn a_public_page_that_works_again_confirms() {
    let (stage, listening) = paid_without_the_page().await;
    stage.sandbox.owner().mine(1);
    polled(&stage).await;
    listening.hears(&["1003 paid"]).await;
    stage.sandbox.faults().clear();
    listening.hears(&["1003 paid", "1005 confirmed"]).await;
    polled(&stage).await;
    stage.sandbox.owner().mine(5);
    listening.hears(&["1003 paid", "1005 confirmed", "1006 complete"]).await;
}
