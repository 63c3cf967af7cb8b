//! Stories of the first generation: `/api/invoice` with an API key, flat answers, errors as objects with
//! status 200; and of pages in a browser that hold a POS token.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use payferry::adoption::{NewCredential, Origin, add};
use payferry::app::{Rooms, now_ms, random};
use payferry::json::Value;
use payferry::ledger::{CredentialKind, Facade, Overrides};
use support::{Answer, Shop, Stage};

/// What bp_lib 1.9 sends: the price as text, orderID with a capital D, posData that holds JSON.
const BP_LIB: &str = concat!(
    r#"{"orderID":"1001","itemDesc":"Two coffees","price":"12.50","currency":"EUR","physical":true,"#,
    r#""fullNotifications":true,"transactionSpeed":"high","notificationEmail":"","buyerName":"Ada","#,
    r#""posData":"{\"posData\":\"1001\",\"hash\":\"abc\"}","redirectURL":"https:\/\/shop.example\/thanks"}"#
);
/// npm bitpay-node 0.0.4, PyPI bitpay-client 0.1.1.
const FORM: &str =
    "price=12.50&currency=EUR&orderID=1001&posData=%7B%22posData%22%3A%221001%22%7D&physical=true";

async fn credential(stage: &Stage, kind: CredentialKind) -> String {
    let rooms = Rooms::open(&stage.config()).await.unwrap();
    let store = rooms.ledger.stores().await.unwrap().remove(0);
    let overrides = Overrides::default();
    let new = NewCredential { kind, facade: Facade::Merchant, sin: None, text: None, overrides };
    let origin = Origin { ledger: &rooms.ledger, secrets: &rooms.secrets, now_ms: now_ms(), random };
    let (_, text) = add(origin, &store, new).await.unwrap();
    rooms.ledger.close().await;
    text.unwrap()
}

fn basic(key: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(key))
}

async fn post(shop: &Shop, target: &str, kind: &str, body: &str, key: &str) -> Answer {
    let headers = [("content-type", kind), ("authorization", key), ("x-bitpay-plugin-info", "phplib1.9")];
    shop.send_headers(Method::POST, target, body, &headers).await
}

async fn get(shop: &Shop, id: &str, key: &str) -> Answer {
    let headers = [("content-type", "application/json"), ("authorization", key)];
    shop.send_headers(Method::GET, &format!("/api/invoice/{id}"), "", &headers).await
}

fn text(answer: &Answer, name: &str) -> String {
    let json = answer.json();
    let value = json.get(name).and_then(Value::as_str).unwrap_or_else(|| panic!("no {name}: {answer:?}"));
    value.to_owned()
}

#[tokio::test]
async fn bp_lib_buys_with_its_key_and_reads_flat_answers() {
    let stage = Stage::set().await;
    let (shop, key) = (stage.shop(), credential(&stage, CredentialKind::V1Key).await);
    for (target, key) in [
        ("/api/invoice/", basic(&key)),
        ("/api/invoice", basic(&format!("{key}:"))),
        ("//api/invoice", basic(&key)),
    ] {
        let created = post(&shop, target, "application/json", BP_LIB, &key).await;
        assert_eq!(created.status, 200, "{created:?}");
        assert!(created.json().get("data").is_none() && created.json().get("error").is_none(), "{created:?}");
        let id = text(&created, "id");
        assert_eq!(text(&created, "posData"), r#"{"posData":"1001","hash":"abc"}"#, "bp_lib checks its hash");
        assert!(text(&created, "url").contains(&id) && text(&created, "status") == "new");
        let read = get(&shop, &id, &key).await;
        assert_eq!((text(&read, "id"), text(&read, "posData")), (id, text(&created, "posData")));
        assert!(read.json().get("btcPrice").is_some(), "{read:?}");
    }
    assert_eq!(stage.invoices().len(), 3);
}

#[tokio::test]
async fn a_form_is_an_order_too() {
    let stage = Stage::set().await;
    let (shop, key) = (stage.shop(), basic(&format!("{}:", credential(&stage, CredentialKind::V1Key).await)));
    let kinds = ["application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-8"];
    for kind in kinds {
        let created = post(&shop, "/api/invoice", kind, FORM, &key).await;
        assert_eq!(text(&created, "posData"), r#"{"posData":"1001"}"#);
        assert_eq!(created.json().get("price").unwrap().to_string(), "12.5", "{created:?}");
    }
    let json = post(&shop, "/api/invoice", "application/x-www-form-urlencoded", BP_LIB, &key).await;
    assert_eq!(text(&json, "status"), "new", "JSON that is called a form (curl -d)");
    // Only there: BitPay's second generation speaks JSON.
    let v2 = post(&shop, "/invoices", "application/x-www-form-urlencoded", FORM, &key).await;
    v2.assert_refused("json_invalid");
}

/// perl-client and pyBitPay read `error.message`; bp_lib shows it; all of them look at the body, not the status.
#[tokio::test]
async fn errors_are_objects_with_status_200() {
    let stage = Stage::set().await;
    let (shop, key) = (stage.shop(), basic(&credential(&stage, CredentialKind::V1Key).await));
    let unknown = basic("a-key-that-nobody-knows");
    let order = |body: &'static str| post(&shop, "/api/invoice/", "application/json", body, &key);
    let refused = [
        (
            post(&shop, "/api/invoice/", "application/json", BP_LIB, &unknown).await,
            "api_key_unknown",
            "unauthorized",
        ),
        (get(&shop, "AAAAAAAAAAAAAAAAAAAAAA", &unknown).await, "api_key_unknown", "unauthorized"),
        (get(&shop, "AAAAAAAAAAAAAAAAAAAAAA", &key).await, "object_not_found", "notFound"),
        (order(r#"{"currency":"EUR"}"#).await, "price_missing", "validationError"),
        (order("{").await, "json_invalid", "validationError"),
    ];
    for (answer, reason, kind) in refused {
        answer.assert_refused(reason);
        assert_eq!(answer.status, 200, "{answer:?}");
        let error = answer.json().get("error").cloned().unwrap();
        assert_eq!(error.get("type").and_then(Value::as_str), Some(kind), "{answer:?}");
        assert!(error.get("messages").is_some(), "{answer:?}");
    }
    let id = text(&order(BP_LIB).await, "id");
    let nobody = shop.send_headers(Method::GET, &format!("/api/invoice/{id}"), "", &[]).await;
    nobody.assert_refused("credential_missing");
    let page = shop.send_headers(Method::GET, &format!("/invoices/{id}"), "", &[]).await;
    assert_eq!(page.invoice_id(), id, "offsite_payments since 2019 verifies a v1 invoice by a bare read");
}

/// offsite_payments since 2019 sends a v1 key as Basic and as token, too.
#[tokio::test]
async fn a_key_that_comes_as_token_too_is_still_the_key() {
    let stage = Stage::set().await;
    let (shop, key) = (stage.shop(), credential(&stage, CredentialKind::V1Key).await);
    let body = format!(r#"{{"price":"1.00","currency":"EUR","fullNotifications":"true","token":"{key}"}}"#);
    let created = post(&shop, "/api/invoice", "application/json", &body, &basic(&format!("{key}:"))).await;
    assert_eq!(text(&created, "status"), "new");
}

const ORIGIN: (&str, &str) = ("origin", "https://shop.example");

#[tokio::test]
async fn a_page_may_buy_with_a_pos_token_and_with_nothing_else() {
    let stage = Stage::set().await;
    let paired = stage.paired_shop().await;
    let mut page = stage.shop();
    page.token = credential(&stage, CredentialKind::PosToken).await;
    let key = basic(&credential(&stage, CredentialKind::V1Key).await);
    let json = ("content-type", "application/json");
    let shared = |answer: &Answer| answer.allow_origin.clone();

    let order = page.order(r#""price":1,"currency":"EUR""#);
    let asked = [
        ORIGIN,
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type"),
    ];
    let preflight = page.send_headers(Method::OPTIONS, "/invoices", "", &asked).await;
    assert_eq!((preflight.status, shared(&preflight).as_str(), preflight.text.as_str()), (204, "*", ""));
    let created = page.send_headers(Method::POST, "/invoices", &order, &[json, ORIGIN]).await;
    let id = created.invoice_id();
    assert_eq!(shared(&created), "*");
    let read = format!("/invoices/{id}?token={}", page.token);
    assert_eq!(shared(&page.send_headers(Method::GET, &read, "", &[ORIGIN]).await), "*");
    assert_eq!(shared(&page.send_headers(Method::GET, &read, "", &[]).await), "", "no page asked");

    let body = paired.order(r#""price":1,"currency":"EUR""#);
    let (identity, signature) = (paired.key.public().to_hex(), paired.sign("/invoices", &body));
    let signed = [json, ORIGIN, ("x-identity", identity.as_str()), ("x-signature", signature.as_str())];
    let signed = paired.send_headers(Method::POST, "/invoices", &body, &signed).await;
    assert_eq!((signed.status, shared(&signed).as_str()), (200, ""));
    let keyed = [json, ORIGIN, ("authorization", key.as_str())];
    let keyed = page.send_headers(Method::POST, "/invoices", r#"{"price":1,"currency":"EUR"}"#, &keyed).await;
    assert_eq!((keyed.status, shared(&keyed).as_str()), (200, ""));

    for (target, method) in
        [("/tokens", "GET"), ("/tokens", "POST"), ("/nowhere", "GET"), ("/invoices", "DELETE")]
    {
        let asked = [ORIGIN, ("access-control-request-method", method)];
        let refused = page.send_headers(Method::OPTIONS, target, "", &asked).await;
        refused.assert_bitpays_error();
        assert_eq!(shared(&refused), "", "{method} {target}");
    }
}

/// A page that is refused must see why; a stranger's page must not speak to pairing in a merchant's browser.
#[tokio::test]
async fn a_page_sees_its_own_refusals_and_nothing_of_pairing() {
    let stage = Stage::set().await;
    let mut page = stage.shop();
    let json = ("content-type", "application/json");
    let rates = page.send_headers(Method::GET, "/rates/EUR", "", &[ORIGIN]).await;
    assert_eq!((rates.status, rates.allow_origin.as_str()), (200, "*"), "{}", rates.text);
    page.token = "a-token-that-nobody-knows".to_owned();
    let order = page.order(r#""price":1,"currency":"EUR""#);
    for (target, body) in [("/invoices", order.as_str()), ("/invoices", "no JSON at all")] {
        let refused = page.send_headers(Method::POST, target, body, &[json, ORIGIN]).await;
        refused.assert_bitpays_error();
        assert_eq!(refused.allow_origin, "*", "{body}");
    }
    let missing = page.send_headers(Method::GET, "/invoices/AAAAAAAAAAAAAAAAAAAAAA", "", &[ORIGIN]).await;
    assert_eq!((missing.reason.as_str(), missing.allow_origin.as_str()), ("object_not_found", "*"));
    let useless = basic("nobody-has-this-key");
    let keyed = [json, ORIGIN, ("authorization", useless.as_str())];
    let keyed = page.send_headers(Method::POST, "/invoices", r#"{"price":1,"currency":"EUR"}"#, &keyed).await;
    assert_eq!((keyed.reason.as_str(), keyed.allow_origin.as_str()), ("api_key_unknown", ""));
    let asked = format!(r#"{{"id":"{}","facade":"merchant"}}"#, page.sin());
    let code = page.send_headers(Method::POST, "/tokens", &asked, &[json, ORIGIN]).await;
    assert_eq!((code.status, code.allow_origin.as_str()), (200, ""), "{}", code.text);
    let looked = page.send_headers(Method::GET, "/api-tokens?pairingCode=abcdefg", "", &[ORIGIN]).await;
    assert_eq!(looked.allow_origin, "", "{}", looked.text);
}

/// Anybody has a POS token: what he makes with it is bounded, and costs other shops nothing.
#[tokio::test]
async fn a_pos_token_makes_so_many_invoices_a_minute_of_so_many_bytes() {
    let stage = Stage::set_with("[limits]\npos_creates_per_minute = 3\n").await;
    let paired = stage.paired_shop().await;
    let mut page = stage.shop();
    page.token = credential(&stage, CredentialKind::PosToken).await;
    let order = page.order(r#""price":1,"currency":"EUR""#);
    for _ in 0..3 {
        page.send(Method::POST, "/invoices", &order, false).await.invoice_id();
    }
    page.send(Method::POST, "/invoices", &order, false).await.assert_refused("overloaded");
    let long = page.order(&format!(r#""price":1,"currency":"EUR","posData":"{}""#, "x".repeat(70_000)));
    page.send(Method::POST, "/invoices", &long, false).await.assert_refused("body_too_large");
    for _ in 0..4 {
        paired.create(r#""price":1,"currency":"EUR""#).await.invoice_id();
    }
}
