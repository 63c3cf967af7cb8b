//! Stories of shops that hear of their invoices.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::time::Duration;

use payferry::sandbox::Mark;
use support::listening::{Listening, Reaction};
use support::{Shop, Stage};

/// Times scaled down; nothing but polls, so that every story holds without BTCPay's notifications, too.
const QUICK: &str = "[notify]\nallow_private = [\"127.0.0.0/8\"]\ndelay_after_create_ms = 0\npoll_every_seconds = 1\n\
                     complete_after_seconds = 1\nretry_after_seconds = [1, 1]\ndelivery_timeout_ms = 700\n";

async fn order(shop: &Shop, listening: &Listening, members: &str) -> String {
    let url = listening.url();
    let order = format!(r#""price":10,"currency":"EUR","orderId":"o-1","notificationURL":"{url}"{members}"#);
    shop.create(&order).await.invoice_id()
}

fn pay(stage: &Stage, id: &str) {
    stage.sandbox.owner().pay(id, &stage.due(id)).unwrap();
}

/// WooCommerce 3.46 and WHMCS 3.0 die when a read does not say what the notification says.
#[track_caller]
fn assert_reads_agree(listening: &Listening) {
    for heard in listening.heard() {
        let read = heard.read.clone().expect("the shop read the invoice back");
        assert_eq!(read.data_text("status"), heard.text("status"), "{heard:?}");
        assert_eq!(read.data_text("orderId"), heard.text("orderId"));
        assert_eq!(read.data_text("url"), heard.text("url"));
    }
}

#[tokio::test]
async fn a_shop_with_full_notifications_walks_paid_confirmed_complete() {
    let stage = Stage::set_with(QUICK).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(Some(shop.clone())).await;
    let id = order(&shop, &listening, r#","fullNotifications":true,"posData":"{\"a\": 1.50}""#).await;
    assert_eq!(shop.read(&id).await.data_text("status"), "new");
    pay(&stage, &id);
    listening.hears(&["paid"]).await;
    stage.sandbox.owner().confirm(&id).unwrap();
    listening.hears(&["paid", "confirmed", "complete"]).await;
    assert_reads_agree(&listening);
    for heard in listening.heard() {
        assert_eq!(heard.text("posData"), r#"{"a": 1.50}"#, "hash checks of bp_lib need it to the letter");
        assert!(!heard.body.contains('\n'), "PrestaShop 1.7 reads the first line only: {}", heard.body);
        assert!(!heard.body.contains("null"), "{}", heard.body);
        assert!(heard.head.starts_with("POST /ipn?shop=1 HTTP/1.1"), "{}", heard.head);
        let signature = payferry::notify::signature(&shop.token, heard.body.as_bytes());
        assert_eq!(
            heard.header("x-signature"),
            Some(signature.as_str()),
            "BitPay's sample shops of 2024 want it"
        );
    }
    assert_eq!(shop.read(&id).await.data_text("status"), "complete");
}

#[tokio::test]
async fn a_shop_with_extended_notifications_gets_codes_and_no_flat_twins() {
    let stage = Stage::set_with(QUICK).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(Some(shop.clone())).await;
    let id = order(&shop, &listening, r#","extendedNotifications":true"#).await;
    pay(&stage, &id);
    listening.hears(&["1003 paid"]).await;
    stage.sandbox.owner().confirm(&id).unwrap();
    listening.hears(&["1003 paid", "1005 confirmed", "1006 complete"]).await;
    assert_reads_agree(&listening);
}

#[tokio::test]
async fn an_invoice_that_nobody_pays_expires_once() {
    let stage = Stage::set_with(QUICK).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(Some(shop.clone())).await;
    let id = order(&shop, &listening, r#","extendedNotifications":true"#).await;
    stage.sandbox.owner().expire(&id).unwrap();
    listening.hears(&["1004 expired"]).await;
    assert_reads_agree(&listening);
}

/// A shop is paid once it hears; one that was down must hear, and never an older state after a newer one.
#[tokio::test]
async fn a_failed_notification_is_repeated_and_superseded_by_a_newer_one() {
    let stage = Stage::set_with(QUICK).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    listening.reacts(&[
        Reaction::Answers("500 Oh"),
        Reaction::Answers("500 Oh"),
        Reaction::Answers("200 OK"),
    ]);
    let id = order(&shop, &listening, r#","fullNotifications":true"#).await;
    pay(&stage, &id);
    listening.hears(&["paid", "paid", "paid"]).await;
    listening.reacts(&[Reaction::Answers("302 Found"), Reaction::Answers("200 OK")]);
    stage.sandbox.owner().confirm(&id).unwrap();
    listening.hears(&["paid", "paid", "paid", "confirmed", "complete"]).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    listening.hears(&["paid", "paid", "paid", "confirmed", "complete"]).await;
    assert_eq!(shop.read(&id).await.data_text("status"), "complete");
    let metrics = stage.metrics().await;
    for result in ["delivered\"} 2", "target_refused\"} 2", "target_redirected\"} 1"] {
        assert!(
            metrics.contains(&format!("payferry_deliveries_total{{store=\"main\",result=\"{result}")),
            "{result} {metrics}"
        );
    }
}

#[tokio::test]
async fn a_hanging_shop_holds_neither_its_own_reads_nor_others_back() {
    let stage = Stage::set_with(QUICK).await;
    let shop = stage.paired_shop().await;
    let (slow, healthy) = (Listening::new(None).await, Listening::new(None).await);
    slow.reacts(&[Reaction::Hangs]);
    let mut hanging = Vec::new();
    for _ in 0..8 {
        let id = order(&shop, &slow, r#","fullNotifications":true"#).await;
        pay(&stage, &id);
        hanging.push(id);
    }
    let id = order(&shop, &healthy, r#","fullNotifications":true"#).await;
    pay(&stage, &id);
    stage.sandbox.owner().confirm(&id).unwrap();
    healthy.hears(&["paid", "confirmed", "complete"]).await;
    stage.sandbox.owner().confirm(&hanging[0]).unwrap();
    support::until_async("its reads go on", || async {
        shop.read(&hanging[0]).await.data_text("status") == "complete"
    })
    .await;
}

#[tokio::test]
async fn an_invoice_settled_by_hand_walks_the_same_steps_and_one_invalidated_says_so() {
    let stage = Stage::set_with(QUICK).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(Some(shop.clone())).await;
    let id = order(&shop, &listening, r#","extendedNotifications":true"#).await;
    stage.sandbox.owner().mark(&id, Mark::Settled).unwrap();
    listening.hears(&["1005 confirmed", "1006 complete"]).await;
    let read = shop.read(&id).await;
    assert_eq!(read.data("exceptionStatus"), Some(false.into()), "Spree wants exactly false: {read:?}");
    let other = Listening::new(None).await;
    let id = order(&shop, &other, r#","extendedNotifications":true"#).await;
    stage.sandbox.owner().mark(&id, Mark::Invalid).unwrap();
    other.hears(&["1013 invalid"]).await;
}

/// A shop's address is the shop's choice: it must not reach into the operator's network.
#[tokio::test]
async fn a_shop_inside_the_network_is_not_notified_unless_allowed() {
    let closed = QUICK.replace("127.0.0.0/8", "10.0.0.0/8");
    let stage = Stage::set_with(&closed).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    let id = order(&shop, &listening, r#","fullNotifications":true"#).await;
    pay(&stage, &id);
    support::until_async("it was tried", || async { stage.metrics().await.contains("target_private") }).await;
    assert!(listening.heard().is_empty());
    assert_eq!(shop.read(&id).await.data_text("status"), "paid");
}

/// Magento 2 9.x asks for it when an order did not move; BitPay SDKs wait for `Success`.
#[tokio::test]
async fn a_shop_may_ask_to_hear_the_present_state_again() {
    let stage = Stage::set_with(QUICK).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(Some(shop.clone())).await;
    let id = order(&shop, &listening, r#","extendedNotifications":true"#).await;
    pay(&stage, &id);
    listening.hears(&["1003 paid"]).await;
    let body = format!(r#"{{"token":"{}"}}"#, shop.token);
    let target = format!("/invoices/{id}/notifications");
    let answer = shop.send(http::Method::POST, &target, &body, true).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, r#"{"data":"Success"}"#));
    listening.hears(&["1003 paid", "1012 paid"]).await;
    assert_reads_agree(&listening);
    // npm bitpay-sdk 1.4, 4.0 and 8.0 and PyPI bitpay 8.0 send the invoice's own token, not the merchant's.
    let own = shop.read(&id).await.data_text("token");
    let with_own = format!(r#"{{"token":"{own}"}}"#);
    assert_eq!(shop.send(http::Method::POST, &target, &with_own, true).await.status, 200);
    listening.hears(&["1003 paid", "1012 paid", "1012 paid"]).await;
    shop.send(http::Method::POST, &target, &with_own, false).await.assert_bitpays_error();
    let elsewhere = format!("/invoices/{}/notifications", order(&shop, &listening, "").await);
    shop.send(http::Method::POST, &elsewhere, &with_own, true).await.assert_refused("token_invalid");
    shop.send(http::Method::POST, &target, &body, false).await.assert_bitpays_error();
    let stranger = stage.paired_shop().await;
    let body = format!(r#"{{"token":"{}"}}"#, stranger.token);
    stage.add_store("other").await;
    let other = stage.shop_paired_with("other").await;
    let theirs = format!(r#"{{"token":"{}"}}"#, other.token);
    other.send(http::Method::POST, &target, &theirs, true).await.assert_refused("object_not_found");
    assert_eq!(
        stranger.send(http::Method::POST, &target, &body, true).await.status,
        200,
        "another shop of the store"
    );
}

/// `payferry …` on the ledger that the payferry of this story uses.
fn payferry(stage: &Stage, arguments: &[&str]) -> (bool, String) {
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_payferry"))
        .arg("--config")
        .arg(&stage.config_file)
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8(done.stdout).unwrap() + &String::from_utf8(done.stderr).unwrap();
    (done.status.success(), said)
}

/// What the operator does about a shop that was broken for an hour.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operator_sees_replays_resends_and_parks() {
    let stage = Stage::set_with(QUICK).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    listening.reacts(&[Reaction::Answers("500 Oh")]);
    let id = order(&shop, &listening, r#","extendedNotifications":true,"posData":"for the shop""#).await;
    pay(&stage, &id);
    let parked = || payferry(&stage, &["notifications", "list", "--state", "parked", "--json"]).1;
    support::until_async("it was given up", || async { parked().contains(&id) }).await;
    let listed: serde_json::Value = serde_json::from_str(&parked()).unwrap();
    let row = &listed["notifications"][0];
    assert_eq!((row["event"].as_u64(), row["tries"].as_u64()), (Some(1003), Some(3)), "{listed}");
    assert_eq!(row["last_result"], "target_refused");
    let notification = row["id"].as_str().unwrap().to_owned();
    let (_, table) = payferry(&stage, &["notifications", "list"]);
    assert!(table.contains(&id) && table.contains("parked") && !table.contains("for the shop"), "{table}");
    let (_, shown) = payferry(&stage, &["notifications", "show", &id]);
    assert!(shown.contains(&notification) && !shown.contains("for the shop"), "no texts unasked: {shown}");
    let (_, shown) = payferry(&stage, &["notifications", "show", &notification, "--body", "--json"]);
    assert!(shown.contains("for the shop"), "{shown}");

    listening.reacts(&[Reaction::Answers("200 OK")]);
    assert!(payferry(&stage, &["notifications", "replay", &notification]).0);
    listening.hears(&["1003 paid", "1003 paid", "1003 paid", "1003 paid"]).await;
    assert!(payferry(&stage, &["notifications", "resend", &id]).0);
    listening.hears(&["1003 paid", "1003 paid", "1003 paid", "1003 paid", "1012 paid"]).await;
    stage.sandbox.owner().confirm(&id).unwrap();
    let all = ["1003 paid"; 4].into_iter().chain(["1012 paid", "1005 confirmed", "1006 complete"]);
    listening.hears(&all.collect::<Vec<_>>()).await;
    let (done, said) = payferry(&stage, &["notifications", "replay", &notification]);
    assert!(!done && said.contains("has another state by now"), "{said}");

    listening.reacts(&[Reaction::Hangs]);
    assert!(payferry(&stage, &["notifications", "resend", &id]).0);
    let waiting = || payferry(&stage, &["notifications", "list", "--state", "waiting", "--json"]).1;
    support::until_async("it waits", || async { waiting().contains(&id) }).await;
    let listed: serde_json::Value = serde_json::from_str(&waiting()).unwrap();
    let newest = listed["notifications"][0]["id"].as_str().unwrap().to_owned();
    assert!(payferry(&stage, &["notifications", "park", &newest]).0);
    assert!(!waiting().contains(&id));
    assert!(!payferry(&stage, &["notifications", "park", &newest]).0, "it does not wait any more");
    assert!(!payferry(&stage, &["notifications", "show", "nothing"]).0);
    let silent = shop.create(r#""price":10,"currency":"EUR""#).await.invoice_id();
    let (done, said) = payferry(&stage, &["notifications", "resend", &silent]);
    assert!(
        !done && said.contains("gave no notificationURL"),
        "nothing is promised that nobody gets: {said}"
    );
}

/// An operator ends a credential, or a store, while its orders are under way: their shop checks each
/// notification by the token that it has, and reads the form that was fixed for it.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_before_a_credential_was_revoked_is_told_as_before() {
    let stage = Stage::set_with(QUICK).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    let ledger = stage.ledger().await;
    let made = ledger.credentials().await.unwrap().into_iter().find(|one| one.sin.is_some()).unwrap();
    let form = Some(payferry::ledger::NotificationForm::Enveloped);
    let fixed = payferry::ledger::Overrides { notification_form: form, ..made.overrides.clone() };
    for credential in ledger.credentials().await.unwrap() {
        assert!(ledger.fix_credential(&credential.id, fixed.clone()).await.unwrap());
    }
    let revoked = order(&shop, &listening, r#","fullNotifications":true"#).await;
    for credential in ledger.credentials().await.unwrap() {
        assert!(ledger.revoke_credential(&credential.id, 1).await.unwrap());
    }
    pay(&stage, &revoked);
    listening.hears(&["1003 paid"]).await;
    let store = ledger.stores().await.unwrap().remove(0);
    ledger.remove_store(&store, 2).await.unwrap();
    ledger.close().await;
    stage.sandbox.owner().confirm(&revoked).unwrap();
    listening.hears(&["1003 paid", "1005 confirmed", "1006 complete"]).await;
    for heard in listening.heard() {
        let signature = payferry::notify::signature(&shop.token, heard.body.as_bytes());
        assert_eq!(heard.header("x-signature"), Some(signature.as_str()), "{heard:?}");
    }
}
