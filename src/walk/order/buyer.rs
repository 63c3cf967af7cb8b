//! The buyer under BitPay's nested names, however it was sent.

use super::words::{switch, text};
use crate::json::{Object, Value};

/// BitPay's buyer member beside the flat name of 2011 to 2018.
pub const BUYER: [(&str, &str); 9] = [
    ("name", "buyerName"),
    ("address1", "buyerAddress1"),
    ("address2", "buyerAddress2"),
    ("locality", "buyerCity"),
    ("region", "buyerState"),
    ("postalCode", "buyerZip"),
    ("country", "buyerCountry"),
    ("email", "buyerEmail"),
    ("phone", "buyerPhone"),
];

/// Names that some clients use for a buyer's address instead (BTCPay's own model).
const BUYER_OTHER: [(&str, &str); 3] = [("locality", "city"), ("region", "state"), ("postalCode", "zip")];

/// The buyer; empty where none was sent.
pub(super) fn buyer(request: &Object) -> Object {
    let nested = request.last_any_case("buyer").and_then(Value::as_object);
    let mut buyer = Object::new();
    for (name, flat) in BUYER {
        let other = BUYER_OTHER.iter().find(|(ours, _)| *ours == name).map(|(_, other)| *other);
        let value = request
            .last_any_case(flat)
            .or_else(|| nested?.last_any_case(name))
            .or_else(|| nested?.last_any_case(other?));
        if let Some(text) = value.and_then(text) {
            buyer.push(name, text);
        }
    }
    let notify = request.last_any_case("buyerNotify").or_else(|| nested?.last_any_case("notify"));
    if let Some(notify) = notify.and_then(switch) {
        buyer.push("notify", notify);
    }
    buyer
}
