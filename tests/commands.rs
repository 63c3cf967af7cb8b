//! The operator's commands on the real binary: what they write, what they never overwrite, how they end.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use serde_json::json;

use support::command::{Done, Running, payferry};
use support::{Shop, Stage};

fn init(folder: &Path) {
    payferry(folder, &["init", "--btcpay-url", "https://btcpay.shop.example"]).ended_with(0);
}

#[test]
fn init_writes_a_secret_for_its_owner_alone_and_never_overwrites() {
    let folder = tempfile::tempdir().unwrap();
    let words = ["init", "--btcpay-url", "https://btcpay.shop.example", "--json"];
    let first = payferry(folder.path(), &words).ended_with(0);
    let files =
        json!({ "config_file": "payferry.toml", "master_secret_file": "data/master.secret", "data": "data" });
    assert_eq!(first.json(), files);
    let secret = folder.path().join("data/master.secret");
    assert_eq!(std::fs::metadata(&secret).unwrap().mode() & 0o777, 0o600);
    let read =
        || (std::fs::read(&secret).unwrap(), std::fs::read(folder.path().join("payferry.toml")).unwrap());
    let before = read();
    let digits = String::from_utf8(before.0.clone()).unwrap();
    assert!(!first.stderr.contains(digits.trim()), "the secret is not printed");
    assert_eq!(payferry(folder.path(), &["init", "--json"]).ended_with(1).stdout, "");
    assert_eq!(before, read());
}

#[test]
fn a_store_s_name_is_taken_once() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path());
    let added = payferry(folder.path(), &["store", "add", "main", "--json"]).ended_with(0);
    assert_eq!(added.json(), json!({ "name": "main", "server": "main", "paired": false }));
    payferry(folder.path(), &["store", "add", "main"]).ended_with(1).said("a store is called main already");
    let listed = payferry(folder.path(), &["store", "list", "--json"]).ended_with(0).json();
    assert_eq!(listed, json!([{ "name": "main", "server": "main", "paired": false }]));
}

#[test]
fn ca_names_its_files_to_machines() {
    let folder = tempfile::tempdir().unwrap();
    let words = ["ca", "--name", "10.0.0.5", "--json"];
    let made = payferry(folder.path(), &words).ended_with(0).json();
    let names = json!(["bitpay.com", "test.bitpay.com", "www.bitpay.com", "10.0.0.5"]);
    assert_eq!((&made["names"], &made["new_authority"]), (&names, &json!(true)));
    for file in ["ca_file", "certificate_file", "key_file"] {
        let pem = std::fs::read_to_string(folder.path().join(made[file].as_str().unwrap())).unwrap();
        assert!(pem.starts_with("-----BEGIN"), "{file}");
    }
    assert_eq!(payferry(folder.path(), &words).json()["new_authority"], false);
    assert!(payferry(folder.path(), &["ca"]).stdout.contains("NODE_EXTRA_CA_CERTS"));
}

#[tokio::test(flavor = "multi_thread")]
async fn approving_a_shop_s_code_tells_a_machine_whom_it_bound() {
    let stage = Stage::set().await;
    let mut shop = stage.shop();
    let code = shop.ask_for_a_code().await;
    let words = ["pairing", "approve", &code, "--store", "main", "--json"];
    let bound = payferry(stage.folder(), &words).ended_with(0).json();
    assert_eq!(bound, json!({ "store": "main", "sin": shop.sin() }));
    shop.create(r#""price":1,"currency":"EUR""#).await.invoice_id();
    let again = payferry(stage.folder(), &words).ended_with(1).said("approved before");
    assert_eq!(again.stdout, "");
    let made = payferry(stage.folder(), &["pairing", "new", "main", "--json"]).ended_with(0).json();
    assert_eq!((&made["store"], &made["facade"]), (&json!("main"), &json!("merchant")));
    let open = payferry(stage.folder(), &["pairing", "list", "--json"]).ended_with(0).json();
    assert_eq!(open.as_array().unwrap().len(), 1);
}

#[test]
fn the_demo_buys_once_and_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let demo = payferry(folder.path(), &["demo", "--once"]).ended_with(0);
    assert_eq!(demo.stdout.matches("got 200 OK").count(), 4, "{demo:?}");
}

/// Other people's tests start the demo and read one file; each credential in it works at once.
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_hands_a_machine_credentials_that_work() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Running::start(folder.path(), &["demo", "--json", "ready.json"]);
    demo.line_with("BTCPay look-alike http");
    let file = folder.path().join("ready.json");
    support::until("the file is there", || file.exists()).await;
    let ready: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let http: SocketAddr = ready["shop"]["http"].as_str().unwrap()["http://".len()..].parse().unwrap();
    let [store] = ready["stores"].as_array().unwrap().as_slice() else { panic!("{ready}") };
    let text = |name: &str| store[name].as_str().unwrap_or_else(|| panic!("no {name}: {ready}")).to_owned();

    let mut page = Shop::new(http, [8; 32]);
    page.token = text("pos_token");
    let order = page.order(r#""price":2,"currency":"EUR""#);
    let id = page.send(Method::POST, "/invoices", &order, false).await.invoice_id();
    let target = format!("/invoices/{id}?token={}", page.token);
    assert_eq!(page.send(Method::GET, &target, "", false).await.status, 200);

    let key = format!("Basic {}", BASE64_STANDARD.encode(text("v1_api_key")));
    let headers = [("content-type", "application/json"), ("authorization", key.as_str())];
    let order = r#"{"price":2,"currency":"EUR"}"#;
    let flat = page.send_headers(Method::POST, "/api/invoice", order, &headers).await;
    assert!(flat.json().get("id").is_some(), "{flat:?}");

    let mut shop = Shop::new(http, [9; 32]);
    shop.pair(&text("pairing_code")).await;
    shop.create(r#""price":2,"currency":"EUR""#).await.invoice_id();

    // Its buyer pays on the owner's page of the sandbox, which is on this machine only.
    let owner = ready["owner"].as_str().unwrap();
    assert!(owner.starts_with("http://127.0.0.1:"), "{ready}");
    let bought = shop.create(r#""price":2,"currency":"EUR""#).await.invoice_id();
    payferry(folder.path(), &["sandbox", "pay", &bought, "--sandbox", owner]).ended_with(0);
    support::until_async("it is paid", || async { shop.read(&bought).await.data_text("status") == "paid" })
        .await;
    demo.interrupt();
    demo.end().ended_with(0);
}

#[test]
fn wrong_usage_is_two_and_whatever_fails_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = |words: &[&str]| payferry(folder.path(), words);
    let quiet = |done: Done| assert_eq!(done.stdout, "", "failures are said on stderr");
    for words in [
        &["serv"][..],
        &[],
        &["store", "add"],
        &["store", "add", "a", "b"],
        &["store", "pair", "main", "--code", "x", "--api-key-file", "y"],
        &["store", "pair", "main", "--no-wait", "--wait", "3"],
        &["store", "pair", "main", "--wait", "soon"],
        &["pairing", "approve", "code"],
        &["demo", "--http-listen", "nowhere"],
        &["ca", "--jsn"],
    ] {
        quiet(at(words).ended_with(2));
    }
    quiet(at(&["serve"]).ended_with(1).said("payferry init"));
    quiet(at(&["init", "--btcpay-url", "bitpay"]).ended_with(1).said("--btcpay-url"));
    init(folder.path());
    quiet(at(&["store", "list"]).ended_with(1).said("payferry store add NAME makes it"));
    quiet(at(&["store", "add", "main", "--server", "other"]).ended_with(1).said("no [btcpay.other]"));
    quiet(at(&["pairing", "new", "nobody", "--json"]).ended_with(1));
    quiet(at(&["pairing", "approve", "zzzzzzz", "--store", "nobody", "--json"]).ended_with(1));
    at(&["store", "list"]).ended_with(0);
    quiet(at(&["store", "test", "nobody", "--json"]).ended_with(1).said("no store is called nobody"));
    at(&["--version"]).ended_with(0);
    at(&["store", "pair", "--help"]).ended_with(0);
}
