//! The operator pairs a store with BTCPay by the real binary: by link, by code, by BTCPay's API key.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use base64::Engine as _;
use payferry::sandbox::{Fault, Matching, StoreOptions};
use serde_json::json;

use support::command::{Done, Running, payferry};
use support::process::{Process, free_address};
use support::{Shop, Stage, until};

/// A stage with a second store "shop" at payferry that BTCPay does not know; BTCPay's id of the store meant for it.
async fn stage() -> (Stage, String) {
    let stage = Stage::without_payferry("", &free_address().to_string()).await;
    let added = payferry(stage.folder(), &["store", "add", "shop", "--json"]).ended_with(0);
    assert_eq!(added.json(), json!({ "name": "shop", "server": "sandbox", "paired": false }));
    let upstream = stage.sandbox.owner().create_store(StoreOptions::default());
    (stage, upstream)
}

/// `store pair` up to the link; the code in it.
fn ask(stage: &Stage) -> (Running, String) {
    let mut pairing = Running::start(stage.folder(), &["store", "pair", "shop"]);
    let link = pairing.line_with("pairingCode=");
    assert!(link.starts_with(&format!("http://{}/api-access-request?", stage.btcpay)), "{link}");
    let code = link.rsplit('=').next().unwrap().to_owned();
    (pairing, code)
}

fn test(stage: &Stage) -> Done {
    payferry(stage.folder(), &["store", "test", "shop", "--json"])
}

#[tokio::test(flavor = "multi_thread")]
async fn by_link_it_waits_until_the_owner_has_approved() {
    let (stage, upstream) = stage().await;
    let unpaired = test(&stage).ended_with(1).said("shop is not paired yet: payferry store pair shop");
    assert_eq!(unpaired.stdout, "");
    let (pairing, code) = ask(&stage);
    until("it asks whether the owner has approved", || {
        let asked = |request: &payferry::sandbox::Received| request.target == "/tokens";
        stage.sandbox.faults().requests().iter().filter(|request| asked(request)).count() > 3
    })
    .await;
    stage.sandbox.owner().approve(&code, &upstream).unwrap();
    let paired = pairing.end().ended_with(0);
    assert!(paired.stdout.contains("shop is paired"), "{paired:?}");
    assert_eq!(
        test(&stage).ended_with(0).json(),
        json!({ "name": "shop", "server": "sandbox", "works": true })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_gets_the_link_at_once_and_notes_the_approval_later() {
    let (stage, upstream) = stage().await;
    let words = ["store", "pair", "shop", "--no-wait", "--json"];
    let asked = payferry(stage.folder(), &words).ended_with(0).json();
    assert_eq!(asked["paired"], false);
    let code = asked["approval_link"].as_str().unwrap().rsplit('=').next().unwrap().to_owned();
    stage.sandbox.owner().approve(&code, &upstream).unwrap();
    let paired = payferry(stage.folder(), &words).ended_with(0).json();
    assert_eq!(paired, json!({ "name": "shop", "paired": true, "by": "earlier_approval" }));
}

/// BTCPay never tells the client that an approval failed; a wait that goes on for 15 minutes tells nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_approval_ends_the_wait_and_says_so() {
    let (stage, upstream) = stage().await;
    let (pairing, code) = ask(&stage);
    // A stranger takes the code over (tokens/unapproved-claim-foreign-sin), the owner approves: the code is gone.
    let faults = stage.sandbox.faults();
    faults.always(Matching::on("GET", "/tokens"), Fault::Empty500);
    until("it waits through an outage", || faults.requests().iter().any(|request| request.status == 500))
        .await;
    let stranger = Shop::new(stage.btcpay, [9; 32]);
    let body = format!(r#"{{"id":"{}","pairingCode":"{code}"}}"#, stranger.sin());
    assert_eq!(stranger.send(http::Method::POST, "/tokens", &body, false).await.status, 200);
    stage.sandbox.owner().approve(&code, &upstream).unwrap();
    faults.clear();
    let refused = pairing.end().ended_with(1).said("the approval was refused");
    assert!(!refused.stdout.contains("is paired"), "{refused:?}");
    test(&stage).ended_with(1).said("is not paired yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_link_ends_the_wait_and_says_so() {
    let (stage, _) = stage().await;
    let (pairing, code) = ask(&stage);
    stage.sandbox.owner().expire_code(&code);
    pairing.end().ended_with(1).said("the link has expired");
    test(&stage).ended_with(1).said("is not paired yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_approves_in_time_is_said_too() {
    let (stage, _) = stage().await;
    let words = ["store", "pair", "shop", "--wait", "1", "--json"];
    let late = payferry(stage.folder(), &words).ended_with(1).said("nobody approved in time");
    assert_eq!(late.stdout, "", "a machine takes no half answer for one");
}

#[tokio::test(flavor = "multi_thread")]
async fn by_code_it_is_paired_at_once_and_a_wrong_code_is_told_apart() {
    let (stage, upstream) = stage().await;
    let owner = stage.sandbox.owner();
    let pair = |code: &str| payferry(stage.folder(), &["store", "pair", "shop", "--code", code, "--json"]);
    pair("zzzzzzz").ended_with(1).said("BTCPay has no such pairing code");
    let late = owner.new_pairing_code(&upstream, "payferry").unwrap();
    owner.expire_code(&late);
    pair(&late).ended_with(1).said("it is older than 15 minutes");
    let code = owner.new_pairing_code(&upstream, "payferry").unwrap();
    assert_eq!(pair(&code).ended_with(0).json(), json!({ "name": "shop", "paired": true, "by": "code" }));
    test(&stage).ended_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn by_api_key_creates_go_out_as_basic_without_a_colon() {
    let (stage, upstream) = stage().await;
    let key = stage.sandbox.owner().legacy_api_key(&upstream).unwrap();
    let file = stage.folder().join("btcpay.key");
    std::fs::write(&file, format!("{key}\n")).unwrap();
    let words = ["store", "pair", "shop", "--api-key-file", "btcpay.key", "--json"];
    let paired = payferry(stage.folder(), &words).ended_with(0);
    assert_eq!(paired.json(), json!({ "name": "shop", "paired": true, "by": "api_key" }));
    test(&stage).ended_with(0);

    let _payferry = Process::serve(&stage.config_file, stage.payferry(), None);
    let shop = stage.shop_paired_with("shop").await;
    let made = shop.create(r#""price":3,"currency":"EUR","guid":"k1""#).await;
    let id = made.invoice_id();
    assert_eq!(shop.read(&id).await.status, 200);
    let sent = stage.creates_upstream();
    let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(&key));
    assert_eq!(sent[0].header("authorization"), Some(basic.as_str()), "BTCPay takes the key without a colon");
    assert_eq!(sent[0].header("x-signature"), None, "a signature would decide over the key");
    assert_eq!(stage.invoices()[0].store, upstream);
    for told in [&paired.stdout, &paired.stderr] {
        assert!(!told.contains(&key), "the key is printed nowhere");
    }

    // The owner makes another key: the old one is dead at once, and the test says what to do.
    stage.sandbox.owner().legacy_api_key(&upstream).unwrap();
    test(&stage).ended_with(1).said("BTCPay refused shop's key (401)");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_api_key_is_refused_and_not_kept() {
    let (stage, upstream) = stage().await;
    std::fs::write(stage.folder().join("wrong.key"), "no such key").unwrap();
    let words = ["store", "pair", "shop", "--api-key-file"];
    let pair = |file: &str| payferry(stage.folder(), &[&words[..], &[file]].concat());
    let wrong = pair("wrong.key").ended_with(1).said("BTCPay refused the key in wrong.key (401)");
    assert!(!wrong.stderr.contains("no such key"), "not even a wrong key is printed: {wrong:?}");
    pair("missing.key").ended_with(1).said("missing.key");
    test(&stage).ended_with(1).said("is not paired yet");
    // The store can still be paired the other way.
    let code = stage.sandbox.owner().new_pairing_code(&upstream, "payferry").unwrap();
    payferry(stage.folder(), &["store", "pair", "shop", "--code", &code]).ended_with(0);
}
