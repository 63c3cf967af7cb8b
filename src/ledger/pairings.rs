//! Pairing codes, from the moment they are made until they bind a SIN to a store.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::credentials::{claim, keep};
use super::{Credential, Facade, Ledger, LedgerError, sqlite};
use crate::bitid::Sin;

/// A code to be made.
#[derive(Clone)]
pub struct NewPairing {
    /// SHA-256 of the code, hex.
    pub code_hash: String,
    /// The code itself, only for those that shops asked for: the operator must see it, and it opens nothing.
    pub code: Option<String>,
    /// The store, where the operator made it.
    pub store_id: Option<String>,
    /// The shop's key, where the shop asked for it.
    pub sin: Option<Sin>,
    /// What its token may do.
    pub facade: Facade,
    /// What the shop or the operator called it.
    pub label: Option<String>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970.
    pub expires_at: i64,
}

/// A code as the ledger holds it.
#[derive(Clone, PartialEq, Eq)]
pub struct Pairing {
    /// SHA-256 of the code, hex.
    pub code_hash: String,
    /// The code, only for those that shops asked for.
    pub code: Option<String>,
    /// The store, once known.
    pub store_id: Option<String>,
    /// The shop's key, once known.
    pub sin: Option<String>,
    /// What its token may do.
    pub facade: Facade,
    /// What the shop or the operator called it.
    pub label: Option<String>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970.
    pub expires_at: i64,
    /// When it bound the SIN to the store; None while open.
    pub done_at: Option<i64>,
}

impl std::fmt::Debug for NewPairing {
    /// Without the code and its hash.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewPairing").field("facade", &self.facade).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Pairing {
    /// Without the code and its hash.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pairing")
            .field("facade", &self.facade)
            .field("done_at", &self.done_at)
            .finish_non_exhaustive()
    }
}

/// How long a code that ran out is still told apart from one that never was.
const FORGET_AFTER_MS: i64 = 24 * 3_600_000;

/// Most codes that shops asked for and nobody approved.
const MOST_ASKED_FOR: i64 = 10_000;

const COLUMNS: &str =
    "SELECT code_hash, code, store_id, sin, facade, label, created_at, expires_at, done_at FROM pairings";

fn pairing(row: &SqliteRow) -> Result<Pairing, LedgerError> {
    let facade: String = row.try_get("facade").map_err(sqlite::error)?;
    Ok(Pairing {
        code_hash: row.try_get("code_hash").map_err(sqlite::error)?,
        code: row.try_get("code").map_err(sqlite::error)?,
        store_id: row.try_get("store_id").map_err(sqlite::error)?,
        sin: row.try_get("sin").map_err(sqlite::error)?,
        facade: facade.parse()?,
        label: row.try_get("label").map_err(sqlite::error)?,
        created_at: row.try_get("created_at").map_err(sqlite::error)?,
        expires_at: row.try_get("expires_at").map_err(sqlite::error)?,
        done_at: row.try_get("done_at").map_err(sqlite::error)?,
    })
}

impl Ledger {
    /// Keeps a new code, and forgets those that ran out more than a day before it without binding anybody:
    /// asking takes no credential and must not fill the disk. Of codes that shops asked for, the oldest give
    /// way beyond 10,000.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn add_pairing(&self, new: NewPairing) -> Result<(), LedgerError> {
        let forget = "DELETE FROM pairings WHERE done_at IS NULL AND expires_at < ?";
        let bound = "DELETE FROM pairings WHERE code_hash IN (SELECT code_hash FROM pairings WHERE done_at IS NULL \
                     AND code IS NOT NULL ORDER BY created_at DESC LIMIT -1 OFFSET ?)";
        let sql = "INSERT INTO pairings (code_hash, code, store_id, sin, facade, label, created_at, expires_at) \
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
        let write = self.writer.write(move |connection| {
            let add = sqlx::query(sql)
                .bind(new.code_hash.clone())
                .bind(new.code.clone())
                .bind(new.store_id.clone())
                .bind(new.sin.as_ref().map(|sin| sin.as_str().to_owned()))
                .bind(new.facade.as_str())
                .bind(new.label.clone())
                .bind(new.created_at)
                .bind(new.expires_at);
            let forget = sqlx::query(forget).bind(new.created_at.saturating_sub(FORGET_AFTER_MS));
            let bound = sqlx::query(bound).bind(MOST_ASKED_FOR);
            Box::pin(async move {
                forget.execute(&mut *connection).await.map_err(sqlite::error)?;
                bound.execute(&mut *connection).await.map_err(sqlite::error)?;
                add.execute(connection).await.map(drop).map_err(sqlite::error)
            })
        });
        write.await
    }

    /// One code, by its hash.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn find_pairing(&self, code_hash: &str) -> Result<Option<Pairing>, LedgerError> {
        let sql = format!("{COLUMNS} WHERE code_hash = ?");
        let find = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(code_hash).fetch_optional(&self.reads);
        find.await.map_err(sqlite::error)?.as_ref().map(pairing).transpose()
    }

    /// Codes that are still open at `now_ms`, oldest first.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn open_pairings(&self, now_ms: i64) -> Result<Vec<Pairing>, LedgerError> {
        let sql = format!("{COLUMNS} WHERE done_at IS NULL AND expires_at > ? ORDER BY created_at");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(now_ms).fetch_all(&self.reads).await;
        rows.map_err(sqlite::error)?.iter().map(pairing).collect()
    }

    /// Binds the SIN to the store and its tokens with it, once, in one commit.
    ///
    /// False where the code was used or ran out meanwhile: a code binds one SIN, and no second one.
    ///
    /// # Errors
    /// [`LedgerError::Conflict`] where the SIN belongs to another store.
    pub async fn complete_pairing(
        &self,
        code_hash: &str,
        credentials: Vec<Credential>,
        now_ms: i64,
    ) -> Result<bool, LedgerError> {
        let code_hash = code_hash.to_owned();
        let write = self.writer.write(move |connection| {
            let (code_hash, credentials) = (code_hash.clone(), credentials.clone());
            Box::pin(async move { complete(connection, &code_hash, &credentials, now_ms).await })
        });
        write.await
    }
}

async fn complete(
    connection: &mut SqliteConnection,
    code_hash: &str,
    credentials: &[Credential],
    now_ms: i64,
) -> Result<bool, LedgerError> {
    for credential in credentials {
        claim(connection, credential).await?;
    }
    let Some(first) = credentials.first() else { return Ok(false) };
    let sin = first.sin.as_ref().map(Sin::as_str);
    let sql = "UPDATE pairings SET done_at = ?, sin = ?, store_id = ? \
               WHERE code_hash = ? AND done_at IS NULL AND expires_at > ? AND (sin IS NULL OR sin = ?)";
    let done =
        sqlx::query(sql).bind(now_ms).bind(sin).bind(&first.store_id).bind(code_hash).bind(now_ms).bind(sin);
    if done.execute(&mut *connection).await.map_err(sqlite::error)?.rows_affected() == 0 {
        return Ok(false);
    }
    for credential in credentials {
        keep(connection, credential).await?;
    }
    Ok(true)
}
