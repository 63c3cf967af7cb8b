//! `payferry apply`, by the real binary: what moves to another server or another store, and what is refused
//! before the first change.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::time::Duration;

use http::Method;
use payferry::app::Rooms;
use payferry::bitid::SecretKey;
use payferry::ledger::Store;
use payferry::sandbox::{Options, Sandbox, StoreOptions};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use support::Stage;
use support::command::{Done, payferry};
use support::process::{Process, free_address};

const ORDER: &str = r#""price":2,"currency":"EUR""#;
const TO_NEW: &str = "[store.main]\nserver = \"new\"\n";

fn apply(stage: &Stage, text: &str, more: &[&str]) -> Done {
    std::fs::write(stage.folder().join("stores.toml"), text).unwrap();
    payferry(stage.folder(), &[&["apply", "stores.toml", "--json"][..], more].concat())
}

/// A stage whose configuration names a second BTCPay server, `new`.
async fn with_a_new_server(sandbox: Option<Sandbox>) -> (Stage, Sandbox) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let new = listener.local_addr().unwrap();
    let settings = format!("[btcpay.new]\npublic_url = \"http://{new}\"");
    let stage = Stage::without_payferry(&settings, &free_address().to_string()).await;
    let sandbox = sandbox.unwrap_or_else(|| stage.sandbox.clone());
    tokio::spawn(sandbox.clone().serve(listener, CancellationToken::new()));
    (stage, sandbox)
}

async fn main_store(stage: &Stage) -> Store {
    let ledger = stage.ledger().await;
    let store = ledger.stores().await.unwrap().into_iter().find(|store| store.name == "main").unwrap();
    ledger.close().await;
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_moves_to_another_address_of_the_same_btcpay() {
    let (stage, _) = with_a_new_server(None).await;
    let _payferry = Process::serve(&stage.config_file, stage.payferry(), None);
    let shop = stage.paired_shop().await;
    let id = shop.create(ORDER).await.invoice_id();
    let moved = apply(&stage, TO_NEW, &[]).ended_with(0);
    assert_eq!(moved.json()["not_paired"], json!([]));
    let store = main_store(&stage).await;
    assert!(store.server == "new" && store.paired_at.is_some(), "{store:?}");
    assert_eq!(shop.read(&id).await.status, 200);
    shop.create(ORDER).await.invoice_id();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_btcpay_that_does_not_know_the_store_is_refused_and_nothing_changes() {
    let (stage, other) = with_a_new_server(Some(Sandbox::new(Options::default()))).await;
    let running = Process::serve(&stage.config_file, stage.payferry(), None);
    let shop = stage.paired_shop().await;
    let id = shop.create(ORDER).await.invoice_id();
    std::fs::write(stage.folder().join("v1"), "mNFZQz2pXoHkq7T1v1key").unwrap();
    let text = format!(
        "{TO_NEW}[[store.main.credential]]\nkind = \"v1-key\"\nfile = \"v1\"\n[store.fresh]\nserver = \"new\"\n"
    );
    let before = main_store(&stage).await;
    for more in [&["--dry-run"][..], &[]] {
        let refused = apply(&stage, &text, more).ended_with(1).said("nothing was made");
        refused.said("the key does not work there").said("force = true");
        assert_eq!(main_store(&stage).await, before);
    }
    assert_eq!(payferry(stage.folder(), &["store", "list", "--json"]).json().as_array().unwrap().len(), 1);

    // The key is known there, but for another store: the newest invoice tells it.
    let rooms = Rooms::open(&stage.config()).await.unwrap();
    let there = Store { server: "new".to_owned(), ..before.clone() };
    let upstream = other.owner().create_store(StoreOptions::default());
    let code = other.owner().new_pairing_code(&upstream, "").unwrap();
    rooms.upstream.pair(&there, Some(&code), Duration::from_secs(5)).await.unwrap();
    rooms.ledger.close().await;
    apply(&stage, &text, &[]).ended_with(1).said(&id).said("is not there").said("nothing was made");
    assert_eq!(main_store(&stage).await, before);
    assert_eq!(shop.read(&id).await.status, 200);

    // By force it moves, and says that it is not paired any more.
    let forced = TO_NEW.replace("\"new\"", "\"new\"\nforce = true");
    let moved = apply(&stage, &forced, &[]).ended_with(0);
    assert_eq!(moved.json()["not_paired"], json!(["main"]));
    let store = main_store(&stage).await;
    assert_eq!((store.server.as_str(), store.paired_at), ("new", None));
    // A payferry that starts now reads it so.
    drop(running);
    let _payferry = Process::serve(&stage.config_file, stage.payferry(), None);
    shop.create(ORDER).await.assert_refused("store_not_paired");
}

/// `[store.NAME]` with one token of that key.
fn with_token(name: &str, sin: &str, more: &str) -> String {
    format!(
        "[store.{name}]\n[[store.{name}.credential]]\nkind = \"token\"\nfile = \"token\"\nsin = \"{sin}\"\n{more}\n"
    )
}

/// The names are in an order in which the new store's turn would come first.
#[tokio::test(flavor = "multi_thread")]
async fn a_credential_moves_to_a_store_with_an_earlier_name() {
    let stage = Stage::set().await;
    stage.add_store("a-second").await;
    let mut shop = stage.shop();
    shop.token = "9ReTokenThatBitPayGaveOut".to_owned();
    std::fs::write(stage.folder().join("token"), &shop.token).unwrap();
    let sin = shop.sin();
    apply(&stage, &with_token("main", &sin, ""), &[]).ended_with(0);
    let id = shop.create(ORDER).await.invoice_id();

    // Named at the other store alone, it would open two.
    let both = apply(&stage, &with_token("a-second", &sin, ""), &[]).ended_with(1);
    both.said("opens main already").said("revoked = true");
    let twice = with_token("a-second", &sin, "") + &with_token("main", &sin, "");
    apply(&stage, &twice, &[]).ended_with(1).said("stands under [store.a-second] too");
    assert_eq!(shop.read(&id).await.status, 200);

    let text = with_token("a-second", &sin, "") + &with_token("main", &sin, "revoked = true");
    let moved = apply(&stage, &text, &[]).ended_with(0).json();
    let signs: Vec<&Value> = moved["changes"].as_array().unwrap().iter().map(|one| &one["sign"]).collect();
    assert_eq!(signs, ["-", "+"]);
    apply(&stage, &text, &[]).ended_with(0).said("Nothing to do.");
    support::until_async("the credential opens the other store", || async {
        shop.read(&id).await.status != 200
    })
    .await;
    let new = shop.create(ORDER).await.invoice_id();
    let made = stage.invoices().into_iter().find(|invoice| invoice.id == new).unwrap();
    let stores = stage.sandbox.owner().stores();
    assert_eq!(stores.iter().find(|(id, _)| *id == made.store).unwrap().1, "a-second");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_hears_what_was_made_before_something_failed() {
    let stage = Stage::set().await;
    let mut text = String::from("[store.one]\n[store.two]\napi_key_file = \"key\"\n[store.three]\n");
    std::fs::write(stage.folder().join("key"), "no key of BTCPay's").unwrap();
    let failed = apply(&stage, &text, &[]).ended_with(1).said("BTCPay refused the key").json();
    let made: Vec<bool> =
        failed["changes"].as_array().unwrap().iter().map(|one| one["made"] == json!(true)).collect();
    assert_eq!(made, [true, true, true, false], "{failed}");
    assert_eq!(failed["made"], json!(false));
    assert!(failed["error"].as_str().unwrap().contains("two: BTCPay's API key"), "{failed}");
    text = text.replace("api_key_file = \"key\"\n", "");
    apply(&stage, &text, &[]).ended_with(0).said("Nothing to do.");
}

/// A ledger that is rebuilt from the file must let shops ship when the old one did.
#[tokio::test(flavor = "multi_thread")]
async fn settlement_and_the_shops_certificates_are_the_file_s_too() {
    let stage = Stage::set().await;
    payferry(stage.folder(), &["ca"]).ended_with(0);
    let text = "[store.main]\nsettlement = \"bitpay\"\nshop_ca_file = \"tls/ca.pem\"\n";
    let set = apply(&stage, text, &[]).ended_with(0).json();
    let what = set["changes"][0]["what"].as_str().unwrap();
    assert!(what.contains("settlement btcpay -> bitpay") && what.contains("certificates"), "{what}");
    let store = main_store(&stage).await;
    assert_eq!(store.settlement, payferry::presented::Settlement::Bitpay);
    assert!(store.shop_ca_pem.unwrap().contains("BEGIN CERTIFICATE"));
    for same in [text, "[store.main]\n"] {
        apply(&stage, same, &[]).ended_with(0).said("Nothing to do.");
    }
    for (wrong, words) in
        [("settlement = \"six\"", "six"), ("shop_ca_file = \"master.secret\"", "master.secret")]
    {
        apply(&stage, &format!("[store.main]\n{wrong}\n"), &[]).ended_with(1).said(words);
    }
}

/// One key that payferry paired belongs to one store; what BitPay gave out opens what it is bound to.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_token_for_a_key_of_another_store_is_refused_and_a_token_of_bitpay_is_not() {
    let stage = Stage::set().await;
    stage.add_store("second").await;
    let shop = stage.paired_shop().await;
    let sin = shop.sin();
    let add = |more: &[&str]| {
        let words = ["credential", "add", "--store", "second", "--kind", "token", "--sin", &sin];
        payferry(stage.folder(), &[&words[..], more].concat())
    };
    add(&[]).ended_with(1).said("paired with another store");
    std::fs::write(stage.folder().join("token"), "9ReTokenThatBitPayGaveOut").unwrap();
    add(&["--from-file", "token"]).ended_with(0);
    // Its first new token binds a key, as a pairing does.
    let fresh = SecretKey::from_bytes([77; 32]).unwrap().public().sin();
    let bind = |store: &str| {
        let words = ["credential", "add", "--store", store, "--kind", "token", "--sin", fresh.as_str()];
        payferry(stage.folder(), &words)
    };
    bind("second").ended_with(0);
    bind("main").ended_with(1).said("paired with another store");
    let order = format!("{{{ORDER}}}");
    assert_ne!(shop.send(Method::POST, "/invoices", &order, true).await.status, 200);
}
