//! Forgers, outages, full disks, clocks that are set back, long queues, bad shops beside good ones: what a
//! shop must hear, it hears.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use payferry::app::{self, Rooms};
use payferry::contract::Era;
use payferry::json::{self, Value};
use payferry::ledger::{Ledger, NewInvoice, NewNotification, Told};
use payferry::notify::body_context;
use payferry::presented::{Presented, Status};
use payferry::secrets::MasterSecret;
use support::listening::{Listening, Reaction};
use support::notifying::{Attending, notified, notify, order, outbox, quick};
use support::process::free_address;
use support::small_disk::{fill, small_disk};
use support::{Stage, until_async};

/// Where BTCPay was told to notify of the newest invoice, and how.
fn upstream(stage: &Stage) -> Value {
    json::parse(&stage.creates_upstream().last().unwrap().body).unwrap()
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[tokio::test]
async fn a_forged_or_replayed_notification_changes_nothing() {
    let address = free_address().to_string();
    let stage = Stage::set_with(&notified(&address)).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(Some(shop.clone())).await;
    let id = order(&shop, &listening).await;
    let sent = upstream(&stage);
    let url = word(&sent, "notificationURL").to_owned();
    assert!(url.starts_with(&format!("http://{address}/")), "{url}");
    assert_eq!(sent.get("extendedNotifications").and_then(Value::as_bool), Some(true), "every event, once");
    for _ in 0..3 {
        assert_eq!(notify(&url, 1006).await, 200, "it is only asked to look");
    }
    assert_eq!(notify(&format!("http://{address}/{}", "x".repeat(22)), 1006).await, 404);
    assert_eq!(notify(&format!("http://{address}/"), 1006).await, 404);
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(listening.heard().is_empty(), "BTCPay itself says new");
    assert_eq!(shop.read(&id).await.data_text("status"), "new");
    stage.sandbox.owner().pay(&id, &stage.due(&id)).unwrap();
    assert_eq!(notify(&url, 1003).await, 200);
    listening.hears(&["1003 paid"]).await;
    assert_eq!(notify(&url, 1003).await, 200);
    listening.hears(&["1003 paid"]).await;
}

#[tokio::test]
async fn what_happened_while_btcpay_was_away_is_found_when_it_is_back() {
    // No poll finds them: the first is an hour away.
    let stage = Stage::set_with(&quick("poll_every_seconds = 3600\n")).await;
    let shop = stage.paired_shop().await;
    let (listening, other) = (Listening::new(None).await, Listening::new(None).await);
    let (paid, expired) = (order(&shop, &listening).await, order(&shop, &listening).await);
    let asking = order(&shop, &other).await;
    stage.close_btcpay().await;
    // The outage is seen by a look at another invoice.
    let ledger = stage.ledger().await;
    let row = ledger.find_invoice(&asking).await.unwrap().unwrap().row_id;
    assert!(ledger.ask_resend(&row, app::now_ms()).await.unwrap());
    stage.sandbox.owner().pay(&paid, &stage.due(&paid)).unwrap();
    stage.sandbox.owner().confirm(&paid).unwrap();
    stage.sandbox.owner().expire(&expired).unwrap();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(listening.heard().is_empty());
    stage.open_btcpay().await;
    until_async("all of it was told", || async { listening.heard().len() == 4 }).await;
    let of = |id: &str| {
        let heard = listening.heard().into_iter().filter(|heard| heard.text("id") == id);
        heard.map(|heard| heard.told()).collect::<Vec<_>>()
    };
    assert_eq!(of(&paid), ["1003 paid", "1005 confirmed", "1006 complete"]);
    assert_eq!(of(&expired), ["1004 expired"]);
}

#[tokio::test]
async fn nothing_is_acknowledged_that_a_full_disk_did_not_keep() {
    let name = "nothing_is_acknowledged_that_a_full_disk_did_not_keep";
    let Some(disk) = small_disk(name, "3m") else { return };
    let address = free_address().to_string();
    let stage = Stage::set_with_ledger_and(&disk, &notified(&address)).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    let id = order(&shop, &listening).await;
    let url = word(&upstream(&stage), "notificationURL").to_owned();
    stage.sandbox.owner().pay(&id, &stage.due(&id)).unwrap();
    let ballast = fill(&disk);
    until_async("the disk is really full", || async { notify(&url, 1003).await == 503 }).await;
    assert!(listening.heard().is_empty());
    assert_eq!(shop.read(&id).await.data_text("status"), "new", "reads go on, and say what was told");
    std::fs::remove_file(ballast).unwrap();
    assert_eq!(notify(&url, 1003).await, 200, "BTCPay tries again");
    listening.hears(&["1003 paid"]).await;
}

static SET_BACK_MS: AtomicI64 = AtomicI64::new(0);

fn changing_clock() -> i64 {
    app::now_ms() - SET_BACK_MS.load(Ordering::SeqCst)
}

#[tokio::test]
async fn a_clock_that_is_set_back_holds_nothing_up() {
    let stage = Stage::set_with(&quick("poll_every_seconds = 2\n")).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    let id = order(&shop, &listening).await;
    let attending = Attending::instead(&stage, changing_clock).await;
    stage.sandbox.owner().pay(&id, &stage.due(&id)).unwrap();
    listening.hears(&["1003 paid"]).await;
    SET_BACK_MS.store(30 * 60_000, Ordering::SeqCst);
    stage.sandbox.owner().confirm(&id).unwrap();
    listening.hears(&["1003 paid", "1005 confirmed", "1006 complete"]).await;
    attending.drain().await;
}

/// Each kind of bad shop beside 50 good ones that notice nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_healthy_shops_notice_nothing_of_bad_ones() {
    let stage = Stage::set_with(&quick("poll_every_seconds = 1\nreads_per_second = 500\n")).await;
    let shop = stage.paired_shop().await;
    let bad = [
        (Reaction::Answers("500 Oh"), &["target_refused"][..]),
        (Reaction::Hangs, &["target_timed_out"]),
        (Reaction::Closes, &["target_cut"]),
        // Before or after the connection counts as made: a race that no side can win for sure.
        (Reaction::Resets, &["target_cut", "target_unreachable"]),
        (Reaction::ResetsAfter("HTTP/1.1 200 OK\r\nContent-Le"), &["target_cut"]),
        (Reaction::Answers("302 Found"), &["target_redirected"]),
        (Reaction::Trickles("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), &["target_timed_out"]),
    ];
    let (mut ids, mut refused) = (Vec::new(), Vec::new());
    for (reaction, results) in bad {
        let listening = Listening::new(None).await;
        listening.reacts(&[reaction]);
        for _ in 0..4 {
            ids.push(order(&shop, &listening).await);
            refused.push((ids[ids.len() - 1].clone(), reaction, results));
        }
    }
    let mut healthy = Vec::new();
    for _ in 0..50 {
        let listening = Listening::new(None).await;
        ids.push(order(&shop, &listening).await);
        healthy.push(listening);
    }
    for id in &ids {
        stage.sandbox.owner().pay(id, &stage.due(id)).unwrap();
        stage.sandbox.owner().confirm(id).unwrap();
    }
    for listening in &healthy {
        listening.hears(&["1003 paid", "1005 confirmed", "1006 complete"]).await;
    }
    let metrics = stage.metrics().await;
    for (id, reaction, results) in refused {
        let tried = async || {
            let rows = outbox(&stage, &id).await;
            rows.into_iter().filter_map(|row| row.last_result).collect::<Vec<_>>()
        };
        until_async("every bad shop was tried", || async { !tried().await.is_empty() }).await;
        assert!(
            tried().await.iter().all(|tried| results.contains(&tried.as_str())),
            "{reaction:?}: {:?}",
            tried().await
        );
    }
    assert!(
        metrics.contains("payferry_deliveries_total{store=\"main\",result=\"delivered\"} 150"),
        "{metrics}"
    );
}

/// A shop that signed its own certificate is told apart, and heard once the operator pins it: no restart.
#[tokio::test]
async fn a_bad_certificate_is_named_and_can_be_pinned() {
    let lan =
        quick("poll_every_seconds = 1\n").replace("[\"127.0.0.0/8\"]", "[\"127.0.0.0/8\", \"::1/128\"]");
    let stage = Stage::set_with(&lan.replace("[1, 1, 1]", "[1, 1, 1, 1, 1, 1, 1, 1, 1, 1]")).await;
    let shop = stage.paired_shop().await;
    let (listening, pem) = Listening::over_tls().await;
    let url = format!("https://localhost:{}/ipn", listening.address.port());
    let members =
        format!(r#""price":10,"currency":"EUR","extendedNotifications":true,"notificationURL":"{url}""#);
    let id = shop.create(&members).await.invoice_id();
    stage.sandbox.owner().pay(&id, &stage.due(&id)).unwrap();
    until_async("it was tried", || async { stage.metrics().await.contains("target_tls_failed") }).await;
    assert!(listening.heard().is_empty());
    let file = stage.folder().join("shop.pem");
    std::fs::write(&file, pem).unwrap();
    let payferry = std::process::Command::new(env!("CARGO_BIN_EXE_payferry"))
        .arg("--config")
        .arg(&stage.config_file)
        .args(["store", "set", "main", "--shop-ca-file"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(payferry.status.success(), "{payferry:?}");
    listening.hears(&["1003 paid"]).await;
}

/// payferry was away for a day, and BTCPay still is: what was written before goes out, once each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_undelivered_at_the_start_go_out_once_each() {
    const WAITING: usize = 10_000;
    const SHOPS: usize = 40;
    let stage = Stage::without_payferry(
        &quick("poll_every_seconds = 3600\n").replace("= 700", "= 5000"),
        "127.0.0.1:0",
    )
    .await;
    let listening = Listening::everywhere().await;
    let Rooms { ledger, secrets, .. } = Rooms::open(&stage.config()).await.unwrap();
    let mut writes = tokio::task::JoinSet::new();
    for number in 0..WAITING {
        let (ledger, secrets) = (ledger.clone(), Arc::clone(&secrets));
        let url = format!("http://127.0.1.{}:{}/", number % SHOPS + 1, listening.address.port());
        writes.spawn(async move { write_waiting(&ledger, &secrets, number, &url).await });
    }
    while let Some(written) = writes.join_next().await {
        written.unwrap();
    }
    ledger.close().await;
    stage.close_btcpay().await;
    let stage = stage.with_payferry().await;
    let started = Instant::now();
    while listening.heard().len() < WAITING {
        assert!(started.elapsed() < Duration::from_secs(240), "only {} are out", listening.heard().len());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!("{WAITING} notifications to {SHOPS} shops in {:?}", started.elapsed());
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(listening.heard().len(), WAITING, "once each");
    let metrics = stage.metrics().await;
    assert!(metrics.contains(&format!("result=\"delivered\"}} {WAITING}")), "{metrics}");
}

/// An invoice that is paid, with a notification that no shop has taken yet.
async fn write_waiting(ledger: &Ledger, secrets: &MasterSecret, number: usize, url: &str) {
    let (row, now) = (format!("row-{number}"), app::now_ms());
    let words = format!(r#"{{"notificationURL":"{url}","fullNotifications":true}}"#);
    let new = NewInvoice {
        row_id: row.clone(),
        store_id: "id-of-main".to_owned(),
        credential_id: None,
        guid: None,
        fingerprint: String::new(),
        words_sealed: secrets.seal(&format!("invoice-words/{row}"), [1; 24], words.as_bytes()),
        dialect: "signed".to_owned(),
        host: "bitpay.com".to_owned(),
        agent: String::new(),
        era: Era::Every,
        settlement: payferry::presented::Settlement::Btcpay,
        notification_id: format!("notification-{number}"),
        created_at: now,
        sent_by: "before".to_owned(),
    };
    ledger.reserve_invoice(new).await.unwrap();
    ledger.bind_invoice(&row, &format!("invoice-{number}"), Vec::new(), now, now).await.unwrap();
    let id = format!("waits-{number}");
    let body = format!(r#"{{"id":"invoice-{number}","status":"paid"}}"#);
    let notification = NewNotification {
        body_sealed: secrets.seal(&body_context(&id), [2; 24], body.as_bytes()),
        id,
        event: 1003,
        status: "paid".to_owned(),
    };
    let presented = Presented { status: Status::Paid, ..Presented::new(now) };
    let told = Told {
        row_id: row,
        presented,
        notification: Some(notification),
        rewritten: None,
        alarm: None,
        resent: false,
    };
    ledger.tell(told, now).await.unwrap();
}
