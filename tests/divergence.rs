//! What is seen in recorded answers of BTCPay Server 2.4.1, place by place.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use http::HeaderMap;
use payferry::contract::btcpay_requests::{When, requests};
use payferry::contract::divergences::{Repaired, Severity};
use payferry::contract::endpoints::find;
use payferry::contract::{Found, btcpay_answers, divergences};
use payferry::divergence::request::{ShopRequest, inspect_request};
use payferry::divergence::{
    BtcpayCall, Echo, FailedAnswer, Kind, ListInspection, MOST, Notification, Sequence, Shape, inspect,
    inspect_echo, inspect_failure, inspect_link, inspect_notification,
};
use payferry::json::{self, Object, Value};

fn recorded(name: &str) -> Value {
    let path = Path::new("tests/data/btcpay-answers").join(format!("{name}.json"));
    json::parse(&std::fs::read(path).expect("the recording is there")).expect("recordings are JSON")
}

fn endpoint_of(name: &str) -> BtcpayCall {
    if name.starts_with("create-") { BtcpayCall::CreateInvoice } else { BtcpayCall::ReadInvoice }
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
    for member in btcpay_answers::members() {
        let own = [&member.null, &member.wrong, &member.fraction, &member.extra, &member.missing];
        let checks = member.checks.iter().map(|check| &check.id);
        for id in own.into_iter().chain(checks).flatten() {
            assert!(divergences::find(id).is_some(), "{id} at {}", member.pointer);
        }
    }
    assert!(divergences::find("no-such-id").is_none());
    let rows = requests();
    let ids = rows.path.iter().map(|row| &row.id).chain(rows.member.iter().map(|row| &row.id));
    for id in ids.chain(rows.query.iter().map(|row| &row.id)) {
        assert!(divergences::find(id).is_some(), "{id}");
    }
    let log = "default currency pairs, authentication failed, dust threshold, incorrectly formatted\\n";
    for (call, status) in every_failure() {
        for body in ["", &format!(r#"{{"errors":[{{"error":"x"}}],"error":"{log}"}}"#)] {
            for found in inspect_failure(&FailedAnswer { call, status, body: body.as_bytes() }) {
                assert!(found.id.is_none_or(|id| divergences::find(id).is_some()), "{found:?}");
            }
        }
    }
}

fn every_failure() -> Vec<(BtcpayCall, u16)> {
    let statuses = [200, 302, 400, 401, 403, 404, 405, 415, 429, 431, 500, 502, 503];
    BtcpayCall::ALL.into_iter().flat_map(|call| statuses.map(|status| (call, status))).collect()
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
    let found = inspect(BtcpayCall::ReadInvoice, &answer);
    let new: BTreeMap<_, _> =
        found.iter().filter(|found| found.id.is_none()).map(|found| (&*found.pointer, found.kind)).collect();
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
    let found = inspect(BtcpayCall::ReadInvoice, &Value::from(Object::new().with("data", many)));
    assert!(found.len() <= MOST);
    let items = vec![Value::from(Object::new()); 1000];
    let answer = Value::from(Object::new().with("data", Object::new().with("cryptoInfo", items)));
    let found = inspect(BtcpayCall::CreateInvoice, &answer);
    let unique: HashSet<_> = found.iter().collect();
    assert_eq!(found.len(), unique.len());
    assert_eq!(inspect(BtcpayCall::ReadInvoice, &Value::Null)[0].kind, Kind::TypeChanged);
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
        let found = inspect(BtcpayCall::ReadInvoice, &answer);
        let told = found.iter().any(|found| found.id == Some("payment-method-ids-as-currency"));
        assert_eq!(told, !good, "{key}");
    }
}

#[test]
fn failures_that_bitpay_would_not_send() {
    let ids = |call, status, body: &str| -> Vec<_> {
        let failed = FailedAnswer { call, status, body: body.as_bytes() };
        inspect_failure(&failed).iter().map(|found| found.label()).collect()
    };
    let read = BtcpayCall::ReadInvoice;
    let both =
        r#"{"errors":[{"error":"BitId authentication failed"}],"error":"BitId authentication failed"}"#;
    assert_eq!(
        ids(read, 401, both),
        [
            "auth-missing-signature-error",
            "error-both-keys",
            "error-list-without-param",
            "error-coded-missing",
            "auth-error-text"
        ]
    );
    assert_eq!(
        ids(read, 403, ""),
        ["auth-missing-signature-error", "auth-unpaired-identity-403", "error-empty-body"]
    );
    assert_eq!(ids(read, 302, ""), ["auth-missing-signature-error", "error-empty-body"]);
    assert_eq!(ids(read, 200, "<html>"), ["error-empty-body"]);
    assert_eq!(
        ids(BtcpayCall::CreateInvoice, 500, ""),
        ["error-status-validation", "error-500-empty-body", "error-empty-body"]
    );
    assert_eq!(ids(read, 404, r#"{"error":"Object not found"}"#), ["error-coded-missing"]);
    let log = "{\"error\":\"Error retrieving a matching payment method or rate.\\n11/23/2026\"}";
    assert_eq!(ids(BtcpayCall::ListRates, 400, log), ["error-coded-missing", "error-text-carries-log"]);
    assert_eq!(ids(read, 200, "{}"), [""; 0]);
}

/// Statuses, sizes and nothing else.
#[test]
fn samples_show_the_shape_and_never_the_value() {
    let shape = |json: &str| Shape::of(Some(&json::parse(json.as_bytes()).unwrap())).to_string();
    for (json, expected) in [
        ("null", "null"),
        ("true", "boolean"),
        ("25000.0000", "number of 5.4 digits"),
        ("-1e3", "number of 1.0 digits with an exponent"),
        (r#""0.00025""#, "decimal text of 7 bytes"),
        (r#""Ada Lovelace""#, "text of 12 bytes"),
        ("[1,2]", "array of 2"),
        (r#"{"Ada":1}"#, "object of 1"),
    ] {
        assert_eq!(shape(json), expected);
    }
    assert_eq!(Shape::of(None).to_string(), "absent");
    let found = |status, body: &str| {
        let failed = FailedAnswer { call: BtcpayCall::CreateInvoice, status, body: body.as_bytes() };
        inspect_failure(&failed)[0].shape.to_string()
    };
    assert_eq!(found(500, ""), "status 500, no body");
    assert_eq!(found(502, "<h1>Ada</h1>"), "status 502, 12 bytes that are no JSON");
    assert_eq!(found(400, r#"{"error":"Ada\nBob"}"#), "status 400, error text of 7 bytes in 2 lines");
}

fn edited(change: &[(&str, &str)]) -> Value {
    let Some(Value::Object(data)) = recorded("read-new-signed").get("data").cloned() else { panic!() };
    let members = data.into_iter().map(|(name, value)| {
        let new = change.iter().find(|(changed, _)| *changed == name);
        (name, new.map_or(value, |(_, text)| json::parse(text.as_bytes()).unwrap()))
    });
    Value::from(members.collect::<Object>())
}

fn ids_of(found: &[payferry::divergence::Divergence]) -> HashSet<&'static str> {
    found.iter().filter_map(|one| one.id).collect()
}

/// Life stories have most of them; here each is made from a recorded read.
#[test]
fn money_that_went_another_way() {
    for (change, id) in [
        (&[("exceptionStatus", r#""paidLater""#)][..], "late-payment"),
        (&[("exceptionStatus", r#""paidPartial""#)], "partial-payment-not-refunded"),
        (&[("exceptionStatus", r#""paidOver""#)], "overpayment-not-refunded"),
        (&[("exceptionStatus", r#""marked""#)], "manual-marking"),
        (&[("status", r#""complete""#), ("btcDue", r#""0.00001""#)], "complete-with-due"),
        (&[("status", r#""complete""#), ("btcPaid", r#""0.5""#)], "payment-after-complete-unmarked"),
        (&[("btcPaid", r#""0.00025""#), ("btcDue", r#""0.0""#)], "paid-in-full-shown-as-new"),
        (&[("paymentTotals", r#"{"BTC":35000.00}"#)], "network-fee-after-first-payment"),
        (&[("status", r#""complete""#), ("btcPaid", r#""0.00024""#)], "payment-tolerance"),
        (&[("status", r#""invalid""#), ("btcPaid", r#""0.00025""#)], "invalid-after-24h"),
        (&[("cryptoInfo", "[{},{}]")], "one-currency-vs-many"),
    ] {
        let plain = Value::from(Object::new().with("data", edited(&[])));
        let answer = Value::from(Object::new().with("data", edited(change)));
        assert!(!ids_of(&inspect(BtcpayCall::ReadInvoice, &plain)).contains(id), "{id}");
        assert!(ids_of(&inspect(BtcpayCall::ReadInvoice, &answer)).contains(id), "{id}");
    }
}

fn notification(body: &Value) -> HashSet<&'static str> {
    let headers = HeaderMap::new();
    ids_of(&inspect_notification(&Notification { headers: &headers, many_lines: false, body }))
}

/// The recorded ones are looked at in tests/divergence_recordings.rs.
#[test]
fn what_a_notification_shows() {
    let event = |code: &str, name: &str| {
        let text = format!(r#"{{"event":{{"code":{code},"name":"{name}"}},"data":{{"status":"paid"}}}}"#);
        json::parse(text.as_bytes()).unwrap()
    };
    let good = notification(&event("1003", "invoice_paidInFull"));
    assert!(!good.contains("ipn-extended-extra-events") && !good.contains("ipn-flat-set-differs"));
    assert!(!good.contains("ipn-pretty-printed") && !good.contains("ipn-cookies-kept"));
    assert!(notification(&event("2009", "invoice_refund")).contains("ipn-event-code-collisions"));
    let headers = HeaderMap::new();
    for (code, name) in [("1003", "invoice_expired"), ("3000", "invoice_paidInFull"), ("null", "x")] {
        let body = event(code, name);
        let found = inspect_notification(&Notification { headers: &headers, many_lines: false, body: &body });
        assert!(found.iter().any(|one| one.id.is_none() && one.pointer == "/event/code"), "{code} {name}");
    }
    let mut cookies = HeaderMap::new();
    cookies.insert("cookie", "a=b".parse().unwrap());
    cookies.insert("x-signature", "x".parse().unwrap());
    let body = event("1003", "invoice_paidInFull");
    let found =
        ids_of(&inspect_notification(&Notification { headers: &cookies, many_lines: true, body: &body }));
    assert!(found.contains("ipn-cookies-kept") && found.contains("ipn-pretty-printed"));
    assert!(!found.contains("ipn-no-hmac"));
    assert!(notification(&json::parse(b"[1]").unwrap()).contains("ipn-no-hmac"), "nonsense breaks nothing");
}

/// A retry repeats what was said ten minutes ago, perhaps after something newer.
#[test]
fn what_shows_only_between_two_notifications() {
    let body = |status: &str, at: i64| {
        json::parse(format!(r#"{{"status":"{status}","currentTime":{at}}}"#).as_bytes()).unwrap()
    };
    let mut sequence = Sequence::default();
    let mut ids = |invoice: &str, status: &str, at: i64, arrived: i64| {
        ids_of(&sequence.inspect(invoice, &body(status, at), arrived))
    };
    assert!(ids("a", "paid", 1_000, 1_000).is_empty());
    assert!(ids("a", "paid", 1_000, 1_001).is_empty(), "the same moment is no retry");
    let again = ids("a", "paid", 1_000, 601_000);
    assert!(again.contains("ipn-retry-schedule") && again.contains("ipn-body-frozen"), "{again:?}");
    assert!(ids("a", "confirmed", 602_000, 602_000).is_empty());
    assert!(ids("a", "complete", 602_005, 602_010).contains("ipn-confirmed-complete-together"));
    assert!(ids("a", "paid", 1_000, 1_201_000).contains("ipn-retry-overtakes"));
    assert!(ids("b", "paid", 2_000, 1_201_000).is_empty(), "invoices have nothing to do with each other");
    for other in 0..10_000 {
        assert!(ids(&other.to_string(), "paid", 1, 1).is_empty(), "bounded");
    }
    assert!(ids("a", "paid", 1_000, 1_300_000).is_empty(), "forgotten");
}

#[test]
fn lists_are_looked_at_one_by_one() {
    let ids = |times: &[&str]| {
        let mut inspection = ListInspection::new();
        times.iter().for_each(|time| inspection.item(&edited(&[("invoiceTime", time)])));
        let found = inspection.end();
        let unique: HashSet<_> = found.iter().collect();
        assert_eq!(unique.len(), found.len(), "each is named once for the whole list");
        ids_of(&found)
    };
    assert!(ids(&[]).is_empty());
    assert!(ids(&["1"]).contains("extra-cryptoinfo"));
    assert!(!ids(&["1", "2"]).contains("list-order-desc"));
    assert!(ids(&["2", "1"]).contains("list-order-desc"));
    assert!(ids(&["2", "2"]).contains("list-paging-unstable"));
    let list = Value::from(Object::new().with("data", vec![edited(&[]), edited(&[])]));
    let whole = inspect(BtcpayCall::ListInvoices, &list);
    assert!(whole.iter().any(|one| one.pointer == "/data/*/cryptoInfo"));
    assert!(ids_of(&whole).contains("list-paging-unstable"));
}

#[test]
fn what_the_shop_sent_is_compared() {
    let sent = |json: &str| json::parse(json.as_bytes()).unwrap().as_object().unwrap().clone();
    let ids = |call, body: &str, data: &str| {
        let answer = json::parse(format!(r#"{{"data":{data}}}"#).as_bytes()).unwrap();
        let found = inspect_echo(&Echo { call, sent: &sent(body) }, &answer);
        found.iter().map(|one| one.label()).collect::<Vec<_>>()
    };
    let (create, read) = (BtcpayCall::CreateInvoice, BtcpayCall::ReadInvoice);
    assert_eq!(ids(read, r#"{"orderId":"7"}"#, r#"{"orderId":"7"}"#), [""; 0]);
    assert_eq!(ids(read, r#"{"orderId":"7"}"#, r#"{"orderId":"8"}"#), ["metadata-changes-later"]);
    assert_eq!(ids(create, r#"{"orderId":"7"}"#, r#"{"orderId":"8"}"#), ["uncatalogued"]);
    let date = r#"{"orderId":"2026-01-02T03:04:05Z"}"#;
    assert_eq!(ids(read, date, r#"{"orderId":"01/02/2026 03:04:05"}"#), ["date-like-text-rewritten"]);
    let object = r#"{"posData":"{\"a\":1.50}"}"#;
    assert_eq!(ids(read, object, r#"{"posData":"{\"a\":1.5}"}"#), ["posdata-json-rewritten"]);
    let price = r#"{"price":12.345}"#;
    assert_eq!(ids(create, price, r#"{"status":"new","price":12.35}"#), ["price-clamped-rounded"]);
    assert_eq!(ids(create, r#"{"price":10}"#, r#"{"status":"new","price":10.0}"#), [""; 0]);
    assert_eq!(ids(create, r#"{"closeURL":"https://a.b"}"#, "{}"), ["missing-closeurl"]);
    let link = |url: &str| {
        let answer = json::parse(format!(r#"{{"data":{{"url":"{url}"}}}}"#).as_bytes()).unwrap();
        inspect_link("https://pay.example/btcpay", &answer).and_then(|one| one.id)
    };
    assert_eq!(link("https://pay.example/btcpay/invoice?id=x"), None);
    assert_eq!(link("http://pay.example/btcpay/invoice?id=x"), Some("url-host-and-scheme"));
    assert_eq!(link("https://bitpay.com/invoice?id=x"), Some("url-host-and-scheme"));
}

/// Each row of the table is met by something and not met by a plain request.
#[test]
fn the_table_of_requests() {
    let ids = |method: &str, target: &str, body: &str| {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-identity", "02"),
            ("x-signature", "30"),
            ("content-type", "application/json"),
            ("x-accept-version", "2.0.0"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let parsed = json::parse(body.as_bytes()).ok();
        let json = parsed.as_ref().and_then(Value::as_object);
        let found =
            inspect_request(&ShopRequest { method, target, headers: &headers, body: body.as_bytes(), json });
        ids_of(&found)
    };
    let plain = r#"{"price":10,"currency":"EUR","fullNotifications":true}"#;
    assert!(ids("POST", "/invoices", plain).is_empty(), "{:?}", ids("POST", "/invoices", plain));
    assert!(ids("GET", "/invoices?dateStart=01/02/2026&limit=5", "").is_empty());
    assert!(ids("GET", "/invoice?id=Ab1&view=popup", "").contains("browser-view-popup"));
    assert!(!ids("GET", "/invoice?id=Ab1&view=modal", "").contains("browser-view-popup"));
    for row in &requests().member {
        let value = match row.when {
            When::Absent => None,
            When::Present => Some("1".to_owned()),
            When::Empty => Some("null".to_owned()),
            When::NotPositive => Some("0.00".to_owned()),
            When::NotPlainDecimalText => Some(r#""5,50""#.to_owned()),
            When::NotTruthValue => Some(r#""yes""#.to_owned()),
            When::NotNumber => Some("1.5".to_owned()),
            When::NotText => Some("{}".to_owned()),
            When::ArrayOrText => Some("[]".to_owned()),
            When::HasBitpayAddress => Some(r#"{"locality":"x"}"#.to_owned()),
            When::HasNotify => Some(r#"{"notify":true}"#.to_owned()),
            When::OtherThanBitcoin => Some(r#"["ETH"]"#.to_owned()),
            When::Bitcoin => Some(r#"["BTC"]"#.to_owned()),
            When::NoSpeed => Some(r#""HIGH""#.to_owned()),
            When::NoHttpsAddress => Some(r#""http://a.b/""#.to_owned()),
            When::HasUserName => Some(r#""https://shop:secret@a.b/""#.to_owned()),
            When::Long => Some(format!("\"{}\"", "x".repeat(2000))),
            When::NoUsDate | When::NoCount | When::BadCount | When::NoPairs => panic!("for queries"),
        };
        let body = value.map_or("{}".to_owned(), |value| format!(r#"{{"{}":{value}}}"#, row.name));
        assert!(ids("POST", "/invoices", &body).contains(row.id.as_str()), "{} in {body}", row.id);
    }
    for row in &requests().query {
        let path = if row.call == BtcpayCall::ListInvoices { "/invoices" } else { "/rates" };
        let target = match row.when {
            When::Absent | When::Empty | When::NoCount => path.to_owned(),
            _ => format!("{path}?{}=-nonsense", row.name),
        };
        assert!(ids("GET", &target, "").contains(row.id.as_str()), "{} in {target}", row.id);
    }
    for row in &requests().path {
        let method = if row.method == "*" { "GET" } else { &row.method };
        let target = row.path.replace('*', "a/b").replace(":id", "Ab1").replace(":guid", "1-2");
        assert!(ids(method, &target, "{}").contains(row.id.as_str()), "{} in {target}", row.id);
    }
}

/// Data that no row of a table can reach would be dead.
#[test]
fn the_trees_fit_their_walk() {
    for call in BtcpayCall::ALL {
        let mut places = vec![btcpay_answers::tree(call)];
        while let Some(place) = places.pop() {
            assert!(place.index < 256 && place.children.len() <= 128, "{}", place.pointer);
            assert!(place.member.is_none_or(|member| member.checks.len() <= 11), "{}", place.pointer);
            places.extend(place.children.iter().map(|(_, below)| below).chain(place.any.as_deref()));
        }
    }
}

/// The report is made of these.
#[test]
fn every_row_of_the_catalogue_says_what_and_what_to_do() {
    for known in divergences::all() {
        let words = [&*known.bitpay, &*known.btcpay, &*known.breaks, known.how(), &*known.advice];
        for text in words {
            let short = (5..=110).contains(&text.chars().count());
            assert!(short && text.ends_with('.'), "{}: {text:?}", known.id);
        }
        let nothing = known.advice == "Nothing.";
        let open = known.repaired() == Repaired::No && known.severity == Severity::Breaks;
        let waits = known.how().starts_with("Not yet");
        assert!(!(open && nothing) || waits, "{} breaks shops, and nobody is told what to do", known.id);
    }
    let text = std::fs::read_to_string("contract/divergences.json").unwrap();
    let rows: serde_json::Value = serde_json::from_str(&text).unwrap();
    for row in rows["divergences"].as_array().unwrap() {
        let repaired = row["repaired"].as_str().unwrap();
        assert!(["yes", "partly", "no", "not_needed"].contains(&repaired), "{row}");
        if let Some(needs) = row["needs"].as_str().filter(|needs| *needs != "notifications") {
            let (method, path) = needs.split_once(' ').unwrap();
            let known = !matches!(find(method, path), Found::Unknown | Found::MethodNotAllowed);
            assert!(known, "{needs} is no call of BitPay's");
        }
    }
}
