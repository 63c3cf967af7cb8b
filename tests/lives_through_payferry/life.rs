//! One life, step by step, and what five shops heard of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use payferry::app::now_ms;
use payferry::json;
use payferry::ledger::{InvoiceRow, Ledger};
use payferry::presented::Status;
use serde_json::Value;

use crate::recorded_life;
use crate::stage::{Btcpay, Role};
use crate::support::Shop;
use crate::support::listening::{Heard, Listening};

/// How much the recorder's clock and the sandbox's may differ about the end of a time.
const EARLY_MS: i64 = 3_000;
/// Longer than the pause between confirmed and complete: what comes later than that waits for the owner,
/// for BTCPay or for an hour.
const SOON_MS: i64 = 2_500;
const IN_VAIN_AFTER: Duration = Duration::from_secs(120);
const MINUTE_MS: i64 = 60_000;

/// What a shop asks for: the column of `told.toml`, whether it is the shop of 2021, `fullNotifications`,
/// `extendedNotifications`.
pub const WISHES: [(&str, usize, Option<bool>, bool); 5] = [
    ("extended", 0, None, true),
    ("full", 0, Some(true), false),
    ("neither", 0, Some(false), false),
    ("full_2021", 1, None, false),
    ("neither_2021", 1, Some(false), false),
];

pub struct Life {
    role: Role,
    btcpay: Btcpay,
    shops: [Shop; 2],
    listening: [Listening; 2],
    ledger: Arc<Ledger>,
    /// From the time of the recording to now.
    later_ms: i64,
    ids: Vec<String>,
    complaints: Vec<String>,
}

impl Life {
    pub async fn begin(role: Role, btcpay: Btcpay, shops: [Shop; 2], ledger: Arc<Ledger>) -> Self {
        let listening =
            [Listening::new(Some(shops[0].clone())).await, Listening::new(Some(shops[1].clone())).await];
        Self { role, btcpay, shops, listening, ledger, later_ms: 0, ids: Vec::new(), complaints: Vec::new() }
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
    pub async fn end(self) -> Self {
        self.look_and_settle(None).await;
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
        for (_, shop, full, extended) in WISHES {
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
        } else if ["ipn", "told"].iter().any(|what| step["what"] == **what) && is_end(step) {
            self.set_time(t_ms + EARLY_MS);
        }
        self.settle().await;
        let reading = self.role.readings.iter().find(|(t, _)| *t == t_ms).map(|(_, is)| is.clone());
        if let Some(is) = reading {
            self.look_and_settle(Some(&is)).await;
        }
    }

    /// The shops read their invoices, as most do now and then.
    async fn look_and_settle(&self, is: Option<&str>) {
        for (id, (_, shop, ..)) in self.ids.iter().zip(WISHES) {
            let answer = self.shops[shop].read(id).await;
            assert_eq!(answer.status, 200, "{}: {answer:?}", self.role.id);
        }
        let gone = is.is_some_and(|is| is.starts_with("new") || is.starts_with("expired"));
        let started = Instant::now();
        loop {
            let rows = self.rows().await;
            let unseen = |row: &InvoiceRow| {
                let missed = row.presented.unpaid_since_ms;
                if is.is_none() {
                    missed.is_some()
                } else {
                    gone && row.presented.status == Status::Paid && missed.is_none()
                }
            };
            if !rows.iter().any(unseen) || started.elapsed() > Duration::from_secs(15) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.settle().await;
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
        let rows: Vec<String> = self.rows().await.into_iter().map(|row| row.row_id).collect();
        loop {
            let _ = owner.invoices();
            if owner.waiting_notifications() == 0 {
                let (due, _) = self.ledger.due(now_ms() + SOON_MS, 10_000).await.unwrap();
                if !due.iter().any(|row| rows.contains(row)) {
                    return;
                }
            }
            assert!(started.elapsed() < IN_VAIN_AFTER, "{}: no rest", self.role.id);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn heard(&self) -> usize {
        self.listening.iter().map(|listening| listening.heard().len()).sum()
    }

    /// What was delivered, one body a line.
    pub fn bodies(&self) -> Vec<String> {
        self.listening.iter().flat_map(Listening::heard).map(|heard| heard.body).collect()
    }

    /// What the shops heard otherwise than the table says.
    pub fn differences(&self) -> Vec<String> {
        let mut wrong = self.complaints.clone();
        let story = &self.role.story;
        for (id, (wish, shop, ..)) in self.ids.iter().zip(WISHES) {
            let heard = self.listening[shop].heard().into_iter().filter(|heard| heard.text("id") == *id);
            let heard: Vec<Heard> = heard.collect();
            let told = heard.iter().map(said).collect::<Vec<_>>().join(", ");
            let expected = match wish {
                "extended" => &story.extended,
                "full" => &story.full,
                "neither" => &story.neither,
                "full_2021" => &story.full_2021,
                _ if self.role.is_low => &story.neither_2021_low,
                _ => &story.neither_2021,
            };
            if told != *expected {
                wrong.push(format!("{}, {wish}: heard `{told}`, not `{expected}`", self.role.id));
            }
            let disagrees = heard.iter().filter(|heard| !reads_agree(heard));
            wrong.extend(disagrees.map(|heard| format!("{}, {wish}: {heard:?}", self.role.id)));
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
fn is_end(step: &Value) -> bool {
    let text = step["body"].as_str().or(step["told"].as_str()).unwrap_or_default();
    text.contains("expired") || text.contains("invalid")
}
