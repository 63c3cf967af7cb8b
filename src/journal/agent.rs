//! Which name of a shop's software is noted.

use crate::contract::products::product;

/// The agent for the journal. Who proved a key is noted as he names himself. Else anybody may have sent it,
/// buyers' browsers too, so that only the product is noted, and only where it is a known one.
#[must_use]
pub fn noted_agent(agent: &str, proved: bool) -> &str {
    if proved { agent } else { product(agent).unwrap_or_default() }
}

/// Whether a dialect of the request log or the ledger proves a key.
#[must_use]
pub fn proves(dialect: &str) -> bool {
    matches!(dialect, "signed" | "v1_key")
}
