//! A consistent copy of a ledger that is in use.

use std::fs::File;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};

use super::{LedgerError, sqlite};

/// Why there is no backup. Nothing is left at its place.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is no ledger at that place.
    #[error("there is no ledger {0}")]
    NoLedger(PathBuf),
    /// Something is there already.
    #[error("{0} is already there; a backup is never overwritten")]
    Exists(PathBuf),
    /// SQLite takes only names that are UTF-8.
    #[error("{0} is no UTF-8")]
    Name(PathBuf),
    /// The copy cannot be written.
    #[error("{path}: {why}")]
    File {
        /// Where it was to be.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// The ledger cannot be read, or there is no room for the copy.
    #[error("the ledger was not copied: {0}")]
    Ledger(#[from] LedgerError),
    /// The copy is not whole; most likely the ledger itself is damaged.
    #[error("the copy is damaged, and so may be the ledger: {0}")]
    Damaged(String),
}

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backup {
    /// Size of the file.
    pub bytes: u64,
    /// Rows of invoices in it.
    pub invoices: i64,
}

/// Copies the ledger to a file that is not there yet: mode 0600, checked, durable when this returns.
/// Processes that use the ledger go on; what they commit meanwhile is in it whole or not at all.
///
/// # Errors
/// [`BackupError`].
pub async fn backup(ledger: &Path, file: &Path) -> Result<Backup, BackupError> {
    if !ledger.is_file() {
        return Err(BackupError::NoLedger(ledger.to_owned()));
    }
    if file.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(file.to_owned()));
    }
    let trouble = |why| BackupError::File { path: file.to_owned(), why };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Under another name first: a copy that was cut short must not look like one.
    let copy = tempfile::Builder::new().prefix(".ledger-").tempfile_in(folder).map_err(trouble)?;
    copy_into(ledger, copy.path()).await?;
    let invoices = inspect(copy.path()).await?;
    copy.as_file().sync_all().map_err(trouble)?;
    let done = copy.persist_noclobber(file).map_err(|error| match error.error.kind() {
        std::io::ErrorKind::AlreadyExists => BackupError::Exists(file.to_owned()),
        _ => trouble(error.error),
    })?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(trouble)?;
    let bytes = done.metadata().map_err(trouble)?.len();
    Ok(Backup { bytes, invoices })
}

/// `VACUUM INTO` reads one state of the database, whatever is written beside it.
async fn copy_into(ledger: &Path, copy: &Path) -> Result<(), BackupError> {
    let name = copy.to_str().ok_or_else(|| BackupError::Name(copy.to_owned()))?;
    let mut source = open(options(ledger)).await?;
    let copied = sqlx::query("VACUUM INTO ?").bind(name).execute(&mut source).await;
    let _ = source.close().await;
    copied.map(drop).map_err(|error| sqlite::error(error).into())
}

/// How many invoices the copy holds, where it is whole.
async fn inspect(copy: &Path) -> Result<i64, BackupError> {
    // Nobody else has it open: no lock and no file beside it is needed.
    let mut copy = open(options(copy).read_only(true).immutable(true)).await?;
    let verdict = text(&mut copy, "PRAGMA quick_check(1)").await?;
    if verdict != "ok" {
        return Err(BackupError::Damaged(verdict));
    }
    let row = sqlx::query("SELECT COUNT(*) FROM invoices").fetch_one(&mut copy).await;
    let count = row.and_then(|row| row.try_get(0)).map_err(sqlite::error)?;
    let _ = copy.close().await;
    Ok(count)
}

async fn text(connection: &mut SqliteConnection, sql: &'static str) -> Result<String, LedgerError> {
    let row = sqlx::query(sql).fetch_one(connection).await.map_err(sqlite::error)?;
    row.try_get(0).map_err(sqlite::error)
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).create_if_missing(false).busy_timeout(sqlite::WAIT_FOR_LOCK)
}

async fn open(options: SqliteConnectOptions) -> Result<SqliteConnection, LedgerError> {
    options.connect().await.map_err(sqlite::error)
}
