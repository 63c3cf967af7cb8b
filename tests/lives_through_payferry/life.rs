//! One life, step by step, and what five shops heard of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::Method;
use payferry::app::now_ms;
use payferry::json;
use payferry::ledger::{InvoiceRow, Ledger};
use payferry::presented::{Settlement, Status};
use payferry::sandbox;
use serde_json::Value;
use sqlx::SqlitePool;

use crate::alarms::Raised;
use crate::cast::Role;
use crate::recorded_life;
use crate::stage::{Btcpay, Scene};
use crate::support::Shop;
use crate::support::listening::{Heard, Listening};

/// How much the recorder's clock and the sandbox's may differ about the end of a time.
pub const EARLY_MS: i64 = 3_000;
/// Longer than the pause between confirmed and complete: what comes later than that waits for the owner,
/// for BTCPay or for an hour.
const SOON_MS: i64 = 2_500;
const IN_VAIN_AFTER: Duration = Duration::from_secs(120);
const MINUTE_MS: i64 = 60_000;

pub struct Life {
    role: Role,
    btcpay: Btcpay,
    shops: [Shop; 2],
    listening: [Listening; 2],
    ledger: Arc<Ledger>,
    reads: SqlitePool,
    /// From the time of the recording to now.
    later_ms: i64,
    ids: Vec<String>,
    /// Blocks that BTCPay counted when the first shop was told, one for each time.
    blocks: Vec<String>,
    complaints: Vec<String>,
}

impl Life {
    pub async fn begin(scene: Scene) -> Self {
        let Scene { role, btcpay, shops, ledger, reads } = scene;
        let listening =
            [Listening::new(Some(shops[0].clone())).await, Listening::new(Some(shops[1].clone())).await];
        let (ids, blocks, complaints) = (Vec::new(), Vec::new(), Vec::new());
        Self { role, btcpay, shops, listening, ledger, reads, later_ms: 0, ids, blocks, complaints }
    }

    /// Until nothing happens any more.
    pub async fn live(mut self) -> Self {
        // Whole minutes, so that everything is rounded as recorded; far enough ahead that payferry passes on
        // when an invoice ends, which it does for ends that are more than 35 s away.
        self.later_ms = (now_ms() - self.role.heading.start) / MINUTE_MS * MINUTE_MS + 10 * MINUTE_MS;
        for step in std::mem::take(&mut self.role.steps) {
            self.set_time(step["t_ms"].as_i64().unwrap());
            if step["what"] == "create" {
                self.create(&step).await;
            } else {
                self.step(&step).await;
            }
        }
        self
    }

    /// What the passing of an hour brings.
    pub async fn end(mut self) -> Self {
        self.look_and_settle(true).await;
        self.count_blocks().await;
        let mut missing = Vec::new();
        for row in self.rows().await {
            missing.extend(row.presented.unpaid_since_ms);
        }
        assert!(missing.is_empty(), "{}: a missing payment is still waited for", self.role.id);
        self
    }

    fn set_time(&self, t_ms: i64) {
        self.btcpay.clock.store(self.role.heading.start + self.later_ms + t_ms, Ordering::SeqCst);
    }

    async fn create(&mut self, step: &Value) {
        let created = self.role.heading.created.unwrap_or(self.role.heading.start);
        self.set_time(created - self.role.heading.start);
        let recorded: Value = serde_json::from_str(step["request"]["body"].as_str().unwrap()).unwrap();
        for ((_, shop, full, extended), _) in self.role.hears.clone() {
            let mut order = recorded.clone();
            let members = order.as_object_mut().unwrap();
            for name in ["token", "fullNotifications", "extendedNotifications"] {
                members.remove(name);
            }
            members.insert("notificationURL".to_owned(), self.listening[shop].url().into());
            members.extend(full.map(|full| ("fullNotifications".to_owned(), full.into())));
            if extended {
                members.insert("extendedNotifications".to_owned(), true.into());
            }
            if self.role.settlement == Settlement::Bitpay {
                members.insert("transactionSpeed".to_owned(), "medium".into());
            }
            if let Some(ends) = members.get("expirationTime").and_then(Value::as_i64) {
                members.insert("expirationTime".to_owned(), (ends + self.later_ms).into());
            }
            let order = order.to_string();
            let made = self.shops[shop].create(order.trim_start_matches('{').trim_end_matches('}')).await;
            assert_eq!(made.status, 200, "{}: {made:?}", self.role.id);
            self.ids.push(made.invoice_id());
        }
        self.settle().await;
    }

    async fn step(&mut self, step: &Value) {
        let t_ms = step["t_ms"].as_i64().unwrap();
        let ids: Vec<&str> = self.ids.iter().map(String::as_str).collect();
        if let Some(outcomes) = recorded_life::act(&self.btcpay.sandbox.owner(), &ids, step) {
            let good = step["status"].as_i64().is_none_or(|status| status < 300);
            if outcomes.iter().any(|outcome| outcome.is_ok() != good) {
                self.complaints.push(format!("{}: {}: {outcomes:?}", self.role.id, step["action"]));
            }
        } else if is_end(step) {
            self.set_time(t_ms + EARLY_MS);
        }
        self.settle().await;
        self.count_blocks().await;
        if self.role.readings.contains(&t_ms) {
            self.look_and_settle(false).await;
            self.count_blocks().await;
        }
    }

    /// What BTCPay's public answer says while the first shop hears what it had not heard yet.
    async fn count_blocks(&mut self) {
        let heard = self.heard_of(&self.ids[0], 0).len();
        if self.role.settlement == Settlement::Bitpay && heard > self.blocks.len() {
            let customer = Shop::new(self.btcpay.address, [1; 32]);
            let page = format!("/i/{}/status", self.ids[0]);
            let shown = customer.send(Method::GET, &page, "", false).await.json();
            let blocks = shown.get("receivedConfirmations").and_then(json::Value::as_number);
            let blocks = match shown.get("status").and_then(json::Value::as_str) {
                Some("Settled") => "settled",
                _ => blocks.map_or("0", json::Number::text),
            };
            self.blocks.resize(heard, blocks.to_owned());
        }
    }

    /// The shops read their invoices, as most do now and then. Where blocks are counted payferry polls, too,
    /// as nobody tells it of single blocks.
    async fn look_and_settle(&self, is_end: bool) {
        if self.role.settlement == Settlement::Bitpay {
            self.poll().await;
        }
        for (id, ((_, shop, ..), _)) in self.ids.iter().zip(&self.role.hears) {
            let answer = self.shops[*shop].read(id).await;
            assert_eq!(answer.status, 200, "{}: {answer:?}", self.role.id);
        }
        let started = Instant::now();
        while self.has_unseen(is_end).await && started.elapsed() < Duration::from_secs(15) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.settle().await;
    }

    /// Whether payferry has not noticed yet that a payment is gone; at the end, that its time is over.
    async fn has_unseen(&self, is_end: bool) -> bool {
        let owner = self.btcpay.sandbox.owner();
        self.rows().await.into_iter().zip(&self.ids).any(|(row, id)| {
            let is_missed = row.presented.unpaid_since_ms.is_some();
            let at_btcpay = owner.invoice(id).unwrap().status;
            let is_gone = matches!(at_btcpay, sandbox::Status::New | sandbox::Status::Expired);
            if is_end { is_missed } else { is_gone && row.presented.status == Status::Paid && !is_missed }
        })
    }

    /// The time of the next poll is there. Anybody who knows the address can bring it about by a forged
    /// notification, and no more than that.
    async fn poll(&self) {
        for id in &self.ids {
            let url = self.btcpay.sandbox.owner().invoice(id).unwrap().notification_url.unwrap();
            let (address, path) = url.strip_prefix("http://").and_then(|url| url.split_once('/')).unwrap();
            let anybody = Shop::new(address.parse().unwrap(), [1; 32]);
            let forged = r#"{"event":{"code":1006},"data":{"status":"complete"}}"#;
            let answer = anybody.send(Method::POST, &format!("/{path}"), forged, false).await;
            assert_eq!(answer.status, 200, "{}: {answer:?}", self.role.id);
        }
    }

    async fn rows(&self) -> Vec<InvoiceRow> {
        let mut rows = Vec::new();
        for id in &self.ids {
            rows.push(self.ledger.find_invoice(id).await.unwrap().expect("payferry knows it"));
        }
        rows
    }

    /// Waits until BTCPay has nothing to tell and payferry nothing to do.
    async fn settle(&self) {
        let (owner, started) = (self.btcpay.sandbox.owner(), Instant::now());
        loop {
            let _ = owner.invoices();
            let waiting = owner.waiting_notifications();
            let due = self.due().await;
            if waiting == 0 && due == 0 {
                return;
            }
            if started.elapsed() > IN_VAIN_AFTER {
                let log = owner.notification_log().join("\n");
                panic!("{}: no rest: {waiting} at BTCPay, {due} in payferry\n{log}", self.role.id);
            }
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    }

    /// How many of its invoices payferry will look after soon.
    async fn due(&self) -> i64 {
        let count = sqlx::query_scalar("SELECT COUNT(*) FROM invoices WHERE store_id = ? AND wake_at <= ?");
        let soon = now_ms() + SOON_MS;
        count.bind(&self.btcpay.store_id).bind(soon).fetch_one(&self.reads).await.unwrap()
    }

    pub fn heard(&self) -> usize {
        self.listening.iter().map(|listening| listening.heard().len()).sum()
    }

    /// What was delivered, one body a line.
    pub fn bodies(&self) -> Vec<String> {
        self.listening.iter().flat_map(Listening::heard).map(|heard| heard.body).collect()
    }

    fn heard_of(&self, id: &str, shop: usize) -> Vec<Heard> {
        let mut heard = self.listening[shop].heard();
        heard.retain(|heard| heard.text("id") == id);
        heard
    }

    /// How many alarms its invoices should raise.
    pub fn alarms_expected(&self) -> usize {
        self.ids.len() * self.role.alarms.split_whitespace().count()
    }

    /// What the shops heard, and the operator, otherwise than the table says.
    pub fn differences(&self, raised: &Raised) -> Vec<String> {
        let mut wrong = self.complaints.clone();
        let Role { id: life, settlement, alarms, hears, .. } = &self.role;
        for (id, ((wish, shop, ..), expected)) in self.ids.iter().zip(hears) {
            let heard = self.heard_of(id, *shop);
            let told = match settlement {
                Settlement::Btcpay => heard.iter().map(said).collect::<Vec<_>>(),
                Settlement::Bitpay => heard.iter().zip(&self.blocks).map(said_at).collect(),
            }
            .join(", ");
            if told != *expected {
                wrong.push(format!("{life}, {settlement}, {wish}: heard `{told}`, not `{expected}`"));
            }
            let disagrees = heard.iter().filter(|heard| !reads_agree(heard));
            wrong.extend(disagrees.map(|heard| format!("{life}, {settlement}, {wish}: {heard:?}")));
            let rung = raised.of(id);
            if rung != *alarms {
                wrong.push(format!("{life}, {settlement}, {wish}: alarms `{rung}`, not `{alarms}`"));
            }
        }
        wrong
    }
}

/// `1005 confirmed+paidOver`; the code where there is an envelope.
fn said(heard: &Heard) -> String {
    match heard.text("exceptionStatus").as_str() {
        "" => heard.told(),
        exception => format!("{}+{exception}", heard.told()),
    }
}

/// `1005 confirmed @1`; what is over has no blocks to count.
fn said_at((heard, blocks): (&Heard, &String)) -> String {
    match heard.text("status").as_str() {
        "expired" | "invalid" => said(heard),
        _ => format!("{} @{blocks}", said(heard)),
    }
}

/// WooCommerce 3.46 and WHMCS 3.0 die when a read does not say what the notification says.
fn reads_agree(heard: &Heard) -> bool {
    let Some(read) = heard.read.as_ref().filter(|read| read.status == 200) else { return false };
    let invoice = heard.invoice();
    ["id", "status", "exceptionStatus", "price", "url"].iter().all(|name| {
        let told: Option<json::Value> = invoice.get(name).cloned();
        told.is_some()
            && read.data(name).map(|value| value.to_string()) == told.map(|value| value.to_string())
    })
}

/// Told when a time was over.
pub fn is_end(step: &Value) -> bool {
    let text = step["body"].as_str().or(step["told"].as_str()).unwrap_or_default();
    let was_told = ["ipn", "told"].iter().any(|what| step["what"] == **what);
    was_told && (text.contains("expired") || text.contains("invalid"))
}
