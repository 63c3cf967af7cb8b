//! The journal's rows. They are written over a connection of their own, never through the writing task:
//! a shop's create must not wait behind them.

use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteRow;
use sqlx::{Executor, Row, SqliteConnection};

use super::{Ledger, LedgerError, sqlite};

/// Rows in one transaction: short, for the ledger has one lock for writing.
const GROUP: usize = 32;
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
}

impl DivergenceWriter {
    /// For the ledger of that file; nothing is opened yet.
    #[must_use]
    pub fn new(path: &Path, most_rows: u32) -> Self {
        Self { path: path.to_owned(), connection: None, most_rows: i64::from(most_rows) }
    }

    /// Adds the rows to those that are there and takes them out of `rows` as they are durable enough
    /// (they survive the process, not a power cut). Returns how many were not kept for want of room.
    ///
    /// # Errors
    /// [`LedgerError`]; what is then still in `rows` can be written later.
    pub async fn merge(&mut self, rows: &mut Vec<DivergenceRow>) -> Result<usize, LedgerError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => sqlite::open_beside(&self.path).await?,
        };
        let mut dropped = 0;
        while !rows.is_empty() {
            let group = rows.len().min(GROUP);
            match merge_group(&mut connection, &rows[..group], self.most_rows).await {
                Ok(lost) => {
                    dropped += lost;
                    rows.drain(..group);
                }
                // The connection is dropped: nobody knows where it stands.
                Err(error) => return Err(error),
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
    let counted = sqlx::query("SELECT count(*) FROM divergences").fetch_one(&mut *connection).await;
    let mut there: i64 = counted.and_then(|row| row.try_get(0)).map_err(sqlite::error)?;
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
