//! All that only SQLite has: how the file is opened, its pragmas, its error codes.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Executor, Row, SqlitePool};

use super::{Ledger, LedgerError};

const READERS: u32 = 4;
const WAIT_FOR_LOCK: Duration = Duration::from_secs(3);

/// One connection for writing, a few for reading. WAL with `synchronous=FULL`: a commit that
/// returned survives a power cut.
pub(super) async fn open(path: &Path, writing: bool) -> Result<SqlitePool, LedgerError> {
    if writing {
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| LedgerError::Unavailable(format!("{}: {error}", path.display())))?;
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(WAIT_FOR_LOCK);
    let size = if writing { 1 } else { READERS };
    let pool = SqlitePoolOptions::new().max_connections(size).acquire_timeout(WAIT_FOR_LOCK);
    pool.connect_with(options).await.map_err(error)
}

impl Ledger {
    /// A number that changes when another process has committed (`PRAGMA data_version`).
    ///
    /// Asked on one kept connection, because the number means nothing across connections.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn version(&self, kept: &mut VersionProbe) -> Result<i64, LedgerError> {
        if kept.0.is_none() {
            kept.0 = Some(self.reads.acquire().await.map_err(error)?);
        }
        let Some(connection) = kept.0.as_mut() else { return Err(LedgerError::Closing) };
        let row = connection.fetch_one("PRAGMA data_version").await.map_err(error)?;
        row.try_get(0).map_err(error)
    }
}

/// The connection on which [`Ledger::version`] is asked.
#[derive(Default)]
pub struct VersionProbe(Option<sqlx::pool::PoolConnection<sqlx::Sqlite>>);

/// Names the trouble without any stored value.
pub(super) fn error(error: sqlx::Error) -> LedgerError {
    match &error {
        sqlx::Error::Database(database) => {
            // SQLITE_FULL is 13; with a full disk WAL growth may also fail as SQLITE_IOERR_WRITE (778).
            match database.code().as_deref() {
                Some("13") => LedgerError::Full,
                Some("778" | "1034" | "4874") => LedgerError::Full,
                _ if database.is_unique_violation() => LedgerError::Conflict(database.message().to_owned()),
                _ => LedgerError::Unavailable(database.message().to_owned()),
            }
        }
        sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => LedgerError::Closing,
        sqlx::Error::PoolTimedOut => LedgerError::Unavailable("no connection in time".to_owned()),
        sqlx::Error::RowNotFound => LedgerError::Unreadable("row"),
        sqlx::Error::Io(error) => LedgerError::Unavailable(error.to_string()),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => LedgerError::Unreadable("column"),
        _ => LedgerError::Unavailable("the database did not answer".to_owned()),
    }
}

pub(super) fn migration(failed: sqlx::migrate::MigrateError) -> LedgerError {
    match failed {
        sqlx::migrate::MigrateError::Execute(failed) => error(failed),
        other => LedgerError::Unavailable(format!("the tables could not be brought up to date: {other}")),
    }
}
