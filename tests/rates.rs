//! Stories of shops that ask for rates, currencies and wallets, as each client spells it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use http::Method;
use payferry::json::Value;
use payferry::sandbox::{Fault, Matching};
use support::{Answer, Shop, Stage};

async fn get(shop: &Shop, target: &str) -> Answer {
    shop.send(Method::GET, target, "", false).await
}

fn items(value: &Value) -> Vec<(String, String, String)> {
    let text = |item: &Value, name: &str| item.get(name).unwrap().as_str().unwrap().to_owned();
    let item = |item: &Value| {
        let rate = item.get("rate").unwrap().as_number().expect("a number, not a text").text().to_owned();
        (text(item, "code"), text(item, "name"), rate)
    };
    value.as_array().expect("a list").iter().map(item).collect()
}

fn one(code: &str, name: &str, rate: &str) -> (String, String, String) {
    (code.to_owned(), name.to_owned(), rate.to_owned())
}

/// What the sandbox's store has: fixed rates of 50000 and 40000.
fn all() -> Vec<(String, String, String)> {
    vec![one("BTC", "Bitcoin", "1"), one("USD", "US Dollar", "50000"), one("EUR", "Eurozone Euro", "40000")]
}

/// How often BTCPay was asked.
fn asked(stage: &Stage) -> usize {
    let requests = stage.sandbox.faults().requests();
    requests.iter().filter(|request| request.target.starts_with("/rates")).count()
}

#[tokio::test]
async fn rates_need_no_credential_in_any_spelling_of_the_sdks() {
    let stage = Stage::set().await;
    let shop = stage.shop();
    for target in ["/rates", "/rates/", "/Rates", "/rates/BTC", "/rates/btc/", "//BTC", "//rates"] {
        let answer = get(&shop, target).await;
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        assert_eq!(items(answer.json().get("data").unwrap()), all(), "{target}");
    }
    let single = get(&shop, "/rates/BTC/USD").await;
    assert_eq!(single.text, r#"{"data":{"code":"USD","name":"US Dollar","rate":50000}}"#);
    let lower = get(&shop, "/rates/btc/eur/").await;
    assert_eq!(lower.text, r#"{"data":{"code":"EUR","name":"Eurozone Euro","rate":40000}}"#);
}

/// npm bitpay-rates 0.2.9 asks `/rates/USD` and shows what it gets: the one rate that BitPay gave in 2014.
#[tokio::test]
async fn npm_bitpay_rates_gets_the_one_rate_it_asks_for() {
    let stage = Stage::set().await;
    let answer = get(&stage.shop(), "/rates/USD").await;
    assert_eq!(answer.text, r#"{"data":{"code":"USD","name":"US Dollar","rate":50000}}"#);
}

/// bp_lib 1.9 reads a bare array, and gets an error in v1's form.
#[tokio::test]
async fn v1_rates_are_bare() {
    let stage = Stage::set().await;
    let shop = stage.shop();
    assert_eq!(items(&get(&shop, "/api/rates").await.json()), all());
    assert_eq!(items(&get(&shop, "/api/rates/btc").await.json()), all());
    for target in ["/api/rates/USD", "/api/rates/btc/usd"] {
        assert_eq!(
            get(&shop, target).await.text,
            r#"{"code":"USD","name":"US Dollar","rate":50000}"#,
            "{target}"
        );
    }
    let unknown = get(&shop, "/api/rates/ZZZ").await;
    unknown.assert_refused("rate_unknown");
    assert!(
        unknown.json().get("error").unwrap().get("message").is_some(),
        "perl and pyBitPay read error.message"
    );
}

/// BTCPay's own users: npm btcpay filters by pairs and signs, btcpay-python sends the coin.
#[tokio::test]
async fn btcpays_own_clients_get_its_members_too() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let pairs = format!("/rates?currencyPairs=BTC_EUR%2CBTC_USD%2CBTC_ZZZ&storeID=X&token={}", shop.token);
    let pairs = shop.send(Method::GET, &pairs, "", true).await;
    assert_eq!(
        pairs.text,
        r#"{"data":[{"code":"EUR","name":"Eurozone Euro","rate":40000,"cryptoCode":"BTC","currencyPair":"BTC_EUR"},{"code":"USD","name":"US Dollar","rate":50000,"cryptoCode":"BTC","currencyPair":"BTC_USD"}]}"#
    );
    let python =
        shop.send(Method::GET, &format!("/rates/?cryptoCode=BTC&token={}", shop.token), "", true).await;
    assert_eq!(items(python.json().get("data").unwrap()), all());
    get(&shop, "/rates?currencyPairs=LTC_USD").await.assert_refused("rate_unknown");
    get(&shop, "/rates/?cryptoCode=LTC").await.assert_refused("rate_unknown");
}

#[tokio::test]
async fn what_has_no_rate_is_refused_and_never_an_empty_list() {
    let stage = Stage::set().await;
    let shop = stage.shop();
    for target in ["/rates/ZZZ", "/rates/BTC/ZZZ", "/rates/LTC/USD", "/rates/USD/BTC"] {
        let answer = get(&shop, target).await;
        assert_eq!(answer.status, 404, "{target}");
        answer.assert_refused("rate_unknown");
    }
    let none = get(&shop, "/rates/BTC/CHF").await;
    none.assert_refused("currency_unavailable");
}

/// npm bitpay-sdk 5 to 8 and PyPI bitpay 3 to 8 send the signature of their last signed call.
#[tokio::test]
async fn a_stale_signature_only_tells_the_store() {
    let stage = Stage::set_with("[rates]\nstore = \"main\"\n").await;
    stage.add_store("other").await;
    let (stranger, own) = (stage.shop(), stage.shop_paired_with("other").await);
    let stale = own.key.sign("https://bitpay.com/invoices", b"{}");
    assert_eq!(get(&stranger, "/rates").await.status, 200);
    assert_eq!(own.send_with(Method::GET, "/rates", "", Some(stale.clone())).await.status, 200);
    let signers: Vec<_> = stage
        .sandbox
        .faults()
        .requests()
        .iter()
        .map(|r| r.header("x-identity").unwrap().to_owned())
        .collect();
    assert_eq!(signers.len(), 2);
    assert_ne!(signers[0], signers[1], "its own store, not the one for strangers");
    for target in ["/currencies", "/supportedwallets"] {
        assert_eq!(own.send_with(Method::GET, target, "", Some(stale.clone())).await.status, 200, "{target}");
    }
}

#[tokio::test]
async fn with_several_stores_somebody_must_say_whose_rates_strangers_get() {
    let stage = Stage::set().await;
    stage.add_store("other").await;
    let refused = async || get(&stage.shop(), "/rates").await.reason == "rates_store_missing";
    support::until_async("the second store is seen", refused).await;
    get(&stage.shop(), "/rates").await.assert_refused("rates_store_missing");
    let stage = Stage::set_with("[[rates.host]]\nnames = [\"127.0.0.1\"]\nstore = \"other\"\n").await;
    get(&stage.shop(), "/rates").await.assert_refused("rates_store_missing");
    stage.add_store("other").await;
    support::until_async("the store is seen", async || get(&stage.shop(), "/rates").await.status == 200)
        .await;
}

#[tokio::test]
async fn a_minute_of_questions_is_one_question_to_btcpay() {
    let stage = Stage::set().await;
    let shop = stage.shop();
    stage.sandbox.faults().next(
        Matching::on("GET", "/rates"),
        1,
        Fault::Delay(std::time::Duration::from_millis(200)),
    );
    let shops = (0..20).map(|_| {
        let shop = shop.clone();
        tokio::spawn(async move { get(&shop, "/rates").await.status })
    });
    for shop in shops.collect::<Vec<_>>() {
        assert_eq!(shop.await.unwrap(), 200);
    }
    get(&shop, "/rates/BTC/EUR").await;
    get(&shop, "/api/rates").await;
    assert_eq!(asked(&stage), 1);
}

/// Old rates are money lost by somebody: without BTCPay there are none.
#[tokio::test]
async fn without_btcpay_there_are_no_rates() {
    let stage = Stage::set().await;
    let shop = stage.shop();
    let cases = [
        (Fault::Empty500, "upstream_failed"),
        (Fault::Page(200), "upstream_not_json"),
        (Fault::Cut(150), "upstream_cut"),
    ];
    for (fault, reason) in cases {
        stage.sandbox.faults().next(Matching::on("GET", "/rates"), 1, fault);
        get(&shop, "/rates").await.assert_refused(reason);
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    }
    assert_eq!(get(&shop, "/rates").await.status, 200);
}

/// PHP SDK 3.4 to 7 and npm bitpay-sdk 1 to 4 read it while they start, and die without it.
#[tokio::test]
async fn currencies_and_wallets_need_neither_credential_nor_btcpay() {
    let stage = Stage::set().await;
    let shop = stage.shop();
    stage.close_btcpay().await;
    for target in ["/currencies", "/currencies/", "/Currencies"] {
        let answer = get(&shop, target).await;
        let json = answer.json();
        let list = json.get("data").unwrap().as_array().unwrap();
        let bitcoin = list.iter().find(|item| item.get("code") == Some(&"BTC".into())).expect("bitcoin");
        for member in ["name", "symbol", "precision", "plural", "alts"] {
            assert!(bitcoin.get(member).is_some(), "{target}: {member}");
        }
    }
    for target in ["/supportedWallets", "/supportedWallets/", "/supportedwallets"] {
        let answer = get(&shop, target).await;
        assert!(!answer.json().get("data").unwrap().as_array().unwrap().is_empty(), "{target}");
    }
}
