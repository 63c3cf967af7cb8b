//! What BTCPay would be sent, and what not.

use http::Method;

use super::Trial;
use super::rehearsal::{Rehearsal, Sent};
use crate::contract::{Endpoint, Era, divergences};
use crate::json::{self, Object, Value};
use crate::walk::Collected;
use crate::walk::authenticate::Shop;
use crate::walk::order::{self, Order};
use crate::walk::route::Route;
use crate::walk::to_btcpay::{self, Additions, LeftOut};

/// Members and parameters that hold no text of shop or buyer.
const PLAIN: [&str; 15] = [
    "price",
    "currency",
    "transactionSpeed",
    "fullNotifications",
    "extendedNotifications",
    "physical",
    "redirectAutomatically",
    "expirationTime",
    "paymentCurrencies",
    "dateStart",
    "dateEnd",
    "status",
    "limit",
    "offset",
    "currencyPairs",
];

/// What a create asks for; None for other calls and for what BitPay would refuse.
pub(super) fn order(called: &Route, whole: &Collected) -> Option<Order> {
    match called.endpoint {
        Endpoint::CreateInvoice | Endpoint::V1CreateInvoice => order::read(whole.members().ok()?).ok(),
        _ => None,
    }
}

/// The requests that the trap caught.
pub(super) fn sent(trial: &Trial<'_>, called: &Route, rehearsal: &Rehearsal) -> Value {
    if !rehearsal.reached_btcpay() {
        return "nothing".into();
    }
    let one = |sent: &Sent| Value::from(request(trial, called, sent));
    rehearsal.sent.iter().map(one).collect::<Vec<Value>>().into()
}

fn request(trial: &Trial<'_>, called: &Route, sent: &Sent) -> Object {
    let header = |name: &str| sent.headers.get(name).and_then(|value| value.to_str().ok());
    let (path, query) = sent.target.split_once('?').unwrap_or((&sent.target, ""));
    let address = format!(
        "{}://{}{path}",
        header("x-forwarded-proto").unwrap_or("https"),
        header("host").unwrap_or("")
    );
    let proved = match (header("x-identity"), header("authorization")) {
        (Some(_), _) => "signed with the store's own key",
        (None, Some(_)) => "by the store's API key at BTCPay",
        (None, None) => "without a credential",
    };
    let mut told = Object::new().with("request", format!("{} {address}", sent.method)).with("proved", proved);
    if let Some(why) = instead_of_a_create(called, sent, path, query) {
        told.push("why", why);
    }
    let query: Object = form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.into(), value.as_ref().into()))
        .collect();
    if !query.is_empty() {
        told.push("query", shown(&query, trial.words));
    }
    if let Ok(Value::Object(members)) = json::parse(&sent.body) {
        told.push("members", shown(&members, trial.words));
    }
    told
}

/// A create that begins with a read has come before.
fn instead_of_a_create(called: &Route, sent: &Sent, path: &str, query: &str) -> Option<String> {
    let create = matches!(called.endpoint, Endpoint::CreateInvoice | Endpoint::V1CreateInvoice);
    if !create || sent.method != Method::GET {
        return None;
    }
    Some(if query.starts_with("itemCode=") {
        "an earlier create with the same guid has no known outcome: its invoice is looked for first"
            .to_owned()
    } else {
        format!(
            "the same guid and order made invoice {} before: it is answered again",
            path.rsplit('/').next().unwrap_or("")
        )
    })
}

fn shown(members: &Object, words: bool) -> Object {
    members.iter().map(|(name, value)| (name.to_owned(), plain(name, value, words))).collect()
}

fn plain(name: &str, value: &Value, words: bool) -> Value {
    match value {
        _ if name == "itemCode" => "the shop's own, and payferry's mark".into(),
        _ if name == "notificationURL" => "payferry's own, with an id that is made anew each time".into(),
        _ if words || PLAIN.contains(&name) => value.clone(),
        Value::Object(inner) => shown(inner, words).into(),
        Value::String(text) => format!("({} characters; --words shows them)", text.chars().count()).into(),
        _ => "(--words shows it)".into(),
    }
}

/// What the shop sent and BTCPay is not sent, each with why.
pub(super) fn left_out(order: &Order, shop: &Shop, era: Era) -> Vec<Value> {
    let additions = Additions { mark: "", notify_url: None, settlement: shop.store.settlement, era };
    let (_, left_out) = to_btcpay::create(order, &additions, 0);
    let one = |left: &LeftOut| {
        let known = divergences::find(left.id);
        let why = known.map_or("", |known| known.btcpay.as_str());
        Object::new().with("member", left.pointer).with("why", why).with("divergence", left.id).into()
    };
    left_out.iter().map(one).collect()
}
