//! What a shop is sent: which events, and bodies that every handler of a BitPay shop can read.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "notification_bodies/handlers.rs"]
mod handlers;
#[path = "notification_bodies/selection.rs"]
mod selection;
#[path = "notification_bodies/webhook_models.rs"]
mod webhook_models;

use std::collections::BTreeSet;

use jsonschema::{Registry, Validator};
use payferry::contract::{Audience, Era, Form, notification_fields};
use payferry::json::{self, Object, Value};
use payferry::notify::{body, signature};
use payferry::presented::{Event, Exception, Presented, Status};
use payferry::walk::facts::Facts;
use payferry::walk::order;
use payferry::walk::render::{Invoice, render};

/// A purchase whose words are all there. posData holds what BTCPay would rewrite.
const ORDER: &str = r#"{"price":12.5,"currency":"USD","posData":"{\"hash\": \"a$b/c\", \"total\": 1.50}","orderId":"A-7",
  "notificationURL":"https://shop.example/ipn","transactionSpeed":"medium","buyerNotify":true,
  "buyer":{"name":"Zoë\nStern","address1":"Straße 1","address2":"c/o","locality":"Łódź","region":"LD",
  "postalCode":"01234","country":"PL","phone":"+48 1","email":"zoe@example.com"}}"#;

fn words() -> Object {
    order::read(order::parse(ORDER.as_bytes()).unwrap()).unwrap().words
}

/// One read of a real BTCPay Server for each state that it was seen in; price 0 is left out, it is never
/// made through payferry.
fn recorded() -> Vec<(String, Facts)> {
    let text = std::fs::read_to_string("tests/recordings/invoice-read.jsonl").unwrap();
    let invoice = |line: &str| {
        let exchange: serde_json::Value = serde_json::from_str(line).unwrap();
        let answer = json::parse(exchange["response"]["body"].as_str()?.as_bytes()).ok()?;
        let facts = Facts::of_answer(&answer).ok()?;
        Some((exchange["id"].as_str().unwrap().to_owned(), facts))
    };
    let mut states = BTreeSet::new();
    let mut is_new = |facts: &Facts| {
        states.insert((facts.status.clone(), facts.exception.clone(), facts.btc_paid.clone()))
    };
    let priced = text.lines().filter_map(invoice).filter(|(_, facts)| facts.rate.is_some());
    priced.filter(|(_, facts)| is_new(facts)).collect()
}

fn one(name: &str) -> Facts {
    recorded().into_iter().find(|(id, _)| id == name).unwrap_or_else(|| panic!("no {name}")).1
}

/// The invoice as told with this event, with the exceptions that can stand beside it.
fn told(facts: &Facts, event: Event) -> Vec<Facts> {
    let status = event.status().unwrap_or(Status::Paid);
    let known = |exception: &Exception| match status {
        Status::Expired => *exception != Exception::PaidOver,
        Status::New => *exception == Exception::PaidPartial,
        _ => *exception == Exception::PaidOver,
    };
    let exceptions = Exception::ALL.iter().copied().filter(known).map(Some).chain([None]);
    exceptions.map(|exception| facts.as_told(&Presented { status, exception, ..Presented::new(0) })).collect()
}

fn invoice<'a>(facts: &'a Facts, words: &'a Object) -> Invoice<'a> {
    Invoice { facts, words: Some(words), token: "9ihAE3bDxoKaM1ZnQcfQjv", merchant: "Tea shop" }
}

/// Every body that can leave: recorded invoice, event, exception, form, era.
fn every_body(mut look: impl FnMut(&str, &Facts, Event, Form, Era, &str)) {
    let words = words();
    for (name, facts) in recorded() {
        for event in Event::ALL {
            for facts in told(&facts, *event) {
                for era in Era::ALL {
                    for form in [Form::Flat, Form::Enveloped] {
                        let body = body(form, *event, &invoice(&facts, &words), era);
                        look(&name, &facts, *event, form, era, &body);
                    }
                }
            }
        }
    }
}

fn schema(name: &str) -> Validator {
    let mut registry = Registry::new();
    for file in ["ipn-flat", "ipn-extended"] {
        let text = std::fs::read_to_string(format!("tests/data/schemas/{file}.json")).unwrap();
        let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
        registry = registry.add(format!("urn:bitpay-contract:{file}"), schema).unwrap();
    }
    let registry = registry.prepare().unwrap();
    let schema = serde_json::json!({ "$ref": format!("urn:bitpay-contract:{name}") });
    jsonschema::options().with_registry(&registry).build(&schema).unwrap()
}

/// Software written for BTCPay Server keeps its word for a late payment.
fn is_known(error: &str, era: Era) -> bool {
    era == Era::Every && error.starts_with("\"paidLate\" is not one of")
}

#[test]
fn every_body_is_bitpays_one_line_without_nulls() {
    let (flat, extended) = (schema("ipn-flat"), schema("ipn-extended"));
    let (mut bodies, mut wrong) = (0, Vec::new());
    every_body(|name, _, event, form, era, body| {
        bodies += 1;
        assert!(!body.contains('\n') && !body.contains("null"), "{body}");
        let json: serde_json::Value = serde_json::from_str(body).unwrap();
        let schema = if form == Form::Flat { &flat } else { &extended };
        let errors = schema.iter_errors(&json).map(|error| error.to_string());
        let where_ = format!("{name} {event} {form} {}", era.as_str());
        wrong.extend(errors.filter(|error| !is_known(error, era)).map(|error| format!("{where_}: {error}")));
    });
    assert!(bodies > 800, "only {bodies}");
    wrong.sort();
    assert!(wrong.is_empty(), "{} breaches\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}

/// The code and the status in the body are one.
#[test]
fn the_event_fits_the_status_in_the_body() {
    every_body(|name, _, event, form, era, body| {
        let body = json::parse(body.as_bytes()).unwrap();
        let data = body.get("data").unwrap_or(&body);
        let status = data.get("status").and_then(Value::as_str);
        let expected = event.status().unwrap_or(Status::Paid);
        assert_eq!(status, Some(expected.as_str()), "{name} {event} {form} {}", era.as_str());
        if form == Form::Enveloped {
            let head = format!(r#"{{"code":{},"name":"{event}"}}"#, event.code());
            assert_eq!(body.get("event").unwrap().to_string(), head);
        }
    });
}

/// Magento 2 9.x and the Shopify gem compare a notification with a read.
#[test]
fn a_notification_says_what_a_read_says() {
    let words = words();
    every_body(|name, facts, _, form, era, body| {
        let body = json::parse(body.as_bytes()).unwrap();
        let data = if form == Form::Flat { &body } else { body.get("data").unwrap() };
        let read = render(&invoice(facts, &words), Audience::Merchant, era);
        let read = read.get("data").unwrap_or(&read);
        for (member, value) in data.as_object().unwrap().iter() {
            let empty = era == Era::Y2021 && member == "exchangeRates";
            if let Some(read) = read.get(member).filter(|_| !empty) {
                assert_eq!(value.to_string(), read.to_string(), "{name} {}: {member}", era.as_str());
            }
        }
        if era == Era::V1 {
            assert_eq!(data.to_string(), read.to_string(), "offsite_payments compares whole objects");
        }
    });
}

/// What BTCPay rewrites, payferry keeps: the hash of a shop is over its own bytes.
#[test]
fn the_shops_own_texts_come_back_to_the_letter() {
    every_body(|name, _, _, form, era, body| {
        let body = json::parse(body.as_bytes()).unwrap();
        let data = if form == Form::Flat { &body } else { body.get("data").unwrap() };
        let text = |member: &str| data.get(member).and_then(Value::as_str);
        assert_eq!(text("posData"), Some(r#"{"hash": "a$b/c", "total": 1.50}"#), "{name}");
        let order = (era != Era::V1).then_some("A-7");
        assert_eq!(text("orderId"), order, "{name} {}", era.as_str());
        let buyer = data.get("buyerFields").and_then(|buyer| buyer.get("buyerName")).and_then(Value::as_str);
        assert_eq!(buyer, Some("Zoë\nStern"), "{name} {}", era.as_str());
    });
}

#[test]
fn bodies_as_bitpay_wrote_them() {
    let words = words();
    for (name, recording, event, form, era) in [
        ("v1_confirmed", "read-complete-signed", Event::Confirmed, Form::Flat, Era::V1),
        ("y2014_paid", "read-paid-signed", Event::PaidInFull, Form::Flat, Era::Y2014),
        ("y2018_confirmed", "read-complete-signed", Event::Confirmed, Form::Flat, Era::Y2018),
        ("y2019_expired", "read-expired-signed", Event::Expired, Form::Enveloped, Era::Y2019),
        ("y2021_completed", "read-complete-signed", Event::Completed, Form::Enveloped, Era::Y2021),
        ("every_invalid", "read-over-signed", Event::FailedToConfirm, Form::Flat, Era::Every),
    ] {
        let facts = one(recording);
        let facts = &told(&facts, event)[told(&facts, event).len() - 1];
        let text = body(form, event, &invoice(facts, &words), era);
        let lines = text.replace(",\"", ",\n\"");
        insta::assert_snapshot!(name, lines);
    }
}

/// The order and the members of BitPay's own samples: captured 2017-08 and 2023-03, documented 2018-03.
#[test]
fn members_stand_in_bitpays_order() {
    let names =
        |era| notification_fields(era).iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(" ");
    assert!(names(Era::Y2014).starts_with(
        "id url posData status btcPrice price currency invoiceTime expirationTime currentTime btcPaid btcDue \
         rate exceptionStatus buyerFields"
    ));
    assert!(names(Era::Y2018).starts_with(
        "id url posData status btcPrice price currency invoiceTime expirationTime currentTime btcPaid btcDue \
         rate exceptionStatus buyerFields paymentSubtotals paymentTotals transactionCurrency amountPaid exchangeRates"
    ));
    assert!(names(Era::Y2021).starts_with(
        "id url posData status price currency invoiceTime expirationTime currentTime exceptionStatus buyerFields \
         paymentSubtotals paymentTotals exchangeRates amountPaid orderId"
    ));
}

/// github bitpay/hmac-tester, test/unit/services: the key `test`, the body `{"id":"test"}`.
#[test]
fn a_signature_is_the_one_that_bitpays_own_tester_calculates() {
    assert_eq!(signature("test", br#"{"id":"test"}"#), "0KkGd2YCcbkhX15N8QF1moe/E6SG+EjHf6B8BE1uzr0=");
    assert_ne!(signature("test", br#"{"id":"Test"}"#), signature("test", br#"{"id":"test"}"#));
    assert_ne!(signature("Test", b"{}"), signature("test", b"{}"));
}
