//! What was paid: transactions, and how far it is from what was asked for.

use super::super::facts::{Facts, Payment};
use super::amounts::{self, SATOSHI};
use super::decimal::{Decimal, Rounding};
use super::number;
use crate::contract::Era;
use crate::json::{Object, Value};

/// `exceptionStatus`: the era's word, or JSON false.
pub(super) fn exception(facts: &Facts, era: Era) -> Value {
    match facts.exception.as_deref().and_then(|word| era.exception(word)) {
        Some(word) => word.into(),
        None => false.into(),
    }
}

/// `underpaidAmount`, in satoshi like `amountPaid`: what is missing of a partial payment.
pub(super) fn underpaid(facts: &Facts) -> Option<Value> {
    if facts.exception.as_deref() != Some("paidPartial") {
        return None;
    }
    let due = Decimal::parse(facts.btc_due.as_ref()?)?.units_at(SATOSHI, Rounding::Up)?;
    number(&due.to_string())
}

/// `overpaidAmount`, in satoshi: what came beyond the total.
pub(super) fn overpaid(facts: &Facts) -> Option<Value> {
    number(&amounts::over(facts)?.to_string())
}

/// `transactionCurrency`, once something was paid.
pub(super) fn currency(facts: &Facts) -> Option<&'static str> {
    (!facts.payments.is_empty()).then_some("BTC")
}

/// `nonPayProPaymentReceived`, once something was paid: BTCPay speaks no payment protocol, so always true.
/// npm bitpay-sdk 4 to 8 and PyPI bitpay 6 and 8 have the member in their types.
pub(super) fn without_protocol(facts: &Facts) -> Option<bool> {
    (!facts.payments.is_empty()).then_some(true)
}

/// `transactions`; exRates and outputIndex came with the multi-currency invoice.
pub(super) fn transactions(facts: &Facts, era: Era) -> Value {
    facts.payments.iter().filter_map(|payment| transaction(payment, facts, era)).collect::<Vec<_>>().into()
}

fn transaction(payment: &Payment, facts: &Facts, era: Era) -> Option<Value> {
    let amount = Decimal::parse(&payment.amount)?.units_at(SATOSHI, Rounding::Down)?;
    let mut transaction = Object::new().with("amount", number(&amount.to_string())?);
    if !payment.received.is_empty() {
        transaction.push("receivedTime", format!("{}Z", millisecond(&payment.received)));
    }
    transaction.push("txid", payment.txid.as_str());
    if era != Era::Y2014 {
        if let Some(rates) = amounts::currency_rate(facts, era) {
            transaction.push("exRates", rates);
        }
        if let Some(index) = payment.output_index {
            transaction.push("outputIndex", index);
        }
    }
    Some(transaction.into())
}

/// BitPay's times carry three digits of a second; BTCPay's up to seven.
fn millisecond(time: &str) -> String {
    let (seconds, fraction) = time.split_once('.').unwrap_or((time, ""));
    let fraction: String = fraction.chars().chain("000".chars()).take(3).collect();
    format!("{seconds}.{fraction}")
}
