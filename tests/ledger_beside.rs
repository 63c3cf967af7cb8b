//! Who may do what with a ledger that others use: one payferry serves, commands that only look leave it as
//! it is, and neither touches the ledger of another version.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use support::Stage;
use support::command::payferry;
use support::process::{Process, free_address};
use support::small_disk::{fill, small_disk};

/// Commands that only look.
const LOOKS: &[&[&str]] = &[
    &["report"],
    &["credential", "list"],
    &["credential", "pending"],
    &["store", "list"],
    &["store", "test", "main"],
    &["notifications", "list"],
    &["notifications", "show", "x"],
    &["pairing", "list"],
    &["invoice", "show", "x"],
    &["explain", "--file", "request.txt"],
    &["apply", "stores.toml", "--dry-run"],
];

/// Commands that change something, on a ledger that must be there.
const CHANGES: &[&[&str]] = &[
    &["report", "--ack"],
    &["credential", "revoke", "x"],
    &["store", "pair", "main"],
    &["store", "rotate", "main"],
    &["store", "remove", "main"],
    &["notifications", "park", "x"],
    &["pairing", "new", "main"],
];

fn files_of_commands(folder: &Path) {
    std::fs::write(folder.join("request.txt"), "GET /rates HTTP/1.1\r\nHost: bitpay.com\r\n\r\n").unwrap();
    std::fs::write(folder.join("stores.toml"), "[store.main]\n").unwrap();
}

#[test]
fn a_mistyped_path_makes_no_ledger() {
    let folder = tempfile::tempdir().unwrap();
    payferry(folder.path(), &["init", "--btcpay-url", "https://btcpay.shop.example"]).ended_with(0);
    files_of_commands(folder.path());
    for words in LOOKS.iter().chain(CHANGES) {
        let refused = payferry(folder.path(), words).ended_with(1).said("ledger data/ledger.sqlite3");
        let refused = refused.said("payferry store add NAME makes it");
        assert_eq!(refused.stdout, "");
        assert!(!folder.path().join("data/ledger.sqlite3").exists(), "{words:?}");
    }
}

async fn change(ledger: &Path, sql: &'static str) {
    let options = SqliteConnectOptions::new().filename(ledger);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_of_another_version_is_left_as_it_is() {
    let http = free_address();
    let stage = Stage::without_payferry("", &http.to_string()).await;
    files_of_commands(stage.folder());
    let ledger = stage.config().ledger.path;
    change(&ledger, "UPDATE _sqlx_migrations SET version = 99 WHERE version = 13").await;
    let before = std::fs::read(&ledger).unwrap();
    for words in LOOKS.iter().chain(&[&["check"][..]]) {
        let done = payferry(stage.folder(), words).ended_with(1);
        let told = format!("{}{}", done.stdout, done.stderr);
        assert!(
            told.contains("of an older payferry") || told.contains("a newer payferry"),
            "{words:?}: {told}"
        );
        assert!(std::fs::read(&ledger).unwrap() == before, "{words:?} changed the ledger");
    }
    // What a newer version knows is not known here, however often it is tried.
    let began = Instant::now();
    let refused = payferry(stage.folder(), &["serve"]).ended_with(1).said("a newer payferry");
    assert!(refused.stderr.contains("Back to an older version"), "the runbook says what to do: {refused:?}");
    assert!(began.elapsed() < Duration::from_secs(20));
    assert!(std::fs::read(&ledger).unwrap() == before);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_payferry_serves_on_a_ledger() {
    let stage = Stage::without_payferry("", &free_address().to_string()).await;
    let first = Process::serve(&stage.config_file, stage.payferry(), None);
    let shop = stage.paired_shop().await;
    // The same ledger under other ports.
    let text = std::fs::read_to_string(&stage.config_file).unwrap();
    let (http, admin) = (stage.config().shop.http.unwrap(), stage.config().admin.listen);
    let text = text.replace(&http.to_string(), &free_address().to_string());
    std::fs::write(stage.folder().join("second.toml"), text.replace(&admin.to_string(), "127.0.0.1:0"))
        .unwrap();
    let second = || payferry(stage.folder(), &["--config", "second.toml", "serve"]);
    second().ended_with(1).said(&format!("another payferry (process {}) serves on it", first.id()));
    // It goes on, and so do all other commands beside it.
    shop.create(r#""price":2,"currency":"EUR""#).await.invoice_id();
    payferry(stage.folder(), &["store", "add", "other"]).ended_with(0);
    payferry(stage.folder(), &["ledger", "backup", "copy"]).ended_with(0);
    // Neither a crash nor a stop leaves anything behind that has to be removed.
    first.kill();
    let again = Process::serve(&stage.config_file, stage.payferry(), None);
    second().ended_with(1).said(&format!("another payferry (process {}) serves on it", again.id()));
    shop.create(r#""price":2,"currency":"EUR""#).await.invoice_id();
}

#[test]
fn check_finds_a_full_disk_before_the_first_order_does() {
    let Some(disk) = small_disk("check_finds_a_full_disk_before_the_first_order_does", "3m") else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let stage = Stage::set_with_ledger_in(&disk).await;
        let check = || {
            let words = ["check", "--json"];
            let told = payferry(stage.folder(), &words).json();
            let of_ledger = |one: &&serde_json::Value| one["hop"] == "ledger";
            let found = told["findings"].as_array().unwrap().iter().find(of_ledger).cloned();
            found.unwrap_or_else(|| panic!("{told}"))
        };
        assert_eq!(check()["verdict"], "ok");
        let ballast = fill(&disk);
        let full = check();
        assert_eq!(full["verdict"], "wrong", "{full}");
        assert!(full["came"].as_str().unwrap().contains("cannot be written: the disk is full"), "{full}");
        std::fs::remove_file(ballast).unwrap();
        assert_eq!(check()["verdict"], "ok");
        let ledger = stage.ledger().await;
        assert_eq!(ledger.stores().await.unwrap().len(), 1, "nothing of the trial is left");
    });
}
