//! Each way in which a price is spelled, from the shop through payferry to BTCPay and back
//! (`tests/data/prices.toml`), and what else stands in an order.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use http::Method;
use payferry::json::{self, Value};
use payferry::walk::order;
use payferry::walk::to_btcpay;
use serde::Deserialize;
use support::{Shop, Stage};

const ADDITIONS: to_btcpay::Additions<'_> = to_btcpay::Additions {
    mark: "mark",
    notify_url: None,
    settlement: payferry::presented::Settlement::Btcpay,
    era: payferry::contract::Era::Every,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    price: String,
    #[serde(default = "euro")]
    currency: String,
    sent: Option<String>,
    answered: Option<String>,
    refused: Option<String>,
    why: String,
}

#[derive(Deserialize)]
struct Table {
    row: Vec<Row>,
}

fn euro() -> String {
    "EUR".to_owned()
}

async fn play(row: &Row, stage: &Stage, shop: &Shop) {
    stage.sandbox.faults().forget_requests();
    let Row { price, currency, why, .. } = row;
    let answer = shop.create(&format!(r#""price":{price},"currency":"{currency}""#)).await;
    let sent = stage.creates_upstream();
    let Some(amount) = &row.sent else {
        assert_eq!(Some(&answer.reason), row.refused.as_ref(), "{price}: {why}");
        answer.assert_bitpays_error();
        assert!(sent.is_empty(), "{price} left payferry: {why}");
        return;
    };
    assert_eq!(answer.status, 200, "{price}: {why}: {answer:?}");
    let body = json::parse(&sent[0].body).unwrap();
    assert_eq!(body.get("price").unwrap().to_string(), *amount, "{price}: {why}");
    assert_eq!(Some(answer.data("price").unwrap().to_string()), row.answered, "{price}: {why}");
    let read = shop.read(&answer.invoice_id()).await;
    assert_eq!(Some(read.data("price").unwrap().to_string()), row.answered, "read of {price}: {why}");
}

#[tokio::test]
async fn no_spelling_of_a_price_becomes_another_amount() {
    let table: Table = toml::from_str(&std::fs::read_to_string("tests/data/prices.toml").unwrap()).unwrap();
    assert!(table.row.len() >= 40, "{}", table.row.len());
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    for row in &table.row {
        assert_eq!(row.sent.is_some(), row.refused.is_none(), "{}", row.price);
        play(row, &stage, &shop).await;
    }
}

#[tokio::test]
async fn an_order_without_price_or_currency_never_leaves() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    shop.create(r#""currency":"EUR""#).await.assert_refused("price_missing");
    shop.create(r#""price":5"#).await.assert_refused("currency_missing");
    for currency in ["null", "\"\""] {
        let order = format!(r#""price":5,"currency":{currency}"#);
        shop.create(&order).await.assert_refused("currency_missing");
    }
    for currency in ["\" EUR \"", "840", "\"EURO\"", "\"€\"", "{}"] {
        let order = format!(r#""price":5,"currency":{currency}"#);
        shop.create(&order).await.assert_refused("currency_invalid");
    }
    shop.send(Method::POST, "/invoices", "[5]", true).await.assert_refused("request_not_an_object");
    assert!(stage.sandbox.faults().requests().is_empty());
}

/// Real clients send all of these; BTCPay refuses most of them with the whole order.
#[tokio::test]
async fn nothing_that_a_client_sends_beside_the_price_is_refused() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    for members in [
        r#""physical":"true","fullNotifications":"true","extendedNotifications":"1""#,
        r#""orderID":77,"posData":12.5,"itemDesc":true"#,
        r#""buyerName":null,"buyerAddress2":null,"itemCode":null,"physical":null,"fullNotifications":null"#,
        r#""nonce":1447874399.7501,"token2":null"#,
        r#""nonce":"","fullNotifications":"","extendedNotifications":"","physical":"yes""#,
        r#""supportedTransactionCurrencies":{"btc":{"enabled":null},"bch":null},"minerFees":{"btc":{"totalFee":null}},"refundInfo":{"supportRequest":null}"#,
        r#""exchangeRates":{"BTC":5},"universalCodes":{"paymentString":null,"verificationLink":null}"#,
        r#""buyer":[]"#,
        r#""buyer":"Zoë""#,
        r#""posData":{"a":1},"orderId":[1]"#,
        r#""expirationTime":"2026-11-23T22:56:57Z""#,
        r#""expirationTime":1795474617012.5"#,
        r#""paymentCurrencies":[null,"ETH"]"#,
        r#""paymentCurrencies":"BTC""#,
        r#""transactionSpeed":"HIGH","notificationURL":{},"redirectURL":5"#,
        r#""itemizedDetails":[{"amount":"x"}],"acceptanceWindow":"soon""#,
        r#""posData":"a\u0000b","orderId":"c\u0000d""#,
        r#""pluginInfo":"WHMCS","status":"complete","id":"own""#,
    ] {
        let answer = shop.create(&format!(r#""price":5,"currency":"EUR",{members}"#)).await;
        assert_eq!(answer.status, 200, "{members}: {answer:?}");
    }
}

/// What is left out on the way is told, so that nobody looks for it at BTCPay in vain.
#[test]
fn what_btcpay_cannot_read_is_left_out_and_told() {
    let told = |members: &str| -> Vec<String> {
        let body = format!(r#"{{"price":5,"currency":"EUR",{members}}}"#);
        let order = order::read(order::parse(body.as_bytes()).unwrap()).unwrap();
        let (_, left_out) = to_btcpay::create(&order, &ADDITIONS, 1_795_470_000_000);
        left_out.iter().map(|left| format!("{} {}", left.pointer, left.id)).collect()
    };
    assert_eq!(told(r#""physical":null"#), ["/physical bool-null-or-empty-rejected"]);
    assert_eq!(told(r#""fullNotifications":"yes""#), ["/fullNotifications bool-null-or-empty-rejected"]);
    assert_eq!(told(r#""nonce":null"#), ["/nonce bool-null-or-empty-rejected"]);
    assert_eq!(told(r#""buyer":[]"#), ["/buyer buyer-empty-array-rejected"]);
    assert_eq!(told(r#""posData":{"a":1}"#), ["/posData posdata-object-rejected"]);
    assert_eq!(told(r#""universalCodes":{}"#), ["/universalCodes request-answer-members-rejected"]);
    assert_eq!(told(r#""acceptanceWindow":5"#), ["/acceptanceWindow request-acceptancewindow-ignored"]);
    let nothing: [&str; 0] = [];
    assert_eq!(
        told(r#""physical":"true","nonce":1447874399.75,"buyer":{},"acceptanceWindow":900000"#),
        nothing
    );
}

#[test]
fn the_time_to_pay_goes_along_as_the_time_at_which_it_ends() {
    let order = order::parse(br#"{"price":5,"currency":"EUR","acceptanceWindow":"1200000"}"#).unwrap();
    let (body, _) = to_btcpay::create(&order::read(order).unwrap(), &ADDITIONS, 1_795_470_000_000);
    assert_eq!(body.get("expirationTime").unwrap().to_string(), "1795471200000");
}

/// Bodies as npm bitpay-node 0.0.4 and PyPI bitpay-client 0.1.1 were captured sending them.
#[test]
fn forms_are_orders_too() {
    let form = Some("application/x-www-form-urlencoded; charset=utf-8");
    let read = |body: &str| order::read(order::parse_as(form, body.as_bytes()).unwrap()).unwrap();
    let plain = read("price=10.5&currency=USD");
    assert_eq!((&*plain.price, &*plain.currency), ("10.5", "USD"));
    let python = read(concat!(
        "orderID=o-1&transactionSpeed=low&fullNotifications=true&posData=%7B%22posData%22%3A+%22pd%22%2C+",
        "%22hash%22%3A+%22TmI%2B1w%3D%22%7D&price=10.5&currency=USD&notificationURL=&redirectURL=&physical=true"
    ));
    assert_eq!(python.word("posData"), Some(r#"{"posData": "pd", "hash": "TmI+1w="}"#));
    assert_eq!(python.word("orderId"), Some("o-1"));
    assert_eq!(python.words.get("physical"), Some(&Value::Bool(true)));
    let nested =
        read("&price=5&currency=eur&buyer[name]=Zo%C3%AB&buyer%5Bemail%5D=z%40example.com&x[]=1&x[]=2");
    let buyer = nested.words.get("buyer").unwrap();
    assert_eq!(buyer.to_string(), r#"{"name":"Zoë","email":"z@example.com"}"#);
    assert_eq!(nested.request.get("x").unwrap().to_string(), r#"["1","2"]"#);
    let flat = read("price=5&currency=EUR&buyerName=Ann&buyerEmail=ann%40example.com");
    assert_eq!(flat.words.get("buyer").unwrap().to_string(), r#"{"name":"Ann","email":"ann@example.com"}"#);
    let order = order::parse_form(b"a=1&b[x]=2&c=3&b[y]=4&[z]=5&d[e][f]=6");
    assert_eq!(
        Value::Object(order).to_string(),
        r#"{"a":"1","b":{"x":"2","y":"4"},"c":"3","[z]":"5","d[e][f]":"6"}"#
    );
    let curl = order::parse_as(form, br#"{"price":5,"currency":"EUR"}"#).unwrap();
    assert_eq!(curl.get("price").unwrap().to_string(), "5", "curl calls JSON a form when told nothing");
    assert!(order::read(order::parse_as(form, b"").unwrap()).is_err());
    assert!(order::parse_as(Some("application/json"), b"price=5").is_err());
}
