//! Amounts and rates in BitPay's spelling.

use super::super::facts::Facts;
use super::decimal::{Decimal, Rounding};
use super::{number, single};
use crate::contract::Era;
use crate::json::{Object, Value};

/// Satoshi in a bitcoin: eight decimals.
pub(super) const SATOSHI: u32 = 8;
/// BitPay wrote bitcoin with six decimals from 2015 on; BTCPay has eight, and none is dropped.
const BITCOIN_DECIMALS: usize = 6;

/// A bitcoin amount as text: `0.000250`.
pub(super) fn bitcoin(text: &str) -> Option<Value> {
    Some(Decimal::parse(text)?.text(BITCOIN_DECIMALS).into())
}

/// Bitcoin still due; below zero for an overpaid invoice, as BitPay wrote it (seen: -0.0007).
pub(super) fn due(facts: &Facts) -> Option<Value> {
    match over(facts) {
        Some(over) => Some(of_satoshi(over.checked_neg()?)),
        None => bitcoin(facts.btc_due.as_ref()?),
    }
}

/// What the buyer has to pay with the network fee, in bitcoin.
pub(super) fn total(facts: &Facts) -> Option<Value> {
    Some(of_satoshi(whole(facts.total_satoshi.as_ref()?)?))
}

/// The network fee in that, in bitcoin.
pub(super) fn fee(facts: &Facts) -> Option<Value> {
    Some(of_satoshi(fee_satoshi(facts)?))
}

/// The network fee that the buyer pays, in satoshi.
pub(super) fn fee_satoshi(facts: &Facts) -> Option<i128> {
    whole(facts.total_satoshi.as_ref()?)?.checked_sub(whole(facts.subtotal_satoshi.as_ref()?)?)
}

/// Satoshi paid beyond the total; None unless BTCPay says paidOver.
pub(super) fn over(facts: &Facts) -> Option<i128> {
    let too_much = facts.exception.as_deref() == Some("paidOver");
    let over = paid(facts)?.checked_sub(whole(facts.total_satoshi.as_ref()?)?)?;
    (too_much && over > 0).then_some(over)
}

/// Satoshi received; a Lightning payment's thousandths are not counted.
pub(super) fn paid(facts: &Facts) -> Option<i128> {
    Decimal::parse(facts.btc_paid.as_ref()?)?.units_at(SATOSHI, Rounding::Down)
}

/// `amountPaid`: whole satoshi.
pub(super) fn satoshi_paid(facts: &Facts) -> Option<Value> {
    number(&paid(facts)?.to_string())
}

/// `displayAmountPaid`: `0` before any payment, else bitcoin.
pub(super) fn display_paid(facts: &Facts) -> Option<Value> {
    match paid(facts)? {
        0 => Some("0".into()),
        paid => Some(of_satoshi(paid)),
    }
}

/// Whole satoshi, rounded up: less would be too little to pay.
pub(super) fn satoshi(amount: &Option<String>) -> Option<Value> {
    number(&whole(amount.as_ref()?)?.to_string())
}

/// The same as bitcoin text.
pub(super) fn display(amount: &Option<String>) -> Option<Value> {
    Some(of_satoshi(whole(amount.as_ref()?)?))
}

/// The price of one bitcoin, two decimals; a rate too small for that stays whole.
pub(super) fn rate(facts: &Facts) -> Option<Value> {
    let rate = facts.rate.as_ref()?;
    match Decimal::parse(rate).and_then(|rate| rate.units_at(2, Rounding::Nearest)) {
        Some(units) if units > 0 => number(&Decimal { units, places: 2 }.text(0)),
        _ => number(rate),
    }
}

/// `exRates`: the rate alone until 2017, beside bitcoin's own from 2018.
pub(super) fn currency_rate(facts: &Facts, era: Era) -> Option<Value> {
    let rate = number(facts.rate.as_ref()?)?;
    let mut rates = Object::new();
    if !matches!(era, Era::V1 | Era::Y2014) && facts.currency != "BTC" {
        rates.push("BTC", 1);
    }
    rates.push(facts.currency.as_str(), rate);
    Some(rates.into())
}

/// The value of `exchangeRates.BTC`.
pub(super) fn exchange_rates(facts: &Facts) -> Option<Value> {
    Some(single(&facts.currency, Some(number(facts.rate.as_ref()?)?)))
}

/// Satoshi in the invoice's currency, two decimals.
pub(super) fn worth(satoshi: i128, facts: &Facts) -> Option<Value> {
    let worth = Decimal { units: satoshi, places: SATOSHI }.times(Decimal::parse(facts.rate.as_ref()?)?)?;
    number(&Decimal { units: worth.units_at(2, Rounding::Nearest)?, places: 2 }.text(0))
}

fn of_satoshi(units: i128) -> Value {
    Decimal { units, places: SATOSHI }.text(BITCOIN_DECIMALS).into()
}

fn whole(satoshi: &str) -> Option<i128> {
    Decimal::parse(satoshi)?.units_at(0, Rounding::Up)
}
