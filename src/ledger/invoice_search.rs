//! Looking for invoices by something else than one id.

use sqlx::Row;

use super::invoices::{COLUMNS, InvoiceRow, invoice};
use super::{Ledger, LedgerError, sqlite};

/// Whose invoice BTCPay notifies of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notified {
    /// Name of the store.
    pub store: String,
    /// Agent of the create.
    pub agent: String,
    /// Dialect of the create.
    pub dialect: String,
    /// Whether the create was answered before.
    pub answered: bool,
}

impl Ledger {
    /// Whose invoice has this address for notifications; None where none has.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn notified(&self, notification_id: &str) -> Result<Option<Notified>, LedgerError> {
        let sql = "SELECT stores.name, agent, dialect, invoice_id FROM invoices \
                   JOIN stores ON stores.id = store_id WHERE notification_id = ? AND relayed = 1";
        let row = sqlx::query(sql).bind(notification_id).fetch_optional(&self.reads).await;
        let read = |row: sqlx::sqlite::SqliteRow| {
            Ok(Notified {
                store: row.try_get("name")?,
                agent: row.try_get("agent")?,
                dialect: row.try_get("dialect")?,
                answered: row.try_get::<Option<String>, _>("invoice_id")?.is_some(),
            })
        };
        row.map_err(sqlite::error)?.map(read).transpose().map_err(sqlite::error)
    }

    /// Those invoices of a store that were made through payferry, of so many ids of BTCPay's.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn find_invoices(
        &self,
        store_id: &str,
        invoice_ids: &[&str],
    ) -> Result<Vec<InvoiceRow>, LedgerError> {
        if invoice_ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = sqlx::QueryBuilder::new(COLUMNS);
        query.push(" WHERE store_id = ").push_bind(store_id).push(" AND invoice_id IN (");
        let mut ids = query.separated(", ");
        for id in invoice_ids {
            ids.push_bind(*id);
        }
        query.push(")");
        let rows = query.build().fetch_all(&self.reads).await.map_err(sqlite::error)?;
        rows.iter().map(invoice).collect()
    }

    /// The newest invoice of a store that a shop named so, of one credential or of any.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn find_invoice_by_guid(
        &self,
        store_id: &str,
        credential_id: Option<&str>,
        guid: &str,
    ) -> Result<Option<InvoiceRow>, LedgerError> {
        let sql = format!(
            "{COLUMNS} WHERE store_id = ? AND guid = ? AND invoice_id IS NOT NULL \
             AND (CAST(? AS TEXT) IS NULL OR credential_id = ?) ORDER BY created_at DESC, row_id DESC LIMIT 1"
        );
        let find = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(store_id).bind(guid);
        let find = find.bind(credential_id).bind(credential_id).fetch_optional(&self.reads);
        find.await.map_err(sqlite::error)?.as_ref().map(invoice).transpose()
    }
}
