//! The task behind a create: joined by repeats, bounded in number, not ended by a shop that hangs up.

use std::sync::{Arc, PoisonError};

use tokio::sync::watch;

use super::{Commission, CreateError, Creates, Outcome, name};
use crate::failpoint::Failpoint;
use crate::ledger::{InvoiceRow, InvoiceState, Reservation};

/// The outcome of a create, once there is one.
pub(super) type Pending = watch::Receiver<Option<Outcome>>;

impl Creates {
    /// Joins the create under way for the same guid and order, or starts one.
    ///
    /// True for one that was joined: then the outcome is another request's.
    pub(super) fn start(self: &Arc<Self>, commission: Commission) -> Result<(Pending, bool), CreateError> {
        let key = self.key(&commission);
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pending) = under_way.get(&key) {
            return Ok((pending.clone(), true));
        }
        let room = self.room.take(&commission)?;
        let (tell, pending) = watch::channel(None);
        under_way.insert(key.clone(), pending.clone());
        drop(under_way);
        let creates = Arc::clone(self);
        self.tasks.spawn(async move {
            let under_way = UnderWay { creates: &creates, key };
            let row_id = name(creates.random);
            let outcome = creates.work(&row_id, &commission).await;
            drop((under_way, room));
            log_if_late(&tell, &commission, &outcome);
            tell.send_replace(Some(outcome));
        });
        Ok((pending, false))
    }

    fn key(&self, commission: &Commission) -> String {
        match (commission.order.guid(), &commission.credential_id) {
            (Some(guid), Some(credential)) => {
                format!("{credential}/{}/{guid}", commission.order.fingerprint())
            }
            _ => name(self.random),
        }
    }

    async fn work(&self, row_id: &str, commission: &Commission) -> Outcome {
        let reservation = self.ledger.reserve_invoice(self.new_row(row_id, commission)).await?;
        Failpoint::RowCommitted.reach();
        match reservation {
            Reservation::New { row, same_guid_other_body } => {
                let mut made = self.send(&row, commission).await?;
                made.guid_reused = same_guid_other_body;
                Ok(made)
            }
            Reservation::Existing(row) => self.resume(&row, commission).await,
        }
    }

    /// The same guid and order came before.
    async fn resume(&self, row: &InvoiceRow, commission: &Commission) -> Outcome {
        let mut made = match (row.state, row.invoice_id.as_deref()) {
            (InvoiceState::Created, Some(invoice_id)) => self.again(row, invoice_id, commission).await?,
            (InvoiceState::Refused | InvoiceState::Failed, _) => self.reopen(row, commission).await?,
            _ => match self.look(row, commission).await? {
                Some(made) => made,
                None if self.empty_looks.are_over(&row.row_id, (self.clock)()) => {
                    self.reopen(row, commission).await?
                }
                None => return Err(CreateError::InProgress),
            },
        };
        made.repeated = true;
        Ok(made)
    }

    async fn reopen(&self, row: &InvoiceRow, commission: &Commission) -> Outcome {
        // The shop may have changed what does not count as another order; its last words are sent and kept.
        let words = self.seal_words(&row.row_id, commission);
        let settlement = commission.store.settlement;
        if !self.ledger.reopen_invoice(row, &self.life, words.clone(), settlement, (self.clock)()).await? {
            return Err(CreateError::InProgress);
        }
        self.send(&InvoiceRow { words_sealed: words, ..row.clone() }, commission).await
    }
}

fn log_if_late(tell: &watch::Sender<Option<Outcome>>, commission: &Commission, outcome: &Outcome) {
    if tell.receiver_count() > 0 {
        return;
    }
    let store = &commission.store.name;
    match outcome {
        Ok(made) => tracing::warn!(store, invoice = made.facts.id, "created_after_deadline"),
        Err(error) => {
            tracing::warn!(store, code = error.code().name(), %error, "create_failed_after_deadline");
        }
    }
}

/// Forgets a create when it is over, also one that panicked: its repeats would hear of it for ever.
struct UnderWay<'a> {
    creates: &'a Creates,
    key: String,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut under_way = self.creates.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.remove(&self.key);
    }
}
