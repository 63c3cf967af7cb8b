//! A row for the test invoice of `payferry check --create`: BTCPay's notification of it counts a wake, nobody is
//! told anything, and it is gone afterwards.

use sqlx::Row;

use super::{Ledger, LedgerError, sqlite};

impl Ledger {
    /// Adds the row under which BTCPay's notification is known, and drops those that an earlier check left.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn add_test_row(
        &self,
        store_id: &str,
        notification_id: &str,
        now_ms: i64,
    ) -> Result<(), LedgerError> {
        let (store, id) = (store_id.to_owned(), notification_id.to_owned());
        let drop_old = "DELETE FROM invoices WHERE store_id = ? AND dialect = 'check' AND state = 'pending'";
        let add = "INSERT INTO invoices (row_id, store_id, fingerprint, state, words_sealed, dialect, host, agent, \
                   notification_id, sent_by, created_at, updated_at, relayed) \
                   VALUES (?1, ?2, '', 'pending', x'', 'check', '', '', ?1, '', ?3, ?3, 1)";
        let write = self.writer.write(move |connection| {
            let drop_old = sqlx::query(drop_old).bind(store.clone());
            let add = sqlx::query(add).bind(id.clone()).bind(store.clone()).bind(now_ms);
            Box::pin(async move {
                drop_old.execute(&mut *connection).await.map_err(sqlite::error)?;
                add.execute(connection).await.map(drop).map_err(sqlite::error)
            })
        });
        write.await
    }

    /// Whether BTCPay has notified of it.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn test_row_was_woken(&self, notification_id: &str) -> Result<bool, LedgerError> {
        let sql = "SELECT wakes FROM invoices WHERE notification_id = ?";
        let row = sqlx::query(sql).bind(notification_id).fetch_optional(&self.reads).await;
        let wakes = row.map_err(sqlite::error)?.map(|row| row.try_get::<i64, _>("wakes")).transpose();
        Ok(wakes.map_err(sqlite::error)?.is_some_and(|wakes| wakes > 0))
    }

    /// Takes the row away.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn drop_test_row(&self, notification_id: &str) -> Result<(), LedgerError> {
        let id = notification_id.to_owned();
        let sql =
            "DELETE FROM invoices WHERE notification_id = ? AND dialect = 'check' AND state = 'pending'";
        let write = self.writer.write(move |connection| {
            let delete = sqlx::query(sql).bind(id.clone());
            Box::pin(async move { delete.execute(connection).await.map(drop).map_err(sqlite::error) })
        });
        write.await
    }
}
