//! What the operator was told of the lives, in each of the three places where he can hear it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use payferry::ledger::Ledger;
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::support::command;

/// How often each alarm was raised.
pub type Counts = BTreeMap<String, u64>;

/// The lines of payferry's log that are alarms.
pub struct AlarmLog(NamedTempFile);

impl AlarmLog {
    pub fn start() -> Self {
        let log = NamedTempFile::new().unwrap();
        let lines = tracing_subscriber::fmt().json().flatten_event(true).with_env_filter("off,alarm=trace");
        let lines = lines.with_writer(Arc::new(log.reopen().unwrap())).finish();
        tracing::subscriber::set_global_default(lines).unwrap();
        Self(log)
    }

    /// Alarm, invoice and store of each line, sorted.
    pub fn lines(&self) -> Vec<[String; 3]> {
        let text = std::fs::read_to_string(self.0.path()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        sorted(lines.map(|line: Value| named(&line)))
    }
}

/// What stands in the ledger, by the invoice's id, in order.
pub struct Raised(BTreeMap<String, Vec<String>>);

impl Raised {
    /// Waits until there are as many as there should be, and a little longer for what must not come.
    pub async fn all(ledger: &Ledger, expected: usize) -> Self {
        let started = Instant::now();
        while ledger.alarms(u32::MAX).await.unwrap().len() < expected
            && started.elapsed() < Duration::from_secs(15)
        {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut raised: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in ledger.alarms(u32::MAX).await.unwrap().into_iter().rev() {
            raised.entry(row.invoice_id).or_default().push(row.alarm);
        }
        Self(raised)
    }

    /// `partial_payment_kept money_kept_after_expiry`
    pub fn of(&self, invoice: &str) -> String {
        self.0.get(invoice).map(|alarms| alarms.join(" ")).unwrap_or_default()
    }

    pub fn counts(&self) -> Counts {
        let mut counts = Counts::new();
        for alarm in self.0.values().flatten() {
            *counts.entry(alarm.clone()).or_default() += 1;
        }
        counts
    }
}

/// What `payferry notifications list --json` says: alarm, invoice and store of each, sorted.
pub fn listed(folder: &Path) -> Vec<[String; 3]> {
    let words = ["notifications", "list", "--json", "--most", "100000", "--config", "payferry.toml"];
    let list = command::payferry(folder, &words).ended_with(0).json();
    sorted(list["alarms"].as_array().unwrap().iter().map(named))
}

/// Adds what the metric of a payferry counted since its start.
pub fn add(counts: &mut Counts, metrics: &str) {
    for line in metrics.lines() {
        let Some(rest) = line.strip_prefix("payferry_alarms_total{alarm=\"") else { continue };
        let (alarm, count) = rest.split_once("\"} ").unwrap();
        *counts.entry(alarm.to_owned()).or_default() += count.parse::<u64>().unwrap();
    }
}

fn named(alarm: &Value) -> [String; 3] {
    ["alarm", "invoice", "store"].map(|name| alarm[name].as_str().unwrap().to_owned())
}

fn sorted(alarms: impl Iterator<Item = [String; 3]>) -> Vec<[String; 3]> {
    let mut alarms: Vec<_> = alarms.collect();
    alarms.sort();
    alarms
}
