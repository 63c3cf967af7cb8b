//! What BTCPay has notified of does not queue behind what is only polled.

use std::time::Duration;

use crate::support::listening::Listening;
use crate::support::notifying::{looks, notify, order, pay, quick};
use crate::support::process::free_address;
use crate::support::{Shop, Stage, until};

const POLLED: usize = 200;

/// So many invoices that one look at each takes minutes, all of them due.
async fn crowded(rate: &str) -> (Stage, Shop) {
    let address = free_address();
    let relay = format!("listen = \"{address}\"\npublic_url = \"http://{address}\"\n");
    let stage = Stage::set_with(&quick(&format!("poll_every_seconds = 1\n{rate}{relay}"))).await;
    let shop = stage.paired_shop().await;
    let crowd = Listening::new(None).await;
    for _ in 0..POLLED / 10 {
        let orders = (0..10).map(|_| {
            let (shop, crowd) = (shop.clone(), crowd.clone());
            tokio::spawn(async move { order(&shop, &crowd).await })
        });
        for order in orders.collect::<Vec<_>>() {
            order.await.unwrap();
        }
    }
    all_are_due(&stage).await;
    (stage, shop)
}

/// Whoever may look looks, and the others wait.
async fn all_are_due(stage: &Stage) {
    tokio::time::sleep(Duration::from_millis(1500)).await;
    until("polls are under way", || !looks(stage).is_empty()).await;
}

/// One more, and where BTCPay notifies of it.
async fn one_more(stage: &Stage, shop: &Shop, listening: &Listening) -> (String, String) {
    let id = order(shop, listening).await;
    let sent = stage.creates_upstream().pop().unwrap().body;
    let sent: serde_json::Value = serde_json::from_slice(&sent).unwrap();
    (id, sent["notificationURL"].as_str().unwrap().to_owned())
}

async fn is_heard_at_once(stage: &Stage, listening: &Listening, (id, url): &(String, String)) {
    let before = looks(stage).len();
    pay(stage, id);
    assert_eq!(notify(url, 1003).await, 200);
    listening.hears(&["1003 paid"]).await;
    let polled = looks(stage).len() - before;
    assert!(polled < POLLED / 4, "{polled} polls came before it");
}

/// Every look waits for its turn at one look a second; the one that BTCPay asked for does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notified_invoice_does_not_wait_for_the_pace_of_polls() {
    let (stage, shop) = crowded("reads_per_second = 1\n").await;
    let listening = Listening::new(None).await;
    let notified = one_more(&stage, &shop, &listening).await;
    is_heard_at_once(&stage, &listening, &notified).await;
}

/// The same where its own poll waits among them already.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notified_invoice_whose_poll_waits_for_its_turn_goes_at_once() {
    let (stage, shop) = crowded("reads_per_second = 1\n").await;
    let listening = Listening::new(None).await;
    let notified = one_more(&stage, &shop, &listening).await;
    all_are_due(&stage).await;
    is_heard_at_once(&stage, &listening, &notified).await;
}

/// Every place is taken by polls; the next one that is free goes to the invoice that BTCPay asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notified_invoice_gets_the_next_place_that_is_free() {
    let (stage, shop) = crowded("reads_per_second = 4\nattended_at_once = 8\n").await;
    let listening = Listening::new(None).await;
    let notified = one_more(&stage, &shop, &listening).await;
    is_heard_at_once(&stage, &listening, &notified).await;
}
