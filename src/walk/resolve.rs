//! Finds the store, and the ledger's row, that a read is about.

use std::sync::Arc;

use super::authenticate::{Caller, Dialect, Shop};
use crate::contract::{Audience, Era, ErrorCode};
use crate::directory::{Directory, Entry};
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
    /// The era that is fixed for the credential.
    pub era: Option<Era>,
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
        (Caller::Shop(shop), row) if shop.dialect != Dialect::PosToken => credentialed(shop, row),
        (Caller::Key(entries), row) => credentialed(&of_key(entries, row.as_ref())?, row),
        (_, Some(row)) => {
            let store = directory.store(&row.store_id).await.ok_or(ResolveError::NotFound)?;
            let shop = if let Caller::Shop(shop) = caller { Some(shop) } else { None };
            if shop.is_some_and(|shop| shop.store.id != store.id) {
                return Err(ResolveError::NotFound);
            }
            let era = shop.and_then(|shop| shop.overrides.era);
            Ok(Destination { store, row: Some(row), audience: Audience::Public, era })
        }
        (_, None) => Err(ResolveError::NotFound),
    }
}

fn credentialed(shop: &Shop, row: Option<InvoiceRow>) -> Result<Destination, ResolveError> {
    if row.as_ref().is_some_and(|row| row.store_id != shop.store.id) {
        return Err(ResolveError::NotFound);
    }
    let Shop { store, facade, overrides, .. } = shop;
    Ok(Destination { store: Arc::clone(store), row, audience: audience(*facade), era: overrides.era })
}

/// The key's credential for the invoice's store. An invoice that the ledger does not know must be in the
/// key's only store: nobody asks around.
fn of_key(entries: &[Entry], row: Option<&InvoiceRow>) -> Result<Shop, ResolveError> {
    let first = entries.first().ok_or(ResolveError::NotFound)?;
    let store = row.map_or(&first.store.id, |row| &row.store_id);
    let several = entries.iter().any(|entry| entry.store.id != first.store.id);
    if row.is_none() && several {
        return Err(ResolveError::NotFound);
    }
    let own = entries.iter().find(|entry| &entry.store.id == store);
    own.map(|entry| Shop::of(entry, Dialect::Signed)).ok_or(ResolveError::NotFound)
}

/// Resolves a read by the shop's own name for an invoice: the newest of that name, and its id at BTCPay.
///
/// A merchant token opens all of its store's. A POS token stands in public HTML: it opens what was made
/// with it, and shows no buyer.
///
/// # Errors
/// [`ResolveError`].
pub async fn by_guid(
    shop: &Shop,
    guid: &str,
    ledger: &Ledger,
) -> Result<(Destination, String), ResolveError> {
    let (credential, audience) = match shop.facade {
        Facade::Merchant => (None, Audience::Merchant),
        Facade::Pos => (Some(shop.credential_id.as_str()), Audience::Public),
    };
    let row = ledger.find_invoice_by_guid(&shop.store.id, credential, guid).await?;
    let row = row.ok_or(ResolveError::NotFound)?;
    let id = row.invoice_id.clone().ok_or(ResolveError::NotFound)?;
    let (store, era) = (Arc::clone(&shop.store), shop.overrides.era);
    Ok((Destination { store, row: Some(row), audience, era }, id))
}

/// What a facade may see.
#[must_use]
pub fn audience(facade: Facade) -> Audience {
    match facade {
        Facade::Merchant => Audience::Merchant,
        Facade::Pos => Audience::Pos,
    }
}
