//! What the ledger keeps sealed of an invoice: the shop's own words, and BTCPay's first answer.

use crate::json::{self, Object, Value};
use crate::ledger::InvoiceRow;
use crate::secrets::MasterSecret;
use crate::walk::order;

/// The words were sealed with another master secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored words of the invoice cannot be read")]
pub struct WordsSealed;

/// What the shop sent when the invoice was made; None where it was erased, long after the invoice was final.
///
/// # Errors
/// [`WordsSealed`].
pub fn open_words(secrets: &MasterSecret, row: &InvoiceRow) -> Result<Option<Object>, WordsSealed> {
    if row.words_sealed.is_empty() {
        return Ok(None);
    }
    let words = secrets.open(&words_context(&row.row_id), &row.words_sealed).map_err(|_| WordsSealed)?;
    order::parse(&words).map(Some).map_err(|_| WordsSealed)
}

/// BTCPay's own answer when the invoice was made; None before, after it was erased, or where the master
/// secret is another.
#[must_use]
pub fn open_answer(secrets: &MasterSecret, row: &InvoiceRow) -> Option<Value> {
    let answer = secrets.open(&answer_context(&row.row_id), row.answer_sealed.as_deref()?).ok()?;
    json::parse(&answer).ok()
}

pub(super) fn words_context(row_id: &str) -> String {
    format!("invoice-words/{row_id}")
}

pub(super) fn answer_context(row_id: &str) -> String {
    format!("invoice-answer/{row_id}")
}
