//! Real BitPay libraries, unmodified and pinned, buy through payferry (`tests/clients/`).
//!
//! Each lives its whole life in a private network and mount namespace: under BitPay's own names (DNS
//! swap) and, where it can be pointed elsewhere, by address over http and https, with and without a
//! port. What must come of each step, library by library and way by way, is `expected.csv`; every
//! member that a library's types promise must be right, or stand in `cannot.json` with a reason.
//! `CLIENTS_ARGS` is handed to `run.py` (`make clients ARGS="--json FILE"`).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::path::Path;
use std::process::{Command, Stdio};

/// Root needs no user namespace for the other two; anybody else is root in one of their own.
fn namespaces() -> &'static [&'static str] {
    let tried = Command::new("unshare").args(["-m", "-n", "true"]).stderr(Stdio::null()).status();
    if tried.expect("unshare (util-linux) starts").success() { &["-m", "-n"] } else { &["-r", "-m", "-n"] }
}

#[test]
fn real_libraries_live_their_whole_life() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let installed = root.join("target/clients");
    assert!(
        installed.join("installed").exists(),
        "the libraries are not installed in {}: run `make clients-install`",
        installed.display()
    );
    // Its table goes straight to the terminal: cargo shows what a child prints, also of tests that pass.
    let status = Command::new("unshare")
        .args(namespaces())
        .args(["--kill-child", "python3", "-B"])
        .arg(root.join("tests/clients/run.py"))
        .args([Path::new(env!("CARGO_BIN_EXE_payferry")), &installed])
        .args(std::env::var("CLIENTS_ARGS").unwrap_or_default().split_whitespace())
        .status()
        .expect("unshare (util-linux) starts");
    assert!(status.success(), "a library did not get what it needs; the lines above say which and what");
}
