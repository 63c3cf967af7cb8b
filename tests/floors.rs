//! The house has floors: a room imports only from rooms on lower floors, never beside or above.
//!
//! A room is a module of the crate; in `walk` each step is a room of its own, on the floor after
//! the steps whose values it takes, so that no two steps can lean on each other.

#![allow(clippy::expect_used, reason = "tests")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Lowest floor first; rooms of one line do not know each other.
const FLOORS: &[&[&str]] = &[
    &["bitid", "json", "lifecycle", "failpoint", "delivery"],
    &["contract", "config", "secrets"],
    &["telemetry", "divergence", "presented"],
    &["ledger"],
    &["journal", "directory", "retention"],
    &["pairing", "rates"],
    &["adoption"],
    &["walk::deadline"],
    &["walk::route", "walk::collect", "walk::order", "walk::facts"],
    &["walk::authenticate", "walk::to_btcpay", "walk::render"],
    &["walk::present", "walk::resolve", "walk::forward", "walk::cors"],
    &["walk::understand"],
    &["walk::upstream"],
    &["walk::create"],
    &["walk::observe", "walk::filter"],
    &["walk::listing"],
    &["walk::refusal"],
    &["walk::answer"],
    &["walk"],
    &["notify"],
    &["sandbox", "admin"],
    &["edge"],
    &["app"],
    &["cli"],
    &["main"],
];

/// Rooms that may use less than their floor allows: the sandbox stands in for BTCPay,
/// so it must not share payferry's idea of it.
const ONLY: &[(&str, &[&str])] = &[("sandbox", &["bitid", "json"])];

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// `src/walk/create.rs` is the module `walk::create`.
fn module_of(path: &Path) -> Vec<String> {
    let inner = path.strip_prefix("src").expect("under src").with_extension("");
    let mut parts: Vec<_> = inner.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// The room that a module path lies in; none for the crate's own root.
fn room_of(module: &[String]) -> Option<String> {
    let first = module.first().filter(|first| *first != "lib")?;
    match module.get(1) {
        Some(step) if first == "walk" && floor(&format!("walk::{step}")).is_some() => {
            Some(format!("walk::{step}"))
        }
        _ => Some(first.clone()),
    }
}

/// The code without line comments and without the tests at its end.
fn code(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    let without = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    text[..end].lines().map(without).collect::<Vec<_>>().join("\n")
}

/// Every module path that the code names from `crate::`, `super::` or `self::`.
fn named(code: &str, module: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for word in ["crate::", "super::", "self::", "payferry::"] {
        for (at, _) in code.match_indices(word) {
            let before = code[..at].chars().next_back().unwrap_or(' ');
            let visibility = code[..at].trim_end().ends_with("(in");
            if before.is_alphanumeric() || before == '_' || before == ':' || visibility {
                continue;
            }
            let mut base = match word {
                "super::" => module[..module.len().saturating_sub(1)].to_vec(),
                "self::" => module.to_vec(),
                _ => Vec::new(),
            };
            let mut rest = &code[at + word.len()..];
            while let Some(after) = rest.strip_prefix("super::") {
                base.pop();
                rest = after;
            }
            found.extend(paths(rest).into_iter().map(|path| [base.clone(), path].concat()));
        }
    }
    found
}

/// The paths that begin here: `a::b`, or each of `{a, b::{c, d}}`; two names deep is enough.
fn paths(text: &str) -> Vec<Vec<String>> {
    let text = text.trim_start();
    if let Some(group) = text.strip_prefix('{') {
        return items(group).iter().flat_map(|item| paths(item)).collect();
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() || name == "self" {
        return vec![Vec::new()];
    }
    let below = rest.strip_prefix("::").map_or_else(|| vec![Vec::new()], paths);
    below.into_iter().map(|path| [vec![name.to_owned()], path].concat()).collect()
}

/// What stands between the commas of a group, up to its closing brace.
fn items(group: &str) -> Vec<String> {
    let (mut depth, mut items) = (0, vec![String::new()]);
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(String::new());
                continue;
            }
            _ => {}
        }
        items.last_mut().expect("never empty").push(c);
    }
    items.retain(|item| !item.trim().is_empty());
    items
}

/// What one file does that it must not.
fn breaches(module: &[String], text: &str) -> Vec<String> {
    let Some(room) = room_of(module) else { return Vec::new() };
    let Some(own) = floor(&room) else { return vec![format!("{room} is on no floor")] };
    let mut found = BTreeSet::new();
    for path in named(&code(text), module) {
        let Some(other) = room_of(&path).filter(|other| *other != room) else { continue };
        // Names of the crate's root that are no rooms (macros) have no floor.
        let Some(theirs) = floor(&other) else { continue };
        if theirs >= own {
            found.insert(format!("{} imports {other}, which is not below {room}", module.join("::")));
        }
        if let Some((_, allowed)) = ONLY.iter().find(|(name, _)| *name == room)
            && !allowed.contains(&other.as_str())
        {
            found.insert(format!("{} imports {other}; {room} may use only {allowed:?}", module.join("::")));
        }
    }
    found.into_iter().collect()
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("src can be listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|end| end == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn every_room_imports_only_from_below() {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    let mut found = Vec::new();
    let mut rooms = BTreeSet::new();
    for file in &files {
        let text = std::fs::read_to_string(file).expect("a source can be read");
        let module = module_of(file);
        rooms.extend(room_of(&module));
        found.extend(breaches(&module, &text));
    }
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
    let listed: BTreeSet<_> = FLOORS.concat().into_iter().map(str::to_owned).collect();
    assert_eq!(rooms, listed, "the list and the house differ");
}

/// A file that nobody put on a floor is told, so the list stays whole.
#[test]
fn the_check_sees_what_it_should() {
    let module = |path: &str| module_of(Path::new(path));
    let bad = |path: &str, text: &str| !breaches(&module(path), text).is_empty();
    assert!(bad("src/json/parse.rs", "use crate::bitid::Sin;"));
    assert!(bad("src/contract/mod.rs", "use crate::{json::Value, walk};"));
    assert!(bad(
        "src/contract/mod.rs",
        "use crate::{\n    json::{Value, Object},\n    divergence::{self, Kind},\n};"
    ));
    assert!(bad("src/ledger/rows.rs", "fn f() { crate::directory::Directory::new() }"));
    assert!(bad("src/walk/order.rs", "use super::create::Made;"));
    assert!(bad("src/walk/order.rs", "use super::facts::Facts;"));
    assert!(bad("src/walk/order.rs", "use super::Walk;"));
    assert!(bad("src/bitid/key.rs", "use super::super::json::Value;"));
    assert!(bad("src/sandbox/mod.rs", "use crate::contract::Endpoint;"));
    assert!(bad("src/attic.rs", ""));

    assert!(!bad("src/contract/mod.rs", "use crate::{json::Value, bitid};"));
    assert!(!bad("src/contract/errors.rs", "use super::Generation;"));
    assert!(!bad("src/walk/create.rs", "use super::order::Order;\nuse crate::ledger::Ledger;"));
    assert!(!bad("src/walk.rs", "use self::answer::Answer;\npub mod route;"));
    assert!(!bad("src/json/parse.rs", "// as crate::walk does\npub(in crate::json) fn f() {}"));
    assert!(!bad(
        "src/json/parse.rs",
        "fn f() {}\n#[cfg(test)]\nmod tests {\n    use super::*;\n    use crate::walk::Walk;\n}"
    ));
    assert!(!bad("src/lib.rs", "pub mod walk;"));
}
