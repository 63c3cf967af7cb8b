//! Reading the recordings.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// One recorded exchange; `id` is `FILE/ID`.
#[derive(Debug, Deserialize)]
pub struct Exchange {
    pub id: String,
    pub request: Request,
    pub response: Response,
    /// The items of a list that was cut, in order.
    pub result: Option<Vec<Value>>,
    at: String,
    #[serde(skip)]
    pub at_ms: i64,
}

#[derive(Debug, Deserialize)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<String>,
    pub signed: Option<Signed>,
    /// Length of a body of which only the beginning was kept.
    #[serde(rename = "bodyBytes")]
    body_bytes: Option<usize>,
    /// Length of a target of which only the beginning was kept.
    #[serde(rename = "targetBytes")]
    target_bytes: Option<usize>,
    /// `1.0` where it was not 1.1.
    pub version: Option<String>,
}

/// Who signed what: his SIN, the URL, the body where it is not the one that was sent.
#[derive(Debug, Deserialize, Clone)]
pub struct Signed {
    pub by: String,
    pub url: String,
    pub body: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Response {
    pub status: u16,
    pub reason: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<String>,
    pub title: Option<String>,
    #[serde(default)]
    pub cut: bool,
    /// Of a list that was cut: id, orderId, status and exceptionStatus of its items.
    pub items: Option<Value>,
    /// Usual headers that were missing.
    #[serde(default)]
    pub without: Vec<String>,
}

impl Request {
    /// A long target ends in one character that is repeated.
    fn lengthen(&mut self) {
        let missing = self.target_bytes.map_or(0, |bytes| bytes - self.target.len());
        let last = self.target.chars().last().unwrap_or_default().to_string();
        self.target.push_str(&last.repeat(missing));
        if let (Some(signed), Some(bytes)) = (&mut self.signed, self.target_bytes) {
            let missing = "http://127.0.0.1:14142".len() + bytes - signed.url.len();
            signed.url.push_str(&last.repeat(missing));
        }
    }

    /// The bytes that were sent: of a long text the beginning was kept, which is one character
    /// repeated; a body that was no UTF-8 is noted with replacement characters.
    pub fn body_bytes(&self) -> Vec<u8> {
        let text = self.body.clone().unwrap_or_default();
        if let (Some(length), Some(last)) = (self.body_bytes, text.chars().last()) {
            let rest = last.to_string().repeat(length - text.len() - 2);
            return format!("{text}{rest}\"}}").into_bytes();
        }
        let length = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let sent = length.and_then(|(_, value)| value.parse::<usize>().ok());
        if text.contains('\u{fffd}') && sent == Some(text.len() - 2) {
            let (before, after) = text.split_once('\u{fffd}').unwrap();
            return [before.as_bytes(), &[0xe4], after.as_bytes()].concat();
        }
        text.into_bytes()
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recordings")
}

pub fn json<T: DeserializeOwned>(name: &str) -> T {
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

pub fn read(file: &str) -> Vec<Exchange> {
    let text = std::fs::read_to_string(folder().join(format!("{file}.jsonl"))).unwrap();
    let one = |line: &str| {
        let mut exchange: Exchange = serde_json::from_str(line).unwrap();
        exchange.id = format!("{file}/{}", exchange.id);
        exchange.request.lengthen();
        exchange.at_ms = exchange.at.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        exchange
    };
    text.lines().map(one).collect()
}

/// Marks the listed invoices that share their second with others: their order is arbitrary.
pub fn mark_crowded(exchanges: &mut [Exchange]) {
    let mut orders: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
    let items = |exchange: &mut Exchange| exchange.result.take().unwrap_or_default();
    let mut lists: Vec<Vec<Value>> = exchanges.iter_mut().map(items).collect();
    for item in lists.iter().flatten().filter(|item| item.is_object()) {
        let second = item["invoiceTime"].as_i64().unwrap();
        orders.entry(second).or_default().insert(item["orderId"].to_string());
    }
    for item in lists.iter_mut().flatten().filter(|item| item.is_object()) {
        item["crowded"] = (orders[&item["invoiceTime"].as_i64().unwrap()].len() > 1).into();
    }
    for (exchange, list) in exchanges.iter_mut().zip(lists) {
        exchange.result = list.iter().any(Value::is_object).then_some(list);
    }
}
