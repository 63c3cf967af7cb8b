//! Every recorded life of an invoice, lived again: the same actions, the same answers to
//! `GET /invoices/ID` and to the checkout's status, the same notifications in order and form.
//!
//! The clock is the test's, so a life of two minutes takes milliseconds.

use std::collections::BTreeMap;

use payferry::sandbox::{NetworkFee, Speed, StoreOptions};
use serde::Deserialize;

use crate::life::Life;
use crate::recording;
use crate::sink::Sink;

#[derive(Deserialize)]
pub struct Heading {
    pub id: String,
    pub store: String,
    pub start: i64,
    /// When the invoice was made, where the request took longer than that.
    pub created: Option<i64>,
    /// The store's speed, where it was not medium.
    pub speed: Option<String>,
    pub website: Option<String>,
    /// By how much the state followed a block later, on a busy server, whose count of
    /// confirmations cannot be foretold.
    pub lag_ms: Option<i64>,
    pub fee_rate: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_life_is_lived_again() {
    let sink = Sink::open().await;
    let not_played: BTreeMap<String, String> = recording::json("life-not-played.json");
    let (mut lived, mut complaints) = (0, Vec::new());
    for (heading, steps) in recording::lives() {
        let heading: Heading = serde_json::from_value(heading).unwrap();
        let mut life = Life::begin(&heading, &sink).await;
        life.live(&steps).await;
        let said = life.complaints.join("\n    ");
        match (life.complaints.is_empty(), not_played.get(&heading.id)) {
            (true, None) => lived += 1,
            (true, Some(_)) => complaints.push(format!("{}: listed as not played, but it plays", heading.id)),
            (false, Some(reason)) => assert!(!reason.is_empty()),
            (false, None) => complaints.push(format!("{}:\n    {said}", heading.id)),
        }
    }
    println!("{lived} lives, {} listed", not_played.len());
    assert!(complaints.is_empty(), "{} complaints\n{}", complaints.len(), complaints.join("\n"));
    assert!(lived > 150);
}

pub fn store(heading: &Heading) -> StoreOptions {
    let speed = heading.speed.as_deref().map_or(Speed::Medium, |word| Speed::of_word(word).unwrap());
    let (name, website) = ("Rec B".to_owned(), heading.website.clone());
    let options = StoreOptions { name, website, speed, ..StoreOptions::default() };
    match heading.store.as_str() {
        "B" => options,
        "Balways" => StoreOptions { network_fee: NetworkFee::Always, ..options },
        "Bshort" => {
            StoreOptions { name: "Rec B short monitoring".to_owned(), monitoring_minutes: 0, ..options }
        }
        "Bminute" => StoreOptions { monitoring_minutes: 1, ..options },
        "Bnever" => StoreOptions { network_fee: NetworkFee::Never, ..options },
        "Bnofee" => StoreOptions { network_fee: NetworkFee::Never, tolerance_percent: 5, ..options },
        "Btol" => StoreOptions { network_fee: NetworkFee::Always, tolerance_percent: 5, ..options },
        other => panic!("store {other}"),
    }
}
