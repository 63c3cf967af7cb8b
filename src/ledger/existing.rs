//! A ledger that is there already, opened by commands that must leave it as it is: no file is made, no table
//! changed.

use std::io::{ErrorKind, Write as _};
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Connection, Executor, SqliteConnection, SqlitePool};

use super::writer::{Ending, Writer};
use super::{Ledger, LedgerError, sqlite, tables};

const READERS: u32 = 2;
/// What is tried to be written beside the ledger; an order needs less.
const TRIAL_BYTES: usize = 256 * 1024;

impl Ledger {
    /// Opens a ledger to read it. Every write fails.
    ///
    /// # Errors
    /// [`LedgerError::Missing`] where there is none; [`LedgerError::Older`] and [`LedgerError::Newer`] where
    /// another version of payferry wrote it last.
    pub async fn open_to_read(path: &Path) -> Result<Self, LedgerError> {
        open_undoing(path, true).await
    }

    /// Opens a ledger for a rehearsal: each write finds out what would come of it, and is undone.
    ///
    /// # Errors
    /// As [`Ledger::open_to_read`].
    pub async fn open_for_rehearsal(path: &Path) -> Result<Self, LedgerError> {
        open_undoing(path, false).await
    }

    /// Opens a ledger that must be there already, to use it as [`Ledger::open`] does.
    ///
    /// # Errors
    /// [`LedgerError::Missing`], and as [`Ledger::open`].
    pub async fn open_existing(path: &Path) -> Result<Self, LedgerError> {
        refuse_missing(path)?;
        Self::open(path).await
    }

    /// Whether this handle leaves the file as it is.
    #[must_use]
    pub fn is_left_as_it_is(&self) -> bool {
        self.writer.undoes()
    }
}

async fn open_undoing(path: &Path, query_only: bool) -> Result<Ledger, LedgerError> {
    let reads = connect(path, READERS, true).await?;
    tables::refuse_other_version(&reads).await?;
    let writes = connect(path, 1, query_only).await?;
    Ok(Ledger { reads, writer: Writer::start(writes, Ending::Undo) })
}

/// Writes one row and undoes it, and 256 KiB to the same disk: a full disk, a lock or a missing right shows now.
/// What SQLite undoes never reaches the disk, so a row alone would not tell.
///
/// # Errors
/// [`LedgerError`]: what the first order would meet.
pub async fn try_to_write(path: &Path) -> Result<(), LedgerError> {
    refuse_missing(path)?;
    let mut connection = SqliteConnection::connect_with(&options(path)).await.map_err(sqlite::error)?;
    let tried = write_and_undo(&mut connection).await;
    let _ = connection.close().await;
    tried.and_then(|()| write_beside(path))
}

async fn write_and_undo(connection: &mut SqliteConnection) -> Result<(), LedgerError> {
    connection.execute(sqlite::BEGIN).await.map_err(sqlite::error)?;
    let write = sqlx::query("INSERT INTO secret_proof (id, sealed) VALUES (-1, x'00')");
    let written = write.execute(&mut *connection).await.map(drop).map_err(sqlite::error);
    let undone = connection.execute("ROLLBACK").await.map(drop).map_err(sqlite::error);
    written.and(undone)
}

/// A file without a name that is gone when it is closed.
fn write_beside(path: &Path) -> Result<(), LedgerError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let tried = tempfile::tempfile_in(folder).and_then(|mut file| {
        file.write_all(&vec![0; TRIAL_BYTES])?;
        file.sync_all()
    });
    tried.map_err(|error| match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => LedgerError::Full,
        _ => LedgerError::Unavailable(format!("{}: {error}", folder.display())),
    })
}

fn refuse_missing(path: &Path) -> Result<(), LedgerError> {
    if path.is_file() { Ok(()) } else { Err(LedgerError::Missing) }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).create_if_missing(false).busy_timeout(sqlite::WAIT_FOR_LOCK)
}

async fn connect(path: &Path, most: u32, query_only: bool) -> Result<SqlitePool, LedgerError> {
    refuse_missing(path)?;
    let options = options(path).foreign_keys(true);
    let options = if query_only { options.pragma("query_only", "ON") } else { options };
    let pool = SqlitePoolOptions::new().max_connections(most).acquire_timeout(sqlite::WAIT_FOR_LOCK);
    pool.max_lifetime(None).idle_timeout(None).connect_with(options).await.map_err(sqlite::error)
}
