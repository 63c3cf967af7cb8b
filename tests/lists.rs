//! Stories of shops that list their invoices.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::collections::HashSet;

use http::Method;
use payferry::app::now_ms;
use payferry::json::Value;
use payferry::ledger::Facade;
use payferry::sandbox::{Bulk, Fault, Matching};
use support::{Answer, Shop, Stage};

const DAY_MS: i64 = 86_400_000;

async fn list(shop: &Shop, query: &str) -> Answer {
    shop.send(Method::GET, &format!("/invoices?token={}{query}", shop.token), "", true).await
}

fn invoices(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json().get("facade"), Some(&"merchant/invoice".into()));
    answer.json().get("data").unwrap().as_array().expect("a list").to_vec()
}

fn texts(answer: &Answer, member: &str) -> Vec<String> {
    let text = |invoice: &Value| invoice.get(member).and_then(Value::as_str).unwrap_or("-").to_owned();
    invoices(answer).iter().map(text).collect()
}

fn order(number: usize) -> String {
    format!(
        r#""price":{},"currency":"EUR","orderId":"o-{number}","posData":"{{ \"n\" : 1.50 }}","guid":"g-{number}""#,
        number + 10
    )
}

/// What BTCPay was asked for.
fn asked(stage: &Stage) -> Vec<String> {
    let lists = stage.sandbox.faults().requests();
    lists.into_iter().filter(|request| request.method == "GET").map(|request| request.target).collect()
}

/// `mm/dd/yyyy` of so many days ago.
fn day(ago: i64) -> String {
    let date = jiff::Timestamp::from_millisecond(now_ms() - ago * DAY_MS).unwrap();
    jiff::tz::TimeZone::UTC.to_datetime(date).strftime("%m/%d/%Y").to_string()
}

fn iso(ago: i64) -> String {
    let date = jiff::Timestamp::from_millisecond(now_ms() - ago * DAY_MS).unwrap();
    jiff::tz::TimeZone::UTC.to_datetime(date).strftime("%Y-%m-%d").to_string()
}

#[tokio::test]
async fn each_invoice_of_a_list_is_what_a_read_of_it_is() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    assert_eq!(list(&shop, "").await.text, r#"{"facade":"merchant/invoice","data":[]}"#);
    for number in 0..3 {
        shop.create(&order(number)).await.invoice_id();
    }
    let listed = invoices(&list(&shop, "").await);
    assert_eq!(listed.len(), 3);
    for invoice in listed {
        let read = shop.read(invoice.get("id").unwrap().as_str().unwrap()).await.json();
        for (name, value) in read.get("data").unwrap().as_object().unwrap().iter() {
            if name != "currentTime" {
                assert_eq!(invoice.get(name), Some(value), "{name}");
            }
        }
        assert_eq!(invoice.get("posData"), Some(&r#"{ "n" : 1.50 }"#.into()), "the shop's own words");
        assert!(!invoice.to_string().contains("null"));
    }
}

/// Made by hand at BTCPay, or before payferry was there.
#[tokio::test]
async fn invoices_that_payferry_did_not_make_are_listed_too() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    shop.create(&order(1)).await.invoice_id();
    let store = stage.invoices()[0].store.clone();
    let body = r#"{"price":5,"currency":"USD","orderId":"by hand"}"#.to_owned();
    stage.sandbox.owner().create_invoices(&store, &Bulk { body, count: 1, every_ms: 0 }).unwrap();
    let orders: HashSet<_> = texts(&list(&shop, "").await, "orderId").into_iter().collect();
    assert_eq!(orders, HashSet::from(["o-1".to_owned(), "by hand0".to_owned()]));
}

/// The SDKs send yyyy-MM-dd, which BTCPay ignores: the whole store came back.
#[tokio::test]
async fn dates_reach_btcpay_in_the_only_spelling_it_reads() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let both = "/invoices?dateStart=01%2F02%2F2024&dateEnd=02%2F01%2F2024";
    let open = "/invoices?dateStart=01%2F02%2F2024";
    let month = format!("/invoices?dateStart={}", day(30).replace('/', "%2F"));
    for (query, target) in [
        ("&dateStart=2024-01-02&dateEnd=2024-02-01", both),
        ("&dateStart=2024-1-2&dateEnd=2024-2-1", both),
        ("&dateStart=01%2F02%2F2024&dateEnd=2/1/2024", both),
        ("&dateStart=2024-01-02T10:00:00.000Z&dateEnd=2024-02-01T23:59:59%2B00:00", both),
        ("&dateStart=2024-01-02&dateEnd=9999-12-31", open),
        ("&dateEnd=2024-03-31", "/invoices?dateStart=03%2F01%2F2024&dateEnd=03%2F31%2F2024"),
        ("&dateStart=&status=&limit=", month.as_str()),
        ("&orderId=a%20b%2Bc&dateStart=2024-01-02", "/invoices?dateStart=01%2F02%2F2024&orderId=a%20b%2Bc"),
        ("&orderId=2024-01-01T10:00:00Z&dateStart=2024-01-02", open),
        ("&dateStart=2024-01-02&status=paid&limit=3&offset=1&itemCode=x", open),
    ] {
        stage.sandbox.faults().forget_requests();
        invoices(&list(&shop, query).await);
        assert_eq!(asked(&stage), [target], "{query}");
    }
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_and_never_the_whole_store() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    for query in [
        "&dateStart=garbage",
        "&dateEnd=2024-02-30",
        "&limit=-1",
        "&limit=1.5",
        "&offset=x",
        "&status=new,paid",
    ] {
        let answer = list(&shop, query).await;
        answer.assert_refused("parameter_invalid");
        assert_eq!(answer.status, 400);
        let name = query[1..].split('=').next().unwrap();
        assert!(answer.text.contains(name), "{query}: {answer:?}");
    }
    assert!(asked(&stage).is_empty());
}

/// BTCPay includes midnight after the last day; BitPay's window ends as given.
#[tokio::test]
async fn the_window_ends_where_the_shop_says() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    for number in 0..3 {
        let id = shop.create(&order(number)).await.invoice_id();
        let at = now_ms() - 3 * DAY_MS;
        let midnight = at - at.rem_euclid(DAY_MS);
        let made = midnight + [0, DAY_MS / 2, DAY_MS][number];
        stage.sandbox.owner().backdate(&id, made).unwrap();
    }
    for (query, expected) in [
        (format!("&dateStart={0}&dateEnd={0}", iso(3)), vec!["o-1", "o-0"]),
        (format!("&dateStart={}", iso(2)), vec!["o-2"]),
        (format!("&dateStart={}T06:00:00Z", iso(3)), vec!["o-2", "o-1"]),
        (format!("&dateEnd={}T06:00:00Z", iso(3)), vec!["o-0"]),
    ] {
        assert_eq!(texts(&list(&shop, &query).await, "orderId"), expected, "{query}");
    }
}

/// BTCPay's pages repeat one invoice and miss another where several were made in one second
/// (rates/list-same-second-page-*); a shop that books by pages would lose an order.
#[tokio::test]
async fn pages_neither_repeat_nor_miss_an_invoice_of_one_second() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    shop.create(&order(0)).await.invoice_id();
    let store = stage.invoices()[0].store.clone();
    let body = r#"{"price":5,"currency":"USD","orderId":"same-"}"#.to_owned();
    stage.sandbox.owner().create_invoices(&store, &Bulk { body, count: 25, every_ms: 0 }).unwrap();
    let whole = texts(&list(&shop, "").await, "id");
    assert_eq!(whole.len(), 26);
    let mut paged = Vec::new();
    for offset in (0..30).step_by(4) {
        paged.extend(texts(&list(&shop, &format!("&limit=4&offset={offset}")).await, "id"));
    }
    assert_eq!(paged, whole);
    assert_eq!(texts(&list(&shop, "&limit=2&skip=3").await, "id"), whole[3..5], "its name in 2014");
    for none in ["&limit=0", "&offset=26", "&offset=99999999999999999999999"] {
        assert!(invoices(&list(&shop, none).await).is_empty(), "{none}");
    }
}

#[tokio::test]
async fn a_list_is_filtered_by_what_the_shop_is_shown() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    for number in 0..3 {
        let order = format!("{},\"itemCode\":\"sku-{}\"", order(number), number % 2);
        shop.create(&order).await.invoice_id();
    }
    shop.create(r#""price":20,"currency":"EUR","orderId":"2024-01-01T10:00:00Z""#).await.invoice_id();
    let expired =
        stage.invoices().into_iter().find(|invoice| invoice.order_id.as_deref() == Some("o-1")).unwrap().id;
    stage.sandbox.owner().expire(&expired).unwrap();
    // A read nudges; the shop is shown what it was told.
    support::until_async("the shop is told", || async {
        shop.read(&expired).await.text.contains(r#""status":"expired""#)
    })
    .await;
    for (query, expected) in [
        ("&status=expired", vec!["o-1"]),
        ("&status=Expired", vec!["o-1"]),
        ("&status=declined", vec![]),
        ("&orderId=o-2", vec!["o-2"]),
        ("&orderId=O-2", vec![]),
        ("&orderId=2024-01-01T10:00:00Z", vec!["2024-01-01T10:00:00Z"]),
        ("&itemCode=sku-1", vec!["o-1"]),
        ("&itemCode=sku-0&status=new&limit=1&offset=1&orderId=o-0", vec![]),
    ] {
        assert_eq!(texts(&list(&shop, query).await, "orderId"), expected, "{query}");
    }
    assert_eq!(invoices(&list(&shop, "&itemCode=sku-0").await).len(), 2);
}

#[tokio::test]
async fn only_a_merchant_token_lists_and_only_its_own_store() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    shop.create(&order(1)).await.invoice_id();
    stage.add_store("other").await;
    let stranger = stage.shop_paired_with("other").await;
    assert!(invoices(&list(&stranger, "").await).is_empty());
    let mut pos = stage.shop();
    pos.pair(&stage.code_for("main", Facade::Pos).await).await;
    for sign in [true, false] {
        let refused = pos.send(Method::GET, &format!("/invoices?token={}", pos.token), "", sign).await;
        refused.assert_refused("facade_not_supported");
        assert!(refused.text.contains("does not support the `pos` facade"), "BitPay's words: {refused:?}");
    }
    shop.send(Method::GET, "/invoices", "", false).await.assert_refused("credential_missing");
    let unsigned = shop.send(Method::GET, &format!("/invoices?token={}", shop.token), "", false).await;
    unsigned.assert_refused("token_invalid");
}

/// PyPI bitpay 4 and later lists `/invoices/`, with a slash.
#[tokio::test]
async fn pypi_bitpay_lists_with_a_slash() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    shop.create(&order(1)).await.invoice_id();
    let target = format!("/invoices/?token={}&dateStart={}&dateEnd={}", shop.token, iso(1), iso(0));
    assert_eq!(texts(&shop.send(Method::GET, &target, "", true).await, "orderId"), ["o-1"]);
}

#[tokio::test]
async fn a_btcpay_that_fails_before_the_first_invoice_is_refused_clearly() {
    let stage = Stage::set_with("[limits]\nanswer_deadline_ms = 700\nanswer_deadline_short_ms = 700\n").await;
    let shop = stage.paired_shop().await;
    shop.create(&order(1)).await.invoice_id();
    for (fault, reason) in [
        (Fault::Empty500, "upstream_failed"),
        (Fault::Page(200), "upstream_not_json"),
        (Fault::Cut(0), "upstream_cut"),
        (Fault::Cut(900), "upstream_cut"),
        (Fault::Hang(std::time::Duration::from_secs(2)), "upstream_timeout"),
    ] {
        stage.sandbox.faults().next(Matching::on("GET", "/invoices"), 1, fault.clone());
        list(&shop, "").await.assert_refused(reason);
    }
    assert_eq!(invoices(&list(&shop, "").await).len(), 1);
}
