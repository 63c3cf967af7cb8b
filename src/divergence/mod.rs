//! Seeing where BTCPay is not BitPay: one divergence is a place, a kind, and its id in the catalogue.
//!
//! Values never leave this room: a pointer and a kind say what differs, not what was in it.

mod failure;
mod inspect;
mod rules;

pub use failure::inspect_failure;
pub use inspect::{MOST, inspect};

pub use crate::contract::btcpay_invoice::Kind;
use crate::contract::{Endpoint, divergences};

/// One way in which an answer differs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Divergence {
    /// Where; array indexes and currencies are `*`. Empty for the whole answer.
    pub pointer: String,
    /// How.
    pub kind: Kind,
    /// Its id in the catalogue; none when nobody has met it before.
    pub id: Option<&'static str>,
}

impl Divergence {
    /// The id, or `uncatalogued`; few values, fit for a metric's label.
    #[must_use]
    pub fn label(&self) -> &'static str {
        self.id.unwrap_or("uncatalogued")
    }
}

/// Writes one event for a divergence (target `divergence`): info for a known one, warn for a new one.
///
/// `store` is the store's name and `agent` the client's, both already fit for a log.
pub fn report(divergence: &Divergence, endpoint: Endpoint, store: &str, agent: &str) {
    let endpoint = endpoint.name();
    let kind = divergence.kind.name();
    let pointer = divergence.pointer.as_str();
    match divergence.id.and_then(divergences::find) {
        Some(known) => {
            let id = known.id.as_str();
            tracing::info!(target: "divergence", id, kind, pointer, endpoint, store, agent, "BTCPay differs from BitPay");
        }
        None => {
            let id = "uncatalogued";
            tracing::warn!(target: "divergence", id, kind, pointer, endpoint, store, agent, "BTCPay differs from BitPay");
        }
    }
}
