//! Stories of a buyer's browser under BitPay's name, and of reads by the shop's own name for an invoice.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use http::Method;
use payferry::ledger::Facade;
use support::{Answer, Shop, Stage};

const ORDER: &str =
    r#""price":10,"currency":"EUR","orderId":"o-1","guid":"g-1","buyer":{"email":"b@x.example"}"#;

async fn get(shop: &Shop, target: &str) -> Answer {
    shop.send(Method::GET, target, "", false).await
}

/// Shopify's offsite_payments and Kill Bill build `https://bitpay.com/invoice?id=ID` from the id.
#[tokio::test]
async fn links_under_bitpays_name_lead_to_btcpays_payment_page() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let id = shop.create(ORDER).await.invoice_id();
    let page = format!("http://{}/invoice?id={id}", stage.btcpay);
    let plain = [
        format!("/invoice?id={id}"),
        format!("/invoice/?v=2&id={id}"),
        format!("/i/{id}"),
        format!("/i/{id}/"),
        format!("/invoice?id={id}&view=iframe"),
    ];
    for target in plain {
        let answer = get(&shop, &target).await;
        assert_eq!((answer.status, answer.location.as_str()), (302, page.as_str()), "{target}");
    }
    assert!(
        stage.sandbox.faults().requests().iter().all(|request| request.method == "POST"),
        "no read upstream"
    );
}

/// BitPay's script opens a hidden frame and waits for a message: a redirect would lock the shop's page.
#[tokio::test]
async fn the_frame_of_bitpays_script_gets_a_page_and_never_a_redirect() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let id = shop.create(ORDER).await.invoice_id();
    for view in ["view=modal", "v=3&view=modal&animateEntrance=false", "v=3&view=popup"] {
        let answer = get(&shop, &format!("/invoice?id={id}&{view}")).await;
        assert_eq!((answer.status, answer.location.as_str()), (501, ""), "{view}: {answer:?}");
        assert!(answer.content_type.starts_with("text/html"));
        assert!(answer.text.contains("not offered yet"), "{view}");
        assert!(answer.text.contains(&format!("http://{}/invoice?id={id}", stage.btcpay)), "a way to pay");
        assert!(answer.text.contains(r#"postMessage("loaded""#), "the frame makes itself visible");
    }
}

#[tokio::test]
async fn ids_that_payferry_did_not_make_lead_nowhere() {
    let stage = Stage::set().await;
    let shop = stage.shop();
    let id = "K8D2gBq3uNQyRfP1tNQv3w";
    let hostile = "/invoice?id=%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    for target in [&format!("/invoice?id={id}"), &format!("/i/{id}"), "/invoice", "/invoice?id=", hostile] {
        let answer = get(&shop, target).await;
        assert_eq!((answer.status, answer.location.as_str()), (404, ""), "{target}");
        assert!(answer.content_type.starts_with("text/html"), "{target}");
        assert!(answer.text.contains("not known here") && !answer.text.contains("alert"), "{target}");
    }
    assert!(stage.sandbox.faults().requests().is_empty());
}

/// Nothing here can be paid, framed or pressed: refused in JSON, never BTCPay's or a foreign page.
#[tokio::test]
async fn the_other_browser_paths_are_refused() {
    let stage = Stage::set().await;
    let shop = stage.shop();
    for target in [
        "/resources/paymentButtons",
        "/i/K8D2gBq3uNQyRfP1tNQv3w/receipt",
        "/bitpay.min.js",
        "/checkout",
        "/dashboard/x",
    ] {
        get(&shop, target).await.assert_refused("endpoint_not_offered");
    }
}

/// `getInvoiceByGuid` of bitpay-sdk, PHP SDK 6 and later, Python 5 and later, Java, C#.
#[tokio::test]
async fn an_invoice_is_found_by_the_shop_s_own_name_for_it() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let first = shop.create(ORDER).await;
    let by_id = shop.read(&first.invoice_id()).await;
    let found = by_guid(&shop, "g-1").await;
    assert_eq!(found.json().get("facade"), by_id.json().get("facade"));
    for member in ["id", "guid", "orderId", "token", "buyer", "price"] {
        assert_eq!(found.data(member), by_id.data(member), "{member}");
    }
    by_guid(&shop, "g-2").await.assert_refused("object_not_found");
}

/// bitpay-sdk used one guid for several orders where the clock stood still: the newest counts.
#[tokio::test]
async fn of_several_invoices_of_one_name_the_newest_is_shown() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    shop.create(ORDER).await.invoice_id();
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let newer = shop.create(r#""price":11,"currency":"EUR","guid":"g-1""#).await.invoice_id();
    assert_eq!(by_guid(&shop, "g-1").await.invoice_id(), newer);
}

/// BitPay's documentation has a guid like `payment#1234`.
#[tokio::test]
async fn a_guid_may_be_any_text() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let id = shop.create(r#""price":11,"currency":"EUR","guid":"payment#1234 é/2""#).await.invoice_id();
    assert_eq!(by_guid(&shop, "payment%231234%20%C3%A9%2F2").await.invoice_id(), id);
}

#[tokio::test]
async fn guids_of_other_stores_are_not_there_and_no_credential_opens_nothing() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    shop.create(ORDER).await.invoice_id();
    stage.add_store("other").await;
    let stranger = stage.shop_paired_with("other").await;
    by_guid(&stranger, "g-1").await.assert_refused("object_not_found");
    get(&shop, "/invoices/guid/g-1").await.assert_refused("credential_missing");
    get(&shop, &format!("/invoices/guid/g-1?token={}", shop.token)).await.assert_refused("token_invalid");
}

/// A POS token stands in public HTML: it finds what was made with it, and shows no buyer.
#[tokio::test]
async fn a_pos_token_finds_its_own_and_shows_no_buyer() {
    let stage = Stage::set().await;
    let merchant = stage.paired_shop().await;
    merchant.create(ORDER).await.invoice_id();
    let mut pos = stage.shop();
    pos.pair(&stage.code_for("main", Facade::Pos).await).await;
    let target = format!("/invoices/guid/g-1?token={}", pos.token);
    get(&pos, &target).await.assert_refused("object_not_found");
    let id = pos.send(Method::POST, "/invoices", &pos.order(ORDER), false).await.invoice_id();
    let found = get(&pos, &target).await;
    assert_eq!(found.invoice_id(), id);
    assert!(!found.text.contains("b@x.example"), "{found:?}");
    assert_eq!(by_guid(&merchant, "g-1").await.invoice_id(), id, "a merchant token finds the store's newest");
}

async fn by_guid(shop: &Shop, guid: &str) -> Answer {
    shop.send(Method::GET, &format!("/invoices/guid/{guid}?token={}", shop.token), "", true).await
}
