//! `payferry apply`, by the real binary: what the file says comes to be, once, and nothing else changes.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use http::Method;
use serde_json::{Value, json};

use support::command::{Done, payferry};
use support::{Answer, Stage};

const KEY: &str = "mNFZQz2pXoHkq7T1v1key";
const ORDER: &str = r#"{"price":2,"currency":"EUR"}"#;

fn write(stage: &Stage, file: &str, text: &str) {
    std::fs::write(stage.folder().join(file), text).unwrap();
}

fn apply(stage: &Stage, text: &str, more: &[&str]) -> Done {
    write(stage, "stores.toml", text);
    payferry(stage.folder(), &[&["apply", "stores.toml", "--json"][..], more].concat())
}

/// The difference as it is shown, a line each.
fn changes(done: &Done) -> Vec<String> {
    let text = |change: &Value, name: &str| change[name].as_str().unwrap().to_owned();
    let told = done.json();
    let changes = told["changes"].as_array().unwrap().iter();
    changes.map(|one| ["sign", "store", "what"].map(|name| text(one, name)).join(" ")).collect()
}

async fn by_key(stage: &Stage, key: &str) -> Answer {
    use base64::Engine as _;
    let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(key));
    let headers = [("content-type", "application/json"), ("authorization", basic.as_str())];
    stage.shop().send_headers(Method::POST, "/invoices", ORDER, &headers).await
}

async fn by_pos_token(stage: &Stage, token: &str) -> Answer {
    let mut page = stage.shop();
    page.token = token.to_owned();
    page.send(Method::POST, "/invoices", &page.order(r#""price":2,"currency":"EUR""#), false).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_file_says_comes_to_be_once() {
    let stage = Stage::set().await;
    write(&stage, "v1", &format!("{KEY}\n"));
    write(&stage, "pos", "7Wd2posTokenOfAnOldPage");
    let text = "[store.main]\nserver = \"sandbox\"\n\
                [[store.main.credential]]\nkind = \"v1-key\"\nfile = \"v1\"\nera = \"2014\"\nlabel = \"box office\"\n\
                [[store.main.credential]]\nkind = \"pos-token\"\nfile = \"pos\"\n\
                [store.second]\n";
    let wanted = [
        "+ second the store, at sandbox",
        "+ main v1-key (era 2014, \"box office\")",
        "+ main pos-token (nothing fixed)",
    ];
    let dry = apply(&stage, text, &["--dry-run"]).ended_with(0).said("Nothing was made");
    assert_eq!((changes(&dry), &dry.json()["made"]), (wanted.map(str::to_owned).to_vec(), &json!(false)));
    assert_ne!(by_key(&stage, KEY).await.status, 200, "a dry run makes nothing");
    let done = apply(&stage, text, &[]).ended_with(0);
    assert_eq!(changes(&done), wanted);
    assert_eq!(done.json()["not_paired"], json!(["second"]));
    assert!(!format!("{done:?}").contains(KEY), "no secret is shown");
    by_key(&stage, KEY).await.invoice_id();
    by_pos_token(&stage, "7Wd2posTokenOfAnOldPage").await.invoice_id();
    let again = apply(&stage, text, &[]).ended_with(0).said("Nothing to do.");
    assert_eq!(changes(&again), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_changes_what_differs_and_takes_away_only_what_is_named() {
    let stage = Stage::set().await;
    stage.add_store("other").await;
    let shop = stage.paired_shop().await;
    write(&stage, "v1", KEY);
    let first = "[store.main]\n[[store.main.credential]]\nkind = \"v1-key\"\nfile = \"v1\"\n";
    apply(&stage, first, &[]).ended_with(0);
    let fixed =
        changes(&apply(&stage, &format!("{first}label = \"till\"\nera = \"2019\"\n"), &[]).ended_with(0));
    let [fixed] = fixed.as_slice() else { panic!("{fixed:?}") };
    assert!(
        fixed.starts_with("~ main v1-key ") && fixed.ends_with("nothing fixed -> era 2019, \"till\""),
        "{fixed}"
    );
    by_key(&stage, KEY).await.invoice_id();

    // An empty file names nothing, so it takes nothing away.
    let empty = apply(&stage, "", &[]).ended_with(0);
    assert_eq!(empty.json()["left_alone"], json!(["main", "other"]));
    assert_eq!(changes(&empty), Vec::<String>::new());
    shop.create(r#""price":2,"currency":"EUR""#).await.invoice_id();

    let revoked = format!("{first}revoked = true\n[store.other]\nremoved = true\n");
    let gone = changes(&apply(&stage, &revoked, &[]).ended_with(0));
    assert!(gone[0].starts_with("- main v1-key ") && gone[1] == "- other the store", "{gone:?}");
    assert_eq!(changes(&apply(&stage, &revoked, &[]).ended_with(0)), Vec::<String>::new());
    for _ in 0..100 {
        if by_key(&stage, KEY).await.status != 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_ne!(by_key(&stage, KEY).await.status, 200);

    // A store in use goes only by force.
    let in_use = apply(&stage, "[store.main]\nremoved = true\n", &[]).ended_with(1);
    in_use.said("force = true is not set").said("shops hold 2 credentials").said("nothing was made");
    apply(&stage, "[store.main]\nremoved = true\nforce = true\n", &[]).ended_with(0);
    assert_eq!(payferry(stage.folder(), &["store", "list", "--json"]).json(), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn btcpay_s_api_key_is_kept_when_btcpay_takes_it() {
    let stage = Stage::set().await;
    let upstream = stage.sandbox.owner().create_store(payferry::sandbox::StoreOptions::default());
    let text = "[store.museum]\napi_key_file = \"museum.key\"\n";
    write(&stage, "museum.key", "wrong");
    apply(&stage, text, &[]).ended_with(1).said("BTCPay refused the key").said("museum.key");
    let key = stage.sandbox.owner().legacy_api_key(&upstream).unwrap();
    write(&stage, "museum.key", &key);
    let done = apply(&stage, text, &[]).ended_with(0);
    let [kept] = changes(&done).try_into().unwrap();
    assert!(kept.starts_with("~ museum BTCPay's API key, from "), "{kept}");
    assert!(!format!("{done:?}").contains(&key));
    payferry(stage.folder(), &["store", "test", "museum"]).ended_with(0);
    apply(&stage, text, &[]).ended_with(0).said("Nothing to do.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_meant_changes_nothing_and_says_where() {
    let stage = Stage::set().await;
    write(&stage, "v1", KEY);
    let credential = "[store.new]\n[[store.new.credential]]\n";
    for (text, words) in [
        ("[store.new]\nservr = \"sandbox\"\n", "servr"),
        ("[stores.new]\n", "stores"),
        ("[store.new]\nserver = \"nowhere\"\n", "[store.new]: the configuration has no [btcpay.nowhere]"),
        ("[store.new]\nremoved = true\nserver = \"sandbox\"\n", "stands alone"),
        ("[store.new]\nforce = true\n", "force belongs to removed"),
        ("[store.new]\napi_key_file = \"none\"\n", "none"),
        (&format!("{credential}kind = \"v1-key\"\nfile = \"none\"\n"), "none"),
        (&format!("{credential}kind = \"v2\"\nfile = \"v1\"\n"), "kind is token, pos-token or v1-key"),
        (&format!("{credential}kind = \"token\"\nfile = \"v1\"\n"), "a token needs sin"),
        (&format!("{credential}kind = \"v1-key\"\nfile = \"v1\"\nera = \"1999\"\n"), "era"),
        (
            &format!("{credential}kind = \"v1-key\"\nfile = \"v1\"\nnotifications = \"round\"\n"),
            "flat or enveloped",
        ),
    ] {
        let refused = apply(&stage, text, &[]).ended_with(1).said(words).said("stores.toml");
        assert_eq!(refused.stdout, "", "{text}");
    }
    payferry(stage.folder(), &["apply", "missing.toml"]).ended_with(1).said("missing.toml");
    payferry(stage.folder(), &["apply"]).ended_with(2);
    let stores = payferry(stage.folder(), &["store", "list", "--json"]).json();
    assert_eq!(stores.as_array().unwrap().len(), 1);
    apply(&stage, &format!("{credential}kind = \"v1-key\"\nfile = \"v1\"\n"), &[]).ended_with(0);
    let other = format!("{credential}kind = \"v1-key\"\nfile = \"v1\"\nfacade = \"pos\"\n");
    apply(&stage, &other, &[]).ended_with(1).said("revoke it first");
}

/// The documentation of the format is a file that works.
#[tokio::test(flavor = "multi_thread")]
async fn the_example_is_true() {
    let stage = Stage::set().await;
    let example = std::fs::read_to_string("deploy/stores.example.toml").unwrap();
    let upstream = stage.sandbox.owner().create_store(payferry::sandbox::StoreOptions::default());
    let key = stage.sandbox.owner().legacy_api_key(&upstream).unwrap();
    std::fs::create_dir(stage.folder().join("secrets")).unwrap();
    write(&stage, "secrets/tickets.v1-key", KEY);
    write(&stage, "secrets/tickets.token", "9ReTokenThatBitPayGaveOut");
    write(&stage, "secrets/old-page.pos-token", "7Wd2posTokenOfAnOldPage");
    write(&stage, "secrets/museum.btcpay-key", &key);
    let example = example.replace("server = \"main\"", "server = \"sandbox\"");
    let made = changes(&apply(&stage, &example, &[]).ended_with(0));
    assert_eq!(made.len(), 5, "{made:?}");
    assert!(
        made[3].starts_with("+ tickets v1-key (era 2014, notifications flat, \"box office\")"),
        "{made:?}"
    );
    apply(&stage, &example, &[]).ended_with(0).said("Nothing to do.");
}
