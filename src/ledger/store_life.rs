//! The life of a store after it was paired: its next keys, and its end.

use sqlx::{Row, SqliteConnection};

use super::rows::{self, Store};
use super::wakes::wake_store;
use super::{Ledger, LedgerError, sqlite};

/// What hangs on a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreUse {
    /// Tokens and keys that open it.
    pub credentials: i64,
    /// Invoices whose outcome is not known.
    pub pending: i64,
    /// Invoices that exist at BTCPay.
    pub invoices: i64,
    /// Notifications that their shops have not taken yet.
    pub notifications: i64,
}

impl Ledger {
    /// Takes the next epoch for a key of the store. It is gone even when no key of it is ever used.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn reserve_epoch(&self, id: &str) -> Result<u32, LedgerError> {
        let id = id.to_owned();
        let sql = "UPDATE stores SET last_epoch = last_epoch + 1 WHERE id = ? RETURNING last_epoch AS epoch";
        let write = self.writer.write(move |connection| {
            let reserve = sqlx::query(sql).bind(id.clone());
            Box::pin(async move { rows::epoch(&reserve.fetch_one(connection).await.map_err(sqlite::error)?) })
        });
        write.await
    }

    /// Signs with the key of epoch `to` from now on, and looks again at what could not be seen. False where `from` is no longer the epoch.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn switch_epoch(&self, id: &str, from: u32, to: u32, now_ms: i64) -> Result<bool, LedgerError> {
        let id = id.to_owned();
        let sql = "UPDATE stores SET epoch = ?, paired_at = ? \
                   WHERE id = ? AND epoch = ? AND api_key_sealed IS NULL AND removed_at IS NULL";
        let write = self.writer.write(move |connection| {
            let switch =
                sqlx::query(sql).bind(i64::from(to)).bind(now_ms).bind(id.clone()).bind(i64::from(from));
            let id = id.clone();
            Box::pin(async move {
                let done = switch.execute(&mut *connection).await.map_err(sqlite::error)?;
                if done.rows_affected() != 1 {
                    return Ok(false);
                }
                wake_store(connection, &id, now_ms).await.map(|()| true)
            })
        });
        write.await
    }

    /// Names another BTCPay server of the configuration for the store. Where that does not know its key,
    /// the store counts as not paired from now on. Its invoices that could not be seen are looked at there.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn move_store(
        &self,
        id: &str,
        server: &str,
        knows_key: bool,
        now_ms: i64,
    ) -> Result<(), LedgerError> {
        let (id, server) = (id.to_owned(), server.to_owned());
        let sql = "UPDATE stores SET server = ?, paired_at = CASE WHEN ? THEN paired_at END WHERE id = ?";
        let write = self.writer.write(move |connection| {
            let update = sqlx::query(sql).bind(server.clone()).bind(knows_key).bind(id.clone());
            let id = id.clone();
            Box::pin(async move {
                update.execute(&mut *connection).await.map_err(sqlite::error)?;
                wake_store(connection, &id, now_ms).await
            })
        });
        write.await
    }

    /// What would be lost with the store.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn store_use(&self, id: &str) -> Result<StoreUse, LedgerError> {
        let sql = "SELECT (SELECT COUNT(*) FROM credentials WHERE store_id = ? AND revoked_at IS NULL), \
                   (SELECT COUNT(*) FROM invoices WHERE store_id = ? AND state = 'pending' AND dialect <> 'check'), \
                   (SELECT COUNT(*) FROM invoices WHERE store_id = ? AND invoice_id IS NOT NULL), \
                   (SELECT COUNT(*) FROM notifications n JOIN invoices i ON i.row_id = n.row_id \
                   WHERE i.store_id = ? AND n.state = 'waiting')";
        let row = sqlx::query(sql)
            .bind(id)
            .bind(id)
            .bind(id)
            .bind(id)
            .fetch_one(&self.reads)
            .await
            .map_err(sqlite::error)?;
        let count = |at: usize| row.try_get::<i64, _>(at).map_err(sqlite::error);
        Ok(StoreUse {
            credentials: count(0)?,
            pending: count(1)?,
            invoices: count(2)?,
            notifications: count(3)?,
        })
    }

    /// BTCPay's id of the store's newest invoice.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn newest_invoice(&self, store_id: &str) -> Result<Option<String>, LedgerError> {
        let sql = "SELECT invoice_id FROM invoices WHERE store_id = ? AND invoice_id IS NOT NULL \
                   ORDER BY created_at DESC, row_id LIMIT 1";
        let row = sqlx::query(sql).bind(store_id).fetch_optional(&self.reads).await.map_err(sqlite::error)?;
        row.map(|row| row.try_get(0)).transpose().map_err(sqlite::error)
    }

    /// Removes the store with its codes and credentials; their keys may then open another store.
    ///
    /// Where the ledger holds invoices, the row stays under another name and the credentials stay revoked, so
    /// that invoices can still be read, and their shops told as before.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn remove_store(&self, store: &Store, now_ms: i64) -> Result<(), LedgerError> {
        let id = store.id.clone();
        let name = format!("{} (removed {})", store.name, id.chars().take(8).collect::<String>());
        let write = self.writer.write(move |connection| {
            let (id, name) = (id.clone(), name.clone());
            Box::pin(async move { remove(connection, &id, &name, now_ms).await })
        });
        write.await
    }
}

async fn remove(
    connection: &mut SqliteConnection,
    id: &str,
    name: &str,
    now_ms: i64,
) -> Result<(), LedgerError> {
    for sql in [
        "DELETE FROM pairings WHERE store_id = ?",
        "DELETE FROM identities WHERE store_id = ?",
        "DELETE FROM credentials WHERE store_id = ?1 AND NOT EXISTS (SELECT 1 FROM invoices WHERE store_id = ?1)",
    ] {
        sqlx::query(sql).bind(id).execute(&mut *connection).await.map_err(sqlite::error)?;
    }
    let revoke = "UPDATE credentials SET revoked_at = ? WHERE store_id = ? AND revoked_at IS NULL";
    let revoke = sqlx::query(revoke).bind(now_ms).bind(id).execute(&mut *connection).await;
    revoke.map_err(sqlite::error)?;
    let delete = "DELETE FROM stores WHERE id = ? AND NOT EXISTS (SELECT 1 FROM invoices WHERE store_id = ?)";
    let delete = sqlx::query(delete).bind(id).bind(id).execute(&mut *connection).await;
    delete.map_err(sqlite::error)?;
    let keep = sqlx::query("UPDATE stores SET removed_at = ?, name = ? WHERE id = ?");
    let keep = keep.bind(now_ms).bind(name).bind(id).execute(connection).await;
    keep.map(drop).map_err(sqlite::error)
}
