//! How an invoice can be paid: links, codes, fees.

use super::super::facts::Facts;
use super::decimal::{Decimal, Rounding};
use super::{amounts, number, single};
use crate::contract::Era;
use crate::json::{Object, Value};

/// `minerFees.BTC`. Whole satoshi per byte, rounded up: a fraction crashes C# and Python 6 clients.
/// The worth of the fee was added in 2021.
pub(super) fn miner_fee(facts: &Facts, era: Era) -> Option<Value> {
    let per_byte = Decimal::parse(facts.satoshis_per_byte.as_ref()?)?.units_at(0, Rounding::Up)?;
    let fee = amounts::fee_satoshi(facts)?;
    let mut fees = Object::new()
        .with("satoshisPerByte", number(&per_byte.to_string())?)
        .with("totalFee", number(&fee.to_string())?);
    if let Some(worth) = amounts::worth(fee, facts).filter(|_| era >= Era::Y2021) {
        fees.push("fiatAmount", worth);
    }
    Some(fees.into())
}

/// `supportedTransactionCurrencies`: bitcoin, as long as there is a way to pay.
pub(super) fn supported(facts: &Facts) -> Value {
    single("BTC", Some(single("enabled", Some(facts.payable))))
}

/// `paymentUrls`.
pub(super) fn links(facts: &Facts) -> Object {
    facts.bip21.as_deref().map_or_else(Object::new, |link| Object::new().with("BIP21", link))
}

/// `paymentCodes`: only the links that exist, a currency without any is not there.
pub(super) fn codes(facts: &Facts) -> Value {
    single("BTC", Some(links(facts)).filter(|links| !links.is_empty()))
}
