//! Which lives are played, by whose wishes, and what must come of them.

use std::collections::BTreeMap;

use payferry::presented::Settlement;
use serde_json::Value;

use crate::recorded_life::{self, Heading};
use crate::told;

/// What a shop asks for: the column of `told.toml`, whether it is the shop of 2021, `fullNotifications`,
/// `extendedNotifications`.
pub type Wish = (&'static str, usize, Option<bool>, bool);

const WISHES: [Wish; 5] = [
    ("extended", 0, None, true),
    ("full", 0, Some(true), false),
    ("neither", 0, Some(false), false),
    ("full_2021", 1, None, false),
    ("neither_2021", 1, Some(false), false),
];

/// What one life is: its name, what was recorded, what the shops hear of it and what the operator does.
pub struct Role {
    pub id: String,
    pub heading: Heading,
    pub steps: Vec<Value>,
    /// When BTCPay was seen to say something new.
    pub readings: Vec<i64>,
    /// What the store counts as confirmed and complete.
    pub settlement: Settlement,
    /// The shops' wishes, and what follows from them.
    pub hears: Vec<(Wish, String)>,
    /// The alarms of each invoice, in order.
    pub alarms: String,
}

/// All lives that a shop behind payferry can have; those that were asked for as `low` a second time, for a
/// shop that asked for medium at a store with settlement `bitpay`.
pub fn cast() -> Vec<Role> {
    let (told, recordings) = (told::told(), Recordings::new());
    let mut cast = Vec::new();
    for story in &told.life {
        for id in &story.lives {
            let is_low = recordings.lives[id].speed.as_deref() == Some("low");
            let hears = WISHES.map(|wish| {
                let expected = match wish.0 {
                    "extended" => &story.extended,
                    "full" => &story.full,
                    "neither" => &story.neither,
                    "full_2021" => &story.full_2021,
                    _ if is_low => &story.neither_2021_low,
                    _ => &story.neither_2021,
                };
                (wish, expected.clone())
            });
            cast.push(recordings.role(id, Settlement::Btcpay, hears.to_vec(), &story.alarms));
        }
    }
    for story in &told.bitpay {
        for id in &story.lives {
            let hears = vec![(WISHES[0], story.extended.clone())];
            cast.push(recordings.role(id, Settlement::Bitpay, hears, &story.alarms));
        }
    }
    cast
}

/// The lives that no shop can begin behind payferry, with what a shop of no particular era reads of them and
/// one of 2021.
pub fn made_before() -> Vec<(Role, [String; 2])> {
    let recordings = Recordings::new();
    let mut cast = Vec::new();
    for story in told::told().made_before {
        let every = story.every.as_ref().unwrap_or(&story.reads);
        for id in &story.lives {
            let role = recordings.role(id, Settlement::Btcpay, Vec::new(), "");
            cast.push((role, [every.clone(), story.reads.clone()]));
        }
    }
    cast
}

/// What was recorded, by the names that `told.toml` uses.
struct Recordings {
    lives: BTreeMap<String, told::Life>,
    steps: BTreeMap<String, (Heading, Vec<Value>)>,
}

impl Recordings {
    fn new() -> Self {
        let steps = recorded_life::lives().into_iter().map(|(heading, steps)| {
            let name = heading.id.trim_start_matches("life-").to_owned();
            (name, (heading, steps))
        });
        Self { lives: told::lives(), steps: steps.collect() }
    }

    fn role(&self, id: &str, settlement: Settlement, hears: Vec<(Wish, String)>, alarms: &str) -> Role {
        let (heading, steps) = self.steps[id.rsplit('/').next().unwrap()].clone();
        let readings = self.lives[id].readings.iter().map(|reading| reading.t);
        Role {
            id: id.to_owned(),
            heading,
            steps,
            readings: readings.collect(),
            settlement,
            hears,
            alarms: alarms.to_owned(),
        }
    }
}
