//! Stories of shops that pair, create and read through payferry, with a sandbox in BTCPay's place.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use http::Method;
use payferry::contract::endpoints;
use payferry::json::Value;
use payferry::ledger::Facade;
use support::{Answer, Stage};

const PLAIN: &str = r#""price":10.00,"currency":"EUR""#;
/// Texts that BTCPay rewrites, drops or is known to stumble over.
const WORDS: &str = concat!(
    r#""price":12.50,"currency":"EUR","orderId":"2026-11-24T10:00:00Z","itemDesc":"Zwei Kaffee ☕ & <b>","#,
    r#""itemCode":"sku/7","posData":"{\"cart\": \"b7\",  \"total\": 12.50}","redirectURL":"https://shop.example/danke","#,
    r#""buyer":{"name":"Zoë Müller","address1":"Straße 1","locality":"Łódź","region":"東京","postalCode":"01234","#,
    r#""email":"zoe@example.com","phone":"+49 1"}"#
);

fn assert_words(answer: &Answer) {
    assert_eq!(answer.data_text("orderId"), "2026-11-24T10:00:00Z");
    assert_eq!(answer.data_text("itemDesc"), "Zwei Kaffee ☕ & <b>");
    assert_eq!(answer.data_text("itemCode"), "sku/7");
    assert_eq!(answer.data_text("posData"), r#"{"cart": "b7",  "total": 12.50}"#);
}

fn assert_buyer(answer: &Answer) {
    let buyer = answer.data("buyer").unwrap_or_else(|| panic!("no buyer: {answer:?}"));
    let text = |name: &str| buyer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    assert_eq!(text("name"), "Zoë Müller");
    assert_eq!(text("address1"), "Straße 1");
    assert_eq!(text("locality"), "Łódź");
    assert_eq!(text("region"), "東京");
    assert_eq!(text("postalCode"), "01234");
    assert_eq!(text("email"), "zoe@example.com");
    assert_eq!(text("phone"), "+49 1");
}

fn assert_no_null(value: &Value) {
    match value {
        Value::Null => panic!("a null"),
        Value::Array(items) => items.iter().for_each(assert_no_null),
        Value::Object(members) => members.iter().for_each(|(_, value)| assert_no_null(value)),
        _ => {}
    }
}

#[tokio::test]
async fn a_shop_gets_its_own_words_back_from_create_and_reads() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let created = shop.create(WORDS).await;
    let id = created.invoice_id();
    let read = shop.read(&id).await;
    let bare = shop.read_bare(&id).await;
    for answer in [&created, &read, &bare] {
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_words(answer);
        assert_no_null(&answer.json());
        assert_eq!(answer.data_text("id"), id);
        assert_eq!(answer.data_text("status"), "new");
    }
    for answer in [&created, &read] {
        assert_buyer(answer);
        assert!(answer.data("token").is_some());
    }
    assert_eq!(created.data("token"), read.data("token"), "the invoice's token is stable");
    assert!(bare.data("buyer").is_none() && bare.data("token").is_none(), "{bare:?}");
    for secret in ["Zoë", "zoe@example.com", "Straße"] {
        assert!(!bare.text.contains(secret), "{bare:?}");
    }
}

#[tokio::test]
async fn btcpay_gets_the_words_whole_with_the_mark_behind_the_item_code() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    shop.create(WORDS).await.invoice_id();
    let invoices = stage.invoices();
    assert_eq!(invoices.len(), 1);
    let code = invoices[0].item_code.clone().unwrap();
    assert!(code.starts_with("sku/7~") && code.len() > 20, "{code}");
    let sent = stage.creates_upstream();
    assert_eq!(sent.len(), 1);
    let body = String::from_utf8(sent[0].body.to_vec()).unwrap();
    assert!(!body.contains(&shop.token), "the shop's token stays here");
    assert_ne!(sent[0].header("x-identity"), Some(shop.key.public().to_hex().as_str()));
}

#[tokio::test]
async fn a_code_that_the_shop_asked_for_works_only_after_the_operator_approved_it() {
    let stage = Stage::set().await;
    let mut shop = stage.shop();
    let code = shop.ask_for_a_code().await;
    let early = shop.create(PLAIN).await;
    early.assert_bitpays_error();
    assert_ne!(early.status, 200);
    assert!(stage.sandbox.faults().requests().is_empty());
    stage.approve(&code, "main").await;
    shop.create(PLAIN).await.invoice_id();
}

#[tokio::test]
async fn a_second_token_of_a_known_key_works_as_soon_as_it_was_approved() {
    let stage = Stage::set().await;
    let mut shop = stage.shop();
    for _ in 0..2 {
        let code = shop.ask_for_a_code().await;
        stage.approve(&code, "main").await;
        shop.create(PLAIN).await.invoice_id();
    }
}

#[tokio::test]
async fn a_stranger_is_refused_before_btcpay_hears_of_it() {
    let stage = Stage::set().await;
    stage.add_store("other").await;
    let (shop, other) = (stage.paired_shop().await, stage.shop_paired_with("other").await);
    let mut stranger = stage.shop();
    stranger.token = shop.token.clone();
    let invoice = shop.create(PLAIN).await.invoice_id();
    stage.sandbox.faults().forget_requests();

    stranger.create(PLAIN).await.assert_refused("identity_unknown");
    let body = shop.order(PLAIN);
    let wrong = stranger.key.sign("http://elsewhere/invoices", body.as_bytes());
    shop.send_with(Method::POST, "/invoices", &body, Some(wrong)).await.assert_refused("signature_invalid");
    let garbage = Some("30".to_owned());
    shop.send_with(Method::POST, "/invoices", &body, garbage).await.assert_refused("signature_invalid");
    let mut foreign = shop.clone();
    foreign.token = other.token.clone();
    foreign.create(PLAIN).await.assert_refused("token_invalid");
    shop.send(Method::POST, "/invoices", &format!("{{{PLAIN}}}"), true).await.assert_refused("token_missing");
    shop.send(Method::POST, "/invoices", &body, false).await.assert_refused("token_invalid");
    shop.send(Method::POST, "/invoices", &format!("{{{PLAIN}}}"), false)
        .await
        .assert_refused("credential_missing");
    other.read(&invoice).await.assert_refused("object_not_found");
    shop.read_bare("AAAAAAAAAAAAAAAAAAAAAA").await.assert_refused("object_not_found");
    assert!(stage.sandbox.faults().requests().is_empty(), "{:?}", stage.sandbox.faults().requests());
}

#[tokio::test]
async fn a_pos_token_creates_without_a_signature_and_sees_no_buyer_data_of_reads() {
    let stage = Stage::set().await;
    let mut shop = stage.shop();
    shop.pair(&stage.code_for("main", Facade::Pos).await).await;
    let created = shop.send(Method::POST, "/invoices", &shop.order(WORDS), false).await;
    let id = created.invoice_id();
    assert_words(&created);
    let read = shop.send(Method::GET, &format!("/invoices/{id}?token={}", shop.token), "", false).await;
    assert_words(&read);
    assert!(read.data("buyer").is_none(), "{read:?}");
}

/// A POS token stands in public HTML: who repeats another customer's guid must not read that customer's address.
#[tokio::test]
async fn a_repeated_pos_create_shows_no_buyer() {
    let stage = Stage::set().await;
    let mut shop = stage.shop();
    shop.pair(&stage.code_for("main", Facade::Pos).await).await;
    let alice =
        shop.order(&format!(r#"{PLAIN},"guid":"1795454361533","buyer":{{"email":"alice@example.com"}}"#));
    let first = shop.send(Method::POST, "/invoices", &alice, false).await;
    assert!(first.text.contains("alice@example.com"), "her own answer has it");
    let bob = shop.order(&format!(r#"{PLAIN},"guid":"1795454361533""#));
    let repeated = shop.send(Method::POST, "/invoices", &bob, false).await;
    assert_eq!(repeated.invoice_id(), first.invoice_id());
    assert!(!repeated.text.contains("alice@example.com") && repeated.data("buyer").is_none(), "{repeated:?}");
}

/// The same while the first create is still on its way: who joins it reads no more.
#[tokio::test]
async fn a_pos_create_that_joins_another_shows_no_buyer() {
    let stage = Stage::set().await;
    let mut shop = stage.shop();
    shop.pair(&stage.code_for("main", Facade::Pos).await).await;
    stage.sandbox.faults().next(
        payferry::sandbox::Matching::on("POST", "/invoices"),
        1,
        payferry::sandbox::Fault::Delay(std::time::Duration::from_millis(400)),
    );
    let alice = shop.order(&format!(r#"{PLAIN},"guid":"g-7","buyer":{{"email":"alice@example.com"}}"#));
    let bob = shop.order(&format!(r#"{PLAIN},"guid":"g-7""#));
    let joins = async {
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        shop.send(Method::POST, "/invoices", &bob, false).await
    };
    let (first, joined) = tokio::join!(shop.send(Method::POST, "/invoices", &alice, false), joins);
    assert_eq!(first.invoice_id(), joined.invoice_id());
    assert_eq!(stage.creates_upstream().len(), 1);
    assert!(first.text.contains("alice@example.com"), "her own answer has it");
    assert!(!joined.text.contains("alice@example.com") && joined.data("buyer").is_none(), "{joined:?}");
}

#[tokio::test]
async fn every_call_that_is_not_offered_is_refused_in_bitpays_shape() {
    let stage = Stage::set().await;
    let shop = stage.shop();
    let refused = endpoints::rows().iter().filter(|row| row.serve.is_none());
    let mut asked = 0;
    for row in refused.filter(|row| row.kind != endpoints::Kind::Outbound) {
        let segments =
            row.path.split('/').map(|part| if part.starts_with([':', '*']) { "abc" } else { part });
        let path = segments.collect::<Vec<_>>().join("/");
        let method = Method::from_bytes(row.method.as_bytes()).unwrap();
        let answer = shop.send(method, &path, "", false).await;
        assert!(!answer.reason.is_empty(), "{} {path}: {answer:?}", row.method);
        answer.assert_bitpays_error();
        asked += 1;
    }
    assert!(asked > 50, "{asked}");
    shop.send(Method::GET, "/nowhere", "", false).await.assert_refused("endpoint_unknown");
    shop.send(Method::DELETE, "/invoices", "", false).await.assert_bitpays_error();
    assert!(stage.sandbox.faults().requests().is_empty());
}

/// The operator added the store and forgot to pair it: BTCPay is not asked with a key that it does not know.
#[tokio::test]
async fn a_store_that_is_not_paired_yet_says_so_in_bitpays_words() {
    let stage = Stage::set().await;
    let ledger = stage.ledger().await;
    ledger.add_store("id-of-late", "late", "sandbox", 1).await.unwrap();
    ledger.add_store("id-of-lost", "lost", "no-such-server", 1).await.unwrap();
    ledger.set_store_paired("id-of-lost", None, 1).await.unwrap();
    for (store, reason) in [("late", "store_not_paired"), ("lost", "store_server_unknown")] {
        let shop = stage.shop_paired_with(store).await;
        stage.sandbox.faults().forget_requests();
        let list = format!("/invoices?token={}", shop.token);
        let answers = [
            shop.create(PLAIN).await,
            shop.read("AAAAAAAAAAAAAAAAAAAAAA").await,
            shop.send(Method::GET, &list, "", true).await,
            shop.send(Method::GET, "/rates/EUR", "", true).await,
        ];
        for answer in answers {
            answer.assert_refused(reason);
            assert!(answer.text.contains("Account not setup completely yet."), "{}", answer.text);
        }
        assert!(stage.creates_upstream().is_empty());
    }
}

/// A tree of JSON takes up to 70 times the room of its text: a megabyte from anybody must not become 35.
#[tokio::test]
async fn a_body_of_too_many_values_is_refused_before_anybody_is_asked_who_he_is() {
    let stage = Stage::set().await;
    let shop = stage.shop();
    let zeros = vec!["0"; 300_000].join(",");
    let body = format!(r#"{{{PLAIN},"x":[{zeros}]}}"#);
    shop.send(Method::POST, "/invoices", &body, false).await.assert_refused("json_invalid");
    let json = ("content-type", "application/x-www-form-urlencoded");
    let form = shop.send_headers(Method::POST, "/api/invoice", &"a&".repeat(300_000), &[json]).await;
    form.assert_refused("credential_missing");
}

#[tokio::test]
async fn the_stray_sign_before_advantshops_json_is_read_over() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let body = format!("&{}", shop.order(PLAIN));
    shop.send(Method::POST, "/invoices", &body, true).await.invoice_id();
}

#[tokio::test]
async fn the_same_guid_twice_is_one_invoice() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let order = format!(r#"{PLAIN},"guid":"g-1","posData":"first""#);
    let first = shop.create(&order).await;
    let again = shop.create(&order).await;
    assert_eq!(first.invoice_id(), again.invoice_id());
    assert_eq!(again.data_text("posData"), "first");
    assert_eq!(stage.creates_upstream().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_creates_at_once_with_one_guid_are_one_invoice() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let order = format!(r#"{PLAIN},"guid":"g-20""#);
    let all: Vec<_> = (0..20)
        .map(|_| {
            let (shop, order) = (shop.clone(), order.clone());
            tokio::spawn(async move { shop.create(&order).await.invoice_id() })
        })
        .collect();
    let mut ids = Vec::new();
    for one in all {
        ids.push(one.await.unwrap());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(stage.creates_upstream().len(), 1);
    assert_eq!(stage.invoices().len(), 1);
}

#[tokio::test]
async fn the_same_guid_with_another_price_is_another_order() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let first = shop.create(r#""price":10,"currency":"EUR","guid":"g-2""#).await.invoice_id();
    let second = shop.create(r#""price":11,"currency":"EUR","guid":"g-2""#).await.invoice_id();
    assert_ne!(first, second);
    assert_eq!(stage.creates_upstream().len(), 2);
    let again = shop.create(r#""price":10.00,"currency":"EUR","guid":"g-2""#).await.invoice_id();
    assert_eq!(first, again, "10 and 10.00 are one price");
}
