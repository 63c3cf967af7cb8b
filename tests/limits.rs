//! `docs/limits.md` says what becomes of every call of BitPay's API. It is made from `contract/endpoints.toml`:
//! `UPDATE_DOCS=1 cargo test --features failpoints --test limits` writes it anew.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use payferry::contract::endpoints::{self, Kind, Row};

const FILE: &str = "docs/limits.md";

const HEAD: &str = "\
# What becomes of each call of BitPay's API

Made from `contract/endpoints.toml` by `tests/limits.rs`; do not edit.

What is refused gets BitPay's error body (404, \"This endpoint is not available\"), so that no SDK takes it for a
success; the log names it with `reason` = `endpoint_not_offered` and the sentence below. A path that is none of
BitPay's: 404, \"Endpoint not found\". One of BitPay's with a method that it never had: 405. Under `/api/` the first
API's shape of errors is used, and its status 200 where its shops need that. `/invoice` with `view=modal` is 501: the
frame of BitPay's script cannot hold BTCPay's page.

";

fn page() -> String {
    let mut page = HEAD.to_owned();
    let part = |page: &mut String, title: &str, kinds: &[Kind]| {
        let mut rows: Vec<&Row> = endpoints::rows().iter().filter(|row| kinds.contains(&row.kind)).collect();
        rows.sort_by_key(|row| {
            (row.serve.is_none(), row.generation != payferry::contract::Generation::V1, &row.path)
        });
        write!(page, "## {title}\n\n| call | at BitPay | what happens | why |\n|---|---|---|---|\n").unwrap();
        rows.iter().for_each(|row| page.push_str(&line(row)));
        page.push('\n');
    };
    part(&mut page, "The API", &[Kind::Api]);
    part(&mut page, "Slips of clients", &[Kind::Variant]);
    part(&mut page, "Addresses for browsers and old forms", &[Kind::Page]);
    page.truncate(page.trim_end().len());
    page + "\n"
}

fn line(row: &Row) -> String {
    let note = row.note.as_deref().map(|note| format!("; {note}")).unwrap_or_default();
    let (what, why) = match (row.serve, &row.refuse) {
        (Some(endpoint), _) => (format!("answered (`{}`)", endpoint.name()), ""),
        (None, why) => ("refused".to_owned(), why.as_deref().unwrap_or_default()),
    };
    format!("| `{} {}` | {}{note} | {what} | {why} |\n", row.method, row.path, row.years)
}

#[test]
fn the_page_is_what_the_table_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(written == page, "{FILE} is stale: UPDATE_DOCS=1 cargo test --features failpoints --test limits");
}

#[test]
fn every_reason_is_a_sentence_for_an_operator() {
    let mut reasons = BTreeSet::new();
    for row in endpoints::rows() {
        let Some(reason) = row.refuse.as_deref() else { continue };
        let words = reason.split_whitespace().count();
        assert!((5..=26).contains(&words), "{} {}: {reason}", row.method, row.path);
        assert!(!reason.ends_with('.') && !reason.contains('|'), "{reason}");
        reasons.insert(reason);
    }
    assert!(reasons.len() >= 15, "one reason does not fit all");
}
