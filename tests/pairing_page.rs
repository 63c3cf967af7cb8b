//! Stories of the page on which a merchant looks at a pairing code.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use http::Method;
use payferry::ledger::Facade;
use support::{Answer, Shop, Stage};

async fn visit(shop: &Shop, target: &str) -> Answer {
    let answer = shop.send_headers(Method::GET, target, "", &[("accept", "text/html")]).await;
    if answer.status != 302 {
        assert!(answer.content_type.starts_with("text/html"), "a page for people: {answer:?}");
        assert!(answer.text.starts_with("<!doctype html>") && !answer.text.contains("{{"), "{answer:?}");
    }
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_sees_what_asks_and_how_it_is_approved() {
    let stage = Stage::set().await;
    let mut shop = stage.shop();
    let code = shop.ask_for_a_code().await;
    let target = format!("/api-access-request?pairingCode={code}");
    for _ in 0..3 {
        let page = visit(&shop, &target).await;
        assert_eq!(page.status, 200);
        for words in [&*code, &shop.sin(), "merchant", "less than a minute", "waits for approval"] {
            assert!(page.text.contains(words), "no {words}: {page:?}");
        }
        assert!(
            page.text.contains(&format!("payferry pairing approve {code} <span>--store STORE")),
            "{page:?}"
        );
        assert!(!page.text.contains(&shop.token), "the token is the shop's alone");
        assert!(!page.text.contains("id-of-main"), "nor does it name stores");
    }
    let order = r#""price":1,"currency":"EUR""#;
    shop.create(order).await.assert_bitpays_error();
    stage.approve(&code, "main").await;
    let page = visit(&shop, &target).await;
    assert!(page.text.contains("The shop is paired") && !page.text.contains(&code), "{page:?}");
    shop.create(order).await.invoice_id();
}

/// OpenCart sends its merchant with `redirect`; a link that anybody can write must lead nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn only_an_approved_code_leads_back_to_the_shop() {
    let stage = Stage::set().await;
    let mut shop = stage.shop();
    let code = shop.ask_for_a_code().await;
    let back = "https://shop.example/admin/index.php?route=payment&user_token=1";
    let way = |code: &str, redirect: &str| {
        let redirect: String = form_urlencoded::byte_serialize(redirect.as_bytes()).collect();
        format!("/api-access-request?pairingCode={code}&redirect={redirect}")
    };
    assert_eq!(visit(&shop, &way(&code, back)).await.status, 200, "not approved yet");
    assert_eq!(visit(&shop, &way("zzzzzzz", back)).await.status, 404);
    assert_eq!(visit(&shop, &way("", back)).await.status, 200);
    let operators = stage.code_for("main", Facade::Merchant).await;
    assert_eq!(visit(&shop, &way(&operators, back)).await.status, 200);
    stage.approve(&code, "main").await;
    let sent = visit(&shop, &way(&code, back)).await;
    assert_eq!((sent.status, sent.location.as_str()), (302, back));
    for elsewhere in ["javascript:alert(1)", "//evil.example/", "https://bitpay.com@evil.example/", "/tokens"]
    {
        let page = visit(&shop, &way(&code, elsewhere)).await;
        assert_eq!((page.status, page.location.as_str()), (200, ""), "{elsewhere}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_strangers_are_text_and_codes_cannot_be_guessed() {
    let stage = Stage::set().await;
    let shop = stage.shop();
    let body = format!(r#"{{"id":"{}","label":"<img src=x onerror=alert(1)>\"'&"}}"#, shop.sin());
    let asked = shop.send(Method::POST, "/tokens", &body, false).await;
    let data = asked.json().get("data").and_then(payferry::json::Value::as_array).unwrap()[0].clone();
    let code = data.get("pairingCode").and_then(payferry::json::Value::as_str).unwrap().to_owned();
    let page = visit(&shop, &format!("/api-access-request?pairingCode={code}")).await;
    assert!(!page.text.contains("<img") && page.text.contains("&#60;img"), "{page:?}");

    let form = visit(&shop, "/dashboard/merchant/api-tokens").await;
    assert!(form.status == 200 && form.text.contains(r#"name="pairingCode""#), "{form:?}");
    let odd = visit(&shop, "/api-access-request?pairingCode=%3Cscript%3E").await;
    assert!(odd.status == 404 && !odd.text.contains("<script"), "{odd:?}");
    let mut tries = 0;
    while visit(&shop, "/api-access-request?pairingCode=aaaaaaa").await.status == 404 {
        tries += 1;
        assert!(tries < 5000, "guessing is not bounded");
    }
    let right = visit(&shop, &format!("/api-access-request?pairingCode={code}")).await;
    assert_eq!(right.status, 429, "a right guess is no better");
}
