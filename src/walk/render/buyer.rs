//! The buyer under the names of each era.

use super::super::order::BUYER;
use crate::contract::Era;
use crate::json::{Object, Value};

/// `buyerFields`: flat names, until 2018. An empty one does not stand in the flat answer, which
/// AdvantShop reads as a map of texts.
pub(super) fn flat(words: &Object, era: Era) -> Option<Value> {
    let buyer = words.get("buyer");
    let mut fields = Object::new();
    for (name, flat) in BUYER {
        if let Some(text) = buyer.and_then(|buyer| buyer.get(name)) {
            fields.push(flat, text.clone());
        }
    }
    if let Some(notify) = buyer.and_then(|buyer| buyer.get("notify")) {
        fields.push("buyerNotify", notify.clone());
    }
    (era != Era::V1 || !fields.is_empty()).then(|| fields.into())
}

/// `buyerProvidedInfo`: what the buyer is known by on the payment page, and what he pays with.
pub(super) fn provided(words: &Object, currency: Option<&str>) -> Value {
    let mut info = Object::new();
    let buyer = words.get("buyer");
    for (name, member) in [("name", "name"), ("phoneNumber", "phone"), ("emailAddress", "email")] {
        if let Some(text) = buyer.and_then(|buyer| buyer.get(member)) {
            info.push(name, text.clone());
        }
    }
    if let Some(currency) = currency {
        info.push("selectedTransactionCurrency", currency);
    }
    info.into()
}
