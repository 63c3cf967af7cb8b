//! Sending a create once, and keeping what came of it before the shop hears.

use super::words::{answer_context, words_context};
use super::{Commission, CreateError, Creates, Made, Outcome, name};
use crate::failpoint::Failpoint;
use crate::json::{Object, Value};
use crate::ledger::{InvoiceRow, InvoiceState, NewInvoice};
use crate::walk::to_btcpay;
use crate::walk::understand::{Misunderstood, understand};
use crate::walk::upstream::UpstreamError;

impl Creates {
    pub(super) fn new_row(&self, row_id: &str, commission: &Commission) -> NewInvoice {
        NewInvoice {
            row_id: row_id.to_owned(),
            store_id: commission.store.id.clone(),
            credential_id: commission.credential_id.clone(),
            guid: commission.order.guid().map(str::to_owned),
            fingerprint: commission.order.fingerprint(),
            words_sealed: self.seal_words(row_id, commission),
            dialect: commission.dialect.to_owned(),
            host: commission.host.clone(),
            agent: commission.agent.clone(),
            era: commission.era,
            settlement: commission.store.settlement,
            notification_id: name(self.random),
            created_at: (self.clock)(),
            sent_by: self.life.clone(),
        }
    }

    pub(super) fn seal_words(&self, row_id: &str, commission: &Commission) -> Vec<u8> {
        let words = Value::Object(commission.order.words.clone()).to_string();
        self.secrets.seal(&words_context(row_id), self.nonce(), words.as_bytes())
    }

    fn nonce(&self) -> [u8; 24] {
        let mut nonce = [0; 24];
        (self.random)(&mut nonce);
        nonce
    }

    pub(super) async fn send(&self, row: &InvoiceRow, commission: &Commission) -> Outcome {
        let url = self.notify_base.as_ref().map(|base| format!("{base}/{}", row.notification_id));
        let additions = to_btcpay::Additions {
            mark: &row.row_id,
            notify_url: url.as_deref(),
            settlement: commission.store.settlement,
            era: commission.era,
        };
        let (body, left_out) = to_btcpay::create(&commission.order, &additions, (self.clock)());
        let sent = self.upstream.create_invoice(&commission.store, &body, self.reads_on).await;
        let answer = match sent {
            Ok(answer) => answer,
            Err(error) => return self.after_no_answer(row, commission, error).await,
        };
        match understand(&answer) {
            Ok(value) => {
                let mut made = match self.bind(row, &value, commission.order.words.clone()).await {
                    // JSON with a good status that is no invoice: BTCPay may have made one all the same.
                    Err(CreateError::Facts(_)) => {
                        let error = UpstreamError::Misunderstood(Misunderstood::NotJson);
                        return self.after_no_answer(row, commission, error).await;
                    }
                    bound => bound?,
                };
                made.left_out = left_out;
                Ok(made)
            }
            Err(error) => self.after_no_answer(row, commission, UpstreamError::Misunderstood(error)).await,
        }
    }

    /// Settles the row where BTCPay certainly made nothing; otherwise asks by the mark.
    async fn after_no_answer(
        &self,
        row: &InvoiceRow,
        commission: &Commission,
        error: UpstreamError,
    ) -> Outcome {
        let settled = match &error {
            UpstreamError::Forward(forward) if !forward.nothing_was_sent() => None,
            UpstreamError::Misunderstood(answer) if answer.nothing_was_made() => Some(InvoiceState::Refused),
            UpstreamError::Misunderstood(_) => None,
            _ => Some(InvoiceState::Failed),
        };
        match settled {
            Some(state) => self.ledger.settle_invoice(&row.row_id, state, (self.clock)()).await?,
            None => {
                if let Ok(Some(made)) = self.look(row, commission).await {
                    return Ok(made);
                }
            }
        }
        Err(error.into())
    }

    /// Keeps BTCPay's id and answer before the shop hears of them.
    pub(super) async fn bind(&self, row: &InvoiceRow, answer: &Value, words: Object) -> Outcome {
        let made = Made::new(answer.clone(), words, row)?;
        let sealed =
            self.secrets.seal(&answer_context(&row.row_id), self.nonce(), answer.to_string().as_bytes());
        let (now_ms, id) = ((self.clock)(), &made.facts.id);
        self.ledger.bind_invoice(&row.row_id, id, sealed, now_ms, now_ms + self.first_look_ms).await?;
        Failpoint::AnswerCommitted.reach();
        Ok(made)
    }
}
