//! The report for people, at most 100 columns wide.

use std::fmt::Write as _;

use super::group::{Group, Rank};

const WIDTH: usize = 100;
/// Names of shops' software that are shown; the others are counted.
const AGENTS: usize = 3;
const LONGEST_AGENT: usize = 40;

pub(super) fn table(groups: &[Group<'_>]) -> String {
    if groups.is_empty() {
        return "Nothing was seen. The journal begins with the first answer of BTCPay.\n".to_owned();
    }
    let mut text = String::new();
    for (rank, title) in [
        (Rank::Unknown, "Nobody has met these before"),
        (Rank::Open, "Shops see these; something is left for you"),
        (Rank::Repaired, "payferry keeps these from the shops"),
        (Rank::Harmless, "Nobody minds these"),
    ] {
        let of_rank: Vec<_> = groups.iter().filter(|group| group.rank() == rank).collect();
        if of_rank.is_empty() {
            continue;
        }
        line(&mut text, &format!("{title} ({})", of_rank.len()));
        for group in of_rank {
            text.push('\n');
            entry(&mut text, group);
        }
        text.push('\n');
    }
    text
}

fn entry(text: &mut String, group: &Group<'_>) {
    let new = if group.is_new() { "NEW " } else { "" };
    let name: String = group.identity.chars().take(56).collect();
    let facts = format!("{} times, {}, repaired: {}", group.count(), group.severity(), group.repaired());
    line(text, &format!("  {new}{name}  {facts}"));
    let breaks = if group.rank() == Rank::Harmless { "minded by" } else { "breaks" };
    fact(text, breaks, group.breaks());
    fact(text, "payferry", group.how());
    if group.advice() != "Nothing." {
        fact(text, "to do", group.advice());
    }
    fact(text, "seen", &seen(group));
}

fn seen(group: &Group<'_>) -> String {
    let agents: Vec<_> = group.distinct(|row| &row.agent).into_iter().map(shown).collect();
    let mut text = agents.iter().take(AGENTS).map(String::as_str).collect::<Vec<_>>().join(", ");
    let stores = group.distinct(|row| &row.store).join(", ");
    if agents.is_empty() {
        text.push_str(if stores.is_empty() { "shops that are not known" } else { "payferry's own calls" });
    } else if agents.len() > AGENTS {
        let _ = write!(text, " and {} more", agents.len() - AGENTS);
    }
    let calls = group.distinct(|row| &row.endpoint).join(", ");
    let of = if stores.is_empty() { String::new() } else { format!(" of {stores}") };
    let (first, last) = (time(group.first_seen()), time(group.last_seen()));
    format!("{text}; {calls}{of}; {first} to {last} UTC")
}

/// A name that a stranger chose, fit for a terminal.
fn shown(agent: &str) -> String {
    agent.chars().take(LONGEST_AGENT).flat_map(char::escape_debug).collect()
}

fn time(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    time.strftime("%Y-%m-%d %H:%M").to_string()
}

fn line(text: &mut String, words: &str) {
    let _ = writeln!(text, "{words}");
}

/// A label and words after it, wrapped.
fn fact(text: &mut String, label: &str, words: &str) {
    let mut written = format!("      {label:<10}");
    let mut width = written.len();
    for word in words.split(' ') {
        let length = word.chars().count();
        if width + length >= WIDTH {
            written.push('\n');
            written.push_str(&" ".repeat(16));
            width = 16;
        }
        written.push_str(word);
        written.push(' ');
        width += length + 1;
    }
    line(text, written.trim_end());
}
