//! Plays every recorded request to a sandbox and compares the answers.
//!
//! What is recorded stands in `tests/recordings`, with a README. The sandbox has its own
//! ids, tokens, keys and addresses; they are mapped one to one as they appear. What it does
//! not model is listed with a reason in `not-modelled.json`, and the list may not be stale.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod actions;
mod compare;
mod keys;
mod life;
mod lives;
mod names;
#[path = "../support/recorded_life.rs"]
mod recorded_life;
mod recording;
mod sink;
mod variations;
mod wire;

use std::collections::BTreeMap;

use crate::actions::Actions;
use crate::names::Names;
use crate::recording::Exchange;

const FILES: [&str; 10] = [
    "tokens",
    "auth",
    "create-requests",
    "invoice-create",
    "invoice-read",
    "invoice-list",
    "errors",
    "headers",
    "routes",
    "rates",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sandbox_answers_as_recorded() {
    let mut exchanges: Vec<Exchange> = FILES.iter().flat_map(|file| recording::read(file)).collect();
    recording::mark_crowded(&mut exchanges);
    exchanges.sort_by_key(|exchange| exchange.at_ms);
    let not_modelled: BTreeMap<String, String> = recording::json("not-modelled.json");
    let bench = wire::Bench::start().await;
    let mut names = Names::default();
    let signers = keys::recorded(&exchanges);
    let actions = Actions::read();
    let (mut matched, mut complaints) = (0, Vec::new());
    for exchange in &exchanges {
        bench.set_time(exchange.at_ms);
        actions.before(&exchange.id, &bench, &mut names).await;
        bench.set_time(exchange.at_ms);
        let request = keys::renewed(exchange, &signers, &names, &actions);
        let answer = bench.play(&request).await;
        let differences = compare::differences(exchange, &answer, &mut names);
        match (differences.is_empty(), not_modelled.get(&exchange.id)) {
            (true, None) => matched += 1,
            (true, Some(_)) => {
                complaints.push(format!("{}: listed as not modelled, but it matches", exchange.id))
            }
            (false, Some(reason)) => assert!(!reason.is_empty()),
            (false, None) => complaints.push(format!("{}: {}", exchange.id, differences.join("; "))),
        }
    }
    for id in not_modelled.keys().chain(actions.exchanges()) {
        if !exchanges.iter().any(|exchange| exchange.id == *id) {
            complaints.push(format!("{id}: no such recording"));
        }
    }
    println!("{} played, {matched} matched, {} listed", exchanges.len(), not_modelled.len());
    assert!(complaints.is_empty(), "{} complaints\n{}", complaints.len(), complaints.join("\n"));
    assert!(matched * 100 > exchanges.len() * 95);
}
