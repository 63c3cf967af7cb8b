//! The machine that decides what a shop is told: every row of its table, and what it never does.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

#[path = "presented/cases.rs"]
mod cases;
#[path = "presented/forever.rs"]
mod forever;
#[path = "presented/words.rs"]
mod words;

use payferry::presented::{Presented, PublicStatus, Seen, Settings, Settlement, Speed, Status, Step, step};

const NOW: i64 = 1_800_000_000_000;
const PAUSE: i64 = 60_000;
const PATIENCE: i64 = 3_600_000;

fn settings(settlement: Settlement, speed: Speed) -> Settings {
    Settings { settlement, speed, complete_after_ms: PAUSE, invalid_after_ms: PATIENCE }
}

/// `complete+paidOver$`: status, exception, and `$` where anything is paid; `paid$3` with the count of
/// a public answer that shows Processing and nothing due.
fn seen(text: &str) -> Seen {
    let (words, money) = text.split_once('$').map_or((text, None), |(words, count)| (words, Some(count)));
    let (status, exception) =
        words.split_once('+').map_or((words, None), |(status, exception)| (status, Some(exception)));
    let mut seen = Seen::of_words(status, exception, money.is_some()).expect("a status of BTCPay's");
    seen.public = money.and_then(|count| count.parse().ok()).map(|count| PublicStatus {
        processing: true,
        nothing_due: true,
        confirmations: Some(count),
    });
    seen
}

fn presented(status: Status) -> Presented {
    Presented { status, ..Presented::new(NOW) }
}

/// `paid 1003, confirmed 1005, complete+paidOver 1006 after 60000, alarm payment_short`.
fn say(steps: &[Step]) -> String {
    steps.iter().map(say_one).collect::<Vec<_>>().join(", ")
}

fn say_one(step: &Step) -> String {
    let mut said = step.then.status.to_string();
    if let Some(exception) = step.then.exception {
        said.push_str(&format!("+{exception}"));
    }
    if let Some(event) = step.event {
        said.push_str(&format!(" {}", event.code()));
    }
    if step.not_before_ms > NOW {
        said.push_str(&format!(" after {}", step.not_before_ms - NOW));
    }
    if let Some(alarm) = step.alarm {
        said.push_str(&format!(" alarm {alarm}"));
    }
    said
}

/// Does all steps whose time has come.
fn do_all(presented: &Presented, seen: &Seen, settings: &Settings, now_ms: i64) -> (Presented, Vec<Step>) {
    let (mut at, mut done) = (presented.clone(), Vec::new());
    while let Some(first) =
        step(&at, seen, settings, now_ms).into_iter().find(|step| step.not_before_ms <= now_ms)
    {
        at = first.then.clone();
        done.push(first);
        assert!(done.len() < 20, "the machine turns in circles: {}", say(&done));
    }
    (at, done)
}
