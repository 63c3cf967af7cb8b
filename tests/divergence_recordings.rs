//! Every recorded exchange and every recorded life of an invoice is put through the contract check. What
//! the catalogue says that a recording shows is found there, or stands on a list with the reason.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use http::HeaderMap;
use payferry::contract::divergences::{self, Reach};
use payferry::divergence::request::{ShopRequest, inspect_request};
use payferry::divergence::{
    BtcpayCall, Divergence, Echo, FailedAnswer, Kind, ListInspection, Notification, Sequence,
    created_before_answer, inspect, inspect_change, inspect_echo, inspect_failure, inspect_link,
    inspect_notification, inspect_public_status,
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
    /// File and name of the test that finds it in something else.
    elsewhere: Option<String>,
}

/// Recordings that the project does not have: a whole file, or one exchange.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NotHere {
    at: String,
    why: String,
}

#[derive(Deserialize)]
struct List {
    not_found: Vec<NotFound>,
    not_here: Vec<NotHere>,
}

fn list() -> List {
    toml::from_str(&std::fs::read_to_string("tests/data/divergences-not-found.toml").unwrap()).unwrap()
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

/// One line of a life story.
#[derive(Deserialize)]
struct Moment {
    #[serde(default)]
    t_ms: i64,
    #[serde(default)]
    what: String,
    view: Option<String>,
    status: Option<u16>,
    request: Option<Created>,
    body: Option<String>,
    fields: Option<serde_json::Value>,
    seen: Option<String>,
    told: Option<String>,
}

#[derive(Deserialize)]
struct Created {
    body: Option<String>,
}

fn lives() -> Vec<(String, Vec<Moment>)> {
    let mut lives = Vec::new();
    for entry in std::fs::read_dir("tests/recordings/life").unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let moments = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lives.push((format!("life/{name}"), moments));
    }
    lives
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

/// `GET /i/ID/status`: the one page of the checkout that payferry reads.
fn is_public_status(request: &Request) -> bool {
    let path = request.target.split('?').next().unwrap_or_default();
    let status = path.starts_with("/i/") && path.ends_with("/status");
    request.method == "GET" && (status || path == "/invoice/status")
}

fn public_status(response: &Response) -> Option<Divergence> {
    let body = response.body.clone().unwrap_or_default();
    match response.status {
        200 => inspect_public_status(json::parse(body.as_bytes()).ok().as_ref()),
        404 => inspect_public_status(None),
        _ => None,
    }
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
        } else if is_public_status(request) {
            found.extend(public_status(&exchange.response));
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

/// One invoice, as payferry sees it: its create, what is read of it, what is notified.
#[derive(Default)]
struct Life {
    sent: Option<Object>,
    status: String,
    sequence: Sequence,
    answered: bool,
    found: Vec<Divergence>,
}

impl Life {
    fn live(moments: &[Moment]) -> Vec<Divergence> {
        let mut life = Self::default();
        moments.iter().for_each(|moment| life.moment(moment));
        life.found
    }

    fn moment(&mut self, moment: &Moment) {
        match (moment.what.as_str(), moment.view.as_deref()) {
            ("create", _) => {
                let body = moment.request.as_ref().and_then(|request| request.body.clone());
                self.create(&body.unwrap_or_default());
                self.answer(BtcpayCall::CreateInvoice, moment);
                self.answered = true;
            }
            ("read", Some("signed")) | ("seen", _) => self.answer(BtcpayCall::ReadInvoice, moment),
            ("read", Some("checkout-status")) if moment.status == Some(404) => {
                self.found.extend(inspect_public_status(None));
            }
            ("ipn" | "told", _) => self.notification(moment),
            _ => {}
        }
    }

    fn create(&mut self, body: &str) {
        self.sent = json::parse(body.as_bytes()).ok().and_then(|value| value.as_object().cloned());
        let headers = HeaderMap::new();
        let json = self.sent.as_ref();
        let (method, target) = ("POST", "/invoices");
        let request = ShopRequest { method, target, headers: &headers, body: body.as_bytes(), json };
        // Only the body of the request was recorded.
        let of_the_body = |one: &Divergence| !one.id.is_some_and(|id| id.starts_with("auth-"));
        self.found.extend(inspect_request(&request).into_iter().filter(of_the_body));
    }

    fn answer(&mut self, call: BtcpayCall, moment: &Moment) {
        let Some((answer, whole)) = invoice_of(moment) else { return };
        // Of some readings only the members that change were kept: nothing is said of those that are not there.
        let told = |one: &Divergence| whole || one.kind != Kind::MissingField && one.kind != Kind::ExtraField;
        self.found.extend(inspect(call, &answer).into_iter().filter(told));
        self.found.extend(inspect_change(&self.status, &answer));
        let data = answer.get("data").unwrap();
        self.status = data.get("status").and_then(Value::as_str).unwrap().to_owned();
        if let Some(sent) = self.sent.as_ref().filter(|_| whole || call == BtcpayCall::ReadInvoice) {
            let echo = inspect_echo(&Echo { call, sent }, &answer);
            self.found.extend(echo.into_iter().filter(|one| whole || one.pointer == "/data/status"));
        }
    }

    fn notification(&mut self, moment: &Moment) {
        let (text, whole) = match (&moment.body, &moment.told) {
            (Some(body), _) => (body.clone(), true),
            (None, Some(told)) => (body_of(told, moment.t_ms), false),
            (None, None) => panic!("a notification without a body"),
        };
        let (headers, many_lines) = (HeaderMap::new(), text.contains('\n'));
        let body = json::parse(text.as_bytes()).unwrap();
        let found = inspect_notification(&Notification { headers: &headers, many_lines, body: &body });
        let told = |one: &Divergence| whole || one.kind != Kind::MissingField;
        self.found.extend(found.into_iter().filter(told));
        self.found.extend(self.sequence.inspect("it", &body, moment.t_ms));
        if !self.answered && text.contains("1001") {
            self.found.extend(created_before_answer());
        }
    }
}

/// The invoice of a reading, and whether it is all of it.
fn invoice_of(moment: &Moment) -> Option<(Value, bool)> {
    if let Some(body) = &moment.body {
        return Some((json::parse(body.as_bytes()).unwrap(), true));
    }
    let data = match (&moment.fields, &moment.seen) {
        (Some(fields), _) => fields.clone(),
        (None, seen) => {
            let parts: Vec<_> = seen.as_ref()?.split('/').collect();
            let [status, exception, paid, due] = parts.as_slice() else { panic!("{parts:?}") };
            let text = |text: &str| (text != "null").then(|| text.to_owned());
            let exception =
                if *exception == "false" { serde_json::json!(false) } else { serde_json::json!(exception) };
            let (paid, due) = (text(&paid[5..]), text(&due[4..]));
            serde_json::json!({"status": status, "exceptionStatus": exception, "btcPaid": paid, "btcDue": due})
        }
    };
    Some((json::parse(serde_json::json!({ "data": data }).to_string().as_bytes()).unwrap(), false))
}

/// `flat paid/false`, `extended 1003 invoice_paidInFull paid/false`: what was noted of a notification.
fn body_of(told: &str, t_ms: i64) -> String {
    let words: Vec<_> = told.split(' ').collect();
    let (status, exception) = words.last().unwrap().split_once('/').unwrap();
    let exception =
        if exception == "false" { serde_json::json!(false) } else { serde_json::json!(exception) };
    let data = serde_json::json!({"status": status, "exceptionStatus": exception, "currentTime": t_ms});
    match words.as_slice() {
        ["extended", code, name, _] => {
            let code: i64 = code.parse().unwrap();
            serde_json::json!({"event": {"code": code, "name": name}, "data": data}).to_string()
        }
        _ => data.to_string(),
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
    for (name, moments) in lives() {
        let here = Life::live(&moments);
        for one in here.iter().filter(|one| one.id.is_none()) {
            uncatalogued.insert(format!("{name} {} {}", one.kind.name(), one.pointer));
        }
        let ids: BTreeSet<_> = here.iter().filter_map(|one| one.id).collect();
        assert!(!ids.contains("ipn-retry-overtakes"), "{name}: no notification failed here");
        found.insert(name, ids);
    }
    let complaints = complaints(&found, &list());
    assert!(complaints.is_empty(), "{} complaints\n{}", complaints.len(), complaints.join("\n"));
    assert!(uncatalogued.is_empty(), "not in the catalogue:\n{uncatalogued:#?}");
}

fn complaints(found: &BTreeMap<String, BTreeSet<&str>>, list: &List) -> Vec<String> {
    let mut complaints = Vec::new();
    let List { not_found: list, not_here } = list;
    let mut whys = BTreeSet::new();
    for row in not_here.iter().map(|row| &row.why).chain(list.iter().map(|row| &row.why)) {
        if row.len() < 10 {
            complaints.push(format!("{row:?} is no reason"));
        }
    }
    for row in list.iter().filter(|row| row.at.is_empty() && !whys.insert(row.why.as_str())) {
        complaints.push(format!("{}: each id has a reason of its own", row.id));
    }
    let is_not_here =
        |at: &str| not_here.iter().any(|row| at == row.at || at.starts_with(&format!("{}/", row.at)));
    for row in not_here {
        let cited = divergences::all().iter().flat_map(|known| &known.recordings);
        if !cited.clone().any(|at| at == &row.at || at.starts_with(&format!("{}/", row.at))) {
            complaints.push(format!("{}: nothing names it", row.at));
        }
        if found.keys().any(|at| is_not_here(at)) {
            complaints.push(format!("{}: it is here", row.at));
        }
    }
    for row in list {
        if divergences::find(&row.id).is_none() {
            complaints.push(format!("{}: no such id", row.id));
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
            let Some(here) = found.get(at) else {
                if !is_not_here(at) {
                    complaints.push(format!("{id} at {at}: there is no such recording"));
                }
                continue;
            };
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

/// What no request, answer or notification ever shows, by whom it would reach; what is listed as found
/// elsewhere really is tested there.
#[test]
fn what_is_never_seen_is_what_the_docs_say() {
    let list = list();
    let rows: Vec<_> = list.not_found.iter().filter(|row| row.at.is_empty()).collect();
    for row in &rows {
        let Some((file, test)) = row.elsewhere.as_ref().map(|test| test.split_once(' ').unwrap()) else {
            continue;
        };
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains(&format!("fn {test}()")), "{}: no {test} in {file}", row.id);
    }
    let never_seen = rows.iter().filter(|row| row.elsewhere.is_none());
    let whole: BTreeSet<_> = never_seen.map(|row| row.id.as_str()).collect();
    let docs = std::fs::read_to_string("docs/decisions/divergence-journal.md").unwrap();
    let mut wanted = vec![format!("{} of the {} are never seen", whole.len(), divergences::all().len())];
    for (reach, words) in [
        (Reach::Request, "of what shops send"),
        (Reach::Answer, "of answers"),
        (Reach::Notification, "of notifications"),
        (Reach::Behaviour, "of money and states"),
        (Reach::Browser, "of the payment page"),
        (Reach::Ops, "of settings"),
    ] {
        let missed = divergences::all().iter().filter(|known| known.reaches == reach);
        let missed = missed.filter(|known| whole.contains(known.id.as_str())).count();
        wanted.push(format!("{missed} {words}"));
    }
    wanted.retain(|words| !docs.contains(words));
    assert!(wanted.is_empty(), "docs/decisions/divergence-journal.md does not say {wanted:?}");
}
