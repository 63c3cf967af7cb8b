//! The bodies of notifications (IPNs): flat and in an envelope, indented, in BTCPay's spelling.
//!
//! They spell the same values in other ways than `GET /invoices` does.

use super::decimal::Decimal;
use super::event::Event;
use super::invoice::{Invoice, Method};
use super::posdata::{self, special_separators};
use super::render::number;
use crate::json::{Object, Value};

const WARNING: &str = "This data could have easily been faked and should not be trusted. Please run any invoice \
                       checks by first fetching the invoice through the API.";

/// One body, and what it is called in BTCPay's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// `1005 invoice_confirmed`
    pub name: String,
    /// The bytes that every try sends.
    pub body: String,
}

/// What is told of an event, in order: the flat form comes before its twin in the envelope.
#[must_use]
pub fn of(invoice: &Invoice, event: Event, now_ms: i64) -> Vec<Notification> {
    let (code, name) = event.code_and_name();
    let log_name = format!("{code} {name}");
    let data = data(invoice, event, now_ms);
    let mut all = Vec::new();
    if event.is_told_flat(invoice.full_notifications || invoice.extended_notifications) {
        all.push(Notification { name: log_name.clone(), body: text(&data) });
    }
    if invoice.extended_notifications {
        let envelope = Object::new()
            .with("event", Object::new().with("code", code).with("name", name))
            .with("data", data);
        all.push(Notification { name: log_name, body: text(&envelope.into()) });
    }
    all
}

fn data(invoice: &Invoice, event: Event, now_ms: i64) -> Value {
    let method = invoice.method.as_ref();
    let link = || format!("{}/invoice?id={}", invoice.root, invoice.id);
    let pos_data = invoice.pos_data.as_deref().map(posdata::at_read);
    let order = invoice.order_id.as_deref().map(posdata::text_at_read);
    let money = |satoshi: u128| method.map_or(Value::Null, |_| eight(satoshi).into());
    let totals = |satoshi: u128| per_coin(method, "BTC", number(format!("{satoshi}.0")));
    let rates = Object::new().with(invoice.currency.as_str(), number("0.0"));
    let email = invoice.buyer[8].as_deref().filter(|email| !email.is_empty());
    Object::new()
        .with("id", invoice.id.as_str())
        .with("url", method.map_or(Value::Null, |_| link().into()))
        .with("posData", pos_data.map_or(Value::Null, Value::from))
        .with("status", event.told_status().unwrap_or(invoice.status.word()))
        .with("btcPrice", money(method.map_or(0, |method| method.price)))
        .with("price", number(invoice.price.plain().json()))
        .with("currency", invoice.currency.as_str())
        .with("invoiceTime", invoice.created_ms.div_euclid(1000) * 1000)
        .with("expirationTime", invoice.expires_ms.div_euclid(1000) * 1000)
        .with("currentTime", now_ms)
        .with("btcPaid", money(invoice.paid()))
        .with("btcDue", money(invoice.due()))
        .with("rate", number(method.map_or(Decimal::ZERO, |method| method.rate).plain().json()))
        .with("exceptionStatus", invoice.exception.map_or(Value::Bool(false), Value::from))
        .with(
            "buyerFields",
            email.map_or(Value::Null, |email| Object::new().with("buyerEmail", email).into()),
        )
        .with("transactionCurrency", Value::Null)
        .with("paymentSubtotals", totals(method.map_or(0, |method| method.price)))
        .with("paymentTotals", totals(invoice.total()))
        .with("amountPaid", "0.00000000")
        .with("exchangeRates", per_coin(method, "btc", rates.into()))
        .with("orderId", order.map_or(Value::Null, Value::from))
        .with("_warning", WARNING)
        .into()
}

fn per_coin(method: Option<&Method>, coin: &str, value: Value) -> Value {
    Value::Object(method.map_or_else(Object::new, |_| Object::new().with(coin, value)))
}

fn eight(satoshi: u128) -> String {
    Decimal::new(satoshi, 8).map(Decimal::text).unwrap_or_default()
}

fn text(value: &Value) -> String {
    let mut out = String::new();
    indent(value, 0, &mut out);
    special_separators(out)
}

/// Two blanks a level, one member a line; an empty object stays in its line.
fn indent(value: &Value, depth: usize, out: &mut String) {
    let Value::Object(object) = value else {
        out.push_str(&value.to_string());
        return;
    };
    for (at, (name, value)) in object.iter().enumerate() {
        out.push_str(if at == 0 { "{\n" } else { ",\n" });
        out.push_str(&"  ".repeat(depth + 1));
        out.push_str(&format!("{}: ", Value::from(name)));
        indent(value, depth + 1, out);
    }
    if object.iter().next().is_some() {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
        out.push('}');
    } else {
        out.push_str("{}");
    }
}
