//! The webhook models of BitPay's own newest libraries (npm bitpay-sdk 8.0.4, PyPI bitpay 8.0.3), run on
//! every body that payferry can send to shops of their time.
//!
//! Neither library uses its model itself, and both are wrong about BitPay in the same members: BitPay's
//! documented bodies have a number as `price` and `invoiceTime` and `false` as `exceptionStatus`, the
//! models want strings. That is all that they may refuse.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use payferry::contract::Era;

use super::every_body;

fn bodies() -> String {
    let mut bodies = BTreeSet::new();
    every_body(|_, _, _, _, era, body| {
        if matches!(era, Era::Y2019 | Era::Y2021 | Era::Every) {
            bodies.insert(body.to_owned());
        }
    });
    assert!(bodies.len() > 200, "only {}", bodies.len());
    bodies.into_iter().map(|body| body + "\n").collect()
}

/// What the library's model refuses, each once.
fn refused(program: &mut Command) -> BTreeSet<String> {
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut input = child.stdin.take().unwrap();
    let writing = std::thread::spawn(move || input.write_all(bodies().as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn webhook_models_refuse_nothing_but_what_they_refuse_of_bitpays_own() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (scripts, clients) = (root.join("tests/clients"), root.join("target/clients"));
    assert!(clients.join("installed").exists(), "run `make clients-install`");
    let mut node = Command::new("node");
    node.arg(scripts.join("webhook_models.js")).arg(clients.join("node_modules"));
    let expected = [
        "exceptionStatus: Invalid input: expected string, received boolean",
        "invoiceTime: Invalid input: expected string, received number",
        "price: Invalid input: expected string, received number",
    ];
    assert_eq!(refused(&mut node), expected.map(str::to_owned).into(), "npm bitpay-sdk 8.0.4");
    let mut python = Command::new(clients.join("venv/bin/python"));
    python.arg("-B").arg(scripts.join("webhook_models.py"));
    python.env("PYTHONPATH", clients.join("python/bitpay-8.0.3"));
    let expected = ["exceptionStatus: string_type", "invoiceTime: string_type"];
    assert_eq!(refused(&mut python), expected.map(str::to_owned).into(), "PyPI bitpay 8.0.3");
}
