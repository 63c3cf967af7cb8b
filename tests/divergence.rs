//! What is seen in recorded answers of BTCPay Server 2.4.1, place by place.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::BTreeMap;
use std::path::Path;

use payferry::contract::{Endpoint, btcpay_invoice, divergences};
use payferry::divergence::{Kind, MOST, inspect, inspect_failure};
use payferry::json::{self, Object, Value};

fn recorded(name: &str) -> Value {
    let path = Path::new("tests/data/btcpay-answers").join(format!("{name}.json"));
    json::parse(&std::fs::read(path).expect("the recording is there")).expect("recordings are JSON")
}

fn endpoint_of(name: &str) -> Endpoint {
    if name.starts_with("create-") { Endpoint::CreateInvoice } else { Endpoint::ReadInvoice }
}

/// One line per divergence: kind, place, id.
fn lines(name: &str) -> Vec<String> {
    inspect(endpoint_of(name), &recorded(name))
        .iter()
        .map(|found| format!("{} {} {}", found.kind.name(), found.pointer, found.label()))
        .collect()
}

#[test]
fn the_plain_create_answer() {
    insta::assert_snapshot!(lines("create-minimal").join("\n"));
}

#[test]
fn the_plain_read_answer() {
    insta::assert_snapshot!(lines("read-new-signed").join("\n"));
}

/// The others are told by what they have more or less than the plain read.
#[test]
fn the_other_answers() {
    let plain = lines("read-new-signed");
    let mut report = String::new();
    for name in [
        "create-every-documented-field",
        "read-partial-signed",
        "read-over-signed",
        "read-complete-signed",
        "read-marked-settled-signed",
        "read-expired-late-signed",
        "read-topup-signed",
        "read-zero-signed",
    ] {
        let found = lines(name);
        report += &format!("{name}\n");
        for line in found.iter().filter(|line| !plain.contains(line)) {
            report += &format!("+ {line}\n");
        }
        for line in plain.iter().filter(|line| !found.contains(line)) {
            report += &format!("- {line}\n");
        }
    }
    insta::assert_snapshot!(report);
}

#[test]
fn every_id_of_the_table_is_in_the_catalogue() {
    assert_eq!(divergences::all().len(), 243);
    for member in btcpay_invoice::members() {
        let own = [&member.null, &member.wrong, &member.fraction, &member.extra, &member.missing];
        let checks = member.checks.iter().map(|check| &check.id);
        for id in own.into_iter().chain(checks).flatten() {
            assert!(divergences::find(id).is_some(), "{id} at {}", member.pointer);
        }
    }
    assert!(divergences::find("no-such-id").is_none());
    for status in [401, 403, 500, 400] {
        for body in [&b""[..], b"{\"errors\":[{\"error\":\"x\"}],\"error\":\"x\\ny\"}"] {
            for found in inspect_failure(status, body) {
                assert!(found.id.is_none_or(|id| divergences::find(id).is_some()), "{found:?}");
            }
        }
    }
}

/// The newest thing that BTCPay may do is named, without its value.
#[test]
fn what_nobody_has_met_is_uncatalogued() {
    let mut data: Vec<_> = match recorded("read-new-signed").get("data") {
        Some(Value::Object(data)) => data.clone().into_iter().collect(),
        _ => panic!("an answer has data"),
    };
    data.retain(|(name, _)| name != "id");
    data.push(("new member <script>".to_owned(), Value::from("secret")));
    for (name, value) in &mut data {
        match name.as_str() {
            "rate" => *value = Value::from("50000"),
            "status" => *value = Value::from("processing"),
            "currentTime" => *value = json::parse(b"1.5").expect("a number"),
            _ => {}
        }
    }
    let data: Object = data.into_iter().collect();
    let answer = Value::from(Object::new().with("facade", "pos/invoice").with("data", data));
    let found = inspect(Endpoint::ReadInvoice, &answer);
    let new: BTreeMap<_, _> = found
        .iter()
        .filter(|found| found.id.is_none())
        .map(|found| (found.pointer.as_str(), found.kind))
        .collect();
    assert_eq!(
        new,
        BTreeMap::from([
            ("/data/currentTime", Kind::FractionInInteger),
            ("/data/id", Kind::MissingField),
            ("/data/new?member??script?", Kind::ExtraField),
            ("/data/rate", Kind::TypeChanged),
            ("/data/status", Kind::ValueDomain),
        ])
    );
    assert!(!format!("{found:?}").contains("secret"));
}

#[test]
fn findings_are_bounded_and_named_once() {
    let many: Object = (0..5000).map(|n| (format!("m{n}"), Value::Null)).collect();
    let found = inspect(Endpoint::ReadInvoice, &Value::from(Object::new().with("data", many)));
    assert!(found.len() <= MOST);
    let items = vec![Value::from(Object::new()); 1000];
    let answer = Value::from(Object::new().with("data", Object::new().with("cryptoInfo", items)));
    let found = inspect(Endpoint::CreateInvoice, &answer);
    let mut unique = found.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(found.len(), unique.len());
    assert!(inspect(Endpoint::ListTokens, &answer).is_empty());
    assert_eq!(inspect(Endpoint::ReadInvoice, &Value::Null)[0].kind, Kind::TypeChanged);
}

#[test]
fn currencies_are_told_from_payment_methods() {
    for (key, good) in [
        ("BTC", true),
        ("USDCn", true),
        ("ETH_m", true),
        ("BTC-LN", false),
        ("BTC_LightningLike", false),
        ("btc", false),
    ] {
        let codes = Object::new().with(key, Object::new());
        let answer = Value::from(Object::new().with("data", Object::new().with("paymentCodes", codes)));
        let found = inspect(Endpoint::ReadInvoice, &answer);
        let told = found.iter().any(|found| found.id == Some("payment-method-ids-as-currency"));
        assert_eq!(told, !good, "{key}");
    }
}

#[test]
fn failures_that_bitpay_would_not_send() {
    let ids = |status, body: &str| -> Vec<_> {
        inspect_failure(status, body.as_bytes()).iter().map(|found| found.label()).collect()
    };
    assert_eq!(
        ids(
            401,
            r#"{"errors":[{"error":"BitId authentication failed"}],"error":"BitId authentication failed"}"#
        ),
        ["auth-missing-signature-error", "error-both-keys", "error-list-without-param"]
    );
    assert_eq!(ids(403, ""), ["auth-unpaired-identity-403", "error-empty-body"]);
    assert_eq!(ids(500, ""), ["error-500-empty-body"]);
    assert_eq!(ids(404, r#"{"error":"Object not found"}"#), [""; 0]);
    assert_eq!(
        ids(400, "{\"error\":\"Error retrieving a matching payment method or rate.\\n11/23/2026\"}"),
        ["error-text-carries-log"]
    );
    assert_eq!(ids(200, ""), [""; 0]);
}
