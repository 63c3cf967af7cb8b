//! `GET /rates?currencyPairs=BTC_USD`, as far as a store's fixed rates go.

use super::Room;
use super::answer::Answer;
use super::call::Call;
use super::render::number;
use super::routes::permitted;
use super::store;
use crate::json::{Object, Value};

const NO_PAIRS: &str = "You need to setup the default currency pairs in 'Store Settings / Rates' or specify \
                        'currencyPairs' query parameter (eg. BTC_USD,LTC_CAD).";

/// The rates that were asked for; pairs without a rate are left out.
pub fn list(call: &Call, room: &Room) -> Answer {
    let named = match permitted(call, room) {
        Ok((_, store)) => store,
        Err(refusal) => return refusal,
    };
    let Some(pairs) = call.parameter("currencyPairs").filter(|pairs| !pairs.is_empty()) else {
        return Answer::error(400, NO_PAIRS);
    };
    let state = room.state();
    let Some(store) = state.store(&named) else { return Answer::empty(403) };
    let mut items: Vec<Value> = Vec::new();
    for pair in pairs.to_ascii_uppercase().split(',') {
        let Some((coin, currency)) = pair.split_once('_') else {
            return Answer::error(400, &format!("Currency pair {pair} incorrectly formatted"));
        };
        let Some((_, rate)) = store::rate(store, room.rates(), currency).filter(|_| coin == "BTC") else {
            continue;
        };
        let item = Object::new()
            .with("name", name(currency))
            .with("cryptoCode", "BTC")
            .with("currencyPair", pair)
            .with("code", currency)
            .with("rate", number(rate.json()));
        items.push(item.into());
    }
    Answer::json(&Object::new().with("data", items).into())
}

fn name(currency: &str) -> &str {
    match currency {
        "USD" => "US Dollar",
        "EUR" => "Euro",
        "GBP" => "British Pound",
        "JPY" => "Japanese Yen",
        "BTC" => "Bitcoin",
        _ => currency,
    }
}
