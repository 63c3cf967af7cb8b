//! Writes an invoice as BitPay would have: the members of `contract/invoice-fields.toml`, each from
//! BTCPay's facts or the shop's own words, as the era of the shop had them.

mod amounts;
mod buyer;
mod decimal;
mod methods;
mod payments;

use super::facts::Facts;
use crate::contract::{Audience, Era, Field, Source, invoice_fields};
use crate::json::{Number, Object, Value};

/// What an invoice is written from.
#[derive(Clone, Copy)]
pub struct Invoice<'a> {
    /// What BTCPay says.
    pub facts: &'a Facts,
    /// What the shop sent; None where the ledger does not know the invoice.
    pub words: Option<&'a Object>,
    /// The stable token of the invoice.
    pub token: &'a str,
    /// How the shop is called: the name of its store.
    pub merchant: &'a str,
}

impl std::fmt::Debug for Invoice<'_> {
    /// Without what buyers told and what is secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invoice").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// `{"facade":…,"data":{…}}`, or the bare object in the flat era; one line, no nulls.
#[must_use]
pub fn render(invoice: &Invoice<'_>, audience: Audience, era: Era) -> Value {
    let data = members(invoice_fields(era).filter(|field| field.audience <= audience), invoice, era);
    match era {
        Era::V1 => data.into(),
        _ => Object::new().with("facade", audience.facade()).with("data", data).into(),
    }
}

/// The invoice's members that a table names, in its order; those without a value are left out.
#[must_use]
pub fn members<'f>(fields: impl Iterator<Item = &'f Field>, invoice: &Invoice<'_>, era: Era) -> Object {
    fields.filter_map(|field| Some((field.name.clone(), member(field, invoice, era)?))).collect()
}

fn member(field: &Field, invoice: &Invoice<'_>, era: Era) -> Option<Value> {
    value(field, invoice, era).or_else(|| field.blank.contains(&era).then(|| "".into()))
}

fn value(field: &Field, invoice: &Invoice<'_>, era: Era) -> Option<Value> {
    let facts = invoice.facts;
    Some(match field.source {
        Source::Words => return words(invoice).get(&field.name).cloned(),
        Source::CheckoutUrl => facts.url.as_str().into(),
        Source::Status => facts.status.as_str().into(),
        Source::BtcPrice => amounts::bitcoin(facts.btc_price.as_ref()?)?,
        Source::BtcDue => amounts::due(facts)?,
        Source::BtcPaid => amounts::bitcoin(facts.btc_paid.as_ref()?)?,
        Source::TotalBitcoin => amounts::total(facts)?,
        Source::FeeBitcoin => amounts::fee(facts)?,
        Source::Price => number(&facts.price)?,
        Source::Currency => facts.currency.as_str().into(),
        Source::CurrencyRate => amounts::currency_rate(facts, era)?,
        Source::InvoiceTime => facts.invoice_time.into(),
        Source::ExpirationTime => facts.expiration_time.into(),
        Source::CurrentTime => facts.current_time.into(),
        Source::Id => facts.id.as_str().into(),
        Source::Rate => amounts::rate(facts)?,
        Source::No => false.into(),
        Source::Six => 6.into(),
        Source::SatoshiPaid => amounts::satoshi_paid(facts)?,
        Source::DisplayPaid => amounts::display_paid(facts)?,
        Source::Underpaid => payments::underpaid(facts)?,
        Source::Overpaid => payments::overpaid(facts)?,
        Source::Speed => speed(words(invoice).get(&field.name)?.as_str()?, era)?,
        Source::Exception => payments::exception(facts, era),
        Source::Transactions => payments::transactions(facts, era),
        Source::PaidCurrency => payments::currency(facts)?.into(),
        Source::NoPaymentProtocol => payments::without_protocol(facts)?.into(),
        Source::Buyer => words(invoice).get("buyer").cloned().unwrap_or_else(|| Object::new().into()),
        Source::BuyerFields => buyer::flat(words(invoice), era)?,
        Source::BuyerEmail => words(invoice).get("buyer")?.get("email")?.clone(),
        Source::BuyerInfo => buyer::provided(words(invoice), payments::currency(facts)),
        Source::AutoRedirect => words(invoice).get("autoRedirect").cloned().unwrap_or(Value::Bool(false)),
        Source::EmptyList => Vec::new().into(),
        Source::EmptyObject => Object::new().into(),
        Source::NotRefundable => single("refundable", Some(false)),
        Source::MerchantName => invoice.merchant.into(),
        Source::Subtotals => single("BTC", amounts::satoshi(&facts.subtotal_satoshi)),
        Source::Totals => single("BTC", amounts::satoshi(&facts.total_satoshi)),
        Source::DisplayTotals => single("BTC", amounts::display(&facts.total_satoshi)),
        Source::DisplaySubtotals => single("BTC", amounts::display(&facts.subtotal_satoshi)),
        Source::BitcoinRates => single("BTC", amounts::exchange_rates(facts)),
        Source::MinerFees => single("BTC", methods::miner_fee(facts, era)),
        Source::SupportedCurrencies => methods::supported(facts),
        Source::PaymentUrls => methods::links(facts).into(),
        Source::PaymentCodes => methods::codes(facts),
        Source::UniversalCodes => single("paymentString", Some(facts.url.as_str())),
        Source::Address => facts.address.as_deref()?.into(),
        Source::Addresses => single("BTC", facts.address.as_deref()),
        Source::InvoiceToken => invoice.token.into(),
    })
}

/// The shop's own words where the ledger has them.
fn words<'a>(invoice: &Invoice<'a>) -> &'a Object {
    invoice.words.unwrap_or(&invoice.facts.texts)
}

/// An object of one member, or of none: the maps of BitPay's invoice are empty, never missing.
fn single(name: &str, value: Option<impl Into<Value>>) -> Value {
    value.map_or_else(Object::new, |value| Object::new().with(name, value)).into()
}

fn number(text: &str) -> Option<Value> {
    Number::parse(text).ok().map(Value::Number)
}

/// BitPay's three words; BTCPay's own fourth only for software that was written for it.
fn speed(sent: &str, era: Era) -> Option<Value> {
    match sent.to_ascii_lowercase().as_str() {
        known @ ("high" | "medium" | "low") => Some(known.into()),
        own @ "low-medium" if era == Era::Every => Some(own.into()),
        _ => None,
    }
}
