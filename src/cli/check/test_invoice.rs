//! `check --create`: one small invoice at BTCPay for each store, made and read as payferry does it.

use std::time::Duration;

use super::finding::Finding;
use super::heard::{Awaited, Ear};
use super::server::Btcpay;
use crate::app::{Rooms, random};
use crate::json::{Number, Object, Value};
use crate::ledger::Store;
use crate::walk::facts::Facts;
use crate::walk::understand::understand;

const WITHIN: Duration = Duration::from_secs(15);

/// Makes it, looks whether BTCPay's notification of it comes, reads it back, and looks at its checkout link.
pub(super) async fn check(
    btcpay: &Btcpay,
    rooms: &Rooms,
    store: &Store,
    currency: &str,
    ear: &Ear,
) -> Vec<Finding> {
    let hop = format!("store.{}", store.name);
    let tried = format!("make a test invoice of 1 {currency} and read it");
    let awaited = match ear.wait_for(store).await {
        Ok(awaited) => awaited,
        Err(error) => return vec![Finding::wrong("ledger", "write a test row", error.to_string())],
    };
    let facts = match make(rooms, store, currency, awaited.as_ref()).await {
        Ok(facts) => facts,
        Err(why) => {
            if let Some(awaited) = awaited {
                awaited.in_vain().await;
            }
            let change = "see BTCPay's log: its store needs a wallet, a rate for that currency (--currency names \
                          another), and its node and NBXplorer running";
            return vec![Finding::wrong(&hop, tried, why).change(change)];
        }
    };
    let mut findings = vec![read(btcpay, rooms, store, &facts, tried).await];
    if let Some(awaited) = awaited {
        findings.push(awaited.came(&facts.id).await);
    }
    findings
}

async fn read(btcpay: &Btcpay, rooms: &Rooms, store: &Store, facts: &Facts, tried: String) -> Finding {
    let hop = format!("store.{}", store.name);
    let (id, url) = (&facts.id, &facts.url);
    if !url.starts_with(&format!("{}/", btcpay.root())) {
        let came = format!("invoice {id}: buyers would be sent to {url}, not to {}", btcpay.root());
        return Finding::wrong(&hop, tried, came).change(
            "let the proxy in front of BTCPay pass Host and X-Forwarded-Proto on, and set none of its own",
        );
    }
    match rooms.upstream.read_invoice(store, id, WITHIN).await {
        Ok(_) => {
            Finding::ok(&hop, tried, format!("invoice {id} at {url}; unpaid it ends by itself, leave it so"))
        }
        Err(error) => Finding::wrong(&hop, tried, format!("invoice {id} was made, but not read: {error}"))
            .change("see the findings above"),
    }
}

async fn make(
    rooms: &Rooms,
    store: &Store,
    currency: &str,
    awaited: Option<&Awaited<'_>>,
) -> Result<Facts, String> {
    let mut mark = [0; 8];
    random(&mut mark);
    let price = Number::parse("1").map_err(|error| error.to_string())?;
    let mut body = Object::new()
        .with("price", Value::Number(price))
        .with("currency", currency)
        .with("orderId", "payferry-check")
        .with("itemDesc", "Test by payferry check: do not pay")
        .with("itemCode", format!("payferry-check~{}", hex::encode(mark)));
    if let Some(awaited) = awaited {
        body.push("notificationURL", awaited.url.as_str());
        body.push("extendedNotifications", true);
    }
    let answer =
        rooms.upstream.create_invoice(store, &body, WITHIN).await.map_err(|error| error.to_string())?;
    let answer = understand(&answer).map_err(|error| error.to_string())?;
    Facts::of_answer(&answer).map_err(|error| error.to_string())
}
