//! The operator's commands on the real binary: what they write, what they never overwrite, how they end.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Output};

fn payferry(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_payferry"))
        .current_dir(folder)
        .args(words)
        .output()
        .expect("payferry starts")
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn init_writes_a_secret_for_its_owner_alone_and_never_overwrites() {
    let folder = tempfile::tempdir().unwrap();
    let first = payferry(folder.path(), &["init", "--btcpay-url", "https://btcpay.shop.example"]);
    assert!(first.status.success(), "{}", told(&first));
    let secret = folder.path().join("data/master.secret");
    assert_eq!(std::fs::metadata(&secret).unwrap().mode() & 0o777, 0o600);
    let before =
        (std::fs::read(&secret).unwrap(), std::fs::read(folder.path().join("payferry.toml")).unwrap());
    assert!(!told(&first).contains(String::from_utf8_lossy(&before.0).trim()), "the secret is not printed");
    let second = payferry(folder.path(), &["init"]);
    assert_eq!(second.status.code(), Some(1), "{}", told(&second));
    let after =
        (std::fs::read(&secret).unwrap(), std::fs::read(folder.path().join("payferry.toml")).unwrap());
    assert_eq!(before, after);
    let added = payferry(folder.path(), &["store", "add", "main"]);
    assert!(added.status.success(), "{}", told(&added));
    let again = payferry(folder.path(), &["store", "add", "main"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(told(&again).contains("a store is called main already"), "{}", told(&again));
}

#[test]
fn the_demo_buys_once_and_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let demo = payferry(folder.path(), &["demo", "--once"]);
    assert!(demo.status.success(), "{}", told(&demo));
    assert_eq!(told(&demo).matches("got 200 OK").count(), 4, "{}", told(&demo));
}

#[test]
fn wrong_usage_is_two_and_a_missing_configuration_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(payferry(folder.path(), &["serv"]).status.code(), Some(2));
    let missing = payferry(folder.path(), &["serve"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(told(&missing).contains("payferry init"), "{}", told(&missing));
}
