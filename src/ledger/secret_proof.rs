//! Which master secret the ledger was written with.

use sqlx::Row;

use super::{Ledger, LedgerError, sqlite};

impl Ledger {
    /// What the master secret sealed that this ledger was first used with; `first` is kept where there is none yet.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn secret_proof(&self, first: Vec<u8>) -> Result<Vec<u8>, LedgerError> {
        if let Some(kept) = self.kept_proof().await? {
            return Ok(kept);
        }
        let sql = "INSERT INTO secret_proof (id, sealed) VALUES (1, ?)";
        let write = self.writer.write(move |connection| {
            let keep = sqlx::query(sql).bind(first.clone());
            Box::pin(async move { keep.execute(connection).await.map(drop).map_err(sqlite::error) })
        });
        match write.await {
            // Another process was first.
            Ok(()) | Err(LedgerError::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
        self.kept_proof().await?.ok_or(LedgerError::Unreadable("secret proof"))
    }

    /// The same where the ledger is only read; None where it was never used with a master secret.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn kept_proof(&self) -> Result<Option<Vec<u8>>, LedgerError> {
        let row =
            sqlx::query("SELECT sealed FROM secret_proof WHERE id = 1").fetch_optional(&self.reads).await;
        row.map_err(sqlite::error)?.map(|row| row.try_get("sealed").map_err(sqlite::error)).transpose()
    }
}
