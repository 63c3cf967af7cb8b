//! The buyer under the names of each era.

use super::super::order::BUYER;
use crate::json::{Object, Value};

/// `buyerFields`: flat names, until 2018.
pub(super) fn flat(words: &Object) -> Value {
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
    fields.into()
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
