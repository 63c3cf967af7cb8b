//! The ledger: stores, credentials, pairings and invoices, durable.
//!
//! One truth for mapping. SQLite here; PostgreSQL later, so nothing that only SQLite has stands
//! outside `sqlite.rs` and `backup.rs`. Reads go through a pool; writes through one task that groups what waits
//! into one commit (`writer.rs`).

mod backup;
mod credentials;
mod divergences;
mod invoice_record;
mod invoice_search;
mod invoices;
mod notifications;
mod notify;
mod pairings;
mod pending;
mod retention;
mod rows;
mod secret_proof;
mod sqlite;
mod store_life;
mod stores;
mod wakes;
mod writer;

use std::path::Path;

pub use backup::{Backup, BackupError, backup};
pub use credentials::{Credential, CredentialKind, CredentialName, NotificationForm, Overrides, TokenSource};
pub use divergences::{DivergenceRow, DivergenceWriter, OTHER_AGENTS};
pub use invoice_record::InvoiceRecord;
pub use invoices::{InvoiceRow, InvoiceState, NewInvoice, Reservation};
pub use notifications::{AlarmRow, NotificationRow, Outbox, Replay};
pub use notify::{Attended, NewNotification, Settled, Told, Waiting};
pub use pairings::{NewPairing, Pairing};
pub use pending::{PENDING_LIVES_MS, PendingAdoption};
pub use rows::{Facade, Store, StoreCredentials};
use sqlx::SqlitePool;
pub use store_life::StoreUse;
pub use wakes::{Glance, Rest};
use writer::{Ending, Writer};

/// Why the ledger cannot answer. Never holds a value, only what kind of trouble it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// The file cannot be opened, read or written; locked by another process for too long.
    #[error("{0}")]
    Unavailable(String),
    /// What should be unique is there already.
    #[error("it is there already: {0}")]
    Conflict(String),
    /// A stored value that this version cannot read.
    #[error("the ledger holds an unreadable {0}")]
    Unreadable(&'static str),
    /// The ledger is closing.
    #[error("the ledger is closing")]
    Closing,
}

/// A handle on the ledger; clones share it.
#[derive(Clone)]
pub struct Ledger {
    reads: SqlitePool,
    writer: Writer,
}

impl Ledger {
    /// Opens the file, making it (mode 0600, a missing folder 0700) and bringing its tables up to date where needed.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn open(path: &Path) -> Result<Self, LedgerError> {
        let (reads, writes) = sqlite::open(path).await?;
        Ok(Self { reads, writer: Writer::start(writes, Ending::Commit) })
    }

    /// The same for a rehearsal: each write finds out what would come of it, and is undone.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn open_for_rehearsal(path: &Path) -> Result<Self, LedgerError> {
        let (reads, writes) = sqlite::open(path).await?;
        Ok(Self { reads, writer: Writer::start(writes, Ending::Undo) })
    }

    /// Finishes what is queued and closes the file.
    pub async fn close(&self) {
        self.writer.close().await;
        self.reads.close().await;
    }

    /// Commits since the start, each of them one fdatasync.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }
}
