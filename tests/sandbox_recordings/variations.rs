//! Requests that nobody recorded: prices, texts and posData varied, the answers checked by
//! rules that are worked out here once more, in whole numbers.

use std::collections::BTreeMap;

use payferry::sandbox::StoreOptions;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::actions::{post, signed};
use crate::keys::secret;
use crate::recording;
use crate::wire::{Bench, Raw};

/// 2026-11-23T22:30:00Z
const NOW_MS: i64 = 1_795_473_000_000;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 += 1;
        let digest = Sha256::digest(self.0.to_be_bytes());
        u64::from_be_bytes(digest[..8].try_into().unwrap()) % bound
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len() as u64) as usize]
    }

    fn text(&mut self) -> String {
        let parts = [
            "a", "Z", "7", " ", "-", "ä", "€", "😀", "\"", "\\", "<b>", "&", "\n", "\t", "/", "{x}", "#",
            "%41",
        ];
        (0..1 + self.below(12)).map(|_| *self.of(&parts)).collect()
    }
}

/// A price in hundredths, one spelling of it, and how BTCPay shows it.
struct Price {
    cents: u128,
    json: Value,
    shown: String,
}

fn price(dice: &mut Dice) -> Price {
    let size = 10u64.pow(2 + dice.below(9) as u32);
    let cents = u128::from(30 + dice.below(size));
    let (whole, rest) = (cents / 100, cents % 100);
    let two = format!("{whole}.{rest:02}");
    let one = format!("{whole}.{}", rest / 10);
    let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    match dice.below(5) {
        0 if rest == 0 => Price { cents, json: number(&whole.to_string()), shown: format!("{whole}.0") },
        1 if rest % 10 == 0 => Price { cents, json: Value::String(one.clone()), shown: one },
        2 => Price { cents, json: Value::String(format!(" {} ", thousands(whole, rest))), shown: two },
        3 => {
            let json = Value::String(format!("{cents}e-2"));
            Price { cents, json, shown: two }
        }
        _ => Price { cents, json: Value::String(two.clone()), shown: two },
    }
}

fn thousands(whole: u128, rest: u128) -> String {
    let digits = whole.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    format!("{out}.{rest:02}")
}

/// Satoshi for cents at a rate in cents: rounded up.
fn satoshi(cents: u128, rate_cents: u128) -> u128 {
    (cents * 100_000_000).div_ceil(rate_cents)
}

fn coins(satoshi: u128) -> String {
    let text = format!("{}.{:08}", satoshi / 100_000_000, satoshi % 100_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

struct Shop {
    bench: Bench,
    name: &'static str,
}

impl Shop {
    async fn open(rates: &[(&str, &str)]) -> Self {
        let bench = Bench::start().await;
        bench.set_time(NOW_MS);
        let rates = rates.iter().map(|(pair, rate)| ((*pair).to_owned(), (*rate).to_owned())).collect();
        let store =
            bench.owner().create_store(StoreOptions { rates: Some(rates), ..StoreOptions::default() });
        let code = bench.owner().new_pairing_code(&store, "").unwrap();
        let name = "variations";
        let body = json!({"pairingCode": code, "id": secret(name).public().sin().as_str()}).to_string();
        assert_eq!(bench.play(&post("/tokens", body.as_bytes())).await.status, 200);
        Self { bench, name }
    }

    async fn create(&self, body: &str) -> Value {
        let answer = self.bench.play(&signed(post("/invoices", body.as_bytes()), self.name)).await;
        let text = String::from_utf8(answer.body).unwrap();
        assert_eq!(answer.status, 200, "{body}: {text}");
        serde_json::from_str::<Value>(&text).unwrap()["data"].take()
    }

    async fn get(&self, target: &str) -> Value {
        let headers = vec![("Host".to_owned(), "127.0.0.1:14142".to_owned())];
        let get = Raw { method: "GET".to_owned(), target: target.to_owned(), headers, ..Raw::default() };
        let answer = self.bench.play(&signed(get, self.name)).await;
        assert_eq!(answer.status, 200, "{target}");
        serde_json::from_slice::<Value>(&answer.body).unwrap()["data"].take()
    }
}

/// The text of a top-level member, digits and zeros as they are.
fn raw<'a>(json: &'a str, member: &str) -> &'a str {
    let (_, rest) = json.split_once(&format!("\"{member}\":")).unwrap();
    rest.split([',', '}']).next().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prices_become_bitcoin_by_the_rule() {
    let shop = Shop::open(&[("BTC_USD", "61234.57"), ("BTC_EUR", "40000")]).await;
    let mut dice = Dice(1);
    for _ in 0..300 {
        let price = price(&mut dice);
        let (currency, rate) = *dice.of(&[("USD", 6_123_457), ("EUR", 4_000_000)]);
        let expected = satoshi(price.cents, rate);
        let body = json!({"price": price.json, "currency": currency}).to_string();
        let request = signed(post("/invoices", body.as_bytes()), shop.name);
        let answer = shop.bench.play(&request).await;
        let text = String::from_utf8(answer.body).unwrap();
        if expected < 294 {
            assert_eq!(answer.status, 400, "{body}");
            assert!(text.contains("Amount below the dust threshold"), "{text}");
            continue;
        }
        assert_eq!(answer.status, 200, "{body}: {text}");
        let after = text.split_once("\"payments\":[]}]").unwrap().1;
        assert_eq!(raw(after, "price"), price.shown, "{body}");
        assert_eq!(raw(&text, "btcPrice"), format!("\"{}\"", coins(expected)), "{body}");
        assert_eq!(raw(&text, "btcDue"), format!("\"{}\"", coins(expected)));
        assert!(text.contains(&format!("?amount={}\"", coins(expected))));
        let places = coins(expected).split_once('.').map_or(0, |(_, places)| places.len());
        let total = format!("\"paymentTotals\":{{\"BTC\":{expected}.{}}}", "0".repeat(8 + places));
        assert!(text.contains(&total), "{total} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_come_back_and_find_their_invoice() {
    let shop = Shop::open(&[("BTC_USD", "50000")]).await;
    let mut dice = Dice(2);
    let mut by_code: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for round in 0..60 {
        shop.bench.set_time(NOW_MS + 1000 * round);
        let (order, desc) = (dice.text(), dice.text());
        let code = format!("{}{}", dice.text(), round / 2);
        let body =
            json!({"price": 5, "orderId": order, "itemDesc": desc, "itemCode": code, "posData": dice.text()});
        let made = shop.create(&body.to_string()).await;
        let id = made["id"].as_str().unwrap().to_owned();
        let read = shop.get(&format!("/invoices/{id}?token=x")).await;
        for data in [&made, &read] {
            assert_eq!((&data["orderId"], &data["itemDesc"]), (&json!(order), &json!(desc)));
            assert_eq!((&data["itemCode"], &data["posData"]), (&json!(code), &body["posData"]));
        }
        by_code.entry(code).or_default().insert(0, id);
    }
    for (code, ids) in &by_code {
        let query: String = form_urlencoded::byte_serialize(code.as_bytes()).collect();
        let list = shop.get(&format!("/invoices?itemCode={query}")).await;
        let found: Vec<&str> =
            list.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
        assert_eq!(found, *ids, "{code}: the newest second first");
    }
    let all = shop.get("/invoices?limit=7&offset=50").await;
    assert_eq!(all.as_array().unwrap().len(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pos_data_is_rewritten_by_the_rule() {
    let shop = Shop::open(&[("BTC_USD", "50000")]).await;
    let mut dice = Dice(3);
    for _ in 0..60 {
        let mut names: Vec<String> = (0..1 + dice.below(6)).map(|_| dice.text()).collect();
        let mut seen = Vec::new();
        names.retain(|name| {
            !seen.contains(name) && {
                seen.push(name.clone());
                true
            }
        });
        let values: Vec<Value> =
            names.iter().map(|_| json!([dice.below(1000), dice.text(), null, true])).collect();
        let members: Vec<String> =
            names.iter().zip(&values).map(|(name, value)| format!("{} :{value}", json!(name))).collect();
        let sent = format!(" {{{}}}\n", members.join(" , "));
        let made = shop.create(&json!({"price": 5, "posData": sent}).to_string()).await;
        let written = |names: &[String]| {
            let of = |name: &String| {
                let at = seen.iter().position(|known| known == name).unwrap();
                let items: Vec<String> =
                    values[at].as_array().unwrap().iter().map(|item| format!("    {item}")).collect();
                format!("  {}: [\n{}\n  ]", json!(name), items.join(",\n"))
            };
            format!("{{\n{}\n}}", names.iter().map(of).collect::<Vec<_>>().join(",\n"))
        };
        assert_eq!(made["posData"], json!(written(&names)), "{sent}");
        let read = shop.get(&format!("/invoices/{}?token=x", made["id"].as_str().unwrap())).await;
        let mut sorted = names.clone();
        sorted.sort_by_key(|name| (name.len(), name.clone()));
        assert_eq!(read["posData"], json!(written(&sorted)), "{sent}");
    }
}

/// Recorded bodies with another price, order and description: only those members may differ.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_requests_with_other_values() {
    let shop = Shop::open(&[("BTC_USD", "50000"), ("BTC_EUR", "40000")]).await;
    let mut dice = Dice(4);
    let (mut varied, usual) =
        (0, ["minimal", "full", "buyer-", "posdata-json", "transactionspeed", "notificationurl"]);
    for exchange in recording::read("create-requests") {
        let name = exchange.id.split_once('/').unwrap().1;
        let body = exchange.request.body.as_deref().and_then(|body| serde_json::from_str::<Value>(body).ok());
        let Some(mut body) = body.filter(|_| usual.iter().any(|begin| name.starts_with(begin))) else {
            continue;
        };
        if exchange.response.status != 200 {
            continue;
        }
        let recorded: Value = serde_json::from_str(exchange.response.body.as_deref().unwrap()).unwrap();
        let price = price(&mut dice);
        let rate = if body["currency"] == "EUR" { 4_000_000 } else { 5_000_000 };
        if satoshi(price.cents, rate) < 294 {
            continue;
        }
        let texts = [("orderId", dice.text()), ("itemDesc", dice.text())];
        body["price"] = price.json;
        texts.iter().for_each(|(member, text)| body[*member] = json!(text));
        let made = shop.create(&body.to_string()).await;
        let coins = coins(satoshi(price.cents, rate));
        assert_eq!((&made["btcPrice"], &made["btcDue"]), (&json!(coins), &json!(coins)));
        texts.iter().for_each(|(member, text)| assert_eq!(made[*member], json!(text)));
        for member in
            ["posData", "buyer", "currency", "itemCode", "status", "exceptionStatus", "rate", "exRates"]
        {
            assert_eq!(made[member], recorded["data"][member], "{name}: {member}");
        }
        varied += 1;
    }
    assert!(varied > 25, "only {varied} requests were varied");
}

/// One changed character in the URL or the body, and the signature is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_change_breaks_a_signature() {
    let shop = Shop::open(&[("BTC_USD", "50000")]).await;
    let good = signed(post("/invoices?a=1", br#"{"price":5,"currency":"USD"}"#), shop.name);
    assert_eq!(shop.bench.play(&good).await.status, 200);
    for at in 0..good.body.len() {
        let mut changed = good.clone();
        changed.body[at] ^= 1;
        assert_eq!(shop.bench.play(&changed).await.status, 401, "byte {at}");
    }
    for target in ["/invoices?a=2", "/invoices", "/invoices/?a=1", "/invoices?a=1&"] {
        let changed = Raw { target: target.to_owned(), ..good.clone() };
        assert_eq!(shop.bench.play(&changed).await.status, 401, "{target}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rates_are_those_of_the_store() {
    let mut dice = Dice(7);
    for _ in 0..20 {
        let cents = u128::from(1 + dice.below(900_000_000));
        let rate = format!("{}.{:02}", cents / 100, cents % 100);
        let shop = Shop::open(&[("BTC_USD", &rate), ("BTC_EUR", "40000")]).await;
        let target = "/rates?currencyPairs=USD_BTC,BTC_EUR,BTCUSD,EUR_USD,btc_usd";
        let headers = vec![("Host".to_owned(), "127.0.0.1:14142".to_owned())];
        let get = Raw { method: "GET".to_owned(), target: target.to_owned(), headers, ..Raw::default() };
        let answer = shop.bench.play(&signed(get, shop.name)).await;
        let item = |name: &str, coin: &str, code: &str, rate: &str| {
            format!(
                "{{\"name\":\"{name}\",\"cryptoCode\":\"{coin}\",\"currencyPair\":\"{coin}_{code}\",\
                 \"code\":\"{code}\",\"rate\":{rate}}}"
            )
        };
        let (usd, eur) = (item("US Dollar", "BTC", "USD", &rate), item("Euro", "BTC", "EUR", "40000.0"));
        let reversed = item("Bitcoin", "USD", "BTC", &one_by(cents));
        let expected = format!("{{\"data\":[{reversed},{eur},{usd}]}}");
        assert_eq!(String::from_utf8(answer.body).unwrap(), expected);
        assert!(shop.get("/rates/BTC/EUR").await["rate"] == json!(40000.0));
    }
}

/// One divided by so many hundredths, 28 digits after the point.
fn one_by(cents: u128) -> String {
    let unit = 10u128.pow(30);
    let quotient = (unit + cents / 2) / cents;
    let text = format!("{quotient:029}");
    let (whole, fraction) = text.split_at(text.len() - 28);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { format!("{whole}.0") } else { format!("{whole}.{fraction}") }
}
