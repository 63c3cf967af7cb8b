//! Compares BTCPay's answer with BitPay's contract and tells ops every difference.

use super::create::Made;
use crate::contract::Endpoint;
use crate::divergence::{self, Divergence, Kind, Place};
use crate::json::Value;
use crate::telemetry::Metrics;

/// Who was answered, for the divergence events.
#[derive(Debug, Clone, Copy)]
pub struct Witness<'a> {
    /// Name of the store.
    pub store: &'a str,
    /// The shop's software, as it names itself.
    pub agent: &'a str,
    /// Where divergences are counted.
    pub metrics: &'a Metrics,
}

/// Reports the divergences of a create; returns how many.
pub fn observe_create(made: &Made, witness: &Witness<'_>) -> u32 {
    let mut found = divergence::inspect(&made.answer);
    found.extend(made.left_out.iter().map(|left| Divergence::request(left.pointer, left.id)));
    if made.guid_reused {
        found.push(Divergence::request("/guid", "guid-no-dedup"));
    }
    report(Endpoint::CreateInvoice, &found, witness)
}

/// Reports the divergences of a read; returns how many.
pub fn observe_read(answer: &Value, witness: &Witness<'_>) -> u32 {
    report(Endpoint::ReadInvoice, &divergence::inspect(answer), witness)
}

fn report(endpoint: Endpoint, found: &[Divergence], witness: &Witness<'_>) -> u32 {
    let place = Place { endpoint: endpoint.name(), store: witness.store, agent: witness.agent };
    for one in found {
        witness.metrics.divergence(place.endpoint, Kind::as_str(one.kind), one.id_or_uncatalogued());
        divergence::report(one, &place);
    }
    u32::try_from(found.len()).unwrap_or(u32::MAX)
}
