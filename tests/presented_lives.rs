//! Every life that was recorded of a real BTCPay Server, played to the machine, and what a shop hears of
//! it, held against `tests/data/told.toml`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "support/told.rs"]
mod told;

use std::collections::BTreeSet;

use payferry::contract::{Era, Form};
use payferry::notify::{Wants, selected};
use payferry::presented::{Presented, PublicStatus, Seen, Settings, Settlement, Speed, Status, Step, step};
use told::{Life, Reading, lives, told};

/// Short beside the seconds in which the lives were recorded.
const PAUSE: i64 = 500;
const PATIENCE: i64 = 3_600_000;

/// `Processing due 0 blocks 3`
fn public(text: &str) -> PublicStatus {
    let words: Vec<_> = text.split(' ').collect();
    let [status, "due", due, "blocks", blocks] = words[..] else { panic!("{text}") };
    PublicStatus {
        processing: status == "Processing",
        nothing_due: due == "0",
        confirmations: blocks.parse().ok(),
    }
}

impl Reading {
    fn seen(&self) -> Seen {
        let (status, exception) = match self.is.split_once('+') {
            Some((status, exception)) => (status, Some(exception)),
            None => (self.is.as_str(), None),
        };
        let paid = self.paid.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
        let seen = Seen::of_words(status, exception, paid).unwrap();
        Seen { public: self.public.as_deref().map(public), ..seen }
    }
}

/// What was done, with the blocks that the public answer of that moment counted.
struct Done {
    step: Step,
    blocks: Option<u32>,
    settled: bool,
}

/// Plays a life as payferry will: at each reading, and whenever a step's time has come.
fn play(life: &Life, settings: &Settings) -> (Presented, Vec<Done>) {
    let mut at = Presented::new(0);
    let mut done = Vec::new();
    for (place, reading) in life.readings.iter().enumerate() {
        let until = life.readings.get(place + 1).map_or(i64::MAX, |next| next.t);
        let seen = reading.seen();
        let mut now = reading.t;
        while let Some(next) = step(&at, &seen, settings, now).into_iter().next() {
            if next.not_before_ms >= until && next.not_before_ms > now {
                break;
            }
            now = now.max(next.not_before_ms);
            at = next.then.clone();
            let blocks = seen.public.and_then(|public| public.confirmations);
            done.push(Done { step: next, blocks, settled: reading.is.starts_with("complete") });
            assert!(done.len() < 50, "{} turns in circles", life.id);
        }
    }
    (at, done)
}

/// `paid+paidOver`
fn status(then: &Presented) -> String {
    then.exception.map_or(then.status.to_string(), |exception| format!("{}+{exception}", then.status))
}

/// What a shop that wants this hears; the code where the form shows it.
fn hears(done: &[Done], wants: &Wants) -> String {
    let one = |done: &Done| {
        let event = done.step.event?;
        let said = status(&done.step.then);
        Some(match selected(wants, event)? {
            Form::Enveloped => format!("{} {said}", event.code()),
            Form::Flat => said,
        })
    };
    done.iter().filter_map(one).collect::<Vec<_>>().join(", ")
}

fn alarms(done: &[Done]) -> String {
    done.iter()
        .filter_map(|done| done.step.alarm)
        .map(|alarm| alarm.to_string())
        .collect::<Vec<_>>()
        .join(" ")
}

fn wants(era: Era, full: Option<bool>, extended: bool, speed: Speed) -> Wants {
    Wants { has_url: true, full, extended, speed, era, form: None }
}

#[test]
fn every_life_is_told_as_bitpay_would_have() {
    let (lives, told) = (lives(), told());
    let mut wrong = Vec::new();
    for story in &told.life {
        for id in &story.lives {
            let life = &lives[id];
            let speed = Speed::asked(life.speed.as_deref(), Speed::Medium);
            let settings = Settings {
                settlement: Settlement::Btcpay,
                speed,
                complete_after_ms: PAUSE,
                invalid_after_ms: PATIENCE,
            };
            let (_, done) = play(life, &settings);
            let mut hold = |what: &str, heard: String, expected: &str| {
                if heard != expected {
                    wrong.push(format!("{} ({id}), {what}: heard `{heard}`, not `{expected}`", story.story));
                }
            };
            for era in Era::ALL {
                hold("extended", hears(&done, &wants(era, None, true, speed)), &story.extended);
                if era != Era::Y2021 {
                    hold("full", hears(&done, &wants(era, Some(true), false, speed)), &story.full);
                    hold("neither", hears(&done, &wants(era, None, false, speed)), &story.neither);
                }
            }
            let y2021 = |full, speed| hears(&done, &wants(Era::Y2021, full, false, speed));
            hold("2021, absent", y2021(None, speed), &story.full_2021);
            hold("2021, full", y2021(Some(true), speed), &story.full_2021);
            hold("2021, not full", y2021(Some(false), Speed::Medium), &story.neither_2021);
            hold("2021, not full, low", y2021(Some(false), Speed::Low), &story.neither_2021_low);
            hold("alarms", alarms(&done), &story.alarms);
        }
    }
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
}

/// `1005 confirmed @1`
fn hears_at(done: &[Done]) -> String {
    let one = |done: &Done| {
        let event = done.step.event?;
        let said = format!("{} {}", event.code(), status(&done.step.then));
        Some(match (done.step.then.status, done.settled, done.blocks) {
            (Status::Expired | Status::Invalid, ..) => said,
            (_, true, _) => format!("{said} @settled"),
            (_, false, blocks) => format!("{said} @{}", blocks.unwrap_or(0)),
        })
    };
    done.iter().filter_map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn lives_asked_for_as_low_are_confirmed_at_one_block_and_complete_at_six() {
    let (lives, told) = (lives(), told());
    let settings = Settings {
        settlement: Settlement::Bitpay,
        speed: Speed::Medium,
        complete_after_ms: PAUSE,
        invalid_after_ms: PATIENCE,
    };
    let mut wrong = Vec::new();
    for story in &told.bitpay {
        for id in &story.lives {
            let (_, done) = play(&lives[id], &settings);
            let heard = (hears_at(&done), alarms(&done));
            if heard != (story.extended.clone(), story.alarms.clone()) {
                wrong.push(format!("{id}: {heard:?}, not {:?}", (&story.extended, &story.alarms)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
}

/// A shop that asked for low hears confirmed when BTCPay settles, at six blocks, and never before.
#[test]
fn a_shop_that_asked_for_low_hears_nothing_before_six_blocks() {
    let settings = Settings {
        settlement: Settlement::Bitpay,
        speed: Speed::Low,
        complete_after_ms: PAUSE,
        invalid_after_ms: PATIENCE,
    };
    let low = lives().into_values().filter(|life| life.speed.as_deref() == Some("low"));
    let mut confirmed = 0;
    for life in low {
        for done in play(&life, &settings).1 {
            if matches!(done.step.then.status, Status::Confirmed | Status::Complete)
                && done.step.event.is_some()
            {
                assert!(done.settled, "{}", life.id);
                confirmed += 1;
            }
        }
    }
    assert!(confirmed > 30, "only {confirmed}");
}

/// No life is forgotten, none is named twice, and what no shop behind payferry can begin has a reason.
#[test]
fn every_recorded_life_has_its_place() {
    let (lives, told) = (lives(), told());
    assert_eq!(lives.len(), 175);
    let made_before = told.made_before.iter().flat_map(|story| &story.lives);
    let named: Vec<_> = told.life.iter().flat_map(|story| &story.lives).chain(made_before).collect();
    let once: BTreeSet<_> = named.iter().copied().collect();
    assert_eq!(named.len(), once.len(), "named twice");
    assert_eq!(once, lives.keys().collect(), "forgotten, or unknown");
    assert!(told.made_before.iter().all(|story| !story.reason.is_empty()));
    let low = lives.values().filter(|life| life.speed.as_deref() == Some("low")).map(|life| &life.id);
    let bitpay: BTreeSet<_> = told.bitpay.iter().flat_map(|story| &story.lives).collect();
    let missing: Vec<_> = low.filter(|id| !bitpay.contains(id) && *id != "low-top-up").collect();
    assert!(missing.is_empty(), "asked for as low, and not played with settlement bitpay: {missing:?}");
}
