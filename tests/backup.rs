//! The ledger is copied while shops buy, and comes back on another machine with the same master secret.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use payferry::json::Value;
use tempfile::TempDir;

use support::command::payferry;
use support::process::{Process, free_address};
use support::{Shop, Stage, until};

/// What a shop was answered: the invoice, and the words that it had sent.
type Bought = Arc<Mutex<Vec<(String, String)>>>;

/// BTCPay would give this back in another order, and the time as a number.
fn words(shop: usize, number: usize) -> String {
    format!(r#"{{"zeta":"{shop}-{number}","when":"2026-01-02T03:04:05Z","a":1.50}}"#)
}

async fn buy(shop: Shop, number: usize, bought: Bought, stop: Arc<AtomicBool>) {
    for count in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let words = words(number, count);
        let quoted = Value::from(words.as_str()).to_string();
        let order = format!(r#""price":5,"currency":"EUR","guid":"{number}-{count}","posData":{quoted}"#);
        let id = shop.create(&order).await.invoice_id();
        bought.lock().unwrap().push((id, words));
    }
}

/// A new machine: the backup as its ledger, and some master secret.
fn restored(stage: &Stage, backup: &Path, http: &str, secret: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("payferry.toml");
    let text = fs::read_to_string(&stage.config_file).unwrap();
    let old = stage.config().ledger.path.display().to_string();
    let text = text.replace("127.0.0.1:0\"\n[admin]", &format!("{http}\"\n[admin]"));
    fs::write(&config, text.replace(&old, "ledger.sqlite3")).unwrap();
    fs::copy(backup, folder.path().join("ledger.sqlite3")).unwrap();
    let file = folder.path().join("master.secret");
    fs::write(&file, secret).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    (folder, config)
}

/// One that the stage made.
fn secret_of(stage: &Stage) -> String {
    fs::read_to_string(stage.folder().join("master.secret")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_bought_before_the_backup_is_read_after_the_restore_in_the_shop_s_own_words() {
    let stage = Stage::set().await;
    let (bought, stop) = (Bought::default(), Arc::new(AtomicBool::new(false)));
    let mut shops = Vec::new();
    let mut buying = Vec::new();
    for number in 0..3 {
        let shop = stage.paired_shop().await;
        buying.push(tokio::spawn(buy(shop.clone(), number, Arc::clone(&bought), Arc::clone(&stop))));
        shops.push(shop);
    }
    let count = || bought.lock().unwrap().len();
    until("some orders are through", || count() >= 15).await;
    let before = bought.lock().unwrap().clone();
    let made = payferry(stage.folder(), &["ledger", "backup", "copy.sqlite3", "--json"]).ended_with(0).json();
    let after = count();
    until("shops go on buying", || count() >= after + 5).await;
    stop.store(true, Ordering::Relaxed);
    for task in buying {
        task.await.unwrap();
    }
    assert!(after > before.len(), "nothing was bought while the copy was made: {after}");

    let backup = stage.folder().join("copy.sqlite3");
    assert_eq!(fs::metadata(&backup).unwrap().mode() & 0o777, 0o600);
    assert!(made["invoices"].as_u64().unwrap() >= before.len() as u64, "{made}");
    let address = free_address();
    let (folder, config) = restored(&stage, &backup, &address.to_string(), &secret_of(&stage));
    let _payferry = Process::serve(&config, address, None);
    for (id, words) in &before {
        let shop = &shops[words[9..10].parse::<usize>().unwrap()];
        let mut moved = Shop::new(address, [1; 32]);
        (moved.key, moved.token) = (Arc::clone(&shop.key), shop.token.clone());
        assert_eq!(moved.read(id).await.data_text("posData"), *words, "{id}");
        assert_eq!(moved.read_bare(id).await.invoice_id(), *id);
    }
    payferry(folder.path(), &["store", "test", "main"]).ended_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_beside_another_master_secret_is_refused_at_once() {
    let stage = Stage::set().await;
    stage.paired_shop().await.create(r#""price":5,"currency":"EUR""#).await.invoice_id();
    payferry(stage.folder(), &["ledger", "backup", "copy.sqlite3"]).ended_with(0);
    let backup = stage.folder().join("copy.sqlite3");
    let (folder, _) = restored(&stage, &backup, "127.0.0.1:0", &"ab".repeat(32));
    for words in [&["serve"][..], &["store", "list"], &["pairing", "new", "main"]] {
        payferry(folder.path(), words).ended_with(1).said("another master secret").said("docs/runbook.md");
    }
    let checked = payferry(folder.path(), &["check", "--json"]).ended_with(1).json();
    let findings = checked["findings"].as_array().unwrap();
    let wrong = findings.iter().find(|finding| finding["hop"] == "ledger").unwrap();
    assert_eq!(wrong["verdict"], "wrong", "{wrong}");

    fs::write(folder.path().join("master.secret"), secret_of(&stage)).unwrap();
    payferry(folder.path(), &["store", "test", "main"]).ended_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_says_what_else_to_keep_and_overwrites_nothing() {
    let stage = Stage::set().await;
    let at = |file: &str| payferry(stage.folder(), &["ledger", "backup", file]);
    let first = at("copy.sqlite3").ended_with(0);
    assert!(first.stdout.contains("master.secret"), "{first:?}");
    let bytes = fs::read(stage.folder().join("copy.sqlite3")).unwrap();
    assert_eq!(at("copy.sqlite3").ended_with(1).said("never overwritten").stdout, "");
    assert_eq!(fs::read(stage.folder().join("copy.sqlite3")).unwrap(), bytes);
    at("nowhere/copy.sqlite3").ended_with(1).said("nowhere/copy.sqlite3");

    let empty = tempfile::tempdir().unwrap();
    payferry(empty.path(), &["init"]).ended_with(0);
    payferry(empty.path(), &["ledger", "backup", "copy.sqlite3"]).ended_with(1).said("there is no ledger");
    let left: Vec<_> = fs::read_dir(empty.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!empty.path().join("data/ledger.sqlite3").exists(), "a backup makes no ledger");
    assert_eq!(left.len(), 2, "nothing is left behind: {left:?}");
}
