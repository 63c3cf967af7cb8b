//! `docs/moving.md` has a recipe for every kind of shop that BitPay had; none of them can vanish from it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "runbook/documents.rs"]
#[allow(dead_code, reason = "the runbook's own half")]
mod documents;

use std::collections::{BTreeMap, BTreeSet};

use documents::{anchor, headings, links};
use serde::Deserialize;

/// `tests/data/shops.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    plugins: Vec<Kind>,
    libraries: Vec<Kind>,
    browser: Vec<Kind>,
}

/// One plugin or library, as its row's first cell names it, and what the row must say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kind {
    name: String,
    #[serde(default)]
    says: Vec<String>,
}

fn known() -> Known {
    toml::from_str(&std::fs::read_to_string("tests/data/shops.toml").unwrap()).unwrap()
}

fn document() -> String {
    std::fs::read_to_string("docs/moving.md").unwrap()
}

/// The rows of the table under a heading, cell by cell, without its head.
fn table(document: &str, heading: &str) -> Vec<Vec<String>> {
    let after = document.split(&format!("\n## {heading}\n")).nth(1).unwrap_or_else(|| panic!("no {heading}"));
    let section = after.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix('|'));
    let cells = |row: &str| row.split('|').map(|cell| cell.trim().to_owned()).collect();
    rows.skip(1).map(cells).collect()
}

fn assert_each_has_its_row(kinds: &[Kind], rows: &[Vec<String>]) {
    for Kind { name, says } in kinds {
        let mut of_it = rows.iter().filter(|row| row[0].contains(name.as_str()));
        let row = of_it.next().unwrap_or_else(|| panic!("docs/moving.md has no row for {name}"));
        assert!(of_it.next().is_none(), "{name} has two rows");
        let row = row.join(" | ");
        for words in says {
            assert!(row.contains(words.as_str()), "{name}: its row does not say {words:?}: {row}");
        }
    }
}

#[test]
fn every_plugin_and_every_library_has_its_row() {
    let (known, document) = (known(), document());
    assert!(known.plugins.len() >= 40 && known.libraries.len() >= 36, "the list of shops is not whole");
    assert_each_has_its_row(&known.plugins, &table(&document, "Shops"));
    assert_each_has_its_row(&known.libraries, &table(&document, "Libraries in code of your own"));
    assert_each_has_its_row(&known.browser, &table(&document, "What the customer's browser opens"));
}

/// Host, CA, credential and recipe: whoever moves a shop needs all four.
#[test]
fn every_row_says_where_things_are_and_what_to_do() {
    let document = document();
    let places = table(&document, "Where a language looks for the CA");
    let places: BTreeSet<&str> = places.iter().map(|row| row[0].as_str()).collect();
    for row in table(&document, "Shops") {
        let [shop, host, ca, credential, recipe, _] = row.as_slice() else {
            panic!("not six cells: {row:?}")
        };
        assert!(host.starts_with(['D', 'U']) || host.contains(": D"), "{shop}: host {host:?}");
        let place = ca.split([',', ' ']).next().unwrap();
        assert!(
            places.contains(place) || ca == "by its language",
            "{shop}: CA {ca:?} is no row of its table"
        );
        let bare = ["", "settings", "module settings", "gateway settings"].contains(&credential.as_str());
        assert!(!bare, "{shop}: say where the credential is, not {credential:?}");
        assert!(recipe.contains("](#recipe-"), "{shop}: no recipe in {recipe:?}");
    }
    for row in table(&document, "Libraries in code of your own") {
        assert_eq!(row.len(), 4, "not four cells: {row:?}");
        assert!(row[1].starts_with(['D', 'U', '–']), "{}: host {:?}", row[0], row[1]);
    }
}

/// A recipe that a row names is there, and each recipe is used.
#[test]
fn recipes_and_rows_fit() {
    let document = document();
    let found = document.lines().filter_map(|line| line.strip_prefix("### "));
    let recipes: BTreeMap<String, &str> = found.map(|name| (anchor(name), name)).collect();
    let rows = table(&document, "Shops").concat().join(" ");
    let used: BTreeSet<String> =
        links(&rows).filter_map(|link| link.strip_prefix('#')).map(str::to_owned).collect();
    for (anchor, name) in &recipes {
        assert!(used.contains(anchor), "no shop follows {name}");
    }
    let anchors: BTreeSet<String> = headings(&document).map(anchor).collect();
    assert!(used.is_subset(&anchors), "{:?}", used.difference(&anchors));
}
