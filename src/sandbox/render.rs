//! An invoice as the BitPay API shows it: 37 members in BTCPay's order, numbers in its spelling.

use super::dates;
use super::ids::{self, Random};
use super::invoice::{Invoice, Method, Payment};
use super::posdata;
use super::price::{bitcoin, bitcoin_due, bitcoin_less_fees, satoshi_total};
use crate::json::{Number, Object, Value};

/// Which answer is written: later reads rewrite texts that the create answer shows as sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The answer of `POST /invoices`.
    Create,
    /// Every later answer.
    Read,
}

/// What an answer shows beside the invoice.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// Epoch milliseconds.
    pub now_ms: i64,
    /// For guid and token, which are new each time.
    pub random: &'a Random,
}

/// A number from its text.
pub fn number(text: impl AsRef<str>) -> Value {
    Number::parse(text.as_ref()).map_or(Value::Null, Value::Number)
}

fn text(text: Option<&str>) -> Value {
    text.map_or(Value::Null, Value::from)
}

/// Writes the `data` of an answer.
pub fn invoice(invoice: &Invoice, stage: Stage, around: Around<'_>) -> Value {
    let mut object = Object::new();
    head(&mut object, invoice, stage);
    middle(&mut object, invoice, stage, around);
    tail(&mut object, invoice, stage, around);
    Value::Object(object)
}

fn head(object: &mut Object, invoice: &Invoice, stage: Stage) {
    let method = invoice.method.as_ref();
    let pos_data = invoice.pos_data.as_deref().map(|sent| match stage {
        Stage::Create => posdata::at_create(sent),
        Stage::Read => posdata::at_read(sent),
    });
    object.push("url", format!("{}/invoice?id={}", invoice.root, invoice.id));
    object.push("posData", text(pos_data.as_deref()));
    object.push("status", invoice.status.word());
    object.push("btcPrice", method.map_or(Value::Null, |method| price(invoice, method).into()));
    object.push("btcDue", method.map_or(Value::Null, |_| bitcoin_due(invoice.due()).into()));
    object.push(
        "cryptoInfo",
        method.map(|method| crypto_info(invoice, method)).into_iter().collect::<Vec<_>>(),
    );
    object.push("price", number(invoice.price.json()));
    if let Some(tax) = invoice.tax_included {
        object.push("taxIncluded", number(tax.json()));
    }
    object.push("currency", invoice.currency.as_str());
    object.push("exRates", method.map_or(Value::Null, |_| rates(invoice)));
}

fn middle(object: &mut Object, invoice: &Invoice, stage: Stage, around: Around<'_>) {
    let shown = |sent: &Option<String>| stored(sent.as_deref(), stage);
    object.push("buyerTotalBtcAmount", Value::Null);
    object.push("itemDesc", shown(&invoice.item_desc));
    object.push("itemCode", shown(&invoice.item_code));
    object.push("orderId", shown(&invoice.order_id));
    object.push("guid", ids::uuid(around.random));
    object.push("id", invoice.id.as_str());
    object.push("invoiceTime", whole_seconds(invoice.created_ms));
    let expires = if stage == Stage::Create { invoice.expires_ms } else { whole_seconds(invoice.expires_ms) };
    object.push("expirationTime", expires);
    object.push("currentTime", around.now_ms);
    object.push("lowFeeDetected", false);
    object.push("btcPaid", invoice.method.as_ref().map_or(Value::Null, |_| bitcoin(invoice.paid()).into()));
    object.push(
        "rate",
        invoice.method.as_ref().map_or_else(|| number("0.0"), |method| number(method.rate.json())),
    );
    object.push("exceptionStatus", invoice.exception.map_or(Value::Bool(false), Value::from));
}

fn tail(object: &mut Object, invoice: &Invoice, stage: Stage, around: Around<'_>) {
    let method = invoice.method.as_ref();
    let per_coin = |value: Value| match method {
        Some(_) => Value::Object(Object::new().with("BTC", value)),
        None => Value::Object(Object::new()),
    };
    let price = method.map_or(0, |method| method.price);
    let fees = Object::new()
        .with("satoshisPerByte", number(method.map_or("0.0", |method| &method.fee_rate)))
        .with("totalFee", number(satoshi_total(invoice.fees())));
    object.push("paymentUrls", method.map_or(Value::Null, |method| payment_urls(invoice, method)));
    object.push("refundAddressRequestPending", false);
    object.push("buyerPaidBtcMinerFee", Value::Null);
    object.push("bitcoinAddress", text(method.map(|method| method.address.as_str())));
    object.push("token", ids::invoice(around.random));
    object.push("flags", Value::Null);
    object.push("paymentSubtotals", per_coin(number(satoshi_total(price))));
    object.push("paymentTotals", per_coin(number(satoshi_total(invoice.total()))));
    object.push("amountPaid", 0);
    object.push("minerFees", per_coin(fees.into()));
    object.push("exchangeRates", per_coin(rates(invoice)));
    let enabled = Object::new().with("enabled", true).with("reason", Value::Null);
    object.push("supportedTransactionCurrencies", per_coin(enabled.into()));
    object.push("addresses", per_coin(text(method.map(|method| method.address.as_str()))));
    object.push("paymentCodes", per_coin(method.map_or(Value::Null, |method| payment_urls(invoice, method))));
    object.push("buyer", buyer(invoice, stage));
}

/// A stored text: later reads show dates in the American spelling.
fn stored(sent: Option<&str>, stage: Stage) -> Value {
    match (sent, stage) {
        (Some(sent), Stage::Read) => posdata::text_at_read(sent).into(),
        (sent, _) => text(sent),
    }
}

fn whole_seconds(ms: i64) -> i64 {
    ms.div_euclid(1000) * 1000
}

fn rates(invoice: &Invoice) -> Value {
    Value::Object(Object::new().with(invoice.currency.as_str(), number("0.0")))
}

fn payment_urls(invoice: &Invoice, method: &Method) -> Value {
    let due = invoice.due();
    let amount = if due == 0 { String::new() } else { format!("?amount={}", bitcoin(due)) };
    let mut urls = Object::new().with("BIP21", format!("bitcoin:{}{amount}", method.address));
    for name in ["BIP72", "BIP72b", "BIP73", "BOLT11"] {
        urls.push(name, Value::Null);
    }
    urls.into()
}

fn price(invoice: &Invoice, method: &Method) -> String {
    bitcoin_less_fees(method.price, invoice.fees())
}

fn crypto_info(invoice: &Invoice, method: &Method) -> Value {
    let paid = bitcoin(invoice.paid());
    Object::new()
        .with("paymentUrls", payment_urls(invoice, method))
        .with("cryptoCode", "BTC")
        .with("paymentType", "BTC-CHAIN")
        .with("rate", number(method.rate.json()))
        .with("exRates", rates(invoice))
        .with("paid", paid.as_str())
        .with("price", price(invoice, method))
        .with("due", bitcoin_due(invoice.due()))
        .with("address", method.address.as_str())
        .with("url", format!("{}/i/BTC-CHAIN/{}", invoice.root, invoice.id))
        .with("totalDue", bitcoin(invoice.total()))
        .with("networkFee", bitcoin(invoice.fees()))
        .with("txCount", invoice.payments.len() as i64)
        .with("cryptoPaid", paid)
        .with("payments", invoice.payments.iter().map(|one| payment(one, method)).collect::<Vec<_>>())
        .into()
}

fn payment(payment: &Payment, method: &Method) -> Value {
    Object::new()
        .with("id", payment.id.as_str())
        .with("receivedDate", dates::plain_iso(payment.received_ms))
        .with("value", coins(payment.value))
        .with("fee", coins(payment.fee))
        .with("paymentType", "BTC-CHAIN")
        .with("confirmed", payment.confirmed)
        .with("completed", payment.confirmed)
        .with("destination", method.address.as_str())
        .into()
}

/// Bitcoin as a number; whole ones end in `.0`.
fn coins(satoshi: u128) -> Value {
    let text = bitcoin(satoshi);
    number(if text.contains('.') { text } else { text + ".0" })
}

fn buyer(invoice: &Invoice, stage: Stage) -> Value {
    let names =
        ["name", "address1", "address2", "locality", "region", "postalCode", "country", "phone", "email"];
    let mut object = Object::new();
    for (name, value) in names.iter().zip(&invoice.buyer) {
        object.push(*name, stored(value.as_deref(), stage));
    }
    object.into()
}
