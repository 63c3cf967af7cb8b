//! The answer of `GET /currencies`, and currency names for rates (`contract/currencies.json`).

use std::sync::LazyLock;

use super::{Era, built_in_json};
use crate::json::{Object, Value};

/// What BitPay told of a currency until 2018; php-bitpay-client reads each without looking.
const OLD: [&str; 9] = [
    "code",
    "symbol",
    "precision",
    "exchangePctFee",
    "payoutEnabled",
    "name",
    "plural",
    "alts",
    "payoutFields",
];

/// What it told from 2019 on.
const NEW: [&str; 10] =
    ["code", "symbol", "precision", "name", "plural", "alts", "minimum", "sanctioned", "decimals", "chain"];

static TABLE: LazyLock<Vec<Object>> = LazyLock::new(|| {
    let table = built_in_json(include_str!("../../contract/currencies.json"));
    let rows = table.get("currencies").and_then(Value::as_array).unwrap_or_default();
    rows.iter().filter_map(Value::as_object).cloned().collect()
});

/// `{"data":[…]}`: what an invoice can be priced in, with the members of the shop's era.
///
/// Until 2018 only the codes of 2014 are listed: php-bitpay-client throws at any other one.
#[must_use]
pub fn currencies(era: Era) -> Value {
    let old = era < Era::Y2019;
    let rows = TABLE.iter().filter(|row| !old || row.get("known_2014") == Some(&Value::Bool(true)));
    let data: Vec<_> = rows.map(|row| Value::Object(currency(row, era))).collect();
    Object::new().with("data", data).into()
}

fn currency(row: &Object, era: Era) -> Object {
    let names: &mut dyn Iterator<Item = &str> = match era {
        Era::V1 | Era::Y2014 | Era::Y2018 => &mut OLD.into_iter(),
        Era::Y2019 | Era::Y2021 => &mut NEW.into_iter(),
        Era::Every => &mut OLD.into_iter().chain(NEW.into_iter().filter(|name| !OLD.contains(name))),
    };
    names.filter_map(|name| Some((name.to_owned(), member(row, name)?))).collect()
}

/// The members that are the same for all: payferry pays nothing out and takes no fee.
fn member(row: &Object, name: &str) -> Option<Value> {
    match name {
        "exchangePctFee" => Some(0.into()),
        "payoutEnabled" => Some(false.into()),
        "payoutFields" => Some(Vec::new().into()),
        _ => row.get(name).cloned(),
    }
}

/// The currencies that are no coin: code and English name, for the items of rates.
pub fn fiat() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.iter().filter(|row| row.get("chain").is_none()).filter_map(named)
}

/// The English name of a currency, as BitPay's rates had it.
#[must_use]
pub fn currency_name(code: &str) -> Option<&'static str> {
    TABLE.iter().filter_map(named).find(|(known, _)| *known == code).map(|(_, name)| name)
}

/// Digits after the point that BTCPay keeps of a price in this currency; two where it is not known.
#[must_use]
pub fn decimals(code: &str) -> usize {
    let row = TABLE.iter().find(|row| row.get("code").and_then(Value::as_str) == Some(code));
    let decimals = row
        .and_then(|row| row.get("charged_decimals").or_else(|| row.get("decimals"))?.as_number()?.as_i64());
    decimals.and_then(|decimals| decimals.try_into().ok()).unwrap_or(2)
}

fn named(row: &'static Object) -> Option<(&'static str, &'static str)> {
    Some((row.get("code")?.as_str()?, row.get("name")?.as_str()?))
}
