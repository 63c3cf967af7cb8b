//! Whether another key, or another server, opens the very store that shops buy from.

use super::{CALL_WITHIN, works};
use crate::app::Rooms;
use crate::ledger::{LedgerError, Store};
use crate::walk::understand::Misunderstood;
use crate::walk::upstream::UpstreamError;

/// Why it is not proved.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum Unproved {
    /// The key is refused there, or could not be tried.
    #[error("the key does not work there: {0}")]
    Key(UpstreamError),
    /// The store's newest invoice is not there, although it exists.
    #[error("the store's newest invoice ({0}) is not there")]
    OtherStore(String),
    /// Whether the newest invoice is there could not be found out.
    #[error("whether its newest invoice is there is not known: {0}")]
    Invoice(UpstreamError),
    /// The ledger did not answer.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Tries the key of `new`, and reads the newest invoice of the ledger with it.
///
/// # Errors
/// [`Unproved`].
pub(in crate::cli) async fn prove(rooms: &Rooms, old: &Store, new: &Store) -> Result<(), Unproved> {
    works(rooms, new).await.map_err(Unproved::Key)?;
    let Some(invoice) = rooms.ledger.newest_invoice(&old.id).await? else { return Ok(()) };
    match rooms.upstream.read_invoice(new, &invoice, CALL_WITHIN).await {
        Ok(_) => return Ok(()),
        Err(UpstreamError::Misunderstood(Misunderstood::NotFound)) => {}
        Err(error) => return Err(Unproved::Invoice(error)),
    }
    match rooms.upstream.read_invoice(old, &invoice, CALL_WITHIN).await {
        Ok(_) => Err(Unproved::OtherStore(invoice)),
        // Gone from both: it tells nothing.
        Err(UpstreamError::Misunderstood(Misunderstood::NotFound)) => Ok(()),
        Err(error) => Err(Unproved::Invoice(error)),
    }
}
