//! The rates of one store at one moment.

use crate::contract::currencies::{currency_name, fiat};
use crate::json::{Number, Object, Value};

/// The coin whose rates are known.
pub const COIN: &str = "BTC";

/// What BitPay listed first; the others follow in the order of the currency table.
const FIRST: [&str; 11] = ["USD", "EUR", "GBP", "JPY", "CAD", "AUD", "CNY", "CHF", "SEK", "NZD", "KRW"];

/// The price of one bitcoin in every currency that a store has a rate for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quotes(Vec<(&'static str, Number)>);

impl Quotes {
    /// The currencies that BitPay listed, in its order, bitcoin first.
    pub fn currencies() -> impl Iterator<Item = &'static str> {
        let rest = fiat().map(|(code, _)| code).filter(|code| !FIRST.contains(code) && *code != COIN);
        std::iter::once(COIN).chain(FIRST).chain(rest)
    }

    /// Reads BTCPay's answer to a question for pairs (`rates/pairs-*`). Pairs that it has no rate for
    /// are left out there (`rates/pairs-unknown-mixed`), so they are here. None where it is no such answer.
    #[must_use]
    pub fn read(answer: &Value) -> Option<Self> {
        let items = answer.get("data")?.as_array()?;
        let text = |item: &Value, name: &str| item.get(name).and_then(Value::as_str).map(str::to_owned);
        let rate_of = |code: &str| {
            let of = |item: &&Value| {
                text(item, "cryptoCode").as_deref() == Some(COIN)
                    && text(item, "code").as_deref() == Some(code)
            };
            let rate = items.iter().find(of)?.get("rate")?.as_number()?;
            Some(rate).filter(|rate| !rate.is_zero() && !rate.is_negative())?.plain().ok()
        };
        let one = Some((COIN, Number::from(1)));
        let rates = Self::currencies().filter(|code| *code != COIN);
        let rates = rates.filter_map(|code| Some((code, Number::parse(&rate_of(code)?).ok()?)));
        Some(Self(one.into_iter().chain(rates).collect()))
    }

    /// Whether BTCPay had no rate at all: bitcoin in bitcoin tells nothing.
    #[must_use]
    pub fn are_none(&self) -> bool {
        self.0.len() < 2
    }

    /// `{"code":…,"name":…,"rate":…}` of each currency, as BitPay listed them.
    #[must_use]
    pub fn list(&self) -> Vec<Value> {
        self.0.iter().map(|(code, rate)| item(code, rate).into()).collect()
    }

    /// One of them, by its code in any letter case.
    #[must_use]
    pub fn of(&self, currency: &str) -> Option<Object> {
        self.0
            .iter()
            .find(|(code, _)| code.eq_ignore_ascii_case(currency))
            .map(|(code, rate)| item(code, rate))
    }
}

fn item(code: &str, rate: &Number) -> Object {
    let name = currency_name(code).unwrap_or(code);
    Object::new().with("code", code).with("name", name).with("rate", Value::Number(rate.clone()))
}
