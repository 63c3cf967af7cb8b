//! The shop's own words: what it sent and gets back to the letter.

use super::buyer::buyer;
use super::price::decimal_text;
use crate::json::{Number, Object, Value};

/// Texts that go back to the shop exactly as they came, under BitPay's names.
const TEXTS: [&str; 10] = [
    "posData",
    "orderId",
    "itemDesc",
    "itemCode",
    "guid",
    "redirectURL",
    "closeURL",
    "notificationURL",
    "notificationEmail",
    "transactionSpeed",
];

/// Switches; clients also send them as text or as 0 and 1 (ruby `"physical":"true"`).
const SWITCHES: [&str; 4] = ["fullNotifications", "extendedNotifications", "physical", "autoRedirect"];

/// The words of a request, under BitPay's names.
pub(super) fn words(request: &Object) -> Object {
    let mut words = Object::new();
    for name in TEXTS {
        if let Some(text) = request.last_any_case(name).and_then(text) {
            words.push(name, text);
        }
    }
    for name in SWITCHES {
        if let Some(switch) = request.last_any_case(name).and_then(switch) {
            words.push(name, switch);
        }
    }
    if let Some(items) = request.last_any_case("itemizedDetails").and_then(items) {
        words.push("itemizedDetails", items);
    }
    if let Some(window) = request.last_any_case("acceptanceWindow").and_then(window) {
        words.push("acceptanceWindow", window);
    }
    let buyer = buyer(request);
    if !buyer.is_empty() {
        words.push("buyer", buyer);
    }
    words
}

/// Texts come as texts; numbers and truth values become text, as BTCPay and BitPay both store them;
/// an object or an array (posData of some hand-written shops) becomes its JSON text.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// None where it is no truth value.
pub(super) fn switch(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        },
        Value::Number(number) => match number.text() {
            "1" => Some(true),
            "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// The lines of an order; one without amount or description is none.
fn items(value: &Value) -> Option<Value> {
    let item = |item: &Value| {
        let amount = match item.get("amount")? {
            Value::Number(number) => number.plain().ok()?,
            Value::String(text) => decimal_text(text).ok()?.plain().ok()?,
            _ => return None,
        };
        let mut line = Object::new().with("amount", Value::Number(Number::parse(&amount).ok()?));
        line.push("description", text(item.get("description")?)?);
        if let Some(fee) = item.get("isFee").and_then(switch) {
            line.push("isFee", fee);
        }
        Some(Value::Object(line))
    };
    let items: Vec<_> = value.as_array()?.iter().filter_map(item).collect();
    (!items.is_empty()).then(|| items.into())
}

/// How long the invoice can be paid, whole milliseconds above zero; shops also send it as text.
fn window(value: &Value) -> Option<i64> {
    let window = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => Number::parse(text).ok()?.as_i64(),
        _ => None,
    };
    window.filter(|window| *window > 0)
}
