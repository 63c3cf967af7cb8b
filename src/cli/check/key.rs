//! One store's credential at BTCPay: taken, or why not.

use super::believed::{self, Believed};
use super::finding::{Finding, Verdict};
use super::former_keys;
use super::server::{Btcpay, Seen};
use super::wire::Heard;
use crate::app::Rooms;
use crate::bitid::SecretKey;
use crate::json::{self, Value};
use crate::ledger::{Store, StoreCredentials};
use crate::walk::to_btcpay::StoreAuth;
use crate::walk::upstream::api_key_context;

/// Checks the store's key, or BTCPay's API key where it uses that.
pub(super) async fn check(btcpay: &Btcpay, seen: &Seen, rooms: &Rooms, store: &Store) -> Vec<Finding> {
    let hop = format!("store.{}", store.name);
    if store.paired_at.is_none() {
        let pair = format!("payferry store pair {}", store.name);
        let came = "not yet: its shops are refused (store_not_paired)";
        return vec![Finding::wrong(&hop, "see whether it is paired", came).change(pair)];
    }
    match &store.credentials {
        StoreCredentials::ApiKey(sealed) => {
            let mut findings = vec![api_key(&hop, btcpay, rooms, store, sealed).await];
            let key = rooms.secrets.store_key(&store.id, store.epoch);
            let arrives = believed::signature_arrives(btcpay, &key).await;
            findings.extend(former_keys::check(&hop, btcpay, rooms, store, arrives).await);
            findings
        }
        StoreCredentials::Key => {
            let key = rooms.secrets.store_key(&store.id, store.epoch);
            let mut findings = own_key(&hop, btcpay, seen, store, &key).await;
            let is_good = findings.iter().all(|finding| finding.verdict == Verdict::Ok);
            findings.extend(former_keys::check(&hop, btcpay, rooms, store, is_good).await);
            findings
        }
    }
}

async fn own_key(hop: &str, btcpay: &Btcpay, seen: &Seen, store: &Store, key: &SecretKey) -> Vec<Finding> {
    let tried = format!("signed GET {}/tokens, over {}", btcpay.root(), btcpay.over());
    let heard = match btcpay.exchange(&believed::signed_over(btcpay, key, &btcpay.root())).await {
        Ok(heard) => heard,
        Err(error) => {
            return vec![Finding::wrong(hop, tried, error.to_string()).change("see the server above")];
        }
    };
    match (heard.status, knows(&heard)) {
        (200, true) => vec![Finding::ok(hop, tried, "BTCPay knows the store's key")],
        (200, false) if believed::signature_arrives(btcpay, key).await => {
            let change = format!("payferry store pair {}", store.name);
            vec![
                Finding::wrong(hop, tried, "the signature is good, but BTCPay does not know the key")
                    .change(change),
            ]
        }
        (200, false) => vec![
            Finding::wrong(
                hop,
                tried,
                "BTCPay saw no signature: x-identity or x-signature was lost on the way",
            )
            .change("let the proxy in front of BTCPay pass both headers on"),
        ],
        (401, _) => refused(hop, tried, btcpay, seen, key, &heard).await,
        _ => vec![
            Finding::wrong(hop, tried, heard.in_short()).change("see what answers there; it is not BTCPay"),
        ],
    }
}

pub(super) fn knows(heard: &Heard) -> bool {
    let body = json::parse(&heard.body).ok();
    let tokens = body.as_ref().and_then(|body| body.get("data")).and_then(Value::as_array);
    tokens.is_some_and(|tokens| !tokens.is_empty())
}

/// The key is payferry's own and the signature fresh: something between changed what BTCPay checks it against.
async fn refused(
    hop: &str,
    tried: String,
    btcpay: &Btcpay,
    seen: &Seen,
    key: &SecretKey,
    heard: &Heard,
) -> Vec<Finding> {
    let told = seen.told_root.as_deref();
    let wrong = |came: String| Finding::wrong(hop, tried.clone(), format!("{}: {came}", heard.in_short()));
    let lost = |root: &str, how: &str| -> Vec<Finding> {
        let lost = believed::lost(btcpay, root);
        lost.into_iter().map(|(came, change)| wrong(format!("{came} ({how})")).change(change)).collect()
    };
    match believed::find(btcpay, key, told).await {
        Believed::Root(root) => lost(&root, &format!("a signature over {root} is taken")),
        Believed::OnlyForwarded => vec![
            wrong("Host was lost on the way: with X-Forwarded-Host the signature is taken".to_owned())
                .change(
                    "let the proxy in front of BTCPay pass Host on (nginx: proxy_set_header Host $http_host)",
                ),
        ],
        Believed::Nothing(_) if told.is_some_and(|told| told != btcpay.root()) => {
            lost(told.unwrap_or_default(), "its redirect to the login page shows it")
        }
        Believed::Nothing(spellings) => {
            vec![wrong(format!("nor is a signature over any of {spellings} other addresses taken")).change(
                "compare what the proxy in front of BTCPay sends it: Host, X-Forwarded-*, path, x-signature",
            )]
        }
    }
}

/// A list by a filter that matches nothing: GET /tokens is empty for every API key (tokens/get-tokens-basic-legacy).
async fn api_key(hop: &str, btcpay: &Btcpay, rooms: &Rooms, store: &Store, sealed: &[u8]) -> Finding {
    let tried = format!("GET {}/invoices with BTCPay's API key, over {}", btcpay.root(), btcpay.over());
    let opened = rooms.secrets.open(&api_key_context(&store.id), sealed).ok();
    let Some(key) = opened.and_then(|key| String::from_utf8(key.to_vec()).ok()) else {
        return Finding::wrong(hop, tried, "the stored API key was sealed with another master secret")
            .change(format!("payferry store pair {} --api-key-file FILE", store.name));
    };
    let request =
        believed::signed(btcpay, &StoreAuth::ApiKey(key.into()), "/invoices?itemCode=payferry-check");
    match btcpay.exchange(&request).await {
        Err(error) => Finding::wrong(hop, tried, error.to_string()).change("see the server above"),
        Ok(heard) if heard.status == 200 => Finding::ok(hop, tried, "BTCPay takes the API key"),
        Ok(heard) if heard.status == 401 => Finding::wrong(hop, tried, heard.in_short()).change(format!(
            "it is no longer the store's key: make a new one, then payferry store pair {} --api-key-file FILE",
            store.name
        )),
        // auth/anon-list-plain
        Ok(heard) if heard.status == 404 => {
            Finding::wrong(hop, tried, "BTCPay saw no key: Authorization was lost on the way")
                .change("let the proxy in front of BTCPay pass Authorization on")
        }
        Ok(heard) => Finding::wrong(hop, tried, heard.in_short()).change("see what answers there"),
    }
}
