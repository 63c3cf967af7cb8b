//! `/rates`, `/rates/BTC`, `/rates/BTC/USD` and `/api/rates`.

use super::Room;
use super::answer::Answer;
use super::auth::{self, Identity};
use super::call::Call;
use super::decimal::Decimal;
use super::render::number;
use super::routes::permitted;
use super::store::{self, Store};
use crate::json::{Object, Value};

const NO_PAIRS: &str = "You need to setup the default currency pairs in 'Store Settings / Rates' or specify \
                        'currencyPairs' query parameter (eg. BTC_USD,LTC_CAD).";

/// The coin that a pair without a separator may begin with.
const COIN: &str = "BTC";

/// `GET /rates`: the pairs that were asked for, or those of the store's settings.
pub fn list(call: &Call, room: &Room) -> Answer {
    answered(call, room, |store| Ok(data(found(store, room, &asked(store, call)?)?)))
}

/// `GET /rates/BTC`: bitcoin in bitcoin; every other name, and a store without wallet, has none.
pub fn of_base(call: &Call, room: &Room, base: &str) -> Answer {
    answered(call, room, |store| {
        let bitcoin = store.options.has_wallet && base.eq_ignore_ascii_case("BTC");
        Ok(data(found(store, room, if bitcoin { "BTC_BTC" } else { "" })?))
    })
}

/// `GET /rates/BTC/USD`: one rate, or an empty list without `data`.
pub fn of_pair(call: &Call, room: &Room, base: &str, currency: &str) -> Answer {
    answered(call, room, |store| {
        let rates = found(store, room, &format!("{base}_{currency}"))?;
        Ok(match rates.into_iter().next() {
            Some(rate) => Object::new().with("data", rate).into(),
            None => Value::Array(Vec::new()),
        })
    })
}

/// `GET /api/rates?storeId=`: needs no credentials and looks at none.
pub fn open(call: &Call, room: &Room) -> Answer {
    let named = call.parameter("storeId").unwrap_or_default();
    let Some(store) = room.state().store(&named).cloned() else {
        return Answer::error_with_length(404, "Store not found");
    };
    let rates = asked(&store, call).and_then(|pairs| found(&store, room, &pairs));
    rates.map_or_else(refused, |rates| Answer::json(&Value::Array(rates)))
}

fn answered(call: &Call, room: &Room, look: impl FnOnce(&Store) -> Result<Value, String>) -> Answer {
    let identity = auth::identify(call, &room.state());
    let named = match identity {
        Identity::Named(store) => Ok(store),
        _ => permitted(call, room).map(|(_, store)| store),
    };
    let named = match named {
        Ok(named) => named,
        Err(refusal) => return refusal,
    };
    let Some(store) = room.state().store(&named).cloned() else { return Answer::empty(403) };
    look(&store).map_or_else(refused, |value| Answer::json(&value))
}

fn refused(text: String) -> Answer {
    Answer::error_with_length(400, &text)
}

fn data(rates: Vec<Value>) -> Value {
    Object::new().with("data", rates).into()
}

/// The pairs of the query, of the store's settings, or of `?cryptoCode=`.
fn asked(store: &Store, call: &Call) -> Result<String, String> {
    let filled = |name| call.parameter(name).filter(|text: &String| !text.is_empty());
    let settings = Some(&store.options.default_pairs).filter(|pairs| !pairs.is_empty()).cloned();
    let coin = || filled("cryptoCode").map(|coin| format!("{}_{coin}", store.options.default_currency));
    filled("currencyPairs").or(settings).or_else(coin).ok_or_else(|| NO_PAIRS.to_owned())
}

/// The rates of pairs in the order asked, each once; pairs without a rate are left out.
fn found(store: &Store, room: &Room, pairs: &str) -> Result<Vec<Value>, String> {
    let mut wanted: Vec<(String, String)> = Vec::new();
    for text in pairs.split(',') {
        let pair = pair(text).ok_or_else(|| format!("Currency pair {text} incorrectly formatted"))?;
        if !wanted.contains(&pair) {
            wanted.push(pair);
        }
    }
    let item = |(left, right): &(String, String)| {
        let rate = rate(store, room, left, right)?;
        Some(
            Object::new()
                .with("name", name(right))
                .with("cryptoCode", left.as_str())
                .with("currencyPair", format!("{left}_{right}"))
                .with("code", right.as_str())
                .with("rate", number(rate.json()))
                .into(),
        )
    };
    Ok(wanted.iter().filter_map(item).collect())
}

/// `BTC_USD`, `BTCUSD`, or a coin and whatever follows it, up to ten characters.
fn pair(text: &str) -> Option<(String, String)> {
    let upper = text.trim().to_uppercase();
    let parts: Vec<&str> = upper.split('_').filter(|part| !part.is_empty()).collect();
    let (left, right) = match parts.as_slice() {
        [left, right] => (*left, *right),
        [one] if one.len() == 6 => one.split_at_checked(3)?,
        [one] if (7..=10).contains(&one.len()) => (COIN, one.strip_prefix(COIN)?),
        _ => return None,
    };
    Some((left.to_owned(), right.to_owned()))
}

/// The rate of a rule, or one divided by that of the reversed pair.
fn rate(store: &Store, room: &Room, left: &str, right: &str) -> Option<Decimal> {
    let of = |currency| store::rate(store, room.rates(), currency).map(|(_, rate)| rate);
    match (left, right) {
        ("BTC", _) => of(right),
        (_, "BTC") => of(left).and_then(Decimal::inverse),
        _ => (left == right).then(|| Decimal::parse("1.0")).flatten(),
    }
}

fn name(currency: &str) -> &str {
    match currency {
        "USD" => "US Dollar",
        "EUR" => "Euro",
        "GBP" => "British Pound",
        "JPY" => "Japanese Yen",
        "BTC" => "Bitcoin",
        "AUD" => "Australian Dollar",
        "CAD" => "Canadian Dollar",
        "CHF" => "Swiss Franc",
        "SATS" => "Satoshis",
        _ => currency,
    }
}
