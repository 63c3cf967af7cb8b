//! Compares BTCPay's answer with BitPay's contract and tells ops every difference.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use super::create::Made;
use super::to_btcpay::LeftOut;
use crate::divergence::{self, BtcpayCall, Divergence, Kind, ListInspection, Shape};
use crate::json::Value;
use crate::telemetry::Metrics;

/// Most places that are remembered as told; beyond it every sight is an event again.
const MOST_TOLD: usize = 20_000;

/// The divergences that had their event since the start: an answer of BTCPay has some fifty, so each
/// is told once per endpoint, store and agent, and counted every time.
#[derive(Debug, Default)]
pub struct Told(Mutex<HashSet<String>>);

impl Told {
    fn first_time(&self, place: String) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.len() >= MOST_TOLD || told.insert(place)
    }
}

/// Who was answered, for the divergence events.
#[derive(Debug, Clone, Copy)]
pub struct Witness<'a> {
    /// Name of the store.
    pub store: &'a str,
    /// The shop's software, as it names itself.
    pub agent: &'a str,
    /// What was told before.
    pub told: &'a Told,
    /// Where divergences are counted.
    pub metrics: &'a Metrics,
}

/// Reports the divergences of a create; returns how many.
pub fn observe_create(made: &Made, witness: &Witness<'_>) -> u32 {
    let mut found = divergence::inspect(BtcpayCall::CreateInvoice, &made.answer);
    found.extend(made.left_out.iter().map(in_request));
    if made.guid_reused {
        found.push(in_request(&LeftOut { pointer: "/guid", id: "guid-no-dedup" }));
    }
    report(BtcpayCall::CreateInvoice, &found, witness)
}

/// Reports the divergences of a read; returns how many.
pub fn observe_read(answer: &Value, witness: &Witness<'_>) -> u32 {
    report(BtcpayCall::ReadInvoice, &divergence::inspect(BtcpayCall::ReadInvoice, answer), witness)
}

/// Reports the divergences of a list, once it is over; returns how many.
pub fn observe_list(seen: ListInspection, witness: &Witness<'_>) -> u32 {
    report(BtcpayCall::ListInvoices, &seen.end(), witness)
}

/// A member of a request that did not go upstream as it came.
fn in_request(left: &LeftOut) -> Divergence {
    let pointer = Cow::Borrowed(left.pointer);
    Divergence { pointer, kind: Kind::Semantics, id: Some(left.id), shape: Shape::Absent }
}

fn report(call: BtcpayCall, found: &[Divergence], witness: &Witness<'_>) -> u32 {
    for one in found {
        witness.metrics.divergence(call.name(), one.kind.name(), one.label());
        let Witness { store, agent, told, .. } = witness;
        let place = format!("{} {store} {agent} {} {}", call.name(), one.kind.name(), one.pointer);
        if told.first_time(place) {
            divergence::report(one, call.name(), store, agent);
        }
    }
    u32::try_from(found.len()).unwrap_or(u32::MAX)
}
