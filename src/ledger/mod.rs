//! The ledger: stores, credentials, pairings and invoices, durable.
//!
//! One truth for mapping. SQLite here; PostgreSQL later, so nothing that only SQLite has stands
//! outside `sqlite.rs`, `existing.rs`, `tables.rs` and `backup.rs`. Reads go through a pool; writes through one task that groups what waits
//! into one commit (`writer.rs`).

mod backup;
mod credentials;
mod divergences;
mod existing;
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
mod serving_lock;
mod sqlite;
mod store_life;
mod stores;
mod tables;
mod test_row;
mod wakes;
mod writer;

pub use backup::{Backup, BackupError, backup};
pub use credentials::{Credential, CredentialKind, CredentialName, NotificationForm, Overrides, TokenSource};
pub use divergences::{DivergenceRow, DivergenceWriter, OTHER_AGENTS};
pub use existing::try_to_write;
pub use invoice_record::InvoiceRecord;
pub use invoice_search::Notified;
pub use invoices::{InvoiceRow, InvoiceState, NewInvoice, Reservation};
pub use notifications::{AlarmRow, NotificationRow, Outbox, Replay};
pub use notify::{Attended, NewNotification, Settled, Told, Waiting};
pub use pairings::{NewPairing, Pairing};
pub use pending::{PENDING_LIVES_MS, PendingAdoption};
pub use rows::{Facade, Store, StoreCredentials};
pub use serving_lock::ServingLock;
use sqlx::SqlitePool;
use std::path::Path;
pub use store_life::StoreUse;
pub use wakes::{Beyond, Glance, Rest};
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
    /// There is no such file, and it is not made here.
    #[error("there is none: payferry store add NAME makes it; or correct ledger.path")]
    Missing,
    /// Another payferry serves on it; its process id where it is known.
    #[error(
        "another payferry (process {0}) serves on it, and two would tell shops everything twice: stop it first"
    )]
    Served(String),
    /// A newer payferry changed its tables.
    #[error(
        "a newer payferry wrote it: use that version, or a backup from before (docs/runbook.md, \"Back to an older version\")"
    )]
    Newer,
    /// Its tables are those of an older payferry.
    #[error(
        "its tables are those of an older payferry; payferry serve of this version brings them up to date"
    )]
    Older,
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
