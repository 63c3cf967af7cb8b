//! Real BitPay libraries, unmodified and pinned, buy through payferry (`tests/clients/`).
//!
//! Each pairs, creates and reads in a private network and mount namespace: under bitpay.com's name
//! (DNS swap) and, where it can be pointed, by address over http and https, with and without a port.
//! id, url, status, price, currency, times, token, guid and the shop's texts must be right.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::path::Path;
use std::process::Command;

#[test]
fn real_libraries_pair_create_and_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let installed = root.join("target/clients");
    let (modules, python) = (installed.join("node_modules"), installed.join("venv/bin/python"));
    assert!(
        modules.exists() && python.exists(),
        "the libraries are not installed: run `make clients-install`"
    );
    let as_root = Command::new("unshare").args(["-m", "-n", "true"]).status();
    let namespaces = if as_root.is_ok_and(|status| status.success()) { "-mn" } else { "-rmn" };
    let output = Command::new("unshare")
        .args([namespaces, "python3"])
        .arg(root.join("tests/clients/run.py"))
        .args([env!("CARGO_BIN_EXE_payferry").as_ref(), modules.as_path(), python.as_path()])
        .arg(installed.join("result.json"))
        .output()
        .expect("unshare (util-linux) starts");
    let told = String::from_utf8_lossy(&output.stdout);
    println!("{told}");
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
}
