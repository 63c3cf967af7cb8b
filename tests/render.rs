//! Every invoice that a real BTCPay Server was recorded to answer, rendered for each era and each
//! reader, held against what BitPay's invoice looked like in that era.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use jsonschema::{Registry, Validator};
use payferry::contract::{Audience, Era};
use payferry::json::{self, Object, Value};
use payferry::walk::facts::Facts;
use payferry::walk::order;
use payferry::walk::render::{Invoice, render};

const READERS: [Audience; 3] = [Audience::Public, Audience::Pos, Audience::Merchant];

/// A purchase whose words are all there, as a shop sends them.
const ORDER: &str = r#"{"price":12.5,"currency":"USD","posData":"{\"cart\": 1.50}","orderId":"A-7","itemDesc":"Tea",
  "itemCode":"tea","guid":"g-1","redirectURL":"https://shop.example/ok","closeURL":"https://shop.example/no",
  "notificationURL":"https://shop.example/ipn","notificationEmail":"shop@example.com","transactionSpeed":"Medium",
  "fullNotifications":true,"extendedNotifications":"true","physical":"true","acceptanceWindow":900000,
  "itemizedDetails":[{"amount":12.5,"description":"Tea","isFee":false}],"buyerNotify":true,
  "buyer":{"name":"Zoë","address1":"Straße 1","locality":"Łódź","postalCode":"01234","email":"zoe@example.com"}}"#;

/// BitPay's schemas under their names.
fn schemas() -> Registry<'static> {
    let files = std::fs::read_dir("tests/data/schemas").unwrap().map(|file| file.unwrap().path());
    let mut registry = Registry::new();
    for file in files.filter(|file| file.extension().is_some_and(|end| end == "json")) {
        let text = std::fs::read_to_string(file).unwrap();
        let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
        let name = schema["$id"].as_str().unwrap().to_owned();
        registry = registry.add(name, schema).unwrap();
    }
    registry.prepare().unwrap()
}

fn schema(schemas: &Registry<'_>, name: &str) -> Validator {
    let schema = serde_json::json!({ "$ref": format!("urn:bitpay-contract:{name}") });
    jsonschema::options().with_registry(schemas).build(&schema).unwrap()
}

fn profile(era: Era, audience: Audience) -> &'static str {
    match (era, audience) {
        (Era::V1, _) => "invoice-v1",
        (Era::Y2014, _) => "invoice-2014",
        (Era::Y2018, _) => "invoice-2018",
        (Era::Y2021, Audience::Pos | Audience::Merchant) => "invoice-2021-merchant",
        (Era::Y2019 | Era::Y2021, _) => "invoice-2019",
        (Era::Every, _) => "invoice",
    }
}

/// Every invoice in the recordings, by the exchange's name.
fn recorded() -> Vec<(String, Facts)> {
    let mut found = Vec::new();
    for file in ["invoice-read", "invoice-create", "create-requests"] {
        let text = std::fs::read_to_string(format!("tests/recordings/{file}.jsonl")).unwrap();
        for line in text.lines() {
            let exchange: serde_json::Value = serde_json::from_str(line).unwrap();
            let id = exchange["id"].as_str().unwrap();
            let Some(body) = exchange["response"]["body"].as_str() else { continue };
            let Ok(answer) = json::parse(body.as_bytes()) else { continue };
            let Some(invoice) = answer.get("data").and_then(Value::as_object) else { continue };
            if invoice.get("invoiceTime").is_some() {
                found.push((format!("{file}/{id}"), Facts::of_invoice(invoice).unwrap()));
            }
        }
    }
    found
}

fn words() -> Object {
    order::read(order::parse(ORDER.as_bytes()).unwrap()).unwrap().words
}

fn written(facts: &Facts, words: Option<&Object>, audience: Audience, era: Era) -> Value {
    let token = "3iTNcDh9Mm5WRtJ1rTUkSqV1bLbLLtq9Qn4NqHmEw1Ao";
    render(&Invoice { facts, words, token, merchant: "Tea shop" }, audience, era)
}

fn no_null(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => items.iter().all(no_null),
        Value::Object(members) => members.iter().all(|(_, value)| no_null(value)),
        _ => true,
    }
}

/// What payferry keeps from a reader without credential although BitPay showed it.
fn with_what_is_kept_back(mut data: serde_json::Value, era: Era) -> serde_json::Value {
    data["token"] = "kept back".into();
    if matches!(era, Era::Y2019 | Era::Y2021) {
        data["buyerProvidedInfo"] = serde_json::json!({});
    }
    data
}

/// Where payferry knows less than BitPay did, and why; nothing else may differ.
fn is_known(error: &str, facts: &Facts, words: Option<&Object>, era: Era) -> bool {
    let bare = words.is_none();
    // The store's default is BTCPay's and stands in no answer.
    (bare && error == "\"transactionSpeed\" is a required property")
        // Not made through payferry, which refuses price 0: BTCPay then gives no rate at all.
        || (facts.rate.is_none() && (error.contains("\"exRates\"") || error.contains("\"rate\"") || error == "\"\" is not of type \"number\""))
        // A currency that BitPay did not have keeps BTCPay's word for a late payment.
        || (era == Era::Every && error.starts_with("\"paidLate\" is not one of"))
}

#[test]
fn every_recorded_invoice_is_one_of_bitpays_in_every_era() {
    let schemas = schemas();
    let (invoices, words) = (recorded(), words());
    assert!(invoices.len() > 300, "{}", invoices.len());
    let mut wrong = Vec::new();
    for (era, audience) in Era::ALL.into_iter().flat_map(|era| READERS.map(|audience| (era, audience))) {
        let schema = schema(&schemas, profile(era, audience));
        for (name, facts) in &invoices {
            let kept = name.starts_with("invoice-read").then_some(Some(&words));
            for words in kept.into_iter().chain([None]) {
                let answer = written(facts, words, audience, era);
                assert!(no_null(&answer), "{name}: {answer}");
                let data = if era == Era::V1 { &answer } else { answer.get("data").unwrap() };
                let mut data: serde_json::Value = serde_json::from_str(&data.to_string()).unwrap();
                if era != Era::V1 && audience == Audience::Public {
                    data = with_what_is_kept_back(data, era);
                }
                if schema.is_valid(&data) {
                    continue;
                }
                let errors =
                    schema.iter_errors(&data).map(|error| format!("{error} at {}", error.instance_path()));
                wrong.extend(
                    errors
                        .filter(|error| !is_known(error.split(" at ").next().unwrap(), facts, words, era))
                        .map(|error| format!("{name} {} {audience:?}: {error}", era.as_str())),
                );
            }
        }
    }
    wrong.sort();
    assert!(wrong.is_empty(), "{} breaches\n{}", wrong.len(), wrong[..wrong.len().min(30)].join("\n"));
}

fn one(name: &str) -> Facts {
    recorded().into_iter().find(|(id, _)| id == name).unwrap_or_else(|| panic!("no {name}")).1
}

/// One member a line, so that a change of the snapshot can be read.
fn lines(answer: &Value) -> String {
    let data = answer.get("data").unwrap_or(answer);
    let facade = answer.get("facade").map(|facade| format!("facade: {facade}\n")).unwrap_or_default();
    data.as_object().unwrap().iter().fold(facade, |text, (name, value)| format!("{text}{name}: {value}\n"))
}

#[test]
fn invoices_as_each_era_wrote_them() {
    let words = words();
    for (name, recording, words, audience, era) in [
        ("v1_new", "invoice-read/read-new-signed", Some(&words), Audience::Merchant, Era::V1),
        ("y2014_overpaid", "invoice-read/read-over-signed", Some(&words), Audience::Merchant, Era::Y2014),
        ("y2018_partial", "invoice-read/read-partial-signed", None, Audience::Pos, Era::Y2018),
        ("y2019_complete", "invoice-read/read-complete-signed", Some(&words), Audience::Pos, Era::Y2019),
        ("y2021_partial", "invoice-read/read-partial-signed", Some(&words), Audience::Merchant, Era::Y2021),
        (
            "every_odd_rate",
            "invoice-create/create-odd-rate-read-overpaid",
            Some(&words),
            Audience::Public,
            Era::Every,
        ),
        ("every_price_zero", "invoice-read/read-zero-signed", None, Audience::Merchant, Era::Every),
    ] {
        insta::assert_snapshot!(name, lines(&written(&one(recording), words, audience, era)));
    }
}

/// Left out by BTCPay where an invoice has no address on the chain (from source; not recorded).
fn lightning_only() -> Facts {
    let text = std::fs::read_to_string("tests/data/btcpay-answers/lightning-from-source.json").unwrap();
    Facts::of_answer(&json::parse(text.as_bytes()).unwrap()).unwrap()
}

#[test]
fn an_invoice_that_only_lightning_can_pay_is_usable_in_every_era() {
    let (facts, words, schemas) = (lightning_only(), words(), schemas());
    for era in Era::ALL {
        let answer = written(&facts, Some(&words), Audience::Merchant, era);
        let data = answer.get("data").unwrap_or(&answer);
        let data: serde_json::Value = serde_json::from_str(&data.to_string()).unwrap();
        let schema = schema(&schemas, profile(era, Audience::Merchant));
        let errors: Vec<_> = schema.iter_errors(&data).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", era.as_str());
        if matches!(era, Era::V1 | Era::Y2014 | Era::Y2018) {
            assert_eq!((&data["btcPrice"], &data["btcPaid"]), (&"0.000250".into(), &"0.000250".into()));
            assert_eq!(data["rate"], 50000);
        } else {
            assert_eq!(data["amountPaid"], 25000, "{}", era.as_str());
        }
    }
    let every = written(&facts, None, Audience::Merchant, Era::Every);
    assert!(every.get("data").unwrap().get("bitcoinAddress").is_none(), "a Lightning invoice is no address");
}

/// C# and Python 6 clients crash at a fraction; BTCPay says 20.001.
#[test]
fn satoshis_per_byte_are_whole_and_no_rate_is_zero() {
    let answer = written(&one("invoice-read/read-new-signed"), None, Audience::Merchant, Era::Y2021);
    let data = answer.get("data").unwrap();
    let fees = data.get("minerFees").unwrap().to_string();
    assert_eq!(fees, r#"{"BTC":{"satoshisPerByte":21,"totalFee":0,"fiatAmount":0}}"#);
    assert_eq!(data.get("exchangeRates").unwrap().to_string(), r#"{"BTC":{"USD":50000}}"#);
}

/// php-bitpay-client reads these without looking whether they are there.
#[test]
fn what_php_bitpay_client_reads_is_always_there() {
    for (name, facts) in recorded() {
        for era in [Era::Y2014, Era::Y2018] {
            let answer = written(&facts, None, Audience::Pos, era);
            let data = answer.get("data").unwrap();
            for member in [
                "token",
                "url",
                "status",
                "price",
                "currency",
                "invoiceTime",
                "expirationTime",
                "currentTime",
                "id",
                "exceptionStatus",
                "paymentUrls",
                "posData",
                "btcPrice",
                "orderId",
                "btcPaid",
                "rate",
            ] {
                assert!(data.get(member).is_some(), "{name}: no {member} in {}", era.as_str());
            }
        }
    }
}

/// npm bitpay-sdk 4 to 8 and PyPI bitpay 6 and 8 have it in their types, of a paid invoice.
#[test]
fn a_payment_without_the_payment_protocol_is_called_so_from_2019_on() {
    let told = |recording: &str, era| {
        let answer = written(&one(recording), None, Audience::Merchant, era);
        answer.get("data").unwrap_or(&answer).get("nonPayProPaymentReceived").cloned()
    };
    for era in Era::ALL {
        let paid = (era >= Era::Y2019).then_some(Value::Bool(true));
        assert_eq!(told("invoice-read/read-complete-signed", era), paid, "{}", era.as_str());
        assert_eq!(told("invoice-read/read-new-signed", era), None, "{}", era.as_str());
    }
}

/// A store that takes another coin, too: its amounts must not be told as bitcoin.
#[test]
fn a_payment_in_another_coin_is_no_payment_in_bitcoin() {
    let answer = include_str!("data/btcpay-answers/read-complete-signed.json");
    let answer = json::parse(answer.as_bytes()).unwrap();
    let methods = answer.get("data").unwrap().get("cryptoInfo").unwrap().to_string();
    let bitcoin = methods.strip_prefix('[').unwrap().strip_suffix(']').unwrap();
    let litecoin = bitcoin.replace(r#""cryptoCode":"BTC""#, r#""cryptoCode":"LTC""#);
    assert_ne!(bitcoin, litecoin);
    let both = answer.to_string().replace(&methods, &format!("[{litecoin},{bitcoin}]"));
    let both = json::parse(both.as_bytes()).unwrap();
    let (one, both) = (Facts::of_answer(&answer).unwrap(), Facts::of_answer(&both).unwrap());
    assert!(!one.payments.is_empty());
    assert_eq!(both, one);
}

#[test]
fn the_buyer_stands_under_the_names_of_the_era_and_never_for_strangers() {
    let (facts, words) = (one("invoice-read/read-new-signed"), words());
    let flat = r#"{"buyerName":"Zoë","buyerAddress1":"Straße 1","buyerCity":"Łódź","buyerZip":"01234","buyerEmail":"zoe@example.com","buyerNotify":true}"#;
    let old = written(&facts, Some(&words), Audience::Merchant, Era::V1);
    assert_eq!(old.get("buyerFields").unwrap().to_string(), flat);
    let new = written(&facts, Some(&words), Audience::Merchant, Era::Y2021);
    let data = new.get("data").unwrap();
    assert!(data.get("buyerFields").is_none());
    let email = data.get("buyer").and_then(|buyer| buyer.get("email")).and_then(Value::as_str);
    assert_eq!(email, Some("zoe@example.com"));
    for era in Era::ALL {
        let bare = written(&facts, Some(&words), Audience::Public, era).to_string();
        for private in ["Zoë", "zoe@example.com", "Straße", "3iTNcDh9Mm5", "shop.example/ipn"] {
            assert!(!bare.contains(private), "{} shows {private}: {bare}", era.as_str());
        }
    }
}

#[test]
fn the_lists_that_payferry_answers_itself_are_bitpays() {
    use payferry::contract::{currencies, supported_wallets};
    let schemas = schemas();
    for era in Era::ALL {
        let list: serde_json::Value = serde_json::from_str(&currencies(era).to_string()).unwrap();
        let errors: Vec<_> =
            schema(&schemas, "envelope-currencies").iter_errors(&list).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", era.as_str());
        assert!(no_null(&currencies(era)));
    }
    let list: serde_json::Value = serde_json::from_str(&supported_wallets().to_string()).unwrap();
    assert!(schema(&schemas, "envelope-wallets").is_valid(&list));
    assert!(list["data"].as_array().unwrap().len() > 3 && no_null(&supported_wallets()));
}
