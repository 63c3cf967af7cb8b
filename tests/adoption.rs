//! Stories of adoption: a shop that was paired with bitpay.com is refused, bound by the operator, and served,
//! with no change in the shop and without a restart of payferry.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::time::Instant;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use payferry::ledger::{CredentialKind, Facade, Ledger, PENDING_LIVES_MS, PendingAdoption};
use serde_json::Value;
use support::command::payferry;
use support::{Shop, Stage};

const PLAIN: &str = r#""price":10,"currency":"EUR""#;
/// As BitPay gave them out.
const FOREIGN: &str = "9kZ5Cc4WxEjQ2n2PqvGzqMpvT8bS1AVbEzaqpQd8uXxF";
const FOREIGN_TOO: &str = "7mH3nVq2ZbTgYwLsKpXrDfCeJaUiNoBtRvMzQhGkEwSy";
const V1_KEY: &str = "L21K5IIUG3IN2J3tZmWq0dYvBnRkXcPs7HgTfEaUoI";

/// What waits, once there are so many; the ledger hears of it a moment after the shop.
async fn waiting(stage: &Stage, how_many: usize) -> Vec<Value> {
    let started = Instant::now();
    loop {
        let listed = payferry(stage.folder(), &["credential", "pending", "--json"]).ended_with(0).json();
        let listed = listed.as_array().unwrap().clone();
        if listed.len() == how_many {
            return listed;
        }
        assert!(started.elapsed().as_secs() < 10, "{how_many} should wait: {listed:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

fn adopt(stage: &Stage, waiting: &Value, store: &str, more: &[&str]) -> Value {
    let words = ["credential", "adopt", waiting["id"].as_str().unwrap(), "--store", store, "--json"];
    payferry(stage.folder(), &[&words[..], more].concat()).ended_with(0).json()
}

fn basic(text: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(text))
}

async fn with_key(shop: &Shop, authorization: &str) -> support::Answer {
    let headers = [("content-type", "application/json"), ("authorization", authorization)];
    shop.send_headers(Method::POST, "/invoices", &format!("{{{PLAIN}}}"), &headers).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_with_a_token_of_bitpay_is_refused_adopted_and_served() {
    let stage = Stage::set().await;
    let mut shop = stage.shop();
    shop.token = FOREIGN.to_owned();
    shop.create(PLAIN).await.assert_refused("identity_unknown");
    shop.create(PLAIN).await.assert_refused("identity_unknown");
    assert!(stage.invoices().is_empty());

    let seen = waiting(&stage, 1).await;
    assert_eq!((&seen[0]["kind"], &seen[0]["sin"]), (&"token".into(), &shop.sin().into()));
    assert_eq!((&seen[0]["agent"], &seen[0]["address"]), (&"story-shop".into(), &"127.0.0.1".into()));
    assert!(!seen[0].to_string().contains(FOREIGN), "{seen:?}");
    adopt(&stage, &seen[0], "main", &["--label", "the old shop"]);

    let created = shop.create(PLAIN).await;
    let id = created.invoice_id();
    assert_eq!(shop.read(&id).await.invoice_id(), id);
    let tokens = shop.send(Method::GET, "/tokens", "", true).await;
    assert_eq!(tokens.text, format!(r#"{{"data":[{{"merchant":"{FOREIGN}"}}]}}"#), "OpenCart looks for it");
    waiting(&stage, 0).await;
    let listed = payferry(stage.folder(), &["credential", "list", "--json"]).ended_with(0).json();
    assert_eq!((&listed[0]["label"], &listed[0]["store"]), (&"the old shop".into(), &"main".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pos_token_of_bitpay_is_probed_adopted_and_buys() {
    let stage = Stage::set().await;
    let mut shop = stage.shop();
    shop.token = FOREIGN.to_owned();
    let probe = format!("/invoices/1?token={FOREIGN}");
    shop.send(Method::GET, &probe, "", false).await.assert_refused("token_invalid");
    let order = shop.order(PLAIN);
    shop.send(Method::POST, "/invoices", &order, false).await.assert_refused("token_invalid");

    let seen = waiting(&stage, 1).await;
    assert_eq!((&seen[0]["kind"], &seen[0]["sin"]), (&"pos_token".into(), &Value::Null));
    adopt(&stage, &seen[0], "main", &[]);
    let found = shop.send(Method::GET, &probe, "", false).await;
    found.assert_refused("object_not_found");
    assert!(found.text.contains(r#""error":"Object not found""#), "WooCommerce takes just this: {found:?}");
    shop.send(Method::POST, "/invoices", &order, false).await.invoice_id();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_of_btcpays_own_users_is_adopted_in_each_spelling() {
    let stage = Stage::set().await;
    let shop = stage.shop();
    with_key(&shop, &basic(V1_KEY)).await.assert_refused("api_key_unknown");
    with_key(&shop, &basic(&format!("{V1_KEY}:"))).await.assert_refused("api_key_unknown");
    let seen = waiting(&stage, 1).await;
    assert_eq!(seen[0]["kind"], "v1_key", "with colon and without is one key");
    adopt(&stage, &seen[0], "main", &[]);
    let bytes = std::fs::read(stage.config().ledger.path).unwrap();
    assert!(!bytes.windows(V1_KEY.len()).any(|window| window == V1_KEY.as_bytes()));

    for authorization in
        [basic(V1_KEY), basic(&format!("{V1_KEY}:")), basic(V1_KEY).replace("Basic", "bAsIc")]
    {
        let created = with_key(&shop, &authorization).await;
        let id = created.invoice_id();
        let headers = [("authorization", authorization.as_str())];
        let read = shop.send_headers(Method::GET, &format!("/invoices/{id}"), "", &headers).await;
        assert!(read.data("token").is_some(), "an API key sees all of its invoice: {read:?}");
    }
    with_key(&shop, &basic("anotherkey")).await.assert_refused("api_key_unknown");
}

/// npm bitpay-rest keeps no token: it asks for them at its start.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_only_asks_for_its_tokens_gets_own_ones() {
    let stage = Stage::set().await;
    let mut shop = stage.shop();
    shop.send(Method::GET, "/tokens", "", true).await.assert_refused("identity_unknown");
    let by_name = format!(r#"{{{PLAIN},"token":"pos"}}"#);
    shop.send(Method::POST, "/invoices", &by_name, true).await.assert_refused("identity_unknown");
    let seen = waiting(&stage, 1).await;
    assert_eq!(seen[0]["kind"], "signing_key", "a facade's name is no token");
    adopt(&stage, &seen[0], "main", &[]);

    let tokens = shop.send(Method::GET, "/tokens", "", true).await.json();
    let tokens = tokens.get("data").and_then(payferry::json::Value::as_array).unwrap().to_vec();
    assert_eq!(tokens.len(), 2);
    for (facade, token) in ["merchant", "pos"].into_iter().zip(&tokens) {
        shop.token = token.get(facade).and_then(payferry::json::Value::as_str).unwrap().to_owned();
        shop.create(PLAIN).await.invoice_id();
    }
    let refused = shop.send(Method::POST, "/invoices", &by_name, true).await;
    refused.assert_refused("token_invalid");
    assert!(refused.text.contains("Invalid token"), "{refused:?}");
    waiting(&stage, 0).await;
}

/// docs/moving.md, recipe self-check: OpenCart deletes its token when `GET /tokens` does not list it, so the
/// token is added before the move, or after a question that the shop was told to survive.
#[tokio::test(flavor = "multi_thread")]
async fn opencart_keeps_the_token_that_was_added_before_its_move() {
    let stage = Stage::set().await;
    let file = stage.folder().join("token");
    for (asked_before, token) in [(false, FOREIGN), (true, FOREIGN_TOO)] {
        std::fs::write(&file, format!("{token}\n")).unwrap();
        let listed = format!(r#"{{"data":[{{"merchant":"{token}"}}]}}"#);
        let mut shop = stage.shop();
        shop.token = token.to_owned();
        if asked_before {
            shop.send(Method::GET, "/tokens", "", true).await.assert_refused("identity_unknown");
            let seen = waiting(&stage, 1).await;
            assert_eq!((&seen[0]["kind"], &seen[0]["sin"]), (&"signing_key".into(), &shop.sin().into()));
        }
        let (sin, file) = (shop.sin(), file.to_str().unwrap());
        let words = ["credential", "add", "--store", "main", "--kind", "token", "--sin", &sin];
        payferry(stage.folder(), &[&words[..], &["--from-file", file]].concat()).ended_with(0);
        assert_eq!(shop.send(Method::GET, "/tokens", "", true).await.text, listed, "asked: {asked_before}");
        shop.create(PLAIN).await.invoice_id();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bitpay_account_is_split_over_two_stores_by_token() {
    let stage = Stage::set().await;
    stage.add_store("other").await;
    let mut shop = stage.shop();
    let mut ids = Vec::new();
    for (token, store) in [(FOREIGN, "main"), (FOREIGN_TOO, "other")] {
        shop.token = token.to_owned();
        shop.create(PLAIN).await.assert_bitpays_error();
        adopt(&stage, &waiting(&stage, 1).await[0], store, &[]);
        ids.push(shop.create(PLAIN).await.invoice_id());
    }
    let stores: Vec<_> = stage.invoices().iter().map(|invoice| invoice.store.clone()).collect();
    assert_ne!(stores[0], stores[1]);
    let listed = shop.send(Method::GET, "/tokens", "", true).await.text;
    assert!(listed.contains(FOREIGN) && listed.contains(FOREIGN_TOO), "{listed}");
    shop.read(&ids[1]).await.invoice_id();
    shop.read(&ids[0]).await.assert_refused("object_not_found");
    for id in &ids {
        let alone = shop.send(Method::GET, &format!("/invoices/{id}"), "", true).await;
        assert_eq!(&alone.invoice_id(), id, "NBitpayClient: the invoice names the store");
    }
    let strange = shop.send(Method::GET, "/invoices/AAAAAAAAAAAAAAAAAAAAAA", "", true).await;
    strange.assert_refused("object_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_proved_something_waits() {
    let stage = Stage::set().await;
    let paired = stage.paired_shop().await;
    let mut shop = stage.shop();
    shop.token = FOREIGN.to_owned();
    let body = shop.order(PLAIN);
    let stale = Some(shop.sign("/invoices", "another body"));
    shop.send_with(Method::POST, "/invoices", &body, stale).await.assert_refused("signature_invalid");
    let merchant = paired.order(PLAIN);
    paired.send(Method::POST, "/invoices", &merchant, false).await.assert_refused("token_invalid");
    shop.token = paired.token.clone();
    shop.create(PLAIN).await.assert_refused("identity_unknown");
    shop.send(Method::POST, "/invoices", "{}", false).await.assert_refused("credential_missing");
    // The last of all is kept, so the others were not.
    with_key(&shop, &basic(V1_KEY)).await.assert_refused("api_key_unknown");
    assert_eq!(waiting(&stage, 1).await[0]["kind"], "v1_key");
    let words = ["credential", "adopt", "000000000000", "--store", "main"];
    payferry(stage.folder(), &words).ended_with(1).said("nothing waits under that id");
}

/// One header must not buy 48 verifications without end; shops that are known, and strangers with an honest
/// signature, notice nothing of somebody who tries.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_bad_signatures_is_not_worth_the_work() {
    let stage = Stage::set().await;
    let paired = stage.paired_shop().await;
    let stranger = stage.shop();
    let list = format!("/invoices?token={}", paired.token);
    let doubled = |shop: &Shop| Some(shop.sign(&format!("/{list}"), ""));
    let flood = stranger.keeping_connections();
    for _ in 0..650 {
        let bad = Some(flood.sign("/elsewhere", ""));
        flood.send_with(Method::GET, &list, "", bad).await.assert_refused("signature_invalid");
    }
    let odd = stranger.send_with(Method::GET, &list, "", doubled(&stranger)).await;
    odd.assert_refused("signature_invalid");
    stranger.send(Method::GET, &list, "", true).await.assert_refused("identity_unknown");
    let ruby = paired.send_with(Method::GET, &list, "", doubled(&paired)).await;
    assert_eq!(ruby.status, 200, "ruby-client doubles the slash, and it is known: {}", ruby.text);
}

#[tokio::test]
async fn a_day_is_the_end_and_the_latest_stay() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&folder.path().join("ledger.db")).await.unwrap();
    let seen = |id: u32, at: i64| PendingAdoption {
        id: format!("{id:012}"),
        kind: CredentialKind::PosToken,
        sin: None,
        token_hash: Some(format!("hash-{id}")),
        token_sealed: None,
        agent: "shop".to_owned(),
        address: "192.0.2.1".to_owned(),
        host: "bitpay.com".to_owned(),
        first_seen: at,
        last_seen: at,
        count: 2,
    };
    let ids = |now: i64| {
        let ledger = ledger.clone();
        async move {
            let waiting = ledger.pending_adoptions(now).await.unwrap();
            waiting
                .into_iter()
                .map(|row| (row.id.trim_start_matches('0').to_owned(), row.count))
                .collect::<Vec<_>>()
        }
    };
    let pair = |id: &str, count| (id.to_owned(), count);
    ledger.note_pending(vec![seen(1, 10), seen(2, 20), seen(3, 30)], 2, 30).await.unwrap();
    assert_eq!(ids(30).await, [pair("3", 2), pair("2", 2)]);
    ledger.note_pending(vec![seen(2, 40)], 2, 40).await.unwrap();
    assert_eq!(ids(40).await, [pair("2", 4), pair("3", 2)]);
    assert_eq!(ids(30 + PENDING_LIVES_MS).await, [pair("2", 4)]);
    assert!(ids(40 + PENDING_LIVES_MS).await.is_empty());
}

/// The shop hears its refusal whatever the ledger does; what was seen is written when it can be again.
#[tokio::test]
async fn a_ledger_that_fails_delays_nobody() {
    use payferry::adoption::{Sight, Stranger, Strangers};
    use payferry::secrets::MasterSecret;
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&folder.path().join("ledger.db")).await.unwrap();
    let secrets = std::sync::Arc::new(MasterSecret::from_bytes([1; 32]));
    let strangers = Strangers::new(secrets, || 1_000, |bytes| bytes.fill(9));
    let stop = tokio_util::sync::CancellationToken::new();
    let closed = Ledger::open(&folder.path().join("other.db")).await.unwrap();
    closed.close().await;
    let writing = tokio::spawn(std::sync::Arc::clone(&strangers).keep_in(closed, stop.clone()));
    let sight = Sight { agent: "shop", address: [127, 0, 0, 1].into(), host: "bitpay.com" };
    for at in 0..10_000 {
        strangers.note(&Stranger::PosToken(format!("a-token-of-bitpay-{}", at % 7)), sight);
    }
    stop.cancel();
    writing.await.unwrap();
    let stopped = tokio_util::sync::CancellationToken::new();
    stopped.cancel();
    std::sync::Arc::clone(&strangers).keep_in(ledger.clone(), stopped).await;
    let kept = ledger.pending_adoptions(1_000).await.unwrap();
    assert_eq!((kept.len(), kept.iter().map(|row| row.count).sum::<i64>()), (7, 10_000), "none is lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signing_shop_takes_over_the_pos_token_that_was_bound_without_its_key() {
    let stage = Stage::set().await;
    let mut shop = stage.shop();
    shop.token = FOREIGN.to_owned();
    let order = shop.order(PLAIN);
    shop.send(Method::POST, "/invoices", &order, false).await.assert_bitpays_error();
    adopt(&stage, &waiting(&stage, 1).await[0], "main", &[]);
    shop.create(PLAIN).await.assert_refused("identity_unknown");
    adopt(&stage, &waiting(&stage, 1).await[0], "main", &[]);
    shop.create(PLAIN).await.invoice_id();
    shop.send(Method::POST, "/invoices", &order, false).await.invoice_id();
    let listed = stage.ledger().await.credentials().await.unwrap();
    assert_eq!((listed.len(), listed[0].facade), (1, Facade::Pos), "still no more than a POS token");
}

/// What the operator says at the second adoption counts, and he is shown what the ledger has.
#[tokio::test(flavor = "multi_thread")]
async fn an_adoption_of_a_pos_tokens_key_says_what_it_did() {
    let stage = Stage::set().await;
    let mut shop = stage.shop();
    shop.token = FOREIGN.to_owned();
    shop.send(Method::POST, "/invoices", &shop.order(PLAIN), false).await.assert_bitpays_error();
    adopt(&stage, &waiting(&stage, 1).await[0], "main", &[]);
    shop.create(PLAIN).await.assert_refused("identity_unknown");
    let waits = waiting(&stage, 1).await.remove(0);
    let words = ["credential", "adopt", waits["id"].as_str().unwrap(), "--store", "main", "--json"];
    let more = ["--facade", "merchant", "--era", "2014"];
    let said = payferry(stage.folder(), &[&words[..], &more].concat()).ended_with(0).json();
    let listed = payferry(stage.folder(), &["credential", "list", "--json"]).ended_with(0).json();
    let (said, kept) = (&said["credentials"][0], &listed[0]);
    assert_eq!((&said["id"], &said["facade"], &said["era"]), (&kept["id"], &kept["facade"], &kept["era"]));
    assert_eq!((&kept["facade"], &kept["era"]), (&"merchant".into(), &"2014".into()));
    let list = format!("/invoices?token={FOREIGN}");
    assert_eq!(shop.send(Method::GET, &list, "", true).await.status, 200);
}

/// offsite_payments sends its API key as Basic and as token: only the hash of a key may be kept.
#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_that_comes_as_token_too_is_kept_as_a_key_alone() {
    let stage = Stage::set().await;
    let shop = stage.shop();
    let order = format!(r#"{{{PLAIN},"token":"{V1_KEY}"}}"#);
    let authorization = basic(V1_KEY);
    let headers = [("content-type", "application/json"), ("authorization", authorization.as_str())];
    shop.send_headers(Method::POST, "/invoices", &order, &headers).await.assert_bitpays_error();
    let seen = waiting(&stage, 1).await;
    assert_eq!(seen[0]["kind"], "v1_key");
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    waiting(&stage, 1).await;
}
