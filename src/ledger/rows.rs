//! Stores as the ledger holds them, and what tokens may do.

use std::fmt;
use std::str::FromStr;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{LedgerError, sqlite};
use crate::presented::Settlement;

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Facade {
    /// Creates and reads, all of it; every call is signed.
    Merchant,
    /// Creates and public reads; may stand in public HTML.
    Pos,
}

impl Facade {
    /// As it stands in requests and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Merchant => "merchant",
            Self::Pos => "pos",
        }
    }
}

impl fmt::Display for Facade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Facade {
    type Err = LedgerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "merchant" => Ok(Self::Merchant),
            "pos" => Ok(Self::Pos),
            _ => Err(LedgerError::Unreadable("facade")),
        }
    }
}

/// How a store proves itself to BTCPay.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreCredentials {
    /// By the key derived from its id and epoch.
    Key,
    /// By BTCPay's legacy API key, sealed.
    ApiKey(Vec<u8>),
}

impl fmt::Debug for StoreCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "Key",
            Self::ApiKey(_) => "ApiKey([sealed])",
        })
    }
}

/// One BTCPay store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// payferry's own, immutable; keys derive from it.
    pub id: String,
    /// The operator's name for it, unique.
    pub name: String,
    /// Name of its BTCPay server in the configuration.
    pub server: String,
    /// Counts key rotations; never reused.
    pub epoch: u32,
    /// The highest epoch that a key was made for; above `epoch` after a rotation that failed.
    pub last_epoch: u32,
    /// How it signs upstream.
    pub credentials: StoreCredentials,
    /// When BTCPay accepted its key, milliseconds since 1970; None before.
    pub paired_at: Option<i64>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// What it counts as confirmed and complete.
    pub settlement: Settlement,
    /// Certificates (PEM) to trust instead of the well-known ones when its shops are notified.
    pub shop_ca_pem: Option<String>,
    /// When the operator removed it; it is then kept for its invoices alone. Milliseconds since 1970.
    pub removed_at: Option<i64>,
}

pub(super) fn epoch(row: &SqliteRow) -> Result<u32, LedgerError> {
    number(row, "epoch")
}

fn number(row: &SqliteRow, name: &str) -> Result<u32, LedgerError> {
    u32::try_from(row.try_get::<i64, _>(name).map_err(sqlite::error)?)
        .map_err(|_| LedgerError::Unreadable("epoch"))
}

pub(super) fn store(row: &SqliteRow) -> Result<Store, LedgerError> {
    let sealed: Option<Vec<u8>> = row.try_get("api_key_sealed").map_err(sqlite::error)?;
    Ok(Store {
        id: row.try_get("id").map_err(sqlite::error)?,
        name: row.try_get("name").map_err(sqlite::error)?,
        server: row.try_get("server").map_err(sqlite::error)?,
        epoch: epoch(row)?,
        last_epoch: number(row, "last_epoch")?,
        credentials: sealed.map_or(StoreCredentials::Key, StoreCredentials::ApiKey),
        paired_at: row.try_get("paired_at").map_err(sqlite::error)?,
        created_at: row.try_get("created_at").map_err(sqlite::error)?,
        shop_ca_pem: row.try_get("shop_ca_pem").map_err(sqlite::error)?,
        settlement: row
            .try_get::<String, _>("settlement")
            .map_err(sqlite::error)?
            .parse()
            .map_err(|_| LedgerError::Unreadable("settlement"))?,
        removed_at: row.try_get("removed_at").map_err(sqlite::error)?,
    })
}
