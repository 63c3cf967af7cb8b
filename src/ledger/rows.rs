//! Stores and credentials as the ledger holds them.

use std::fmt;
use std::str::FromStr;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{LedgerError, sqlite};
use crate::bitid::Sin;

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
    /// How it signs upstream.
    pub credentials: StoreCredentials,
    /// When BTCPay accepted its key, milliseconds since 1970; None before.
    pub paired_at: Option<i64>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// When the operator removed it; it is then kept for its invoices alone. Milliseconds since 1970.
    pub removed_at: Option<i64>,
}

/// One token that a shop holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// payferry's own id.
    pub id: String,
    /// The store it opens.
    pub store_id: String,
    /// The key that it belongs to.
    pub sin: Sin,
    /// What it may do.
    pub facade: Facade,
    /// What the token was derived from beside SIN, facade and epoch.
    pub scope: String,
    /// Counts renewals of the token.
    pub epoch: u32,
    /// SHA-256 of the token, hex.
    pub token_hash: String,
    /// What the shop called itself.
    pub label: Option<String>,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

pub(super) fn epoch(row: &SqliteRow) -> Result<u32, LedgerError> {
    u32::try_from(row.try_get::<i64, _>("epoch").map_err(sqlite::error)?)
        .map_err(|_| LedgerError::Unreadable("epoch"))
}

pub(super) fn store(row: &SqliteRow) -> Result<Store, LedgerError> {
    let sealed: Option<Vec<u8>> = row.try_get("api_key_sealed").map_err(sqlite::error)?;
    Ok(Store {
        id: row.try_get("id").map_err(sqlite::error)?,
        name: row.try_get("name").map_err(sqlite::error)?,
        server: row.try_get("server").map_err(sqlite::error)?,
        epoch: epoch(row)?,
        credentials: sealed.map_or(StoreCredentials::Key, StoreCredentials::ApiKey),
        paired_at: row.try_get("paired_at").map_err(sqlite::error)?,
        created_at: row.try_get("created_at").map_err(sqlite::error)?,
        removed_at: row.try_get("removed_at").map_err(sqlite::error)?,
    })
}

pub(super) fn credential(row: &SqliteRow) -> Result<Credential, LedgerError> {
    let sin: String = row.try_get("sin").map_err(sqlite::error)?;
    let facade: String = row.try_get("facade").map_err(sqlite::error)?;
    Ok(Credential {
        id: row.try_get("id").map_err(sqlite::error)?,
        store_id: row.try_get("store_id").map_err(sqlite::error)?,
        sin: Sin::parse(&sin).map_err(|_| LedgerError::Unreadable("SIN"))?,
        facade: facade.parse()?,
        scope: row.try_get("scope").map_err(sqlite::error)?,
        epoch: epoch(row)?,
        token_hash: row.try_get("token_hash").map_err(sqlite::error)?,
        label: row.try_get("label").map_err(sqlite::error)?,
        created_at: row.try_get("created_at").map_err(sqlite::error)?,
    })
}
