//! What a shop hears late must say what a read says by then, must be heard once, and must be the event that
//! its plugin acts on.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::time::Duration;

use support::command::payferry;
use support::listening::{Listening, Reaction};
use support::small_disk::{fill, small_disk};
use support::{Shop, Stage, until, until_async};

fn quick(complete_after_seconds: u32, more: &str) -> String {
    format!(
        "[notify]\nallow_private = [\"127.0.0.0/8\"]\ndelay_after_create_ms = 0\npoll_every_seconds = 1\n\
         complete_after_seconds = {complete_after_seconds}\n{more}"
    )
}

async fn order(shop: &Shop, listening: &Listening, members: &str) -> String {
    let url = listening.url();
    let order = format!(r#""price":10,"currency":"EUR","notificationURL":"{url}"{members}"#);
    shop.create(&order).await.invoice_id()
}

fn pay(stage: &Stage, id: &str) {
    stage.sandbox.owner().pay(id, &stage.due(id)).unwrap();
}

async fn presents(shop: &Shop, id: &str, status: &str) {
    until_async(status, || async { shop.read(id).await.data_text("status") == status }).await;
}

/// WooCommerce and WHMCS act on the names of BitPay's events and do nothing on manuallyNotified: a repeat
/// that only said 1012 would leave a paid order unpaid for good.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_the_event_that_the_shop_never_took() {
    let stage = Stage::set_with(&quick(0, "retry_after_seconds = [1]\n")).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    listening.reacts(&[Reaction::Answers("500 Oh")]);
    let id = order(&shop, &listening, r#","extendedNotifications":true"#).await;
    pay(&stage, &id);
    stage.sandbox.owner().confirm(&id).unwrap();
    presents(&shop, &id, "complete").await;
    let parked = || payferry(stage.folder(), &["notifications", "list", "--state", "parked"]).stdout;
    until("it was given up", || parked().contains("1006")).await;
    let given_up = || async { stage.metrics().await.contains("payferry_outbox_given_up 1") };
    until_async("ops see what was given up", given_up).await;

    listening.reacts(&[Reaction::Answers("200 OK")]);
    let heard = listening.heard().len();
    payferry(stage.folder(), &["notifications", "resend", &id]).ended_with(0);
    until("it hears again", || listening.heard().len() > heard).await;
    assert_eq!(listening.told().last().unwrap(), "1006 complete");
    payferry(stage.folder(), &["notifications", "resend", &id]).ended_with(0);
    until("and again", || listening.heard().len() > heard + 1).await;
    assert_eq!(listening.told().last().unwrap(), "1012 complete", "taken before, so it is a repeat");
    until_async("nothing is missing", || async {
        stage.metrics().await.contains("payferry_outbox_given_up 0")
    })
    .await;
}

/// A shop that asked for one notification: were the waiting one dropped when the invoice moves on, it would
/// never hear; were it sent as it was written, it would contradict the read that the shop makes on it.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_says_what_a_read_says_by_then() {
    let stage = Stage::set_with(&quick(0, "retry_after_seconds = [2, 2, 2]\n")).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(Some(shop.clone())).await;
    listening.reacts(&[Reaction::Answers("500 Oh"), Reaction::Answers("200 OK")]);
    let id = order(&shop, &listening, r#","fullNotifications":false,"transactionSpeed":"medium""#).await;
    pay(&stage, &id);
    stage.sandbox.owner().confirm(&id).unwrap();
    presents(&shop, &id, "complete").await;
    listening.hears(&["confirmed", "complete"]).await;
    for heard in listening.heard() {
        assert_eq!(heard.read.clone().unwrap().data_text("status"), heard.text("status"), "{heard:?}");
    }
}

/// The same for what stands beside the status.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_says_that_too_much_was_paid_by_then() {
    let stage = Stage::set_with(&quick(0, "retry_after_seconds = [3, 3, 3]\n")).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(Some(shop.clone())).await;
    listening.reacts(&[Reaction::Answers("500 Oh"), Reaction::Answers("200 OK")]);
    let id = order(&shop, &listening, r#","extendedNotifications":true"#).await;
    pay(&stage, &id);
    until("it was told once", || listening.heard().len() == 1).await;
    stage.sandbox.owner().pay(&id, "1").unwrap();
    listening.hears(&["1003 paid", "1003 paid"]).await;
    let [first, second] = &listening.heard()[..] else { panic!("{:?}", listening.told()) };
    let exception = |heard: &support::listening::Heard| heard.invoice().get("exceptionStatus").cloned();
    assert_eq!(exception(first), Some(false.into()));
    assert_eq!(exception(second), Some("paidOver".into()));
    assert_eq!(second.read.clone().unwrap().data("exceptionStatus"), Some("paidOver".into()));
}

/// A shop that took a notification must not get it every second for as long as a disk is full.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_shop_took_is_not_repeated_because_the_disk_is_full() {
    let name = "what_a_shop_took_is_not_repeated_because_the_disk_is_full";
    let Some(disk) = small_disk(name, "3m") else { return };
    let stage = Stage::set_with_ledger_and(&disk, &quick(0, "delivery_timeout_ms = 10000\n")).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    listening.reacts(&[Reaction::Trickles("200 OK")]);
    let id = order(&shop, &listening, r#","extendedNotifications":true"#).await;
    pay(&stage, &id);
    until("it is being told", || listening.heard().len() == 1).await;
    let ballast = fill(&disk);
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(listening.told(), ["1003 paid"]);
    std::fs::remove_file(ballast).unwrap();
    stage.sandbox.owner().confirm(&id).unwrap();
    listening.hears(&["1003 paid", "1005 confirmed", "1006 complete"]).await;
}

/// The owner asks for six blocks from now on. Orders that were made before are waited for as they were asked
/// for at BTCPay: told by the new rule, they would be complete at one block without even the pause.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_keeps_the_settlement_that_it_was_made_under() {
    let stage = Stage::set_with(&quick(3600, "")).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    let before = order(&shop, &listening, r#","extendedNotifications":true"#).await;
    payferry(stage.folder(), &["store", "set", "main", "--settlement", "bitpay"]).ended_with(0);
    let shown = payferry(stage.folder(), &["invoice", "show", &before, "--json"]).ended_with(0).json();
    assert_eq!(shown["row"]["settlement"], "btcpay");
    pay(&stage, &before);
    stage.sandbox.owner().mine(1);
    listening.hears(&["1003 paid", "1005 confirmed"]).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(
        listening.told(),
        ["1003 paid", "1005 confirmed"],
        "complete comes after the pause of an hour"
    );

    let since = Listening::new(None).await;
    let id = order(&shop, &since, r#","extendedNotifications":true"#).await;
    payferry(stage.folder(), &["store", "set", "main", "--settlement", "btcpay"]).ended_with(0);
    pay(&stage, &id);
    stage.sandbox.owner().mine(1);
    since.hears(&["1003 paid", "1005 confirmed"]).await;
    stage.sandbox.owner().mine(5);
    since.hears(&["1003 paid", "1005 confirmed", "1006 complete"]).await;
}
