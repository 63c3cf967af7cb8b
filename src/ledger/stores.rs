//! Stores and credentials: reading them, adding stores, marking them paired.

use super::rows::{self, Credential, Store};
use super::{Ledger, LedgerError, sqlite};
use crate::bitid::Sin;

const STORE: &str =
    "SELECT id, name, server, epoch, api_key_sealed, paired_at, created_at, removed_at FROM stores";
const CREDENTIAL: &str = "SELECT id, store_id, sin, facade, scope, epoch, token_hash, label, created_at \
                          FROM credentials WHERE revoked_at IS NULL ORDER BY created_at, id";

impl Ledger {
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

    /// Notes that BTCPay accepted the store's key, or takes BTCPay's legacy API key (sealed) instead.
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

    /// Whether some usable credential has this token or one of these SINs: one indexed look, so that
    /// a stranger's guess costs no more than that.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn knows_credential(&self, token_hash: &str, sins: &[Sin]) -> Result<bool, LedgerError> {
        let token = "SELECT 1 FROM credentials WHERE revoked_at IS NULL AND token_hash = ?";
        let sin = "SELECT 1 FROM credentials WHERE revoked_at IS NULL AND sin = ?";
        let names = std::iter::once((token, token_hash)).chain(sins.iter().map(|key| (sin, key.as_str())));
        for (sql, name) in names.filter(|(_, name)| !name.is_empty()) {
            let found =
                sqlx::query(sql).bind(name).fetch_optional(&self.reads).await.map_err(sqlite::error)?;
            if found.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Every credential that is not revoked, oldest first.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn credentials(&self) -> Result<Vec<Credential>, LedgerError> {
        let rows = sqlx::query(CREDENTIAL).fetch_all(&self.reads).await.map_err(sqlite::error)?;
        rows.iter().map(rows::credential).collect()
    }
}
