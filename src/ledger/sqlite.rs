//! All that only SQLite has: how the file is opened, its pragmas, its error codes.

use std::fs::{DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, Executor, SqliteConnection, SqlitePool};
use tokio_util::sync::CancellationToken;

use super::{Ledger, LedgerError, tables};

const READERS: u32 = 4;
pub(super) const WAIT_FOR_LOCK: Duration = Duration::from_secs(3);
/// What is written beside the rest gives way sooner.
const WAIT_BESIDE: Duration = Duration::from_millis(500);
/// Takes the write lock at once. A plain BEGIN that reads first cannot become a write once another
/// process has committed: SQLite then answers "database is locked" without waiting.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";
/// Processes that start together bring the tables up to date once; the others try again.
const OPEN_ATTEMPTS: u32 = 20;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);

/// The pools for reading and for writing, the tables up to date.
pub(super) async fn open(path: &Path) -> Result<(SqlitePool, SqlitePool), LedgerError> {
    make_file(path)?;
    let mut attempt = 1;
    let writes = loop {
        match open_tables(path).await {
            Ok(pool) => break pool,
            Err(error @ (LedgerError::Newer | LedgerError::Full)) => return Err(error),
            Err(_) if attempt < OPEN_ATTEMPTS => tokio::time::sleep(BETWEEN_ATTEMPTS).await,
            Err(error) => return Err(error),
        }
        attempt += 1;
    };
    Ok((connect(path, false).await?, writes))
}

/// Before SQLite does, which would let others read it. A file that is there is not even opened:
/// closing it would drop the locks that this process may hold on it.
fn make_file(path: &Path) -> Result<(), LedgerError> {
    let trouble = |error| LedgerError::Unavailable(format!("{}: {error}", path.display()));
    make_folder(path)?;
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(trouble(error)),
        _ => Ok(()),
    }
}

/// The folder of the file, for its owner alone.
pub(super) fn make_folder(path: &Path) -> Result<(), LedgerError> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| LedgerError::Unavailable(format!("{}: {error}", folder.display())))
}

async fn open_tables(path: &Path) -> Result<SqlitePool, LedgerError> {
    let writes = connect(path, true).await?;
    tables::bring_up_to_date(&writes).await?;
    Ok(writes)
}

/// One connection for writing, a few for reading. WAL with `synchronous=FULL`: a commit that
/// returned survives a power cut. Connections are kept, as the version counts on one connection.
async fn connect(path: &Path, writing: bool) -> Result<SqlitePool, LedgerError> {
    let mut options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // What is erased is written over, not only forgotten.
        .pragma("secure_delete", "ON")
        .busy_timeout(WAIT_FOR_LOCK);
    if !writing {
        options = options.pragma("query_only", "ON");
    }
    let size = if writing { 1 } else { READERS };
    let pool = SqlitePoolOptions::new()
        .max_connections(size)
        .acquire_timeout(WAIT_FOR_LOCK)
        .max_lifetime(None)
        .idle_timeout(None);
    pool.connect_with(options).await.map_err(error)
}

/// One connection beside the others, for what may be lost in a power cut. It syncs nothing: the write-ahead
/// log is carried over by the connection that writes the rest.
pub(super) async fn open_beside(path: &Path) -> Result<SqliteConnection, LedgerError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .pragma("wal_autocheckpoint", "0")
        .busy_timeout(WAIT_BESIDE);
    SqliteConnection::connect_with(&options).await.map_err(error)
}

impl Ledger {
    /// Carries the write-ahead log over into the file now and then, until `stop`. The writing connection does
    /// so by itself after its own commits; where only the journal writes, nobody would.
    pub async fn keep_log_short(self, every: Duration, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(every)).await.is_some() {
            // Passive: it waits for nobody, and what is left is carried over the next time.
            if let Err(failed) = self.writer.pool().execute("PRAGMA wal_checkpoint(PASSIVE)").await {
                tracing::debug!(error = %error(failed), "log_not_carried_over");
            }
        }
    }
}

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
