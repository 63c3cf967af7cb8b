//! `GET /rates` and all of its forms: the price of one bitcoin.
//!
//! v2 `/rates`, `/rates/BTC` a list, `/rates/BTC/USD` one; `/rates/USD` one, as in 2014 (npm bitpay-rates still
//! asks so); v1 the same under `/api`, bare. `//BTC` is what npm bitpay-sdk sends for `getRate("BTC")`.
//! `?currencyPairs=` (npm btcpay) and `?cryptoCode=` (btcpay-python) are BTCPay's own, with its two members more.

use std::sync::Arc;

use super::Call;
use crate::contract::{ErrorCode, Generation};
use crate::json::{Object, Value};
use crate::ledger::Store;
use crate::rates::{COIN, Quotes};
use crate::walk::answer::Reply;
use crate::walk::refusal::Refusal;
use crate::walk::upstream::UpstreamError;

pub(super) async fn rates(call: &mut Call<'_>, named: Option<Arc<Store>>) -> Result<Reply, Refusal> {
    let wanted = Wanted::of(call)?;
    let store = store(call, named)?;
    call.record.store = Some(store.name.clone());
    let quotes = quotes(call, &store).await?;
    let value = wanted.choose(&quotes)?;
    Ok(match Generation::of_path(&call.request.target) {
        Generation::V1 => value,
        Generation::V2 => Object::new().with("data", value).into(),
    }
    .into())
}

/// What is asked for.
enum Wanted {
    List,
    One(String),
    /// BTCPay's form, with its members.
    Pairs(Vec<String>),
}

impl Wanted {
    fn of(call: &Call<'_>) -> Result<Self, Refusal> {
        let params = &call.route.params;
        match (params.base.as_deref(), params.currency.as_deref()) {
            (Some(base), Some(_)) if !is_coin(base) => Err(unknown()),
            (_, Some(currency)) if params.base.is_some() => Ok(Self::One(currency.to_owned())),
            (Some(one), None) | (None, Some(one)) if !is_coin(one) => Ok(Self::One(one.to_owned())),
            (Some(_), None) | (None, Some(_)) => Ok(Self::List),
            _ => Self::of_query(call),
        }
    }

    /// BTCPay leaves out the pairs that it has no rate for (rates/pairs-unknown-mixed); so does this.
    fn of_query(call: &Call<'_>) -> Result<Self, Refusal> {
        let coin_s = |pair: &str| {
            let (coin, currency) = pair.trim().split_once('_').or_else(|| pair.trim().split_at_checked(3))?;
            is_coin(coin).then(|| currency.to_owned())
        };
        if let Some(pairs) = call.request.query("currencyPairs") {
            return Ok(Self::Pairs(pairs.split(',').filter_map(coin_s).collect()));
        }
        match call.request.query("cryptoCode") {
            None => Ok(Self::List),
            Some(coin) if is_coin(&coin) => {
                Ok(Self::Pairs(Quotes::currencies().map(str::to_owned).collect()))
            }
            Some(_) => Err(unknown()),
        }
    }

    fn choose(&self, quotes: &Quotes) -> Result<Value, Refusal> {
        match self {
            Self::List => Ok(quotes.list().into()),
            Self::One(currency) => quotes.of(currency).map(Value::Object).ok_or_else(|| missing(currency)),
            Self::Pairs(currencies) => {
                let items =
                    currencies.iter().filter_map(|currency| Some(in_btcpays_form(quotes.of(currency)?)));
                let items: Vec<Value> = items.collect();
                if items.is_empty() { Err(unknown()) } else { Ok(items.into()) }
            }
        }
    }
}

fn is_coin(code: &str) -> bool {
    code.eq_ignore_ascii_case(COIN)
}

fn in_btcpays_form(item: Object) -> Value {
    let code = item.get("code").and_then(Value::as_str).unwrap_or_default().to_owned();
    item.with("cryptoCode", COIN).with("currencyPair", format!("{COIN}_{code}")).into()
}

fn unknown() -> Refusal {
    Refusal::new(ErrorCode::RateUnknown, "no rates of this coin, or in this currency".to_owned())
}

fn missing(currency: &str) -> Refusal {
    let known = Quotes::currencies().any(|code| code.eq_ignore_ascii_case(currency));
    if known {
        Refusal::new(ErrorCode::CurrencyUnavailable, "BTCPay has no rate in this currency".to_owned())
    } else {
        unknown()
    }
}

/// What came along picks its own store, a stale signature as well (npm bitpay-sdk 5 to 8 and PyPI bitpay 3
/// to 8 send that of their last signed call). It opens nothing here: rates are for everybody.
fn store(call: &Call<'_>, named: Option<Arc<Store>>) -> Result<Arc<Store>, Refusal> {
    let chosen = || call.walk.rate_source.store(&call.request.host, call.walk.directory.stores());
    Ok(named.map_or_else(chosen, Ok)?)
}

async fn quotes(call: &mut Call<'_>, store: &Store) -> Result<Arc<Quotes>, Refusal> {
    let (walk, deadline) = (call.walk, call.deadline);
    let asked_at = call.now_ms();
    let fetch = async {
        let currencies = Quotes::currencies().filter(|code| *code != COIN);
        let answer = walk.upstream.rates(store, currencies, deadline.left()).await;
        call.record.upstream_ms = Some((walk.clock)() - asked_at);
        Ok::<_, UpstreamError>(Quotes::read(&answer?).unwrap_or_default())
    };
    let quotes = deadline.bound(walk.rates.get(&store.id, walk.clock, fetch)).await??;
    if quotes.are_none() {
        return Err(Refusal::new(ErrorCode::RatesUnavailable, "BTCPay answered without a rate".to_owned()));
    }
    Ok(quotes)
}
