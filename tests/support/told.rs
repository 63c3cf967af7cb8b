//! What BitPay would have told a shop of every recorded life (`tests/data/told.toml`, `lives.jsonl`).
#![allow(dead_code, reason = "no test needs all of it")]

use std::collections::BTreeMap;

use serde::Deserialize;

/// One life: what a signed read said when, and the public answers of those asked for as `low`.
#[derive(Deserialize)]
pub struct Life {
    pub id: String,
    pub speed: Option<String>,
    pub readings: Vec<Reading>,
}

#[derive(Deserialize)]
pub struct Reading {
    pub t: i64,
    pub is: String,
    pub paid: String,
    pub public: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    pub life: Vec<Story>,
    pub bitpay: Vec<BitpayStory>,
    pub made_before: Vec<MadeBefore>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Story {
    pub story: String,
    #[serde(default, rename = "why")]
    _why: String,
    pub lives: Vec<String>,
    pub extended: String,
    pub full: String,
    pub neither: String,
    pub full_2021: String,
    pub neither_2021: String,
    pub neither_2021_low: String,
    pub alarms: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BitpayStory {
    #[serde(default, rename = "why")]
    _why: String,
    pub lives: Vec<String>,
    pub extended: String,
    pub alarms: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MadeBefore {
    pub reason: String,
    pub lives: Vec<String>,
    pub reads: String,
    pub every: Option<String>,
}

pub fn lives() -> BTreeMap<String, Life> {
    let text = std::fs::read_to_string("tests/data/lives.jsonl").unwrap();
    let life = |line: &str| serde_json::from_str::<Life>(line).unwrap();
    text.lines().map(life).map(|life| (life.id.clone(), life)).collect()
}

pub fn told() -> Told {
    toml::from_str(&std::fs::read_to_string("tests/data/told.toml").unwrap()).unwrap()
}
