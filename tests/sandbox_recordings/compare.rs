//! A recorded answer against the sandbox's: volatile values by form and consistency, the rest exactly.

use payferry::json::{self, Object, Value};

use crate::names::Names;
use crate::recording::{Exchange, Response};
use crate::wire::Answer;

/// Headers of nearly every answer, which some recordings leave out.
const USUAL: [(&str, &str); 7] = [
    ("Date", ""),
    ("Server", "Kestrel"),
    ("Content-Security-Policy", "script-src 'self'"),
    ("Referrer-Policy", "same-origin"),
    ("X-XSS-Protection", "1; mode=block"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
];
const BASE58: &str = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// The server took its time; the test's clock does not.
const PATIENCE_MS: i64 = 2500;
/// The same of the time of an answer.
const SLOW_MS: i64 = 12_000;

pub fn differences(exchange: &Exchange, answer: &Answer, names: &mut Names) -> Vec<String> {
    let recorded = &exchange.response;
    let mut found = Vec::new();
    if (recorded.status, recorded.reason.as_str()) != (answer.status, answer.reason.as_str()) {
        found.push(format!(
            "{} {} instead of {} {}",
            answer.status, answer.reason, recorded.status, recorded.reason
        ));
    }
    match &exchange.result {
        Some(items) => listed(items, answer, &mut found),
        None => body(recorded, answer, names, &mut found),
    }
    headers(recorded, answer, names, &mut found);
    found
}

fn headers(recorded: &Response, answer: &Answer, names: &Names, found: &mut Vec<String>) {
    let mut expected: Vec<(String, String)> = recorded.headers.clone();
    if !expected.iter().any(|(name, _)| name == "Server") {
        let listed = |name: &str| recorded.headers.iter().any(|(known, _)| known == name);
        let missing = |name: &str| recorded.without.iter().any(|known| known == name);
        let added = USUAL.iter().filter(|(name, _)| !listed(name) && !missing(name));
        expected.extend(added.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    }
    let settle = |list: &[(String, String)], length: usize| {
        let mut list: Vec<(String, String)> = list
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), settled(name, value, length, names)))
            .collect();
        list.sort();
        list
    };
    let expected = settle(&expected, usize::MAX);
    let actual = settle(&answer.headers, answer.body.len());
    for (name, value) in expected.iter().filter(|header| !actual.contains(header)) {
        found.push(format!("header missing: {name}: {value}"));
    }
    for (name, value) in actual.iter().filter(|header| !expected.contains(header)) {
        found.push(format!("header too much: {name}: {value}"));
    }
}

/// A header's value without what is volatile. A length must be that of the body that came.
fn settled(name: &str, value: &str, length: usize, names: &Names) -> String {
    match name.to_ascii_lowercase().as_str() {
        "date" => String::new(),
        "content-length" if length == usize::MAX || value == length.to_string() => {
            if value == "0" { "0" } else { "length of the body" }.to_owned()
        }
        "content-security-policy" => {
            let word =
                |word: &str| if word.starts_with("'nonce-") { "'nonce'".to_owned() } else { word.to_owned() };
            value.split(' ').map(word).collect::<Vec<_>>().join(" ")
        }
        "set-cookie" => {
            let (cookie, rest) = value.split_once(';').unwrap_or((value, ""));
            format!("{}=*;{rest}", cookie.split('=').next().unwrap_or_default())
        }
        _ => names.translate(value),
    }
}

fn body(recorded: &Response, answer: &Answer, names: &mut Names, found: &mut Vec<String>) {
    let text = recorded.body.clone().unwrap_or_default();
    let actual = String::from_utf8_lossy(&answer.body).into_owned();
    if text.trim_start().starts_with("<!DOCTYPE") || recorded.title.is_some() {
        let expected = recorded.title.clone().or(title(&text));
        if expected != title(&actual) {
            found.push(format!("title {:?} instead of {expected:?}", title(&actual)));
        }
    } else if let Some(items) = &recorded.items {
        let shown = serde_json::from_slice(&answer.body).map(|answer| items_of(&answer)).unwrap_or_default();
        let expected: serde_json::Value = serde_json::from_str(&names.translate(&items.to_string())).unwrap();
        if expected != shown {
            found.push(format!("items {shown}"));
        }
    } else if recorded.cut {
        let first = |body: &String| blurred(body).starts_with(&blurred(&text));
        if !beginnings(&actual).iter().any(first) {
            found.push(format!("the beginning of the body differs: {actual:.1500}"));
        }
    } else if text.is_empty() || actual.is_empty() {
        if text != actual {
            found.push(format!("body {actual:.300} instead of {text:.300}"));
        }
    } else {
        match (json::parse(text.as_bytes()), json::parse(&answer.body)) {
            (Ok(expected), Ok(actual)) => {
                learn("", &expected, &actual, names);
                value("", &expected, &actual, names, found);
                spans(&expected, &actual, found);
            }
            _ => found.push(format!("body {actual} instead of {text}")),
        }
    }
}

/// Two JSON bodies, recorded and actual.
pub fn bodies(recorded: &str, actual: &str, names: &mut Names) -> Vec<String> {
    let mut found = Vec::new();
    match (json::parse(recorded.as_bytes()), json::parse(actual.as_bytes())) {
        (Ok(recorded), Ok(actual)) => {
            learn("", &recorded, &actual, names);
            value("", &recorded, &actual, names, &mut found);
        }
        _ => found.push(format!("body {actual:.300}")),
    }
    found
}

/// Two notifications line by line: indentation, order, spelling.
pub fn lines(recorded: &str, actual: &str, names: &Names) -> Vec<String> {
    let (left, right): (Vec<&str>, Vec<&str>) =
        (recorded.split('\n').collect(), actual.split('\n').collect());
    if left.len() != right.len() {
        return vec![format!("{} lines instead of {}: {actual}", right.len(), left.len())];
    }
    let time = |line: &str| {
        let (name, value) = line.trim().trim_end_matches(',').split_once(": ")?;
        let known = ["\"invoiceTime\"", "\"expirationTime\"", "\"currentTime\""].contains(&name);
        known.then(|| value.parse::<i64>().ok()).flatten()
    };
    let same = |recorded: &str, actual: &str| match (time(recorded), time(actual)) {
        (Some(r), Some(a)) if recorded.contains("currentTime") => (r - a).abs() <= SLOW_MS,
        (Some(r), Some(a)) => (r - a).abs() <= PATIENCE_MS,
        _ => names.translate(recorded) == actual,
    };
    let differ = left.iter().zip(&right).filter(|(recorded, actual)| !same(recorded, actual));
    differ.map(|(recorded, actual)| format!("line {actual} instead of {recorded}")).collect()
}

/// The items of a list in order; those that share their second may change places.
fn listed(recorded: &[serde_json::Value], answer: &Answer, found: &mut Vec<String>) {
    let shown: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let shown = shown["data"].as_array().cloned().unwrap_or_default();
    let same = |recorded: &serde_json::Value, shown: &serde_json::Value| {
        let time = |item: &serde_json::Value| item["invoiceTime"].as_i64().unwrap_or_default();
        ["status", "exceptionStatus"].iter().all(|name| recorded[*name] == shown[*name])
            && (recorded["crowded"] == true || recorded["orderId"] == shown["orderId"])
            && recorded["price"].as_f64() == shown["price"].as_f64()
            && (time(recorded) - time(shown)).abs() <= PATIENCE_MS
    };
    let mut ids: Vec<&str> = shown.iter().filter_map(|item| item["id"].as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let all = recorded.len() == shown.len() && ids.len() == shown.len();
    if !all || !recorded.iter().zip(&shown).all(|(recorded, shown)| same(recorded, shown)) {
        let orders: Vec<_> = shown.iter().map(|item| (&item["orderId"], &item["status"])).collect();
        found.push(format!("listed {orders:?}"));
    }
}

/// A body, and of a list every way to begin it: the invoices of the newest second come in any order.
fn beginnings(body: &str) -> Vec<String> {
    let list = json::parse(body.as_bytes()).ok();
    let list = list.as_ref().and_then(|list| list.get("data")).and_then(Value::as_array);
    let time = |item: &Value| item.get("invoiceTime").map(ToString::to_string);
    let items = list.unwrap_or_default();
    let newest = items.iter().take_while(|item| time(item) == items.first().and_then(time));
    let others = newest.map(|item| format!("{{\"data\":[{item}"));
    [body.to_owned()].into_iter().chain(others).collect()
}

fn items_of(answer: &serde_json::Value) -> serde_json::Value {
    let members = ["id", "orderId", "status", "exceptionStatus"];
    let item = |item: &serde_json::Value| {
        members.iter().map(|name| item[*name].clone()).collect::<serde_json::Value>()
    };
    answer["data"].as_array().into_iter().flatten().map(item).collect()
}

fn title(html: &str) -> Option<String> {
    let (_, rest) = html.split_once("<title>")?;
    rest.split_once("</title>").map(|(title, _)| title.trim().to_owned())
}

/// A text with ids, addresses and times blotted out, for answers of which only the beginning was kept.
fn blurred(text: &str) -> String {
    let (mut out, mut left) = (String::new(), text);
    while let Some((before, after)) = left.split_once("\"guid\":\"") {
        out.push_str(before);
        left = after.get(36..).unwrap_or_default();
    }
    // The fee rate moved by a hair during the recording.
    let text = (out + left).replace("\"satoshisPerByte\":20.003", "\"satoshisPerByte\":20.001");
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain([' ']) {
        if c.is_ascii_alphanumeric() {
            word.push(c);
            continue;
        }
        let id = (20..=22).contains(&word.len()) && is_base58(&word);
        let address = word.starts_with("bcrt1q");
        let time = word.len() == 13 && word.starts_with("179") && word.bytes().all(|b| b.is_ascii_digit());
        out.push_str(if id || address || time { "*" } else { &word });
        word.clear();
        out.push(c);
    }
    out.trim_end().to_owned()
}

fn is_base58(text: &str) -> bool {
    text.chars().all(|c| BASE58.contains(c))
}

/// Whether a text has the form that names in this member have.
fn has_form(member: &str, text: &str) -> bool {
    let base58 = |lengths: std::ops::RangeInclusive<usize>| lengths.contains(&text.len()) && is_base58(text);
    match member {
        "id" | "invoiceId" => base58(20..=22) || is_payment(text),
        "token" => base58(20..=22) || base58(42..=44),
        "merchant" => base58(42..=44),
        "pairingCode" => base58(7..=7),
        "guid" => {
            let lengths: Vec<usize> = text.split('-').map(str::len).collect();
            lengths == [8, 4, 4, 4, 12] && text.as_bytes()[14] == b'4'
        }
        "address" | "bitcoinAddress" | "BTC" | "destination" => {
            text.starts_with("bcrt1q") && text.len() == 44
        }
        _ => false,
    }
}

/// `TXID-VOUT`
fn is_payment(text: &str) -> bool {
    text.split_once('-').is_some_and(|(id, place)| {
        id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()) && place.parse::<u8>().is_ok()
    })
}

/// Pairs the names of two answers; members that stand in the same place mean the same thing.
fn learn(member: &str, recorded: &Value, actual: &Value, names: &mut Names) {
    match (recorded, actual) {
        (Value::String(recorded), Value::String(actual))
            if has_form(member, recorded) && has_form(member, actual) =>
        {
            names.pair(recorded, actual);
        }
        (Value::Array(recorded), Value::Array(actual)) => {
            recorded.iter().zip(actual).for_each(|(r, a)| learn(member, r, a, names));
        }
        (Value::Object(recorded), Value::Object(actual)) => {
            for ((name, recorded), (_, actual)) in recorded.iter().zip(actual.iter()) {
                learn(name, recorded, actual, names);
            }
        }
        _ => {}
    }
}

fn value(member: &str, recorded: &Value, actual: &Value, names: &Names, found: &mut Vec<String>) {
    match (recorded, actual) {
        (Value::Object(recorded), Value::Object(actual)) => object(member, recorded, actual, names, found),
        (Value::Array(recorded), Value::Array(actual)) if recorded.len() == actual.len() => {
            recorded.iter().zip(actual).for_each(|(r, a)| value(member, r, a, names, found));
        }
        (Value::String(r), Value::String(a)) if same_text(member, &names.translate(r), a) => {}
        (Value::Number(r), Value::Number(a)) if same_number(member, r.text(), a.text()) => {}
        _ if recorded == actual && !matches!(recorded, Value::String(_)) => {}
        _ => found.push(format!("{member}: {actual:.400} instead of {recorded:.400}")),
    }
}

fn object(member: &str, recorded: &Object, actual: &Object, names: &Names, found: &mut Vec<String>) {
    let members = |object: &Object| object.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
    if members(recorded) != members(actual) {
        found.push(format!("members of {member}: {:?} instead of {:?}", members(actual), members(recorded)));
        return;
    }
    for ((name, recorded), (_, actual)) in recorded.iter().zip(actual.iter()) {
        value(name, recorded, actual, names, found);
    }
}

fn same_text(member: &str, recorded: &str, actual: &str) -> bool {
    match member {
        "receivedDate" => {
            let time =
                |text: &str| format!("{text}Z").parse::<jiff::Timestamp>().map(|at| at.as_millisecond());
            matches!((time(recorded), time(actual)), (Ok(r), Ok(a)) if (r - a).abs() <= SLOW_MS)
        }
        "timeLeft" => actual.len() == recorded.len(),
        "error" => without_times(recorded) == without_times(actual),
        _ => recorded == actual,
    }
}

/// The log in a 400 without its times.
fn without_times(text: &str) -> String {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b"/ :".contains(&b));
    let line = |line: &str| match line.get(..19).filter(|time| digits(time)) {
        Some(_) => {
            let (before, after) = line[19..].split_once("creation took ").unwrap_or((&line[19..], ""));
            format!("TIME{before}{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => line.to_owned(),
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

fn same_number(member: &str, recorded: &str, actual: &str) -> bool {
    let near = |by: i64| match (recorded.parse::<i64>(), actual.parse::<i64>()) {
        (Ok(recorded), Ok(actual)) => (recorded - actual).abs() <= by,
        _ => false,
    };
    match member {
        "currentTime" => near(SLOW_MS),
        "maxTimeSeconds" | "maxTimeMinutes" => near(1),
        "invoiceTime" | "pairingExpiration" | "dateCreated" | "expirationTime" => near(PATIENCE_MS),
        "expirationSeconds" => near(2 * PATIENCE_MS / 1000),
        "satoshisPerByte" | "feeRate" => [actual, recorded].iter().all(|rate| rate.contains('.')),
        _ => recorded == actual,
    }
}

/// Times that belong together must be as far apart as they were.
fn spans(recorded: &Value, actual: &Value, found: &mut Vec<String>) {
    for (from, to) in [("invoiceTime", "expirationTime"), ("dateCreated", "pairingExpiration")] {
        if let (Some(r), Some(a)) = (span(recorded, from, to), span(actual, from, to)) {
            let whole_seconds = from == "dateCreated" || r % 1000 == 0 && a % 1000 == 0;
            if whole_seconds && (r - a).abs() > 1000 || !whole_seconds && (r - a).abs() > PATIENCE_MS {
                found.push(format!("{from} to {to}: {a} instead of {r} ms"));
            }
        }
    }
}

fn span(value: &Value, from: &str, to: &str) -> Option<i64> {
    let data = value.get("data")?;
    let data = data.as_array().and_then(|items| items.first()).unwrap_or(data);
    let number = |name| data.get(name)?.as_number()?.as_i64();
    Some(number(to)? - number(from)?)
}
