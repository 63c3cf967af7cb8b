//! An invoice with all that the ledger knows of it, for operators.

use sqlx::Row;

use super::invoices::{self, InvoiceRow};
use super::{Ledger, LedgerError, sqlite};
use crate::presented::Settlement;

/// A row, and what only an operator looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceRecord {
    /// What requests use.
    pub row: InvoiceRow,
    /// The credential that asked.
    pub credential_id: Option<String>,
    /// Dialect of the create.
    pub dialect: String,
    /// The store's settlement at the create; None for one that was made before this was kept.
    pub settlement: Option<Settlement>,
    /// Host header of the create.
    pub host: String,
    /// Agent of the create.
    pub agent: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970.
    pub updated_at: i64,
    /// When the texts of shop and buyer were erased, milliseconds since 1970.
    pub erased_at: Option<i64>,
}

const SELECT: &str = "SELECT * FROM invoices WHERE invoice_id = ? OR row_id = ?";

impl Ledger {
    /// The invoice of that id: BTCPay's, or the row's own, which is the mark that BTCPay keeps.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn invoice_record(&self, id: &str) -> Result<Option<InvoiceRecord>, LedgerError> {
        let find = sqlx::query(SELECT).bind(id).bind(id).fetch_optional(&self.reads);
        let Some(row) = find.await.map_err(sqlite::error)? else { return Ok(None) };
        Ok(Some(InvoiceRecord {
            row: invoices::invoice(&row)?,
            credential_id: row.try_get("credential_id").map_err(sqlite::error)?,
            dialect: row.try_get("dialect").map_err(sqlite::error)?,
            settlement: super::notify::settlement(&row)?,
            host: row.try_get("host").map_err(sqlite::error)?,
            agent: row.try_get("agent").map_err(sqlite::error)?,
            created_at: row.try_get("created_at").map_err(sqlite::error)?,
            updated_at: row.try_get("updated_at").map_err(sqlite::error)?,
            erased_at: row.try_get("erased_at").map_err(sqlite::error)?,
        }))
    }
}
