//! Compares BTCPay's answers, and what shops send, with BitPay's contract, and notes every difference.

use std::borrow::Cow;

use super::create::Made;
use super::to_btcpay::LeftOut;
use crate::contract::btcpay_requests::requests;
use crate::divergence::request::{ShopRequest, inspect_request};
use crate::divergence::{self, BtcpayCall, Divergence, Echo, Kind, ListInspection, Shape};
use crate::journal::{Journal, Sighting};
use crate::json::{Object, Value};

/// Who was answered, for the journal.
#[derive(Debug, Clone, Copy)]
pub struct Witness<'a> {
    /// Name of the store.
    pub store: &'a str,
    /// The shop's software, as it names itself.
    pub agent: &'a str,
    /// Where it is noted.
    pub journal: &'a Journal,
}

impl Witness<'_> {
    fn note(&self, call: BtcpayCall, found: Vec<Divergence>) -> u32 {
        let sighting = Sighting { endpoint: call.name(), store: self.store, agent: self.agent };
        self.journal.note(&sighting, found)
    }
}

/// Notes the divergences of a create; returns how many. `public_url` is BTCPay's, see
/// [`divergence::inspect_link`].
pub fn observe_create(made: &Made, public_url: &str, witness: &Witness<'_>) -> u32 {
    // A repeated create is answered from a read.
    let read = made.repeated || made.found;
    let looked_at = if read { BtcpayCall::ReadInvoice } else { BtcpayCall::CreateInvoice };
    let mut found = invoice(looked_at, &made.answer, Some(&made.words), public_url);
    found.extend(made.left_out.iter().filter(|left| !is_seen_in_the_request(left)).map(in_request));
    if made.guid_reused {
        found.push(in_request(&LeftOut { pointer: "/guid", id: "guid-no-dedup" }));
    }
    witness.note(BtcpayCall::CreateInvoice, found)
}

/// Notes the divergences of a read; returns how many. `words` is what the shop had sent, where it is known.
pub fn observe_read(answer: &Value, words: Option<&Object>, public_url: &str, witness: &Witness<'_>) -> u32 {
    let call = BtcpayCall::ReadInvoice;
    witness.note(call, invoice(call, answer, words, public_url))
}

fn invoice(call: BtcpayCall, answer: &Value, words: Option<&Object>, public_url: &str) -> Vec<Divergence> {
    let mut found = divergence::inspect(call, answer);
    found.extend(divergence::inspect_link(public_url, answer));
    if let Some(sent) = words {
        found.extend(divergence::inspect_echo(&Echo { call, sent }, answer));
    }
    found
}

/// Notes what BTCPay would have made of the shop's request; `endpoint` is the name of BitPay's call,
/// `witness.store` empty where the shop is not known.
pub fn observe_request(request: &ShopRequest<'_>, endpoint: &'static str, witness: &Witness<'_>) -> u32 {
    let sighting = Sighting { endpoint, store: witness.store, agent: witness.agent };
    witness.journal.note(&sighting, inspect_request(request))
}

/// Whether [`observe_request`] tells it already.
fn is_seen_in_the_request(left: &LeftOut) -> bool {
    requests().member.iter().any(|row| row.id == left.id)
}

/// Notes the divergences of a list, once it is over; returns how many.
pub fn observe_list(seen: ListInspection, witness: &Witness<'_>) -> u32 {
    witness.note(BtcpayCall::ListInvoices, seen.end())
}

/// A member of a request that did not go upstream as it came.
fn in_request(left: &LeftOut) -> Divergence {
    let pointer = Cow::Borrowed(left.pointer);
    Divergence { pointer, kind: Kind::Semantics, id: Some(left.id), shape: Shape::Absent }
}
