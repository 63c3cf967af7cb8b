//! One life of an invoice that payferry did not make, as two shops behind payferry read it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use payferry::json;
use payferry::ledger::Ledger;
use serde_json::Value;

use crate::cast::Role;
use crate::life::{EARLY_MS, is_end};
use crate::recorded_life;
use crate::stage::{Btcpay, Scene};
use crate::support::Shop;

pub struct MadeBefore {
    role: Role,
    btcpay: Btcpay,
    shops: [Shop; 2],
    ledger: Arc<Ledger>,
    expected: [String; 2],
    id: String,
    /// What each shop read, without repeats.
    read: [Vec<String>; 2],
    complaints: Vec<String>,
}

impl MadeBefore {
    pub fn begin(scene: Scene, expected: [String; 2]) -> Self {
        let Scene { role, btcpay, shops, ledger, .. } = scene;
        let (id, read, complaints) = (String::new(), Default::default(), Vec::new());
        Self { role, btcpay, shops, ledger, expected, id, read, complaints }
    }

    pub async fn live(mut self) -> Self {
        for step in std::mem::take(&mut self.role.steps) {
            let t_ms = step["t_ms"].as_i64().unwrap();
            self.set_time(t_ms);
            let owner = self.btcpay.sandbox.owner();
            if step["what"] == "create" {
                self.create(&step).await;
            } else if let Some(outcomes) = recorded_life::act(&owner, &[self.id.as_str()], &step) {
                if outcomes.iter().any(Result::is_err) {
                    self.complaints.push(format!("{}: {}: {outcomes:?}", self.role.id, step["action"]));
                }
            } else if is_end(&step) {
                self.set_time(t_ms + EARLY_MS);
            }
            self.read().await;
        }
        self
    }

    fn set_time(&self, t_ms: i64) {
        self.btcpay.clock.store(self.role.heading.start + t_ms, Ordering::SeqCst);
    }

    /// The shop is paired with BTCPay itself and asks for just what was recorded.
    async fn create(&mut self, step: &Value) {
        let created = self.role.heading.created.unwrap_or(self.role.heading.start);
        self.set_time(created - self.role.heading.start);
        let owner = self.btcpay.sandbox.owner();
        let (store, _) = owner.stores().into_iter().next().unwrap();
        let mut shop = Shop::new(self.btcpay.address, [9; 32]);
        shop.pair(&owner.new_pairing_code(&store, "shop").unwrap()).await;
        let mut order: Value = serde_json::from_str(step["request"]["body"].as_str().unwrap()).unwrap();
        let members = order.as_object_mut().unwrap();
        members.remove("token");
        // What BTCPay tells the shop by itself never passes payferry.
        members.remove("notificationURL");
        let order = order.to_string();
        let made = shop.create(order.trim_start_matches('{').trim_end_matches('}')).await;
        self.id = made.invoice_id();
    }

    async fn read(&mut self) {
        let _ = self.btcpay.sandbox.owner().invoices();
        for (shop, read) in self.shops.iter().zip(&mut self.read) {
            let answer = shop.read(&self.id).await;
            assert_eq!(answer.status, 200, "{}: {answer:?}", self.role.id);
            let exception = answer.data("exceptionStatus").expect("it is always there");
            let exception = exception.as_str().map(|word| format!("+{word}")).unwrap_or_default();
            let price = answer.data("price").as_ref().map(json::Value::to_string).unwrap();
            let said = format!("{}{exception} {price}", answer.data_text("status"));
            if read.last() != Some(&said) {
                read.push(said);
            }
        }
    }

    /// What the shops read otherwise than the table says, and where payferry knows more than it can.
    pub async fn differences(&self) -> Vec<String> {
        let mut wrong = self.complaints.clone();
        for (read, expected) in self.read.iter().zip(&self.expected) {
            if read.join(", ") != *expected {
                wrong.push(format!("{}: read `{}`, not `{expected}`", self.role.id, read.join(", ")));
            }
        }
        if self.ledger.find_invoice(&self.id).await.unwrap().is_some() {
            wrong.push(format!("{}: payferry took it for its own", self.role.id));
        }
        // Nobody without a credential may try ids of invoices that payferry did not make.
        self.shops[0].read_bare(&self.id).await.assert_bitpays_error();
        wrong
    }
}
