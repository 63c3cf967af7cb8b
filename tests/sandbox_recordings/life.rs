//! One life, step by step.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::actions::{post, signed};
use crate::compare;
use crate::keys::secret;
use crate::names::Names;
use crate::recorded_life::{self, Heading, store};
use crate::sink::Sink;
use crate::wire::{Answer, Bench, Raw};

const SHOP: &str = "the shop of a life";
/// What BTCPay shows for so short that nobody needs to rely on it.
const TRANSIENT_MS: i64 = 500;
/// How much the recorder's clock and the sandbox's may differ about the end of a time.
const EARLY_MS: i64 = 3000;

pub struct Life<'a> {
    bench: Bench,
    sink: &'a Sink,
    names: Names,
    start: i64,
    created: i64,
    busy: bool,
    path: String,
    id: String,
    /// What each view showed last, without what is new every time.
    shown: BTreeMap<String, Value>,
    pub complaints: Vec<String>,
}

impl<'a> Life<'a> {
    pub async fn begin(heading: &Heading, sink: &'a Sink) -> Self {
        let bench = Bench::start().await;
        bench.set_time(heading.start);
        let made = bench.owner().create_store(store(heading));
        bench.owner().set_fee_rate(&heading.fee_rate);
        bench.owner().set_lag(heading.lag_ms.unwrap_or_default());
        let code = bench.owner().new_pairing_code(&made, "").unwrap();
        let body = format!(r#"{{"pairingCode":"{code}","id":"{}"}}"#, secret(SHOP).public().sin());
        assert_eq!(bench.play(&post("/tokens", body.as_bytes())).await.status, 200);
        let mut names = Names::default();
        names.pair("4qzqpAbEb16LGki9pEWEwxzMXCF1X32G2k23fVt4Rhj8", &made);
        let (shown, complaints) = (BTreeMap::new(), Vec::new());
        let (path, id) = (String::new(), String::new());
        let (start, created) = (heading.start, heading.created.unwrap_or(heading.start));
        let busy = heading.lag_ms.is_some();
        Self { bench, sink, names, start, created, busy, path, id, shown, complaints }
    }

    pub async fn live(&mut self, steps: &[Value]) {
        for (at, step) in steps.iter().enumerate() {
            let t_ms = step["t_ms"].as_i64().unwrap();
            self.bench.set_time(self.start + t_ms);
            let before = self.complaints.len();
            self.step(step, &steps[at + 1..], t_ms).await;
            if self.busy {
                self.complaints.retain(|complaint| !complaint.starts_with("receivedConfirmations"));
            }
            let before = before.min(self.complaints.len());
            for complaint in &mut self.complaints[before..] {
                *complaint = format!("at {t_ms} ms: {complaint:.600}");
            }
        }
        while let Some(body) = self.sink.next(&self.path) {
            self.complaints.push(format!("told too much: {}", short(&body)));
        }
    }

    async fn step(&mut self, step: &Value, later: &[Value], t_ms: i64) {
        let passing = |view: &str| {
            let same = |other: &&Value| {
                other["what"] == step["what"] || other["what"] == "read" && other["view"] == view
            };
            later.iter().find(same).is_some_and(|next| next["t_ms"].as_i64().unwrap() < t_ms + TRANSIENT_MS)
        };
        match step["what"].as_str().unwrap() {
            "create" => self.create(step).await,
            "action" => self.act(step).await,
            "ipn" => self.told(step["body"].as_str().unwrap(), t_ms).await,
            "told" => self.told_in_short(step["told"].as_str().unwrap(), t_ms).await,
            "read" if !step["unchanged"].is_null() => self.unchanged(step).await,
            "read" => self.read(step).await,
            "poll" if !passing("checkout-status") => {
                let shown = self.view("checkout-status").await.1;
                self.fields(&step["first_seen_with"], &shown);
            }
            "seen" if !passing("signed") => self.seen(step["seen"].as_str().unwrap()).await,
            "poll" | "seen" | "email" => {}
            other => panic!("step {other}"),
        }
    }

    async fn create(&mut self, step: &Value) {
        let mut body = step["request"]["body"].as_str().unwrap().replace("(token)", "token");
        if let Some((before, after)) = body.clone().split_once("http://127.0.0.1:97") {
            body = format!("{before}http://{}{}", self.sink.address, &after[2..]);
        }
        let request: Value = serde_json::from_str(&body).unwrap();
        let url = request["notificationURL"].as_str().unwrap_or_default();
        self.path = url.strip_prefix(&format!("http://{}", self.sink.address)).unwrap_or_default().to_owned();
        self.bench.set_time(self.created);
        let answer = self.bench.play(&signed(post("/invoices", body.as_bytes()), SHOP)).await;
        let text = String::from_utf8(answer.body).unwrap();
        assert_eq!(answer.status, 200, "{text}");
        let shown: Value = serde_json::from_str(&text).unwrap();
        self.id = shown["data"]["id"].as_str().unwrap().to_owned();
        if let Some(recorded) = step["body"].as_str() {
            self.complaints.extend(compare::bodies(recorded, &text, &mut self.names));
        }
        if let Some(id) = step["fields"]["id"].as_str() {
            self.names.pair(id, &self.id);
        }
        self.quiet().await;
    }

    async fn act(&mut self, step: &Value) {
        match recorded_life::act(&self.bench.owner(), &[&self.id], step) {
            Some(outcomes) => {
                let good = step["status"].as_i64().is_none_or(|status| status < 300);
                if outcomes.iter().any(|outcome| outcome.is_ok() != good) {
                    self.complaints.push(format!("{}: {outcomes:?}", step["action"]));
                }
            }
            None => self.due(step["action"].as_str().unwrap()).await,
        }
        self.quiet().await;
    }

    /// `btcDue is 0.00025`
    async fn due(&mut self, recorded: &str) {
        let shown = self.view("signed").await.1["data"]["btcDue"].take();
        if recorded.rsplit(' ').next() != shown.as_str() {
            self.complaints.push(format!("btcDue {shown}"));
        }
    }

    /// Waits until nothing is on its way.
    async fn quiet(&self) {
        let owner = self.bench.owner();
        let _ = owner.invoice(&self.id);
        for _ in 0..5000 {
            if owner.waiting_notifications() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("notifications hang");
    }

    async fn told(&mut self, recorded: &str, t_ms: i64) {
        match self.next_told(t_ms).await {
            None => self.complaints.push(format!("not told: {}", short(recorded))),
            Some(body) if race(&body).is_some() && race(&body) == race(recorded) => {
                let told = compare::lines(recorded, &body, &self.names);
                let state = ["status", "exceptionStatus", "btcDue", "\"BTC\""];
                let lasting = told.into_iter().filter(|line| !state.iter().any(|name| line.contains(name)));
                self.complaints.extend(lasting);
            }
            Some(body) if short(&body) != short(recorded) => {
                self.complaints.push(format!("told {} instead of {}", short(&body), short(recorded)));
            }
            Some(body) => self.complaints.extend(compare::lines(recorded, &body, &self.names)),
        }
    }

    /// The next notification; where the time is over, the recording may tell so a little earlier.
    async fn next_told(&mut self, t_ms: i64) -> Option<String> {
        self.quiet().await;
        let told = self.sink.next(&self.path);
        if told.is_some() {
            return told;
        }
        self.bench.set_time(self.start + t_ms + EARLY_MS);
        self.quiet().await;
        self.sink.next(&self.path)
    }

    async fn told_in_short(&mut self, recorded: &str, t_ms: i64) {
        let told = self.next_told(t_ms).await.map(|body| short(&body));
        let raced = |told: &Option<String>| told.as_deref().is_some_and(|told| told[..13] == recorded[..13]);
        if is_race(recorded) && raced(&told) {
            return;
        }
        if told.as_deref() != Some(recorded) {
            self.complaints.push(format!("told {told:?} instead of {recorded}"));
        }
    }

    async fn view(&mut self, view: &str) -> (Answer, Value) {
        let headers = vec![("Host".to_owned(), "127.0.0.1:14142".to_owned())];
        let get = |target: String| Raw { method: "GET".to_owned(), target, headers, ..Raw::default() };
        let answer = match view {
            "signed" => self.bench.play(&signed(get(format!("/invoices/{}?token=x", self.id)), SHOP)).await,
            "checkout-status" => self.bench.play(&get(format!("/i/{}/status", self.id))).await,
            other => panic!("view {other}"),
        };
        let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        (answer, value)
    }

    async fn read(&mut self, step: &Value) {
        let view = step["view"].as_str().unwrap();
        let (answer, shown) = self.view(view).await;
        if i64::from(answer.status) != step["status"].as_i64().unwrap() {
            self.complaints.push(format!("{view} {}", answer.status));
        }
        let text = String::from_utf8(answer.body).unwrap();
        match (step["body"].as_str(), view) {
            (Some(""), _) => {}
            (Some(recorded), _) => {
                if let Ok(recorded) = serde_json::from_str::<Value>(recorded)
                    && let (Some(recorded), Some(own)) =
                        (recorded["storeId"].as_str(), shown["storeId"].as_str())
                {
                    self.names.pair(recorded, own);
                }
                self.complaints.extend(compare::bodies(recorded, &text, &mut self.names));
            }
            (None, "signed") => self.fields(&step["fields"], &shown["data"]),
            (None, _) => self.fields(&step["fields"], &shown),
        }
        self.shown.insert(view.to_owned(), self.lasting(shown));
    }

    async fn unchanged(&mut self, step: &Value) {
        for view in step["unchanged"].as_array().unwrap() {
            let view = view.as_str().unwrap();
            let shown = self.view(view).await.1;
            let shown = self.lasting(shown);
            if self.shown.get(view).is_some_and(|before| *before != shown) {
                self.complaints.push(format!("{view} changed: {}", changes(&self.shown[view], &shown)));
            }
            self.shown.insert(view.to_owned(), shown);
        }
    }

    async fn seen(&mut self, recorded: &str) {
        self.quiet().await;
        let data = self.view("signed").await.1["data"].take();
        let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let [status, exception, paid, due] =
            ["status", "exceptionStatus", "btcPaid", "btcDue"].map(|name| word(&data[name]));
        let seen = format!("{status}/{exception}/paid {paid}/due {due}");
        if seen != recorded {
            self.complaints.push(format!("seen {seen} instead of {recorded}"));
        }
    }

    /// A view without what is new every time.
    fn lasting(&self, mut view: Value) -> Value {
        if let Some(data) = view.get_mut("data").and_then(Value::as_object_mut) {
            data.retain(|name, _| !["guid", "token", "currentTime"].contains(&name.as_str()));
        } else if let Some(status) = view.as_object_mut() {
            status.retain(|name, _| !["expirationSeconds", "timeLeft"].contains(&name.as_str()));
            if self.busy {
                status.remove("receivedConfirmations");
            }
        }
        view
    }

    /// Members of a view that was not recorded whole.
    fn fields(&mut self, recorded: &Value, shown: &Value) {
        let payments = shown["cryptoInfo"][0]["payments"].as_array().cloned().unwrap_or_default();
        for (name, expected) in recorded.as_object().unwrap() {
            let actual = match name.as_str() {
                "expirationSeconds" => continue,
                "payments" => payments
                    .iter()
                    .map(|one| [&one["value"], &one["confirmed"]].map(Value::clone))
                    .map(Value::from_iter)
                    .collect(),
                "payments_confirmed" => payments.iter().map(|one| one["confirmed"].clone()).collect(),
                _ => shown[name].clone(),
            };
            let expected = match expected.as_str() {
                Some(text) => Value::from(self.names.translate(text)),
                None => expected.clone(),
            };
            if actual != expected && actual.as_f64().is_none_or(|number| Some(number) != expected.as_f64()) {
                self.complaints.push(format!("{name} {actual} instead of {expected}"));
            }
        }
    }
}

fn changes(before: &Value, after: &Value) -> String {
    let inner = |view: &Value| view.get("data").unwrap_or(view).as_object().cloned().unwrap_or_default();
    let (before, after) = (inner(before), inner(after));
    let changed = after.iter().filter(|(name, value)| before.get(*name) != Some(value));
    changed.map(|(name, value)| format!("{name} {value:.200}")).collect::<Vec<_>>().join(", ")
}

/// `extended 1003 invoice_paidInFull paid/false`, `flat paid/false`
fn short(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap();
    let data = body.get("data").unwrap_or(&body);
    let state = format!(
        "{}/{}",
        data["status"].as_str().unwrap(),
        data["exceptionStatus"].to_string().trim_matches('"')
    );
    match body.get("event") {
        Some(event) => format!("extended {} {} {state}", event["code"], event["name"].as_str().unwrap()),
        None => format!("flat {state}"),
    }
}

/// The name of an event that is written while the state changes.
fn race(body: &str) -> Option<String> {
    let short = short(body);
    is_race(&short).then(|| short.chars().take(13).collect())
}

/// BTCPay writes 1001 and 1002 while it works on the state, and tells the old or the new one.
fn is_race(short: &str) -> bool {
    short.starts_with("extended 1002") || short.starts_with("extended 1001")
}
