//! Stories of credentials: which one decides, what each opens, and that none opens another's store.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use payferry::bitid::SecretKey;
use payferry::ledger::Facade;
use sqlx::{Connection, Executor, SqliteConnection};
use support::command::{Done, payferry};
use support::{Answer, Shop, Stage};

const PLAIN: &str = r#""price":10,"currency":"EUR""#;
const JSON: (&str, &str) = ("content-type", "application/json");

fn command(stage: &Stage, words: &[&str]) -> Done {
    payferry(stage.folder(), &[&["credential"], words].concat())
}

/// A new credential of that kind, as the operator is shown it.
fn add(stage: &Stage, store: &str, kind: &str, more: &[&str]) -> String {
    let words = [&["add", "--store", store, "--kind", kind, "--json"], more].concat();
    let made = command(stage, &words).ended_with(0).json();
    made["secret"].as_str().unwrap_or_else(|| panic!("shown once: {made}")).to_owned()
}

fn basic(key: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(key))
}

/// How a shop proves itself.
#[derive(Clone)]
enum Way {
    /// Signed, with its token.
    Signed,
    /// Signed, without a token: reads only.
    KeyAlone,
    /// A POS token, not signed.
    Pos,
    /// An API key.
    Basic(String),
}

#[derive(Clone)]
struct Visitor {
    name: String,
    store: String,
    shop: Shop,
    way: Way,
}

impl Visitor {
    async fn create(&self, guid: &str) -> Answer {
        let members = format!(r#"{PLAIN},"guid":"{guid}""#);
        let order = self.shop.order(&members);
        match &self.way {
            Way::Signed | Way::KeyAlone => self.shop.send(Method::POST, "/invoices", &order, true).await,
            Way::Pos => self.shop.send(Method::POST, "/invoices", &order, false).await,
            Way::Basic(key) => {
                let headers = [JSON, ("authorization", key.as_str())];
                self.shop.send_headers(Method::POST, "/invoices", &format!("{{{members}}}"), &headers).await
            }
        }
    }

    async fn read(&self, id: &str) -> Answer {
        self.get(&format!("/invoices/{id}")).await
    }

    async fn ask_again(&self, id: &str) -> Answer {
        let (target, body) =
            (format!("/invoices/{id}/notifications"), format!(r#"{{"token":"{}"}}"#, self.shop.token));
        let signed = matches!(self.way, Way::Signed | Way::KeyAlone);
        self.shop.send(Method::POST, &target, &body, signed).await
    }

    async fn get(&self, bare: &str) -> Answer {
        let token = format!("{bare}?token={}", self.shop.token);
        match &self.way {
            Way::Signed => self.shop.send(Method::GET, &token, "", true).await,
            Way::KeyAlone => self.shop.send(Method::GET, bare, "", true).await,
            Way::Pos => self.shop.send(Method::GET, &token, "", false).await,
            Way::Basic(key) => {
                self.shop.send_headers(Method::GET, bare, "", &[("authorization", key.as_str())]).await
            }
        }
    }
}

impl Visitor {
    /// A list is all of the store's, or refused: without a token, and to POS tokens in BitPay's words.
    fn assert_lists(&self, listed: &Answer, invoices: &[(String, String, String)]) {
        if self.name.contains("pos") {
            listed.assert_refused("facade_not_supported");
            assert!(listed.text.contains("This endpoint does not support the `pos` facade"), "{listed:?}");
        } else if matches!(self.way, Way::KeyAlone) {
            listed.assert_refused("token_missing");
        } else {
            let own = invoices.iter().filter(|(store, ..)| *store == self.store);
            for (_, id, _) in own {
                assert!(listed.text.contains(id.as_str()), "{} does not list {id}: {listed:?}", self.name);
            }
        }
    }
}

/// A shop of each kind of credential that opens this store.
async fn visitors(stage: &Stage, store: &str) -> Vec<Visitor> {
    let visitor = |name: &str, shop: &Shop, way: Way| Visitor {
        name: format!("{name} of {store}"),
        store: store.to_owned(),
        shop: shop.clone(),
        way,
    };
    let paired = stage.shop_paired_with(store).await;
    let mut pos = stage.shop();
    pos.pair(&stage.code_for(store, Facade::Pos).await).await;
    let mut brought = stage.shop();
    brought.token = format!("a-token-that-bitpay-gave-for-{store}");
    let file = stage.folder().join("token");
    std::fs::write(&file, format!("{}\n", brought.token)).unwrap();
    let words = ["add", "--store", store, "--kind", "token", "--sin"];
    let sin = brought.sin();
    command(stage, &[&words[..], &[&sin, "--from-file", file.to_str().unwrap()]].concat()).ended_with(0);
    let mut page = stage.shop();
    page.token = add(stage, store, "pos-token", &[]);
    let key = stage.shop();
    let v1 = basic(&add(stage, store, "v1-key", &[]));
    vec![
        visitor("paired", &paired, Way::Signed),
        visitor("paired, no token", &paired, Way::KeyAlone),
        visitor("signed pos", &pos, Way::Signed),
        visitor("pos", &pos, Way::Pos),
        visitor("brought along", &brought, Way::Signed),
        visitor("pos without key", &page, Way::Pos),
        visitor("v1 key", &key, Way::Basic(v1)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credential_of_any_kind_opens_another_store() {
    let stage = Stage::set().await;
    let mut all = Vec::new();
    for store in ["main", "second", "third"] {
        if store != "main" {
            stage.add_store(store).await;
        }
        all.extend(visitors(&stage, store).await);
    }
    let mut invoices = Vec::new();
    for visitor in &all {
        let guid = format!("guid-{}", invoices.len());
        let id = visitor.create(&guid).await.invoice_id();
        let made = stage.invoices().into_iter().find(|invoice| invoice.id == id).unwrap();
        let names = stage.sandbox.owner().stores();
        let (_, name) = names.into_iter().find(|(id, _)| *id == made.store).unwrap();
        assert_eq!(name, visitor.store, "{} made an invoice", visitor.name);
        invoices.push((visitor.store.clone(), id, guid));
    }
    let mut crossings = 0;
    for visitor in &all {
        let listed = visitor.get("/invoices").await;
        for (store, id, guid) in &invoices {
            let (answer, by_guid) =
                (visitor.read(id).await, visitor.get(&format!("/invoices/guid/{guid}")).await);
            if *store == visitor.store {
                assert_eq!(&answer.invoice_id(), id, "{}", visitor.name);
                let sees_all =
                    ["paired of", "brought along of"].iter().any(|name| visitor.name.starts_with(name));
                assert!(!sees_all || by_guid.status == 200, "{}: {by_guid:?}", visitor.name);
                assert!(by_guid.status != 200 || by_guid.invoice_id() == *id, "{by_guid:?}");
            } else {
                answer.assert_refused("object_not_found");
                let v1 = visitor.get(&format!("/api/invoice/{id}")).await;
                let again = visitor.ask_again(id).await;
                assert!(again.status != 200, "{} has {id} notified again: {again:?}", visitor.name);
                let told = [&answer, &by_guid, &listed, &v1].map(|told| told.text.contains(id.as_str()));
                crossings += told.into_iter().filter(|told| *told).count();
            }
        }
        visitor.assert_lists(&listed, &invoices);
    }
    assert_eq!((crossings, all.len(), invoices.len()), (0, 21, 21));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_decides_alone() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let page = add(&stage, "main", "pos-token", &[]);
    let key = basic(&add(&stage, "main", "v1-key", &[]));
    let body = format!(r#"{{{PLAIN},"token":"{page}"}}"#);
    let identity = shop.key.public().to_hex();
    let bad = shop.sign("/invoices", "another body");
    let headers = [
        JSON,
        ("authorization", key.as_str()),
        ("x-identity", identity.as_str()),
        ("x-signature", bad.as_str()),
    ];
    shop.send_headers(Method::POST, "/invoices", &body, &headers).await.assert_refused("signature_invalid");
    let good = shop.sign("/invoices", &body);
    let headers = [
        JSON,
        ("authorization", key.as_str()),
        ("x-identity", identity.as_str()),
        ("x-signature", good.as_str()),
    ];
    shop.send_headers(Method::POST, "/invoices", &body, &headers).await.assert_refused("token_invalid");
    assert!(stage.invoices().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn x_pubkey_and_a_long_key_are_the_same_identity() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let body = shop.order(PLAIN);
    let (signature, short) = (shop.sign("/invoices", &body), shop.key.public().to_hex());
    // The stage's first shop has the key 1, 1, 1, …
    let secret = secp256k1::SecretKey::from_secret_bytes([1; 32]).unwrap();
    let long = hex::encode(secp256k1::PublicKey::from_secret_key(&secret).serialize_uncompressed());
    assert_eq!(SecretKey::from_bytes([1; 32]).unwrap().public().to_hex(), short, "it is that shop's key");
    for (name, key) in
        [("x-identity", &short), ("x-pubkey", &short), ("x-identity", &long), ("x-pubkey", &long)]
    {
        let headers = [JSON, (name, key.as_str()), ("x-signature", signature.as_str())];
        shop.send_headers(Method::POST, "/invoices", &body, &headers).await.invoice_id();
    }
}

/// Zen Cart 2.0: bp_lib with a token in the body and a Basic that means nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_useless_basic_beside_a_pos_token_is_ignored() {
    let stage = Stage::set().await;
    let mut shop = stage.shop();
    shop.token = add(&stage, "main", "pos-token", &[]);
    let useless = basic("nothing-that-opens-anything");
    let headers = [JSON, ("authorization", useless.as_str())];
    let id = shop.send_headers(Method::POST, "/invoices/", &shop.order(PLAIN), &headers).await.invoice_id();
    let read = shop.send_headers(Method::GET, &format!("/invoices/{id}"), "", &headers).await;
    assert!(read.data("token").is_none() && read.invoice_id() == id, "a bare read: {read:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_token_without_signature_reads_as_nobody() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let buyer = r#""price":10,"currency":"EUR","buyer":{"email":"ada@example.com"}"#;
    let id = shop.create(buyer).await.invoice_id();
    let target = format!("/invoices/{id}?token={}", shop.token);
    let read = shop.send(Method::GET, &target, "", false).await;
    assert!(read.invoice_id() == id && !read.text.contains("ada@example.com"), "{read:?}");
    let unknown = format!("/invoices/{id}?token=nobody-knows-this-token");
    assert_eq!(shop.send(Method::GET, &unknown, "", false).await.invoice_id(), id);
    let probe = format!("/invoices/1?token={}", shop.token);
    shop.send(Method::GET, &probe, "", false).await.assert_refused("object_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_opens_nothing_within_a_second_and_a_new_pairing_gives_another_token() {
    let stage = Stage::set().await;
    let mut shop = stage.paired_shop().await;
    shop.create(PLAIN).await.invoice_id();
    let first = shop.token.clone();
    let listed = command(&stage, &["list", "--store", "main", "--json"]).ended_with(0).json();
    let ids: Vec<_> = listed.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 2, "merchant and pos");
    for id in &ids {
        command(&stage, &["revoke", id, "--json"]).ended_with(0);
    }
    let revoked = Instant::now();
    while shop.create(PLAIN).await.status == 200 {
        assert!(revoked.elapsed() < Duration::from_secs(5), "it goes on opening the store");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    command(&stage, &["revoke", ids[0]]).ended_with(1).said("no credential has that id");
    shop.pair(&stage.code_for("main", Facade::Merchant).await).await;
    assert_ne!(shop.token, first, "what was revoked stays so");
    shop.create(PLAIN).await.invoice_id();
}

/// A credential is revoked, and for the next two seconds no credential can be read: an I/O error, a lock. Nothing
/// is written after that, so a change that was not read must not count as seen.
#[tokio::test]
async fn what_is_revoked_while_the_ledger_cannot_be_read_opens_nothing_once_it_can() {
    let stage = Stage::set().await;
    let (shop, other) = (stage.paired_shop().await, stage.paired_shop().await);
    let (id, theirs) = (shop.create(PLAIN).await.invoice_id(), other.create(PLAIN).await.invoice_id());
    let url = format!("sqlite://{}", stage.config().ledger.path.display());
    let mut ledger = SqliteConnection::connect(&url).await.unwrap();
    let mut together = ledger.begin().await.unwrap();
    let revoke = sqlx::query("UPDATE credentials SET revoked_at = 1 WHERE sin = ?").bind(shop.sin());
    assert!(together.execute(revoke).await.unwrap().rows_affected() > 0);
    together.execute(UNREADABLE_FOR_TWO_SECONDS).await.unwrap();
    together.commit().await.unwrap();
    // Whoever asks payferry for anything meanwhile may write to the ledger, which would be another change.
    tokio::time::sleep(Duration::from_millis(4500)).await;
    shop.read(&id).await.assert_bitpays_error();
    assert_eq!(other.read(&theirs).await.status, 200, "the other shop noticed nothing");
}

/// Reading a credential's date is an integer overflow until two seconds from now.
const UNREADABLE_FOR_TWO_SECONDS: &str = "
    ALTER TABLE credentials RENAME TO credentials_behind;
    CREATE TABLE until AS SELECT strftime('%s', 'now') + 2 AS at;
    CREATE VIEW credentials AS SELECT id, store_id, kind, facade, sin, scope, epoch, token_sealed, token_hash, era,
        notification_form, label, revoked_at,
        CASE WHEN strftime('%s', 'now') + 0 < (SELECT at FROM until) THEN abs(-9223372036854775807 - 1)
             ELSE created_at END AS created_at
        FROM credentials_behind";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_fixed_for_a_credential_shapes_its_answers() {
    let stage = Stage::set().await;
    let mut members = Vec::new();
    for era in ["2014", "2021"] {
        let mut shop = stage.shop();
        shop.token = add(&stage, "main", "pos-token", &["--era", era]);
        let created = shop.send(Method::POST, "/invoices", &shop.order(PLAIN), false).await;
        let id = created.invoice_id();
        let read = shop.send(Method::GET, &format!("/invoices/{id}?token={}", shop.token), "", false).await;
        assert_eq!(created.data("btcPrice").is_some(), read.data("btcPrice").is_some(), "{era}");
        let bare = shop.read_bare(&id).await;
        assert_eq!(created.data("btcPrice").is_some(), bare.data("btcPrice").is_some(), "{era}: as notified");
        members.push((created.data("btcPrice").is_some(), created.data("paymentTotals").is_some()));
    }
    assert_eq!(members, [(true, false), (false, true)], "btcPrice is of 2014, paymentTotals of 2021");
    let words = ["add", "--store", "main", "--kind", "v1-key", "--era", "v1"];
    command(&stage, &words).ended_with(1).said("--era");
}

#[test]
fn wrong_words_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = |words: &[&str]| payferry(folder.path(), &[&["credential"], words].concat());
    at(&["add", "--store", "main"]).ended_with(2);
    at(&["adopt", "x"]).ended_with(2);
    payferry(folder.path(), &["init", "--btcpay-url", "https://btcpay.example.com"]).ended_with(0);
    payferry(folder.path(), &["store", "add", "main"]).ended_with(0);
    at(&["add", "--store", "nobody", "--kind", "v1-key"]).ended_with(1).said("no store is called nobody");
    at(&["add", "--store", "main", "--kind", "signing-key"]).ended_with(1).said("token, pos-token or v1-key");
    at(&["add", "--store", "main", "--kind", "token"]).ended_with(1).said("--sin");
    at(&["add", "--store", "main", "--kind", "v1-key", "--era", "2013"]).ended_with(1).said("--era");
    let file = folder.path().join("key");
    std::fs::write(&file, "two words").unwrap();
    let words = ["add", "--store", "main", "--kind", "v1-key", "--from-file", file.to_str().unwrap()];
    at(&words).ended_with(1).said("no blanks");
    std::fs::write(&file, "the-key-of-bitpay\n").unwrap();
    at(&words).ended_with(0);
    at(&words).ended_with(1).said("bound already");
}
