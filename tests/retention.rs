//! What shops and buyers said is erased `ledger.retention_days` after an invoice was final, and not before.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use payferry::ledger::Replay;
use sqlx::{Connection, Executor, SqliteConnection};
use support::command::payferry;
use support::listening::Listening;
use support::process::Process;
use support::{Shop, Stage};

const QUICK: &str = "[notify]\nallow_private = [\"127.0.0.0/8\"]\ndelay_after_create_ms = 0\npoll_every_seconds = 1\n\
                     complete_after_seconds = 0\n";
const DAY_MS: i64 = 86_400_000;

async fn paid(stage: &Stage, shop: &Shop, listening: &Listening, number: usize) -> String {
    let id = shop.create(&order(listening, number)).await.invoice_id();
    stage.sandbox.owner().pay(&id, &stage.due(&id)).unwrap();
    stage.sandbox.owner().confirm(&id).unwrap();
    support::until("complete", || {
        listening.told().iter().filter(|told| *told == "complete").count() >= number
    })
    .await;
    id
}

fn order(listening: &Listening, number: usize) -> String {
    format!(
        r#""price":10,"currency":"EUR","orderId":"o-{number}","guid":"g-{number}","itemCode":"hat","fullNotifications":true,
        "buyer":{{"name":"Ada"}},"posData":"{{\"b\":1,\"a\":2}}","notificationURL":"{}""#,
        listening.url()
    )
}

/// As if the invoice had slept for so many days since it was final.
async fn age(stage: &Stage, id: &str, days: i64) {
    let address = format!("sqlite://{}", stage.config().ledger.path.display());
    let mut ledger = SqliteConnection::connect(&address).await.unwrap();
    let sql = "UPDATE invoices SET wake_at = NULL, updated_at = updated_at - ?, presented_since = presented_since - ? \
               WHERE invoice_id = ?";
    ledger.execute(sqlx::query(sql).bind(days * DAY_MS).bind(days * DAY_MS).bind(id)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_are_erased_when_their_time_has_come_and_the_invoice_stays() {
    let address = support::process::free_address();
    let stage = Stage::without_payferry(QUICK, &address.to_string()).await;
    let process = Process::serve(&stage.config_file, address, None);
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    let old = paid(&stage, &shop, &listening, 1).await;
    let young = paid(&stage, &shop, &listening, 2).await;
    process.kill();
    age(&stage, &old, 181).await;
    age(&stage, &young, 179).await;
    let _process = Process::serve(&stage.config_file, address, None);

    let ledger = stage.ledger().await;
    support::until_async("erased", || async {
        ledger.find_invoice(&old).await.unwrap().unwrap().words_sealed.is_empty()
    })
    .await;
    let row = ledger.find_invoice(&old).await.unwrap().unwrap();
    assert!(row.answer_sealed.is_none(), "BTCPay's answer repeats the buyer");
    let bodies = ledger.notifications_of(&old).await.unwrap();
    assert_eq!(bodies.len(), 3);
    assert!(bodies.iter().all(|sent| sent.body_sealed.is_empty()), "the notifications repeat the buyer");
    let kept = ledger.find_invoice(&young).await.unwrap().unwrap();
    assert!(!kept.words_sealed.is_empty() && kept.answer_sealed.is_some(), "179 days are not 180");

    // The shop's old orders can still be looked at, with BTCPay's own spelling of what it kept.
    let read = shop.read(&old).await;
    assert_eq!((read.data_text("status"), read.data_text("itemCode")), ("complete".into(), "hat".into()));
    assert!(read.data_text("posData").contains('\n'), "BTCPay's own spelling: {}", read.text);
    assert_eq!(shop.read(&young).await.data_text("posData"), r#"{"b":1,"a":2}"#);
    let bare = shop.read_bare(&old).await;
    assert_eq!((bare.status, bare.data_text("status")), (200, "complete".into()));
    let list = shop.send(http::Method::GET, &format!("/invoices?token={}", shop.token), "", true).await;
    assert_eq!(list.json().get("data").unwrap().as_array().unwrap().len(), 2, "{}", list.text);
    assert_eq!(shop.create(&order(&listening, 1)).await.invoice_id(), old, "the same guid, the same invoice");

    // There is nobody left to tell.
    let heard = listening.told().len();
    let (target, body) =
        (format!("/invoices/{old}/notifications"), format!(r#"{{"token":"{}"}}"#, shop.token));
    shop.send(http::Method::POST, &target, &body, true).await.assert_refused("endpoint_not_offered");
    let last = &bodies.last().unwrap().id;
    assert_eq!(ledger.replay_notification(last, 0).await.unwrap(), Replay::Erased);
    payferry(stage.folder(), &["notifications", "resend", &old]).ended_with(1).said("were erased");
    payferry(stage.folder(), &["notifications", "replay", last]).ended_with(1).said("was erased");
    let sent = payferry(stage.folder(), &["notifications", "show", &old, "--body"]).ended_with(0);
    assert_eq!(sent.stdout.matches("erased (ledger.retention_days)").count(), 3, "{sent:?}");
    let shown = payferry(stage.folder(), &["invoice", "show", &old, "--json"]).ended_with(0).json();
    assert!(shown["row"]["erased_at"].is_i64(), "{shown}");
    assert_eq!(listening.told().len(), heard);
}
