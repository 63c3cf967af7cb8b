//! The journal's rows. They are written over a connection of their own, never through the writing task:
//! a shop's create must not wait behind them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::SqliteRow;
use sqlx::{Executor, Row, SqliteConnection};

use super::{Ledger, LedgerError, sqlite};

/// Rows in one transaction: short, for the ledger has one lock for writing.
const GROUP: usize = 32;
/// Between two of them, so that whoever waits for the lock gets it.
const PAUSE: Duration = Duration::from_millis(5);
/// Rows that are forgotten in one transaction.
const FORGOTTEN_AT_ONCE: i64 = 200;
const DAY_MS: i64 = 24 * 3_600_000;
/// What was not seen for so long is forgotten.
const FORGOTTEN_AFTER_MS: i64 = 400 * DAY_MS;
/// The same for what the operator took note of, where the journal is full.
const FORGOTTEN_AFTER_WHEN_FULL_MS: i64 = 30 * DAY_MS;
/// The agent under which those are kept that came when the journal was full.
pub const OTHER_AGENTS: &str = "(others)";

/// One row of the journal. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DivergenceRow {
    /// The id in the catalogue, or kind and pointer where there is none.
    pub identity: String,
    /// Name of BitPay's call.
    pub endpoint: String,
    /// Name of the store; empty where the request was for none.
    pub store: String,
    /// The shop's software, as it names itself.
    pub agent: String,
    /// The id in the catalogue.
    pub catalogue_id: Option<String>,
    /// Name of the kind.
    pub kind: String,
    /// Where it was first seen.
    pub pointer: String,
    /// The shape of what stood there.
    pub sample: String,
    /// `yes`, `partly`, `no`, `not_needed`.
    pub repaired: String,
    /// When it was first seen.
    pub first_seen: i64,
    /// When it was last seen.
    pub last_seen: i64,
    /// How often.
    pub count: i64,
    /// When the operator took note of it.
    pub acknowledged_at: Option<i64>,
}

/// The way to write the journal: one connection, opened when it is needed and again after any trouble.
pub struct DivergenceWriter {
    path: PathBuf,
    connection: Option<SqliteConnection>,
    /// Beyond so many rows agents are no longer told apart; beyond twice as many nothing new is kept.
    most_rows: i64,
    pause: Duration,
}

impl DivergenceWriter {
    /// For the ledger of that file; nothing is opened yet.
    #[must_use]
    pub fn new(path: &Path, most_rows: u32) -> Self {
        Self { path: path.to_owned(), connection: None, most_rows: i64::from(most_rows), pause: PAUSE }
    }

    /// From now on without pauses: nobody writes beside it any more.
    pub fn hurry(&mut self) {
        self.pause = Duration::ZERO;
    }

    /// Forgets what was not seen for long, so that the journal has room for what is; gives how many rows.
    /// `now` is milliseconds since 1970.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn forget(&mut self, now: i64) -> Result<u64, LedgerError> {
        let mut connection = self.connected().await?;
        let old = "last_seen < ?1";
        let mut forgotten = forget(&mut connection, old, now - FORGOTTEN_AFTER_MS, self.pause).await?;
        if count(&mut connection).await? >= self.most_rows {
            let noted = "last_seen < ?1 AND acknowledged_at IS NOT NULL";
            let before = now - FORGOTTEN_AFTER_WHEN_FULL_MS;
            forgotten += forget(&mut connection, noted, before, self.pause).await?;
        }
        self.connection = Some(connection);
        Ok(forgotten)
    }

    /// The connection, taken out: whoever fails drops it, for nobody knows where it stands.
    async fn connected(&mut self) -> Result<SqliteConnection, LedgerError> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => sqlite::open_beside(&self.path).await,
        }
    }

    /// Adds the rows to those that are there and takes them out of `rows` as they are durable enough
    /// (they survive the process, not a power cut). Returns how many were not kept for want of room.
    ///
    /// # Errors
    /// [`LedgerError`]; what is then still in `rows` can be written later.
    pub async fn merge(&mut self, rows: &mut Vec<DivergenceRow>) -> Result<usize, LedgerError> {
        let mut connection = self.connected().await?;
        let mut dropped = 0;
        while !rows.is_empty() {
            let group = rows.len().min(GROUP);
            dropped += merge_group(&mut connection, &rows[..group], self.most_rows).await?;
            rows.drain(..group);
            if !rows.is_empty() {
                tokio::time::sleep(self.pause).await;
            }
        }
        self.connection = Some(connection);
        Ok(dropped)
    }
}

async fn merge_group(
    connection: &mut SqliteConnection,
    rows: &[DivergenceRow],
    most: i64,
) -> Result<usize, LedgerError> {
    connection.execute(sqlite::BEGIN).await.map_err(sqlite::error)?;
    let mut there = count(connection).await?;
    let mut dropped = 0;
    for row in rows {
        if add(connection, row, &row.agent).await? {
            continue;
        }
        if there < most {
            insert(connection, row, &row.agent).await?;
            there += 1;
        } else if !add(connection, row, OTHER_AGENTS).await? {
            if there < 2 * most {
                insert(connection, row, OTHER_AGENTS).await?;
                there += 1;
            } else {
                dropped += 1;
            }
        }
    }
    connection.execute("COMMIT").await.map_err(sqlite::error)?;
    Ok(dropped)
}

async fn count(connection: &mut SqliteConnection) -> Result<i64, LedgerError> {
    let counted = sqlx::query("SELECT count(*) FROM divergences").fetch_one(&mut *connection).await;
    counted.and_then(|row| row.try_get(0)).map_err(sqlite::error)
}

/// Deletes, a few at a time; `which` is of this file.
async fn forget(
    connection: &mut SqliteConnection,
    which: &str,
    before: i64,
    pause: Duration,
) -> Result<u64, LedgerError> {
    let text = format!(
        "DELETE FROM divergences WHERE (identity, endpoint, store, agent) IN \
         (SELECT identity, endpoint, store, agent FROM divergences WHERE {which} LIMIT ?2)"
    );
    let mut all = 0;
    loop {
        let query = sqlx::query(sqlx::AssertSqlSafe(text.clone())).bind(before).bind(FORGOTTEN_AT_ONCE);
        match query.execute(&mut *connection).await.map_err(sqlite::error)?.rows_affected() {
            0 => return Ok(all),
            some => all += some,
        }
        tokio::time::sleep(pause).await;
    }
}

/// Adds to a row that is there; false where there is none.
async fn add(
    connection: &mut SqliteConnection,
    row: &DivergenceRow,
    agent: &str,
) -> Result<bool, LedgerError> {
    let text = "UPDATE divergences SET count = count + ?1, repaired = ?2, \
        first_seen = CASE WHEN first_seen > ?3 THEN ?3 ELSE first_seen END, \
        last_seen = CASE WHEN last_seen < ?4 THEN ?4 ELSE last_seen END \
        WHERE identity = ?5 AND endpoint = ?6 AND store = ?7 AND agent = ?8";
    let query = sqlx::query(text)
        .bind(row.count)
        .bind(&row.repaired)
        .bind(row.first_seen)
        .bind(row.last_seen)
        .bind(&row.identity)
        .bind(&row.endpoint)
        .bind(&row.store)
        .bind(agent);
    let done = query.execute(&mut *connection).await.map_err(sqlite::error)?;
    Ok(done.rows_affected() > 0)
}

async fn insert(
    connection: &mut SqliteConnection,
    row: &DivergenceRow,
    agent: &str,
) -> Result<(), LedgerError> {
    let text = "INSERT INTO divergences (identity, endpoint, store, agent, catalogue_id, kind, pointer, \
        sample, repaired, first_seen, last_seen, count) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    let query = sqlx::query(text)
        .bind(&row.identity)
        .bind(&row.endpoint)
        .bind(&row.store)
        .bind(agent)
        .bind(&row.catalogue_id)
        .bind(&row.kind)
        .bind(&row.pointer)
        .bind(&row.sample)
        .bind(&row.repaired)
        .bind(row.first_seen)
        .bind(row.last_seen)
        .bind(row.count);
    query.execute(&mut *connection).await.map(drop).map_err(sqlite::error)
}

impl Ledger {
    /// Whether the journal has anything of a store of that name; it may be removed long since.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn has_divergences_of(&self, store: &str) -> Result<bool, LedgerError> {
        let query = sqlx::query("SELECT 1 FROM divergences WHERE store = ? LIMIT 1").bind(store);
        Ok(query.fetch_optional(&self.reads).await.map_err(sqlite::error)?.is_some())
    }

    /// The journal, the most often seen first: what was last seen at or after `since` or was never acknowledged,
    /// of one store or all.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn divergences(
        &self,
        since: i64,
        store: Option<&str>,
    ) -> Result<Vec<DivergenceRow>, LedgerError> {
        let text = "SELECT * FROM divergences WHERE (last_seen >= ?1 OR acknowledged_at IS NULL) AND (?2 IS NULL OR store = ?2) \
            ORDER BY count DESC, identity, endpoint, store, agent";
        let rows = sqlx::query(text).bind(since).bind(store).fetch_all(&self.reads).await;
        rows.map_err(sqlite::error)?.iter().map(read).collect()
    }

    /// Takes note of these rows: they are no news any more.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn acknowledge_divergences(&self, rows: &[DivergenceRow], now: i64) -> Result<(), LedgerError> {
        let new = rows.iter().filter(|row| row.acknowledged_at.is_none());
        let keys: Vec<_> = new
            .map(|row| [row.identity.clone(), row.endpoint.clone(), row.store.clone(), row.agent.clone()])
            .collect();
        let write = self.writer.write(move |connection| {
            let keys = keys.clone();
            Box::pin(async move {
                for [identity, endpoint, store, agent] in keys {
                    let text = "UPDATE divergences SET acknowledged_at = ?1 \
                        WHERE identity = ?2 AND endpoint = ?3 AND store = ?4 AND agent = ?5";
                    let query = sqlx::query(text).bind(now).bind(identity).bind(endpoint).bind(store);
                    query.bind(agent).execute(&mut *connection).await.map_err(sqlite::error)?;
                }
                Ok(())
            })
        });
        write.await
    }
}

fn read(row: &SqliteRow) -> Result<DivergenceRow, LedgerError> {
    let read = || -> Result<DivergenceRow, sqlx::Error> {
        Ok(DivergenceRow {
            identity: row.try_get("identity")?,
            endpoint: row.try_get("endpoint")?,
            store: row.try_get("store")?,
            agent: row.try_get("agent")?,
            catalogue_id: row.try_get("catalogue_id")?,
            kind: row.try_get("kind")?,
            pointer: row.try_get("pointer")?,
            sample: row.try_get("sample")?,
            repaired: row.try_get("repaired")?,
            first_seen: row.try_get("first_seen")?,
            last_seen: row.try_get("last_seen")?,
            count: row.try_get("count")?,
            acknowledged_at: row.try_get("acknowledged_at")?,
        })
    };
    read().map_err(sqlite::error)
}
