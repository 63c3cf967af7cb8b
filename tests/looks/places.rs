//! Shops that hang hold up neither their own reads nor the end of the process.

use std::time::Duration;

use super::notifying::quick;
use super::shop_is_told;
use super::support::listening::{Listening, Reaction};
use super::support::notifying::order;
use super::support::{Stage, until, until_async};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_go_on_at_a_hanging_shop_that_has_more_orders_than_places() {
    let settings = "poll_every_seconds = 1\nreads_per_second = 500\ndeliveries_per_shop = 1\n";
    let stage = Stage::set_with(&quick(settings).replace("= 700", "= 2000")).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    listening.reacts(&[Reaction::Hangs]);
    let mut ids = Vec::new();
    for _ in 0..20 {
        let id = order(&shop, &listening).await;
        stage.sandbox.owner().pay(&id, &stage.due(&id)).unwrap();
        ids.push(id);
    }
    for id in &ids {
        stage.sandbox.owner().confirm(id).unwrap();
    }
    until_async("all are confirmed", || async {
        for id in &ids {
            if shop_is_told(&stage, id).await != "confirmed" {
                return false;
            }
        }
        true
    })
    .await;
    assert!(listening.heard().len() < ids.len(), "most never had a place");
}

#[tokio::test]
async fn a_cut_does_not_wait_for_a_shop_that_hangs() {
    let settings = quick("poll_every_seconds = 1\n").replace("= 700", "= 60000");
    let stage = Stage::set_with(&settings).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    listening.reacts(&[Reaction::Hangs]);
    let id = order(&shop, &listening).await;
    stage.sandbox.owner().pay(&id, &stage.due(&id)).unwrap();
    until("it is on its way", || !listening.heard().is_empty()).await;
    stage.lifecycle.cut();
    stage.lifecycle.tasks().close();
    let ended = tokio::time::timeout(Duration::from_secs(2), stage.lifecycle.tasks().wait()).await;
    assert!(ended.is_ok(), "the delivery goes on");
    let row = super::row_of(&stage, &id).await;
    let waiting = stage.ledger().await.attended(&row).await.unwrap().unwrap().waiting.unwrap();
    assert_eq!(waiting.tries, 0, "it is made again at the next start");
}
