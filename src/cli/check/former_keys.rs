//! Keys that a store had before (also before it used BTCPay's API key), or that a rotation paired in vain: each
//! must be dead at BTCPay.

use super::believed;
use super::finding::Finding;
use super::key::knows;
use super::server::Btcpay;
use crate::app::Rooms;
use crate::bitid::Sin;
use crate::ledger::{Store, StoreCredentials};

/// Most keys that are asked about, the newest first.
const MOST: usize = 20;

/// A key by its number, as the owner finds it in BTCPay.
struct Named {
    number: u32,
    sin: Sin,
}

/// Every key but the one in use; `is_good`: a signature is looked at on this way, so an unknown key is told.
pub(super) async fn check(
    hop: &str,
    btcpay: &Btcpay,
    rooms: &Rooms,
    store: &Store,
    is_good: bool,
) -> Vec<Finding> {
    let in_use = (store.credentials == StoreCredentials::Key).then_some(store.epoch);
    let mut numbers: Vec<u32> = (1..=store.last_epoch).filter(|number| Some(*number) != in_use).collect();
    numbers.reverse();
    let left_out = numbers.split_off(numbers.len().min(MOST));
    let tried = "see whether BTCPay refuses each of its other keys";
    if numbers.is_empty() {
        return Vec::new();
    }
    if !is_good {
        let came =
            "not asked: signatures do not get through, or its own key is not taken, so nothing would be told";
        return vec![Finding::unknown(hop, tried, came).change("mend what is wrong above first")];
    }
    let (mut findings, mut dead) = (Vec::new(), Vec::new());
    for number in numbers {
        let key = rooms.secrets.store_key(&store.id, number);
        let named = Named { number, sin: key.public().sin() };
        match btcpay.exchange(&believed::signed_over(btcpay, &key, &btcpay.root())).await {
            Ok(heard) if heard.status == 200 && knows(&heard) => findings.push(works(hop, tried, &named)),
            Ok(heard) if heard.status == 200 => dead.push(number.to_string()),
            Ok(heard) => findings.push(unknown(hop, tried, &named, &heard.in_short())),
            Err(error) => findings.push(unknown(hop, tried, &named, &error.to_string())),
        }
    }
    if !dead.is_empty() {
        findings.push(Finding::ok(hop, tried, format!("dead: key {}", dead.join(", "))));
    }
    if !left_out.is_empty() {
        let came = format!("not asked: {} older keys", left_out.len());
        findings.push(Finding::unknown(hop, tried, came));
    }
    findings
}

fn works(hop: &str, tried: &str, named: &Named) -> Finding {
    Finding::warn(hop, tried, format!("key {} ({}) still works", named.number, named.sin))
        .change("revoke it in BTCPay: store settings, access tokens")
}

fn unknown(hop: &str, tried: &str, named: &Named, came: &str) -> Finding {
    Finding::unknown(hop, tried, format!("key {} ({}): {came}", named.number, named.sin))
        .change("run check again; until then take it for one that works")
}
