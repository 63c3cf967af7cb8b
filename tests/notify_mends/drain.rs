//! A drain ends what is under way and begins nothing; the ledger has what is left.

use std::time::Duration;

use payferry::app::now_ms;
use payferry::sandbox::{Fault, Matching};

use crate::support::listening::{Listening, Reaction};
use crate::support::notifying::{Attending, looks, order, outbox, pay, quick};
use crate::support::{Stage, until};

/// A shop that takes its time is waited for; what comes after that is for the next start.
#[tokio::test]
async fn a_drain_ends_the_delivery_under_way_and_begins_no_other() {
    let settings = quick("poll_every_seconds = 1\n").replace("= 700", "= 9000");
    let stage = Stage::set_with(&settings).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    listening.reacts(&[Reaction::Trickles("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")]);
    let id = order(&shop, &listening).await;
    let attending = Attending::instead(&stage, now_ms).await;
    pay(&stage, &id);
    until("the shop is being told", || listening.heard().len() == 1).await;
    stage.sandbox.owner().confirm(&id).unwrap();
    stage.sandbox.faults().forget_requests();
    attending.drain().await;
    let rows = outbox(&stage, &id).await;
    let states: Vec<_> = rows.iter().map(|row| (row.status.as_str(), row.state.as_str())).collect();
    assert_eq!(states, [("paid", "delivered")], "it ended, and nothing was written after it");
    assert_eq!(looks(&stage), [""; 0], "BTCPay was asked in a drain");
    listening.hears(&["1003 paid"]).await;

    listening.reacts(&[Reaction::Answers("200 OK")]);
    let attending = Attending::start(&stage, now_ms).await;
    listening.hears(&["1003 paid", "1005 confirmed", "1006 complete"]).await;
    attending.drain().await;
}

/// A look that is under way ends; what it found is told by the next start.
#[tokio::test]
async fn a_drain_ends_the_look_under_way_and_tells_nobody() {
    let stage = Stage::set_with(&quick("poll_every_seconds = 1\n")).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    let id = order(&shop, &listening).await;
    let slowly = Fault::Delay(Duration::from_millis(1500));
    stage.sandbox.faults().always(Matching::on("GET", "/invoices/"), slowly);
    let attending = Attending::instead(&stage, now_ms).await;
    pay(&stage, &id);
    stage.sandbox.faults().forget_requests();
    until("BTCPay is being asked", || looks(&stage).len() == 1).await;
    attending.drain().await;
    assert!(listening.heard().is_empty(), "a delivery was begun in a drain");

    stage.sandbox.faults().clear();
    let attending = Attending::start(&stage, now_ms).await;
    listening.hears(&["1003 paid"]).await;
    attending.drain().await;
}

/// Looks that wait for their turn would hold a stop up for as long as there are invoices.
#[tokio::test]
async fn a_drain_begins_no_look_that_waits_for_its_turn() {
    let stage = Stage::set_with(&quick("poll_every_seconds = 1\nreads_per_second = 1\n")).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    for _ in 0..20 {
        order(&shop, &listening).await;
    }
    let attending = Attending::instead(&stage, now_ms).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let before = looks(&stage).len();
    attending.drain().await;
    let begun = looks(&stage).len() - before;
    assert!(begun <= 1, "{begun} looks were begun in a drain");
}

/// A retry whose time has come, behind a look that waits for its turn, is begun by the next start.
#[tokio::test]
async fn a_drain_begins_no_retry() {
    let settings = quick("poll_every_seconds = 1\nreads_per_second = 500\n").replace("[1, 1, 1]", "[2, 60]");
    let stage = Stage::set_with(&settings).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    listening.reacts(&[Reaction::Answers("500 Oh")]);
    for _ in 0..12 {
        pay(&stage, &order(&shop, &listening).await);
    }
    until("each was told once", || listening.heard().len() >= 12).await;
    stage.lifecycle.drain();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let mut slowly = stage.config();
    slowly.notify.reads_per_second = 1;
    let attending = Attending::of(&slowly, now_ms).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let before = listening.heard().len();
    attending.drain().await;
    let begun = listening.heard().len() - before;
    assert!(begun <= 1, "{begun} deliveries were begun in a drain");
}
