//! `docs/runbook.md` has a heading for whatever can wake somebody, and no document names a command,
//! an option or a metric that payferry does not have.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "runbook/documents.rs"]
mod documents;
#[path = "runbook/events.rs"]
mod events;

use std::collections::BTreeSet;

use clap::CommandFactory;
use documents::{Entry, anchor, code_spans, commands, documents, headings, links, runbook};
use payferry::cli::Cli;
use payferry::contract::ErrorCode;
use payferry::delivery::{DeliveryError, TargetError};
use payferry::presented::alarm_texts;

/// A program that a First line may begin with.
const PROGRAMS: &[&str] = &["payferry", "curl", "journalctl", "systemctl", "df", "ls", "getent"];

/// The headings of a part are these and no others.
fn assert_headings(part: &str, wanted: &BTreeSet<String>) {
    let runbook = runbook();
    let found: BTreeSet<String> = runbook.entries(part).map(|entry| entry.name.clone()).collect();
    let missing: Vec<_> = wanted.difference(&found).collect();
    let stale: Vec<_> = found.difference(wanted).collect();
    assert!(missing.is_empty(), "docs/runbook.md, {part}: no heading for {missing:?}");
    assert!(stale.is_empty(), "docs/runbook.md, {part}: payferry has no {stale:?}");
    assert_eq!(runbook.entries(part).count(), found.len(), "{part}: a heading stands twice");
}

#[test]
fn every_alarm_has_its_heading() {
    let alarms = alarm_texts().iter().map(|text| text.alarm.as_str().to_owned()).collect();
    assert_headings("Alarms", &alarms);
}

#[test]
fn every_error_code_has_its_heading() {
    let codes = ErrorCode::ALL.iter().map(|code| code.name().to_owned()).collect();
    assert_headings("Error codes", &codes);
}

/// One of each; a new variant does not compile here before it is listed.
fn deliveries() -> Vec<DeliveryError> {
    use DeliveryError as E;
    let listed = |error: &E| match error {
        E::Target(_) | E::Private | E::NameUnknown | E::Unreachable | E::Tls(_) => (),
        E::TimedOut | E::Cut | E::Redirected(_) | E::Refused(_) => (),
    };
    let all = vec![
        E::Target(TargetError::NoUrl),
        E::Private,
        E::NameUnknown,
        E::Unreachable,
        E::Tls(String::new()),
        E::TimedOut,
        E::Cut,
        E::Redirected(302),
        E::Refused(500),
    ];
    all.iter().for_each(listed);
    all
}

#[test]
fn every_result_of_a_delivery_has_its_heading() {
    let results = deliveries().iter().map(|error| error.code().to_owned()).collect();
    assert_headings("Deliveries", &results);
}

#[test]
fn every_warning_has_its_heading() {
    let messages = events::warnings();
    assert!(messages.contains("created_after_deadline"), "the sources are not read: {messages:?}");
    assert_headings("Warnings in the log", &messages);
}

/// Whoever was woken reads four lines: what is seen, the first command, what to do, whether to switch back.
#[test]
fn every_heading_says_four_things() {
    let runbook = runbook();
    let entries: Vec<&Entry> = runbook.all().collect();
    assert!(entries.len() > 60, "the runbook is not read");
    for Entry { name, lines } in entries {
        let labels: Vec<&str> = lines.iter().map(|(label, _)| label.as_str()).collect();
        assert_eq!(labels, ["See", "First", "Do", "DNS"], "{name}");
        for (label, words) in lines {
            assert!(words.len() > 4 && words.ends_with(['.', '`', '"']), "{name}: {label}: {words:?}");
        }
        let first = code_spans(&lines[1].1);
        let [command] = first.as_slice() else { panic!("{name}: not one first command: {first:?}") };
        let program = command.split(' ').next().unwrap_or_default();
        assert!(PROGRAMS.contains(&program), "{name}: what is {program:?}?");
        let dns = lines[3].1.trim_start();
        assert!(dns.starts_with("stay") || dns.starts_with("back"), "{name}: say whether to switch: {dns:?}");
    }
}

#[test]
fn links_inside_the_documents_lead_to_headings() {
    for (file, text) in documents() {
        let anchors: BTreeSet<String> = headings(&text).map(anchor).collect();
        for link in links(&text) {
            let known = link.strip_prefix('#').is_none_or(|name| anchors.contains(name));
            assert!(known, "{file}: no heading for {link}");
        }
    }
}

/// What is wrong with a command as a document writes it; None where it exists.
fn wrong(command: &[String]) -> Option<String> {
    let root = Cli::command();
    let mut at = &root;
    let mut words = command.iter().map(String::as_str);
    while let Some(word) = words.next() {
        if let Some(option) = word.strip_prefix("--") {
            let option = option.split('=').next().unwrap_or(option);
            let mut known = at.get_arguments().chain(root.get_arguments());
            match known.find(|arg| arg.get_long() == Some(option)) {
                Some(arg) if arg.get_action().takes_values() => drop(words.next()),
                Some(_) => {}
                None if matches!(option, "help" | "version") => {}
                None => return Some(format!("no option --{option}")),
            }
        } else if at.has_subcommands() {
            let alternatives: Vec<&str> = word.split('|').collect();
            if let Some(unknown) = alternatives.iter().find(|word| at.find_subcommand(word).is_none()) {
                return Some(format!("no command {unknown}"));
            }
            at = at.find_subcommand(alternatives[0]).unwrap();
        }
    }
    None
}

#[test]
fn every_command_in_the_documents_exists() {
    let mut seen = 0;
    for (file, text) in documents() {
        for command in commands(&text) {
            seen += 1;
            let found = wrong(&command);
            assert_eq!(found, None, "{file}: payferry {}", command.join(" "));
        }
    }
    assert!(seen > 50, "the documents are not read: {seen} commands");
}

#[test]
fn the_check_of_commands_sees_what_it_should() {
    let bad = |text: &str| {
        let found = commands(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        wrong(&found[0]).is_some()
    };
    assert!(bad("say `payferry fly`"));
    assert!(bad("`payferry store fly main`"));
    assert!(bad("`payferry store pair NAME --forever`"));
    assert!(bad("```sh\npayferry store add|fly\n```"));
    assert!(!bad("`payferry store add|list`"));
    assert!(!bad("```sh\npayferry store pair main --code X   # --forever\n```"));
    assert!(!bad("`payferry --config new/payferry.toml init | tee --forever`"));
    assert_eq!(commands("`payferry.toml`, `payferry's address`, payferry fly"), Vec::<Vec<String>>::new());
}

#[test]
fn every_metric_in_the_documents_exists() {
    let source = std::fs::read_to_string("src/telemetry/metrics.rs").unwrap();
    let name = |call: &str| call.trim_start().strip_prefix('"')?.split('"').next().map(str::to_owned);
    let registered = source.split("all.register(").skip(1).filter_map(name);
    let has: BTreeSet<String> = registered.map(|name| format!("payferry_{name}")).collect();
    assert!(has.contains("payferry_requests"), "the source is not read: {has:?}");
    for (file, text) in documents() {
        for span in code_spans(&text) {
            let words = span.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            for metric in words.filter(|word| word.starts_with("payferry_") && *word != "payferry_") {
                let family = metric.strip_suffix("_total").unwrap_or(metric);
                assert!(has.contains(family), "{file}: no metric {metric}");
            }
        }
    }
}
