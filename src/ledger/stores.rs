//! Stores: the life of one from adding it over its keys to its removal.

use sqlx::Row as _;

use super::rows::{self, Store};
use super::wakes::wake_store;
use super::{Ledger, LedgerError, sqlite};
use crate::presented::Settlement;

const STORE: &str = "SELECT id, name, server, epoch, last_epoch, api_key_sealed, paired_at, created_at, removed_at, settlement, \
     shop_ca_pem FROM stores";

impl Ledger {
    /// A number that rises with every change of stores and credentials, by whatever process. Nothing else
    /// raises it (`migrations/0017_directory_version.sql`).
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn directory_version(&self) -> Result<i64, LedgerError> {
        let row = sqlx::query("SELECT version FROM directory_version").fetch_one(&self.reads).await;
        row.and_then(|row| row.try_get(0)).map_err(sqlite::error)
    }

    /// Adds a store that is not paired yet.
    ///
    /// # Errors
    /// [`LedgerError::Conflict`] where the name is taken.
    pub async fn add_store(
        &self,
        id: &str,
        name: &str,
        server: &str,
        now_ms: i64,
    ) -> Result<(), LedgerError> {
        let (id, name, server) = (id.to_owned(), name.to_owned(), server.to_owned());
        let sql = "INSERT INTO stores (id, name, server, epoch, created_at) VALUES (?, ?, ?, 1, ?)";
        let write = self.writer.write(move |connection| {
            let add = sqlx::query(sql).bind(id.clone()).bind(name.clone()).bind(server.clone()).bind(now_ms);
            Box::pin(async move { add.execute(connection).await.map(drop).map_err(sqlite::error) })
        });
        write.await
    }

    /// Notes that BTCPay accepted the store's key, or takes BTCPay's legacy API key (sealed) instead. Its
    /// invoices that could not be seen are looked at again.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn set_store_paired(
        &self,
        id: &str,
        api_key_sealed: Option<Vec<u8>>,
        now_ms: i64,
    ) -> Result<(), LedgerError> {
        let id = id.to_owned();
        let sql = "UPDATE stores SET paired_at = ?, api_key_sealed = ? WHERE id = ?";
        let write = self.writer.write(move |connection| {
            let set = sqlx::query(sql).bind(now_ms).bind(api_key_sealed.clone()).bind(id.clone());
            let id = id.clone();
            Box::pin(async move {
                set.execute(&mut *connection).await.map_err(sqlite::error)?;
                wake_store(connection, &id, now_ms).await
            })
        });
        write.await
    }

    /// Changes what a store counts as confirmed and complete, and whom it trusts when its shops are notified.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn set_store(
        &self,
        id: &str,
        settlement: Settlement,
        shop_ca_pem: Option<String>,
    ) -> Result<(), LedgerError> {
        let id = id.to_owned();
        let sql = "UPDATE stores SET settlement = ?, shop_ca_pem = ? WHERE id = ?";
        let write = self.writer.write(move |connection| {
            let set = sqlx::query(sql).bind(settlement.as_str()).bind(shop_ca_pem.clone()).bind(id.clone());
            Box::pin(async move { set.execute(connection).await.map(drop).map_err(sqlite::error) })
        });
        write.await
    }

    /// Every store, by name, also those that were removed while the ledger holds their invoices.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn stores(&self) -> Result<Vec<Store>, LedgerError> {
        let sql = format!("{STORE} ORDER BY name");
        let rows =
            sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&self.reads).await.map_err(sqlite::error)?;
        rows.iter().map(rows::store).collect()
    }
}
