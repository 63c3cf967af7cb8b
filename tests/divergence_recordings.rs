//! Every recorded exchange is put through the contract check. What the catalogue says that a
//! recording shows is found there, or stands on a list with the reason.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use http::HeaderMap;
use payferry::contract::divergences::{self, Reach};
use payferry::divergence::request::{ShopRequest, inspect_request};
use payferry::divergence::{
    BtcpayCall, Divergence, Echo, FailedAnswer, ListInspection, inspect, inspect_echo, inspect_failure,
    inspect_link,
};
use payferry::json::{self, Object, Value};
use serde::Deserialize;

/// Where the recorded server had its public address.
const PUBLIC: &str = "http://127.0.0.1:14142";

#[derive(Deserialize)]
struct Exchange {
    id: String,
    request: Request,
    response: Response,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

#[derive(Deserialize)]
struct Response {
    status: u16,
    body: Option<String>,
    #[serde(default)]
    cut: bool,
}

/// One id that the check does not find: nowhere, or not at some of its recordings.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NotFound {
    id: String,
    why: String,
    #[serde(default)]
    at: Vec<String>,
}

#[derive(Deserialize)]
struct List {
    not_found: Vec<NotFound>,
}

fn exchanges() -> Vec<Exchange> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir("tests/recordings").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "jsonl") {
            let file = path.file_stem().unwrap().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            all.extend(text.lines().map(|line| {
                let mut exchange: Exchange = serde_json::from_str(line).unwrap();
                exchange.id = format!("{file}/{}", exchange.id);
                exchange
            }));
        }
    }
    all
}

/// What payferry would have asked for, had it sent this.
fn call(request: &Request) -> Option<BtcpayCall> {
    let path = request.target.split('?').next().unwrap_or_default().trim_matches('/').to_ascii_lowercase();
    let segments: Vec<_> = path.split('/').collect();
    Some(match (request.method.as_str(), segments.as_slice()) {
        ("POST", ["invoices"]) => BtcpayCall::CreateInvoice,
        ("GET", ["invoices"]) => BtcpayCall::ListInvoices,
        ("GET" | "HEAD" | "PUT", ["invoices", _]) => BtcpayCall::ReadInvoice,
        ("POST", ["tokens"]) => BtcpayCall::CreateToken,
        ("GET", ["tokens"]) => BtcpayCall::ListTokens,
        ("GET", ["rates"] | ["rates", _]) => BtcpayCall::ListRates,
        ("GET", ["rates", _, _]) => BtcpayCall::ReadRate,
        ("GET", ["api", "rates"]) => BtcpayCall::ListRatesV1,
        _ => return None,
    })
}

/// The check, with what the shop had sent for each invoice.
#[derive(Default)]
struct Check {
    sent: HashMap<String, Object>,
}

impl Check {
    fn put_through(&mut self, exchange: &Exchange) -> Vec<Divergence> {
        let request = &exchange.request;
        let body = request.body.clone().unwrap_or_default();
        let json = json::parse(body.as_bytes()).ok().and_then(|value| value.as_object().cloned());
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let value = http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
        }
        let shop = ShopRequest {
            method: &request.method,
            target: &request.target,
            headers: &headers,
            body: body.as_bytes(),
            json: json.as_ref(),
        };
        let mut found = inspect_request(&shop);
        if let Some(call) = call(request) {
            found.extend(self.answer(call, json.as_ref(), &exchange.response));
        } else if exchange.response.status >= 400 {
            let body = exchange.response.body.clone().unwrap_or_default();
            let failed = FailedAnswer {
                call: BtcpayCall::ReadInvoice,
                status: exchange.response.status,
                body: body.as_bytes(),
            };
            found.extend(inspect_failure(&failed));
        }
        found
    }

    fn answer(&mut self, call: BtcpayCall, sent: Option<&Object>, response: &Response) -> Vec<Divergence> {
        let body = response.body.clone().unwrap_or_default();
        if response.cut && call == BtcpayCall::ListInvoices {
            return whole_items(&body);
        }
        let parsed = json::parse(body.as_bytes());
        let (Ok(answer), 200) = (&parsed, response.status) else {
            return inspect_failure(&FailedAnswer { call, status: response.status, body: body.as_bytes() });
        };
        let mut found = inspect(call, answer);
        found.extend(inspect_link(PUBLIC, answer));
        let id = answer.get("data").and_then(|data| data.get("id")).and_then(Value::as_str);
        if let (Some(id), Some(sent), BtcpayCall::CreateInvoice) = (id, sent, call) {
            self.sent.insert(id.to_owned(), sent.clone());
        }
        let sent = id.and_then(|id| self.sent.get(id)).or(sent);
        if let Some(sent) = sent {
            found.extend(inspect_echo(&Echo { call, sent }, answer));
        }
        found
    }
}

/// Of a list that was cut: the invoices that are whole, one by one, as a stream of them is looked at.
fn whole_items(body: &str) -> Vec<Divergence> {
    let Some(end) = body.rfind(",{\"url\":") else { return Vec::new() };
    let list = json::parse(format!("{}]}}", &body[..end]).as_bytes()).unwrap();
    let mut inspection = ListInspection::new();
    let items = list.get("data").and_then(Value::as_array).unwrap();
    items.iter().for_each(|item| inspection.item(item));
    inspection.end()
}

#[test]
fn every_divergence_is_found_where_it_was_recorded_or_listed_with_a_reason() {
    let mut check = Check::default();
    let mut found = BTreeMap::new();
    let mut uncatalogued = BTreeSet::new();
    for exchange in exchanges() {
        let here = check.put_through(&exchange);
        let of_the_api = call(&exchange.request).is_some();
        for one in here.iter().filter(|one| one.id.is_none() && of_the_api) {
            uncatalogued.insert(format!("{} {} {}", exchange.id, one.kind.name(), one.pointer));
        }
        let ids: BTreeSet<_> = here.iter().filter_map(|one| one.id).collect();
        found.insert(exchange.id, ids);
    }
    let text = std::fs::read_to_string("tests/data/divergences-not-found.toml").unwrap();
    let list: List = toml::from_str(&text).unwrap();
    let complaints = complaints(&found, &list.not_found);
    assert!(complaints.is_empty(), "{} complaints\n{}", complaints.len(), complaints.join("\n"));
    assert!(uncatalogued.is_empty(), "not in the catalogue:\n{uncatalogued:#?}");
}

fn complaints(found: &BTreeMap<String, BTreeSet<&str>>, list: &[NotFound]) -> Vec<String> {
    let mut complaints = Vec::new();
    for row in list {
        if divergences::find(&row.id).is_none() || row.why.len() < 10 {
            complaints.push(format!("{}: no such id, or no reason", row.id));
        }
        let known = divergences::find(&row.id).map(|known| known.recordings.as_slice()).unwrap_or_default();
        complaints.extend(
            row.at.iter().filter(|at| !known.contains(at)).map(|at| format!("{}: never at {at}", row.id)),
        );
    }
    for known in divergences::all() {
        let id = known.id.as_str();
        let rows: Vec<_> = list.iter().filter(|row| row.id == id).collect();
        let everywhere = rows.iter().any(|row| row.at.is_empty());
        let mut seen = false;
        for at in &known.recordings {
            let Some(here) = found.get(at) else { continue };
            let listed = rows.iter().any(|row| row.at.contains(at));
            seen |= here.contains(id);
            match (here.contains(id), everywhere || listed) {
                (true, false) | (false, true) => {}
                (true, true) => complaints.push(format!("{id} at {at}: listed as not found, but it is")),
                (false, false) => complaints.push(format!("{id} at {at}: neither found nor listed")),
            }
        }
        if !seen && !everywhere {
            complaints
                .push(format!("{id}: found at none of its recordings, and not listed ({:?})", known.reaches));
        }
    }
    complaints
}

/// The list says why, by what reaches whom: nothing that a shop reads may stand there without thought.
#[test]
fn most_of_what_a_shop_sends_and_reads_is_found() {
    let text = std::fs::read_to_string("tests/data/divergences-not-found.toml").unwrap();
    let list: List = toml::from_str(&text).unwrap();
    let whole: BTreeSet<_> =
        list.not_found.iter().filter(|row| row.at.is_empty()).map(|row| row.id.as_str()).collect();
    for (reach, most) in [(Reach::Request, 12), (Reach::Answer, 24)] {
        let missed: Vec<_> = divergences::all()
            .iter()
            .filter(|known| known.reaches == reach && whole.contains(known.id.as_str()))
            .map(|known| known.id.as_str())
            .collect();
        assert!(missed.len() <= most, "{reach:?}: {} {missed:?}", missed.len());
    }
}
