//! The operator renews a store's key while shops buy, and takes a store away, by the real binary.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use payferry::app::Rooms;
use payferry::ledger::{Facade, Store};
use payferry::sandbox::StoreOptions;
use serde_json::json;

use support::command::{Running, payferry};
use support::process::{Process, free_address};
use support::{Shop, Stage, until};

/// Short deadlines, so that requests which began with the old key are soon over.
const SHORT: &str = "[limits]\nanswer_deadline_ms = 1000\nanswer_deadline_short_ms = 900";

async fn stage() -> Stage {
    Stage::without_payferry(SHORT, &free_address().to_string()).await
}

async fn store(stage: &Stage, name: &str) -> Store {
    let ledger = stage.ledger().await;
    let store = ledger.stores().await.unwrap().into_iter().find(|store| store.name.starts_with(name));
    ledger.close().await;
    store.unwrap()
}

/// Which keys BTCPay was sent creates and reads by.
fn keys_used(stage: &Stage) -> Vec<String> {
    let sent = stage.sandbox.faults().requests();
    let invoices = sent.iter().filter(|request| request.target.starts_with("/invoices"));
    invoices.filter_map(|request| request.header("x-identity").map(str::to_owned)).collect()
}

/// A shop that goes on buying until told to stop; answers that were not 200.
struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    shops: Vec<tokio::task::JoinHandle<Vec<support::Answer>>>,
}

impl Load {
    async fn start(stage: &Stage, shops: usize) -> Self {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut running = Vec::new();
        for number in 0..shops {
            let (shop, stop, done) = (stage.paired_shop().await, Arc::clone(&stop), Arc::clone(&done));
            running.push(tokio::spawn(async move { buy(&shop, number, &stop, &done).await }));
        }
        Self { stop, done, shops: running }
    }

    fn purchases(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    async fn more(&self, purchases: usize) {
        let goal = self.purchases() + purchases;
        until("the shops go on buying", || self.purchases() >= goal).await;
    }

    async fn stop(self) -> Vec<support::Answer> {
        self.stop.store(true, Ordering::Relaxed);
        let mut failed = Vec::new();
        for shop in self.shops {
            failed.extend(shop.await.unwrap());
        }
        failed
    }
}

async fn buy(shop: &Shop, number: usize, stop: &AtomicBool, done: &AtomicUsize) -> Vec<support::Answer> {
    let mut failed = Vec::new();
    let mut order = 0;
    while !stop.load(Ordering::Relaxed) {
        order += 1;
        let members = format!(r#""price":5,"currency":"EUR","guid":"{number}-{order}""#);
        let made = shop.create(&members).await;
        let answers = match made.status {
            200 => {
                let id = made.invoice_id();
                vec![made, shop.read(&id).await, shop.read_bare(&id).await]
            }
            _ => vec![made],
        };
        failed.extend(answers.into_iter().filter(|answer| answer.status != 200));
        done.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    failed
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_while_the_key_is_rotated_and_the_old_one_is_proved_dead() {
    let stage = stage().await;
    let _payferry = Process::serve(&stage.config_file, stage.payferry(), None);
    let old = store(&stage, "main").await;
    let old_token = stage.token_at_btcpay(&old).await;
    let upstream = stage.sandbox.owner().stores()[0].0.clone();
    let load = Load::start(&stage, 3).await;
    load.more(10).await;

    let mut rotating = Running::start(stage.folder(), &["store", "rotate", "main"]);
    let link = rotating.line_with("pairingCode=");
    load.more(10).await;
    stage.sandbox.owner().approve(link.rsplit('=').next().unwrap(), &upstream).unwrap();
    let page = rotating.line_with("/tokens");
    let old_key = Rooms::open(&stage.config()).await.unwrap().secrets.store_key(&old.id, 1).public();
    assert!(page.contains(old_key.sin().as_str()), "the owner must find the old key: {page}");
    load.more(10).await;
    stage.sandbox.owner().revoke(&old_token);
    let done = rotating.end().ended_with(0);
    assert!(done.stdout.contains("BTCPay refuses the old one"), "{done:?}");
    load.more(10).await;
    let purchases = load.purchases();
    let failed = load.stop().await;
    assert!(failed.is_empty(), "{} of {purchases} purchases: {failed:?}", failed.len());

    let keys = keys_used(&stage);
    let old_key = old_key.to_hex();
    assert!(keys.first() == Some(&old_key) && keys.last().is_some_and(|key| *key != old_key));
    let new = store(&stage, "main").await;
    assert_eq!((new.epoch, new.id), (2, old.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_key_that_still_works_is_said_clearly() {
    let stage = stage().await;
    let owner = stage.sandbox.owner();
    let upstream = owner.stores()[0].0.clone();
    let rotate = |more: &[&str]| {
        let code = owner.new_pairing_code(&upstream, "").unwrap();
        let words = ["store", "rotate", "main", "--json", "--code", &code];
        payferry(stage.folder(), &[&words[..], more].concat())
    };
    let first = rotate(&["--no-wait"])
        .ended_with(0)
        .said("THE OLD KEY STILL WORKS")
        .said("No payferry serves on this ledger");
    let told = first.json();
    assert_eq!((&told["key"], &told["old_key"]["works"]), (&json!(2), &json!(true)));
    let page = told["old_key"]["revoke_at"].as_str().unwrap();
    assert_eq!(page, format!("http://{}/stores/STORE-ID/tokens", stage.btcpay));
    // Waiting in vain is a failure, but the key was switched: the machine is told both.
    let second = rotate(&["--wait", "1"]).ended_with(1).said("do not rotate again for that");
    assert_eq!((&second.json()["key"], &second.json()["old_key"]["key"]), (&json!(3), &json!(2)));
    payferry(stage.folder(), &["store", "test", "main"]).ended_with(0);
}

/// The word of the payferry that serves decides, not a pause: here a listener in its place says the old key.
#[tokio::test(flavor = "multi_thread")]
async fn a_payferry_that_goes_on_with_the_old_key_forbids_to_revoke_it() {
    let stage = stage().await;
    let _payferry = Process::serve(&stage.config_file, stage.payferry(), None);
    let upstream = stage.sandbox.owner().stores()[0].0.clone();
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let text = std::fs::read_to_string(&stage.config_file).unwrap();
    let (truth, other) = (stage.config().admin.listen, elsewhere.local_addr().unwrap());
    let text = text.replace(&truth.to_string(), &other.to_string());
    std::fs::write(stage.folder().join("other.toml"), text).unwrap();
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        while let Ok((mut stream, _)) = elsewhere.accept() {
            let _ = stream.read(&mut [0; 4096]);
            let body = "payferry_store_key{store=\"main\"} 1\n";
            let head =
                format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all((head + body).as_bytes());
        }
    });
    let code = stage.sandbox.owner().new_pairing_code(&upstream, "").unwrap();
    let words = ["--config", "other.toml", "store", "rotate", "main", "--no-wait", "--code", &code];
    let refused = payferry(stage.folder(), &words).ended_with(1).said("still signs with key 1");
    let refused =
        refused.said("DO NOT REVOKE").said("directory_not_refreshed").said("/tokens, the token of ");
    assert!(!refused.stdout.contains("Now revoke"), "{refused:?}");
}

/// A backup from before a rotation: the ledger goes on with a key that BTCPay refuses.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_two_rotations_lead_to_a_key_that_never_was() {
    let stage = stage().await;
    let owner = stage.sandbox.owner();
    let upstream = owner.stores()[0].0.clone();
    let code = || owner.new_pairing_code(&upstream, "").unwrap();
    payferry(stage.folder(), &["ledger", "backup", "copy.sqlite3"]).ended_with(0);
    let old = store(&stage, "main").await;
    let old_token = stage.token_at_btcpay(&old).await;
    let words = ["store", "rotate", "main", "--no-wait", "--json"];
    payferry(stage.folder(), &[&words[..], &["--code", &code()]].concat()).ended_with(0);
    owner.revoke(&old_token);
    std::fs::copy(stage.folder().join("copy.sqlite3"), stage.config().ledger.path).unwrap();
    payferry(stage.folder(), &["store", "test", "main"]).ended_with(1).said("BTCPay refused main's key");
    // BTCPay knows the key of the lost rotation still: nobody has to approve it.
    let first = payferry(stage.folder(), &words).ended_with(0).json();
    assert_eq!((&first["key"], &first["old_key"]["works"]), (&json!(2), &json!(false)));
    payferry(stage.folder(), &["store", "test", "main"]).ended_with(0);
    let second = payferry(stage.folder(), &[&words[..], &["--code", &code()]].concat()).ended_with(0).json();
    assert_eq!(second["key"], json!(3));
    payferry(stage.folder(), &["store", "test", "main"]).ended_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_the_wrong_store_is_never_switched_to_and_its_epoch_never_used_again() {
    let stage = stage().await;
    let _payferry = Process::serve(&stage.config_file, stage.payferry(), None);
    let shop = stage.paired_shop().await;
    let id = shop.create(r#""price":5,"currency":"EUR""#).await.invoice_id();
    let owner = stage.sandbox.owner();
    let other = owner.create_store(StoreOptions::default());
    let rotate = |code: &str| {
        payferry(stage.folder(), &["store", "rotate", "main", "--no-wait", "--json", "--code", code])
    };
    let wrong = owner.new_pairing_code(&other, "").unwrap();
    let unused = rotate(&wrong).ended_with(1).said("approved for another BTCPay store");
    let _payferry_s_own = unused.said("a key that nobody uses: revoke it there").said("the token of T");
    rotate("zzzzzzz").ended_with(1).said("BTCPay has no such pairing code");
    assert_eq!(store(&stage, "main").await.epoch, 1);
    assert_eq!(shop.read(&id).await.status, 200);
    let right = owner.new_pairing_code(&owner.stores()[0].0, "").unwrap();
    assert_eq!(rotate(&right).ended_with(0).json()["key"], 4, "epochs 2 and 3 are spent");
    assert_eq!(shop.read(&id).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_paired_key_can_be_rotated() {
    let stage = stage().await;
    let rotate = |name: &str| payferry(stage.folder(), &["store", "rotate", name]);
    payferry(stage.folder(), &["store", "add", "fresh"]).ended_with(0);
    rotate("fresh").ended_with(1).said("fresh is not paired yet");
    let upstream = stage.sandbox.owner().create_store(StoreOptions::default());
    let key = stage.sandbox.owner().legacy_api_key(&upstream).unwrap();
    std::fs::write(stage.folder().join("key"), key).unwrap();
    payferry(stage.folder(), &["store", "pair", "fresh", "--api-key-file", "key"]).ended_with(0);
    rotate("fresh").ended_with(1).said("store pair fresh --api-key-file FILE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_in_use_is_removed_only_by_force_and_its_invoices_stay_readable() {
    let stage = stage().await;
    let _payferry = Process::serve(&stage.config_file, stage.payferry(), None);
    let shop = stage.paired_shop().await;
    let id = shop.create(r#""price":5,"currency":"EUR""#).await.invoice_id();
    let remove = |more: &[&str]| {
        payferry(stage.folder(), &[&["store", "remove", "main", "--json"][..], more].concat())
    };
    let used = remove(&[]).ended_with(1).said("shops hold 2 credentials").said("1 of its invoices are open");
    assert_eq!(used.stdout, "");
    assert_eq!(shop.read(&id).await.status, 200);

    let removed = remove(&["--force"]).ended_with(0).json();
    let kept = json!({ "name": "main", "removed": true, "credentials": 2, "invoices_kept": 1 });
    assert_eq!(removed, kept);
    let mut refused = shop.read(&id).await;
    for _ in 0..100 {
        if refused.status != 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        refused = shop.read(&id).await;
    }
    refused.assert_refused("identity_unknown");
    assert_eq!(shop.read_bare(&id).await.status, 200, "a buyer's page still reads its invoice");
    payferry(stage.folder(), &["store", "test", "main"]).ended_with(1).said("no store is called main");
    assert_eq!(payferry(stage.folder(), &["store", "list", "--json"]).json(), json!([]));

    // The name and the shop's key are free again.
    stage.add_store("main2").await;
    payferry(stage.folder(), &["store", "add", "main"]).ended_with(0);
    let mut shop = shop;
    shop.pair(&stage.code_for("main2", Facade::Merchant).await).await;
    shop.create(r#""price":5,"currency":"EUR""#).await.invoice_id();
    shop.read(&id).await.assert_refused("object_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_nobody_uses_is_removed_whole() {
    let stage = stage().await;
    stage.code_for("main", Facade::Merchant).await;
    payferry(stage.folder(), &["store", "remove", "main"]).ended_with(0);
    let ledger = stage.ledger().await;
    assert_eq!(ledger.stores().await.unwrap(), Vec::new());
    assert_eq!(ledger.open_pairings(0).await.unwrap(), Vec::new(), "a code for it opens nothing any more");
    ledger.close().await;
    payferry(stage.folder(), &["store", "remove", "main"]).ended_with(1).said("no store is called main");
}
