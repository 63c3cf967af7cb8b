//! What only shows between two answers, or two notifications, of one invoice.

use std::collections::{HashMap, VecDeque};

use super::notification::by_catalogue;
use super::{Divergence, Shape};
use crate::json::{Number, Value};

/// Most invoices whose last notifications are remembered.
const MOST: usize = 4096;
/// BTCPay makes `confirmed` and `complete` at the same moment, up to a second apart on a busy server.
const TOGETHER_MS: i64 = 1000;
/// What failed is sent again after ten minutes, as it was; equal ones may come in the same moment too.
const RETRIED_MS: i64 = 60_000;

/// Whether BTCPay took back what it had said: `before` is the status that the shop was told last.
#[must_use]
pub fn inspect_change(before: &str, answer: &Value) -> Option<Divergence> {
    let status = answer.get("data")?.get("status")?;
    let back = before == "paid" && status.as_str() == Some("new");
    back.then(|| by_catalogue("paid-back-to-new", "/data/status", Shape::of(Some(status)))).flatten()
}

/// The last notifications of the invoices that were notified of lately; bounded.
#[derive(Debug, Default)]
pub struct Sequence {
    last: HashMap<String, Told>,
    order: VecDeque<String>,
}

/// A notification, as far as the next one is compared with it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    form: Form,
    status: String,
    /// `currentTime` of the body: when BTCPay wrote it, milliseconds since 1970.
    written_at: i64,
    /// When it came, milliseconds since 1970.
    arrived_at: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Flat,
    Enveloped(i64),
}

impl Sequence {
    /// Finds what a notification shows beside the last one of its invoice; `invoice` is any name of it,
    /// `arrived_at` in milliseconds since 1970.
    pub fn inspect(&mut self, invoice: &str, body: &Value, arrived_at: i64) -> Vec<Divergence> {
        let Some(told) = Told::of(body, arrived_at) else { return Vec::new() };
        let Some(before) = self.last.get_mut(invoice) else {
            self.remember(invoice, told);
            return Vec::new();
        };
        let ids = told.beside(before);
        if told.written_at >= before.written_at {
            *before = told;
        }
        ids.iter().filter_map(|id| by_catalogue(id, "/status", Shape::Absent)).collect()
    }

    fn remember(&mut self, invoice: &str, told: Told) {
        if self.order.len() >= MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.last.remove(&oldest);
        }
        self.order.push_back(invoice.to_owned());
        self.last.insert(invoice.to_owned(), told);
    }
}

impl Told {
    fn of(body: &Value, arrived_at: i64) -> Option<Self> {
        let event = body.get("event");
        let data = event.and_then(|_| body.get("data")).unwrap_or(body);
        let whole = |value: &Value| value.as_number().and_then(Number::as_i64);
        let form = match event {
            Some(event) => Form::Enveloped(whole(event.get("code")?)?),
            None => Form::Flat,
        };
        let status = data.get("status")?.as_str()?.to_owned();
        Some(Self { form, status, written_at: whole(data.get("currentTime")?)?, arrived_at })
    }

    fn beside(&self, before: &Self) -> &'static [&'static str] {
        let later = self.written_at - before.written_at;
        let same = later == 0 && self.status == before.status && self.form == before.form;
        if same && self.arrived_at - before.arrived_at > RETRIED_MS {
            return &["ipn-retry-schedule", "ipn-body-frozen"];
        }
        if later < -TOGETHER_MS {
            return &["ipn-retry-overtakes"];
        }
        if later > TOGETHER_MS {
            return &[];
        }
        match (before.status.as_str(), self.status.as_str()) {
            ("confirmed", "complete") => &["ipn-confirmed-complete-together"],
            ("expired", "expired") if self.form == Form::Flat && before.form == Form::Flat => {
                &["ipn-expired-partial-twice"]
            }
            _ => &[],
        }
    }
}
