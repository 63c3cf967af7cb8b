//! Finding an invoice of unknown outcome by its mark, and how long there must be none before a repeat
//! may send it again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{Commission, CreateError, Creates, Made, Outcome, open_answer, open_words};
use crate::json::{Object, Value};
use crate::ledger::InvoiceRow;
use crate::walk::to_btcpay;

/// Most rows whose empty looks are remembered; beyond it they are all forgotten and wait anew.
const MOST_LOOKS: usize = 10_000;
const LOOK_WITHIN: Duration = Duration::from_secs(5);

/// When BTCPay first had no invoice with a row's mark, milliseconds since 1970.
pub(super) struct EmptyLooks {
    first: Mutex<HashMap<String, i64>>,
    quiet_ms: i64,
}

impl EmptyLooks {
    pub(super) fn new(quiet_ms: i64) -> Self {
        Self { first: Mutex::default(), quiet_ms }
    }

    fn note(&self, row_id: &str, now_ms: i64) {
        let mut looks = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if looks.len() >= MOST_LOOKS {
            looks.clear();
        }
        looks.entry(row_id.to_owned()).or_insert(now_ms);
    }

    /// Whether BTCPay has had time enough, since it first answered that it has no such invoice, to carry out
    /// a create that it still held: it answers reads up to 10 s before creates (outages postgresql-*).
    pub(super) fn are_over(&self, row_id: &str, now_ms: i64) -> bool {
        let mut looks = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let first = looks.get(row_id).copied().unwrap_or(i64::MAX);
        let quiet = now_ms.saturating_sub(first) >= self.quiet_ms;
        if quiet {
            looks.remove(row_id);
        }
        quiet
    }
}

impl Creates {
    /// Asks BTCPay for the invoice that carries the row's mark, and binds it where there is one.
    pub(super) async fn look(
        &self,
        row: &InvoiceRow,
        commission: &Commission,
    ) -> Result<Option<Made>, CreateError> {
        let words = self.words(row, commission)?;
        let item_code = to_btcpay::item_code_of(&words, &row.row_id);
        let found = self.upstream.find_by_item_code(&commission.store, &item_code, LOOK_WITHIN).await?;
        match found {
            None => {
                self.empty_looks.note(&row.row_id, (self.clock)());
                Ok(None)
            }
            Some(invoice) => {
                let answer = Value::Object(Object::new().with("data", invoice));
                let made = self.bind(row, &answer, words).await?;
                Ok(Some(Made { found: true, ..made }))
            }
        }
    }

    /// Reads a known invoice anew; where BTCPay does not answer, what it said at first still stands.
    pub(super) async fn again(&self, row: &InvoiceRow, invoice_id: &str, commission: &Commission) -> Outcome {
        let words = self.words(row, commission)?;
        let fresh = self.upstream.read_invoice(&commission.store, invoice_id, LOOK_WITHIN).await;
        let answer = match fresh {
            Ok(answer) => answer,
            Err(error) => open_answer(&self.secrets, row).ok_or(error)?,
        };
        Made::new(answer, words, row)
    }

    /// Where they were erased, those that the shop sends now for the same order.
    fn words(&self, row: &InvoiceRow, commission: &Commission) -> Result<Object, CreateError> {
        let kept = open_words(&self.secrets, row)?;
        Ok(kept.unwrap_or_else(|| commission.order.words.clone()))
    }
}
