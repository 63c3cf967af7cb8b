//! How payferry looks at invoices when BTCPay does not show them: what was written still goes out in time, the
//! looks become rarer and end, and nothing is missed when it is mended.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "looks/notifying.rs"]
mod notifying;
#[path = "looks/places.rs"]
mod places;
#[path = "looks/polls.rs"]
mod polls;
mod support;

use std::time::Duration;

use notifying::{Ahead, quick};
use payferry::app::{Rooms, now_ms};
use payferry::ledger::{Glance, Rest, Store};
use payferry::sandbox::{Fault, Matching};
use support::listening::{Listening, Reaction};
use support::notifying::order;
use support::process::free_address;
use support::{Stage, until, until_async};

const DAY_MS: i64 = 86_400_000;

async fn main_store(stage: &Stage) -> Store {
    stage.ledger().await.stores().await.unwrap().remove(0)
}

/// The operator pairs the store again, with the key that it has.
async fn pair_again(stage: &Stage) {
    let owner = stage.sandbox.owner();
    let (upstream, _) = owner.stores().remove(0);
    let code = owner.new_pairing_code(&upstream, "payferry").unwrap();
    let Rooms { ledger, upstream, .. } = Rooms::open(&stage.config()).await.unwrap();
    let store = main_store(stage).await;
    upstream.pair(&store, Some(&code), Duration::from_secs(5)).await.unwrap();
    ledger.set_store_paired(&store.id, None, now_ms()).await.unwrap();
    ledger.close().await;
}

async fn row_of(stage: &Stage, id: &str) -> String {
    stage.ledger().await.find_invoice(id).await.unwrap().unwrap().row_id
}

async fn blind_looks(stage: &Stage, id: &str) -> u32 {
    let row = row_of(stage, id).await;
    stage.ledger().await.attended(&row).await.unwrap().unwrap().blind_looks
}

/// A shop that was down must hear at its own times, whatever BTCPay says of the invoice by then.
#[tokio::test]
async fn what_waits_for_a_shop_is_tried_in_time_though_btcpay_refuses_the_key() {
    let stage = Stage::set_with(&quick("poll_every_seconds = 1\n")).await;
    let shop = stage.paired_shop().await;
    let token = stage.token_at_btcpay(&main_store(&stage).await).await;
    let listening = Listening::new(None).await;
    listening.reacts(&[Reaction::Answers("500 Oh")]);
    let id = order(&shop, &listening).await;
    stage.sandbox.owner().pay(&id, &stage.due(&id)).unwrap();
    until("it was told once", || !listening.heard().is_empty()).await;
    stage.sandbox.owner().revoke(&token);
    listening.hears(&["1003 paid"; 4]).await;
}

#[tokio::test]
async fn a_store_that_is_paired_again_is_looked_at_again() {
    let stage = Stage::set_with(&quick("poll_every_seconds = 1\n")).await;
    let shop = stage.paired_shop().await;
    let token = stage.token_at_btcpay(&main_store(&stage).await).await;
    let listening = Listening::new(None).await;
    let id = order(&shop, &listening).await;
    stage.sandbox.owner().revoke(&token);
    stage.sandbox.owner().pay(&id, &stage.due(&id)).unwrap();
    until_async("the key was refused", || async { blind_looks(&stage, &id).await == 1 }).await;
    pair_again(&stage).await;
    listening.hears(&["1003 paid"]).await;
    assert_eq!(blind_looks(&stage, &id).await, 0);
}

#[tokio::test]
async fn an_invoice_that_btcpay_does_not_show_for_a_week_is_lost_and_said_to_be() {
    let stage = Stage::set_with(&quick("poll_every_seconds = 1\n")).await;
    let shop = stage.paired_shop().await;
    let token = stage.token_at_btcpay(&main_store(&stage).await).await;
    let listening = Listening::new(None).await;
    let id = order(&shop, &listening).await;
    stage.sandbox.owner().pay(&id, &stage.due(&id)).unwrap();
    listening.hears(&["1003 paid"]).await;
    stage.sandbox.owner().revoke(&token);
    let ahead = Ahead::alone(&stage).await;
    let ledger = stage.ledger().await;
    for looks in 1..=9 {
        ahead.by(DAY_MS + 1_000);
        until_async("it was looked at", || async { blind_looks(&stage, &id).await == looks }).await;
        let alarms = ledger.alarms(9).await.unwrap();
        assert_eq!(alarms.len(), usize::from(looks == 9), "after {looks} looks: {alarms:?}");
    }
    assert_eq!(ledger.alarms(9).await.unwrap()[0].alarm, "invoice_lost_at_btcpay");
    let (due, next) = ledger.due(i64::MAX, 9).await.unwrap();
    assert!(due.is_empty() && next.is_none(), "it may be erased in its time: {due:?}");
    assert_eq!(shop_is_told(&stage, &id).await, "paid", "what was told stands");
    stage.sandbox.owner().confirm(&id).unwrap();
    pair_again(&stage).await;
    listening.hears(&["1003 paid", "1005 confirmed"]).await;
}

async fn shop_is_told(stage: &Stage, id: &str) -> String {
    let row = stage.ledger().await.find_invoice(id).await.unwrap().unwrap();
    row.presented.status.as_str().to_owned()
}

/// A maintenance page, a redirect to a login, BTCPay failing at everything: none of them is a refused connection.
#[tokio::test]
async fn a_server_that_answers_nonsense_is_down_and_all_is_found_when_it_is_back() {
    let stage = Stage::set_with(&quick("poll_every_seconds = 3600\n")).await;
    let shop = stage.paired_shop().await;
    let ledger = stage.ledger().await;
    for fault in [Fault::Page(200), Fault::Page(302), Fault::Empty500] {
        let (asking, asleep) = (Listening::new(None).await, Listening::new(None).await);
        let mut asked = Vec::new();
        for _ in 0..3 {
            asked.push(order(&shop, &asking).await);
        }
        let paid = order(&shop, &asleep).await;
        stage.sandbox.faults().forget_requests();
        stage.sandbox.faults().always(Matching::on("GET", "/invoices/"), fault.clone());
        stage.sandbox.owner().pay(&paid, &stage.due(&paid)).unwrap();
        for id in &asked {
            assert!(ledger.ask_resend(&row_of(&stage, id).await, now_ms()).await.unwrap());
        }
        until("each was asked for", || {
            let requests = stage.sandbox.faults().requests();
            asked.iter().all(|id| requests.iter().any(|request| request.target.contains(id)))
        })
        .await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        stage.sandbox.faults().clear();
        until("after the outage", || asleep.told() == ["1003 paid"]).await;
    }
}

#[tokio::test]
async fn an_invoice_at_which_btcpay_fails_is_looked_at_less_and_less() {
    let stage = Stage::set_with(&quick("poll_every_seconds = 1\n")).await;
    let shop = stage.paired_shop().await;
    let (broken, healthy) = (Listening::new(None).await, Listening::new(None).await);
    let (bad, good) = (order(&shop, &broken).await, order(&shop, &healthy).await);
    let ahead = Ahead::alone(&stage).await;
    let target = format!("/invoices/{bad}");
    stage.sandbox.faults().always(Matching::on("GET", &target), Fault::Empty500);
    stage.sandbox.faults().forget_requests();
    for id in [&bad, &good] {
        stage.sandbox.owner().pay(id, &stage.due(id)).unwrap();
    }
    let looks = || {
        let requests = stage.sandbox.faults().requests();
        requests.iter().filter(|request| request.target.contains(&target)).count()
    };
    ahead.by(2_000);
    healthy.hears(&["1003 paid"]).await;
    until("looked at", || looks() == 1).await;
    for (ms, expected) in [(5_000, 2), (5_000, 2), (5_000, 3), (10_000, 3), (10_000, 4)] {
        ahead.by(ms);
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(looks(), expected, "5, 10, 20 seconds between looks");
    }
    stage.sandbox.faults().clear();
    ahead.by(600_000);
    broken.hears(&["1003 paid"]).await;
}

/// BTCPay told of it: an outage must not put it behind everything that is only polled.
#[tokio::test]
async fn what_btcpay_notified_of_stays_first_and_is_not_looked_at_without_pause() {
    let address = free_address().to_string();
    let settings =
        format!("poll_every_seconds = 3600\nlisten = \"{address}\"\npublic_url = \"http://{address}\"\n");
    let stage = Stage::set_with(&quick(&settings)).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    let mut rows = Vec::new();
    for _ in 0..5 {
        rows.push(row_of(&stage, &order(&shop, &listening).await).await);
    }
    stage.lifecycle.drain();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let sent = payferry::json::parse(&stage.creates_upstream().last().unwrap().body).unwrap();
    let url = sent.get("notificationURL").and_then(payferry::json::Value::as_str).unwrap().to_owned();
    let notified = url.rsplit('/').next().unwrap();
    let (ledger, now) = (stage.ledger().await, now_ms());
    let row = rows.last().unwrap();
    assert!(ledger.wake_notified(notified, now).await.unwrap().is_some());
    let wakes = ledger.attended(row).await.unwrap().unwrap().wakes;
    ledger.rest(row, wakes, Rest::until(Some(now + 5_000)), now).await.unwrap();
    assert_eq!(ledger.wake_open("sandbox", now + 1_000).await.unwrap(), 5);
    assert_eq!(&ledger.due(now + 1_000, 9).await.unwrap().0[0], row, "before the four others");

    let wakes = ledger.attended(row).await.unwrap().unwrap().wakes;
    let seen = Rest { until_ms: Some(now + 3_600_000), glance: Glance::Seen };
    ledger.rest(row, wakes, seen, now + 2_000).await.unwrap();
    assert!(!ledger.attended(row).await.unwrap().unwrap().urgent, "it was seen");
    for _ in 0..3 {
        assert!(ledger.wake_notified(notified, now + 2_100).await.unwrap().is_some());
    }
    assert!(!ledger.due(now + 2_900, 9).await.unwrap().0.contains(row), "seen less than a second ago");
    assert!(ledger.due(now + 3_000, 9).await.unwrap().0.contains(row));
    // A notification that comes during a look is not lost, and waits for a second, too.
    ledger.rest(row, wakes, seen, now + 3_200).await.unwrap();
    assert!(!ledger.due(now + 4_100, 9).await.unwrap().0.contains(row));
    assert!(ledger.due(now + 4_200, 9).await.unwrap().0.contains(row));
}
