//! Every recorded life of an invoice, lived again: the same actions, the same answers to
//! `GET /invoices/ID` and to the checkout's status, the same notifications in order and form.
//!
//! The clock is the test's, so a life of two minutes takes milliseconds.

use std::collections::BTreeMap;

use crate::life::Life;
use crate::recorded_life;
use crate::recording;
use crate::sink::Sink;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_life_is_lived_again() {
    let sink = Sink::open().await;
    let not_played: BTreeMap<String, String> = recording::json("life-not-played.json");
    let (mut lived, mut complaints) = (0, Vec::new());
    for (heading, steps) in recorded_life::lives() {
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
