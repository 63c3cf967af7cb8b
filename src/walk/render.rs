//! Writes an invoice as BitPay would have: the members of `contract/invoice-fields.toml`, each from
//! BTCPay's facts or the shop's own words.

use super::facts::{Facts, Payment};
use crate::contract::{Audience, Field, Source, invoice_fields};
use crate::json::{Number, Object, Value};

/// What an invoice is written from.
#[derive(Debug, Clone, Copy)]
pub struct Invoice<'a> {
    /// What BTCPay says.
    pub facts: &'a Facts,
    /// What the shop sent; None where the ledger does not know the invoice.
    pub words: Option<&'a Object>,
    /// The stable token of the invoice.
    pub token: &'a str,
}

/// `{"facade":…,"data":{…}}`, one line, no nulls.
#[must_use]
pub fn render(invoice: &Invoice<'_>, audience: Audience) -> Value {
    let fields = invoice_fields().iter().filter(|field| field.audience <= audience);
    let data: Object =
        fields.filter_map(|field| Some((field.name.clone(), value(field, invoice)?))).collect();
    Value::Object(Object::new().with("facade", audience.facade()).with("data", data))
}

fn value(field: &Field, invoice: &Invoice<'_>) -> Option<Value> {
    let facts = invoice.facts;
    let text = |text: &Option<String>| text.as_deref().map(Value::from);
    Some(match field.source {
        Source::Words => return words(invoice).get(&field.name).cloned(),
        Source::CheckoutUrl => facts.url.as_str().into(),
        Source::Status => facts.status.as_str().into(),
        Source::BtcPrice => return text(&facts.btc_price),
        Source::BtcDue => return text(&facts.btc_due),
        Source::BtcPaid => return text(&facts.btc_paid),
        Source::Price => number(&facts.price)?,
        Source::Currency => facts.currency.as_str().into(),
        Source::CurrencyRate => single(&facts.currency, number(facts.rate.as_ref()?)?),
        Source::InvoiceTime => facts.invoice_time.into(),
        Source::ExpirationTime => facts.expiration_time.into(),
        Source::CurrentTime => facts.current_time.into(),
        Source::Id => facts.id.as_str().into(),
        Source::Rate => number(facts.rate.as_ref()?)?,
        Source::No => false.into(),
        Source::Six => 6.into(),
        Source::SatoshiPaid => number(&satoshi(facts.btc_paid.as_ref()?)?)?,
        Source::Exception => exception(facts),
        Source::Transactions => facts.payments.iter().filter_map(transaction).collect::<Vec<_>>().into(),
        Source::PaidCurrency => return (!facts.payments.is_empty()).then(|| "BTC".into()),
        Source::Buyer => words(invoice).get("buyer").cloned().unwrap_or_else(|| Object::new().into()),
        Source::BuyerEmail => words(invoice).get("buyer")?.get("email")?.clone(),
        Source::BuyerInfo => buyer_info(words(invoice)),
        Source::AutoRedirect => words(invoice).get("autoRedirect").cloned().unwrap_or(Value::Bool(false)),
        Source::EmptyList => Vec::new().into(),
        Source::EmptyObject => Object::new().into(),
        Source::Subtotals => single("BTC", number(facts.subtotal_satoshi.as_ref()?)?),
        Source::Totals => single("BTC", number(facts.total_satoshi.as_ref()?)?),
        Source::DisplayTotals => single("BTC", bitcoin(facts.total_satoshi.as_ref()?)?.into()),
        Source::DisplaySubtotals => single("BTC", bitcoin(facts.subtotal_satoshi.as_ref()?)?.into()),
        Source::BitcoinRates => single("BTC", single(&facts.currency, number(facts.rate.as_ref()?)?)),
        Source::MinerFees => single("BTC", miner_fee(facts)?),
        Source::SupportedCurrencies => {
            single("BTC", Object::new().with("enabled", facts.address.is_some()).into())
        }
        Source::PaymentUrls => single("BIP21", facts.bip21.as_deref()?.into()),
        Source::PaymentCodes => single("BTC", single("BIP21", facts.bip21.as_deref()?.into())),
        Source::Address => facts.address.as_deref()?.into(),
        Source::Addresses => single("BTC", facts.address.as_deref()?.into()),
        Source::InvoiceToken => invoice.token.into(),
    })
}

/// The shop's own words where the ledger has them.
fn words<'a>(invoice: &Invoice<'a>) -> &'a Object {
    invoice.words.unwrap_or(&invoice.facts.texts)
}

fn single(name: &str, value: Value) -> Value {
    Object::new().with(name, value).into()
}

fn number(text: &str) -> Option<Value> {
    Number::parse(text).ok().map(Value::Number)
}

/// Bitcoin to satoshi, both plain decimal text.
fn satoshi(bitcoin: &str) -> Option<String> {
    Number::parse(&format!("{bitcoin}e8")).ok()?.plain().ok()
}

/// Satoshi to bitcoin, both plain decimal text.
fn bitcoin(satoshi: &str) -> Option<String> {
    Number::parse(&format!("{satoshi}e-8")).ok()?.plain().ok()
}

/// BitPay knew paidPartial and paidOver; `marked` and `paidLater` are BTCPay's own.
fn exception(facts: &Facts) -> Value {
    match facts.exception.as_deref() {
        Some(known @ ("paidPartial" | "paidOver")) => known.into(),
        _ => false.into(),
    }
}

fn transaction(payment: &Payment) -> Option<Value> {
    let amount = Number::parse(&satoshi(&payment.amount)?).ok()?;
    let mut transaction =
        Object::new().with("amount", Value::Number(amount)).with("txid", payment.txid.as_str());
    if !payment.received.is_empty() {
        transaction.push("receivedTime", format!("{}Z", millisecond(&payment.received)));
    }
    Some(transaction.into())
}

/// BitPay's times carry three digits of a second; BTCPay's up to seven.
fn millisecond(time: &str) -> String {
    let (seconds, fraction) = time.split_once('.').unwrap_or((time, ""));
    let fraction: String = fraction.chars().chain("000".chars()).take(3).collect();
    format!("{seconds}.{fraction}")
}

/// Whole satoshi per byte, rounded up: a fraction crashes C# and Python 6 clients.
fn miner_fee(facts: &Facts) -> Option<Value> {
    let rate = facts.satoshis_per_byte.as_ref()?;
    let (whole, fraction) = rate.split_once('.').unwrap_or((rate, ""));
    let rate = whole.parse::<i64>().ok()?.checked_add(i64::from(!fraction.is_empty()))?;
    let total: i64 = facts.total_satoshi.as_ref()?.parse().ok()?;
    let subtotal: i64 = facts.subtotal_satoshi.as_ref()?.parse().ok()?;
    Some(Object::new().with("satoshisPerByte", rate).with("totalFee", total.checked_sub(subtotal)?).into())
}

fn buyer_info(words: &Object) -> Value {
    let mut info = Object::new();
    let buyer = words.get("buyer");
    for (name, member) in [("name", "name"), ("phoneNumber", "phone"), ("emailAddress", "email")] {
        if let Some(text) = buyer.and_then(|buyer| buyer.get(member)) {
            info.push(name, text.clone());
        }
    }
    info.into()
}
