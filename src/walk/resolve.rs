//! Finds the store, and the ledger's row, that a read is about.

use std::sync::Arc;

use super::authenticate::Caller;
use crate::contract::{Audience, ErrorCode};
use crate::directory::Directory;
use crate::ledger::{Facade, InvoiceRow, Ledger, LedgerError, Store};

/// Why a read leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The ledger does not know the invoice, or it is another store's.
    #[error("no such invoice for this caller")]
    NotFound,
    /// The ledger did not answer.
    #[error("the ledger cannot be read: {0}")]
    Ledger(#[from] LedgerError),
}

impl ResolveError {
    /// The row of the error table.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound => ErrorCode::ObjectNotFound,
            Self::Ledger(_) => ErrorCode::LedgerUnavailable,
        }
    }
}

/// Where a read goes, and for whose eyes its answer is.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The store at BTCPay.
    pub store: Arc<Store>,
    /// What the ledger knows of the invoice; None for one that was not made through payferry.
    pub row: Option<InvoiceRow>,
    /// Who sees the answer.
    pub audience: Audience,
}

/// Resolves a read. Without a credential the id is the capability, so it must be in the ledger.
///
/// # Errors
/// [`ResolveError`].
pub async fn resolve(
    caller: &Caller,
    invoice_id: &str,
    ledger: &Ledger,
    directory: &Directory,
) -> Result<Destination, ResolveError> {
    let row = ledger.find_invoice(invoice_id).await?;
    match (caller, row) {
        (Caller::Shop(shop), row) if shop.dialect == super::authenticate::Dialect::Signed => {
            if row.as_ref().is_some_and(|row| row.store_id != shop.store.id) {
                return Err(ResolveError::NotFound);
            }
            Ok(Destination { store: Arc::clone(&shop.store), row, audience: audience(shop.facade) })
        }
        (_, Some(row)) => {
            let store = directory.store(&row.store_id).await.ok_or(ResolveError::NotFound)?;
            if matches!(caller, Caller::Shop(shop) if shop.store.id != store.id) {
                return Err(ResolveError::NotFound);
            }
            Ok(Destination { store, row: Some(row), audience: Audience::Public })
        }
        (_, None) => Err(ResolveError::NotFound),
    }
}

/// What a facade may see.
#[must_use]
pub fn audience(facade: Facade) -> Audience {
    match facade {
        Facade::Merchant => Audience::Merchant,
        Facade::Pos => Audience::Pos,
    }
}
