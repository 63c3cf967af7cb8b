//! Seeing where BTCPay is not BitPay: one divergence is a place, a kind, and its id in the catalogue.
//!
//! What can be looked at: a good answer (`inspect`, or item by item `ListInspection`), what of the
//! shop's own words came back in it (`echo`), a failure (`inspect_failure`), a notification, what
//! shows only between two of them (`sequence`), and a shop's request, whose repair hides what BTCPay would
//! have made of it (`request`).
//!
//! Values never leave this room: a pointer and a kind say what differs, a [`Shape`] of what size it was.

mod echo;
mod failure;
mod inspect;
mod list;
mod notification;
pub mod request;
mod rules;
mod sequence;
mod shape;

use std::borrow::Cow;
use std::hash::{Hash, Hasher};

pub use echo::{Echo, inspect_echo, inspect_link, inspect_public_status};
pub use failure::{FailedAnswer, inspect_failure};
pub use inspect::{MOST, inspect};
pub use list::ListInspection;
pub use notification::{Notification, created_before_answer, inspect_notification};
pub use sequence::{Sequence, inspect_change};
pub use shape::Shape;

pub use crate::contract::btcpay_answers::BtcpayCall;
pub use crate::contract::divergences::Kind;
use crate::contract::divergences::{self, Known};

/// One way in which BTCPay differs.
///
/// Two are equal when place, kind and id are: the shape is only a sample.
#[derive(Debug, Clone)]
pub struct Divergence {
    /// Where; array indexes and currencies are `*`. Empty for the whole answer.
    pub pointer: Cow<'static, str>,
    /// How.
    pub kind: Kind,
    /// Its id in the catalogue; none when nobody has met it before.
    pub id: Option<&'static str>,
    /// What stood there, without the value.
    pub shape: Shape,
}

impl Divergence {
    /// The id, or `uncatalogued`; few values, fit for a metric's label.
    #[must_use]
    pub fn label(&self) -> &'static str {
        self.id.unwrap_or("uncatalogued")
    }

    /// Its row of the catalogue.
    #[must_use]
    pub fn known(&self) -> Option<&'static Known> {
        self.id.and_then(divergences::find)
    }

    /// What tells divergences of one call apart: the id, or kind and place where there is none.
    #[must_use]
    pub fn identity(&self) -> Cow<'static, str> {
        match self.id {
            Some(id) => Cow::Borrowed(id),
            None => Cow::Owned(format!("{} {}", self.kind.name(), self.pointer)),
        }
    }

    fn key(&self) -> (&str, Kind, Option<&'static str>) {
        (&self.pointer, self.kind, self.id)
    }
}

impl PartialEq for Divergence {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Divergence {}

impl Hash for Divergence {
    /// Over lengths instead of texts: this is done for some seventy of them with every answer, and what
    /// has the same hash is compared in full.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_usize(self.pointer.len() << 8 | self.id.map_or(0, str::len));
        self.kind.hash(state);
    }
}

/// Writes one event for a divergence (target `divergence`): info for a known one, warn for a new one.
///
/// `endpoint` is the name of BitPay's call, `store` the store's name and `agent` the client's,
/// all fit for a log.
pub fn report(divergence: &Divergence, endpoint: &str, store: &str, agent: &str) {
    let kind = divergence.kind.name();
    let pointer = &*divergence.pointer;
    match divergence.known() {
        Some(known) => {
            let id = known.id.as_str();
            tracing::info!(target: "divergence", id, kind, pointer, endpoint, store, agent, "BTCPay differs from BitPay");
        }
        None => {
            let id = "uncatalogued";
            let shape = divergence.shape.to_string();
            tracing::warn!(target: "divergence", id, kind, pointer, endpoint, store, agent, shape, "BTCPay differs from BitPay");
        }
    }
}
