//! What a shop is shown of an invoice's state: what it was told, not what BTCPay says.
//!
//! Shops compare a notification with the read that they make on it, so both show one row of the ledger.
//! Invoices that payferry does not notify of show BTCPay's own state.

use super::facts::Facts;
use crate::ledger::InvoiceRow;

/// Whether BTCPay says something else than the shop was told: then the invoice should be looked at.
#[must_use]
pub fn differs(facts: &Facts, row: &InvoiceRow) -> bool {
    row.relayed && row.presented.status.as_str() != facts.status
}

/// The facts with the state that the shop was told, and without the mark that only BTCPay should see.
#[must_use]
pub fn present(facts: Facts, row: &InvoiceRow) -> Facts {
    let facts = facts.without_mark(&row.row_id);
    if row.relayed { facts.as_told(&row.presented) } else { facts }
}
