//! `payferry check`, by the real binary: what it finds behind a proxy that changes what passes, on this
//! machine, and at BTCPay. Each finding must name what is wrong and leave the rest in peace.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::net::SocketAddr;
use std::sync::OnceLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use payferry::ledger::Store;
use payferry::sandbox::StoreOptions;
use serde_json::Value;
use tokio::net::TcpListener;

use support::Stage;
use support::command::{Done, payferry};
use support::process::{Process, free_address};

/// The address that BTCPay should take for its own; nothing on this machine has it.
const PUBLIC: &str = "https://pay.shop.example";

/// A proxy in front of BTCPay that changes headers on the way there and back.
async fn relay(to: SocketAddr, there: fn(&mut HeaderMap), back: fn(&mut HeaderMap)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(move |request| pass(request, to, there, back));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

async fn pass(
    request: Request<Incoming>,
    to: SocketAddr,
    there: fn(&mut HeaderMap),
    back: fn(&mut HeaderMap),
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let (mut head, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    there(&mut head.headers);
    head.uri = format!("http://{to}{}", head.uri).parse().unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.request(Request::from_parts(head, Full::new(body))).await;
    let (mut head, body) = answer.map_err(std::io::Error::other)?.into_parts();
    back(&mut head.headers);
    head.headers.remove("transfer-encoding");
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    Ok(Response::from_parts(head, Full::new(body)))
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

fn untouched(_: &mut HeaderMap) {}

/// As nginx's proxy_redirect does: the redirect no longer shows what BTCPay believed.
fn redirects_rewritten(headers: &mut HeaderMap) {
    if headers.contains_key("location") {
        set(headers, "location", "https://pay.shop.example/login?ReturnUrl=%2F");
    }
}

/// A stage whose configuration names `public_url` and `connect` for its BTCPay.
async fn behind(connect: &str, public_url: &str, more: &str) -> Stage {
    let stage = Stage::without_payferry(more, "127.0.0.1:0").await;
    point(&stage, connect, public_url, "");
    stage
}

fn point(stage: &Stage, connect: &str, public_url: &str, more: &str) {
    let text = std::fs::read_to_string(&stage.config_file).unwrap();
    let (before, rest) = text.split_once("[btcpay.sandbox]\n").unwrap();
    let (_, after) = rest.split_once("[ledger]").unwrap();
    let server =
        format!("[btcpay.sandbox]\npublic_url = \"{public_url}\"\nconnect = \"{connect}\"\n{more}\n");
    std::fs::write(&stage.config_file, format!("{before}{server}[ledger]{after}")).unwrap();
}

fn check(stage: &Stage, more: &[&str]) -> Done {
    payferry(stage.folder(), &[&["check", "--json"][..], more].concat())
}

/// Hop, what came and what to change, of all findings with that verdict.
fn with_verdict(done: &Done, verdict: &str) -> Vec<String> {
    let told = done.json();
    assert_eq!(told["ok"], done.code == Some(0), "{done:?}");
    assert!(!told["cannot_see"].as_array().unwrap().is_empty());
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let findings = told["findings"].as_array().unwrap().iter().filter(|one| one["verdict"] == verdict);
    findings.map(|one| ["hop", "came", "change"].map(|name| text(one, name)).join(" | ")).collect()
}

#[track_caller]
fn assert_only_wrong(done: &Done, words: &[&str]) {
    let wrong = with_verdict(done, "wrong");
    assert_eq!(done.code, Some(1), "{done:?}");
    assert_eq!(wrong.len(), words.len(), "{wrong:#?}");
    for (wrong, words) in wrong.iter().zip(words) {
        let all = words.split(" & ").all(|word| wrong.contains(word));
        assert!(all, "not {words:?}: {wrong:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_proxy_is_fine_and_both_ways_of_telling_agree() {
    let stage = behind("http://unused:1", PUBLIC, "").await;
    let relay = relay(stage.btcpay, untouched, untouched).await;
    point(&stage, &format!("http://{relay}"), PUBLIC, "");
    let done = check(&stage, &[]).ended_with(0);
    assert_eq!(with_verdict(&done, "wrong"), Vec::<String>::new());
    let good = with_verdict(&done, "ok").join("\n");
    for hop in ["configuration", "secret", "ledger", "btcpay.sandbox", "store.main | BTCPay knows"] {
        assert!(good.contains(hop), "{hop}: {good}");
    }
    let people = payferry(stage.folder(), &["check"]).ended_with(0);
    for words in ["Nothing is wrong.", "What cannot be seen from here:", "BTCPay knows the store's key"] {
        assert!(people.stdout.contains(words), "{words}: {people:?}");
    }
    assert!(stage.invoices().is_empty(), "nothing is made that was not asked for");
}

/// What a proxy loses, with and without a redirect that shows it, and the one word that must be named.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_proxy_loses_is_named() {
    type Change = fn(&mut HeaderMap);
    let proto_lost: Change = |headers| drop(headers.remove("x-forwarded-proto"));
    let proto_overwritten: Change = |headers| set(headers, "x-forwarded-proto", "http");
    let host_of_the_upstream: Change = |headers| set(headers, "host", "127.0.0.1");
    let host_unguessable: Change = |headers| set(headers, "host", "btcpay-inner-7:49392");
    let host_forwarded_elsewhere: Change = |headers| set(headers, "x-forwarded-host", "btcpay-inner-7:49392");
    let both: Change = |headers| {
        set(headers, "host", "127.0.0.1");
        headers.remove("x-forwarded-proto");
    };
    let no_signature: Change = |headers| drop(headers.remove("x-signature"));
    let clock: Change = |headers| set(headers, "date", "Tue, 24 Nov 2026 03:00:00 GMT");
    let proto = "store.main | 401 & Proto was lost & http, not https & X-Forwarded-Proto";
    let host = "store.main | 401 & Host was lost & proxy_set_header Host";
    let cases: &[(&str, Change, Change, &[&str])] = &[
        ("proto", proto_lost, untouched, &[proto]),
        ("proto, hidden", proto_lost, redirects_rewritten, &[proto]),
        ("proto overwritten, hidden", proto_overwritten, redirects_rewritten, &[proto]),
        ("host", host_of_the_upstream, untouched, &[host]),
        ("host, hidden", host_of_the_upstream, redirects_rewritten, &[host]),
        ("host unguessable", host_unguessable, untouched, &[host]),
        ("host unguessable, hidden", host_unguessable, redirects_rewritten, &[host]),
        ("host forwarded", host_forwarded_elsewhere, untouched, &[host]),
        (
            "host forwarded, hidden",
            host_forwarded_elsewhere,
            redirects_rewritten,
            &["401 & nor is a signature"],
        ),
        ("both", both, redirects_rewritten, &[proto, host]),
        ("signature", no_signature, untouched, &["store.main | BTCPay saw no signature"]),
        ("clock", untouched, clock, &["btcpay.sandbox | the clock is wrong & behind & NTP"]),
        ("clock and proto", proto_lost, clock, &["btcpay.sandbox | the clock is wrong", proto]),
    ];
    let stage = behind("http://unused:1", PUBLIC, "").await;
    for (name, there, back, words) in cases {
        let relay = relay(stage.btcpay, *there, *back).await;
        point(&stage, &format!("http://{relay}"), PUBLIC, "");
        println!("{name}");
        assert_only_wrong(&check(&stage, &[]), words);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_btcpay_does_not_know_is_no_proxy_s_fault() {
    let stage = Stage::without_payferry("", "127.0.0.1:0").await;
    let owner = stage.sandbox.owner();
    let code = owner.new_pairing_code(&owner.stores()[0].0, "").unwrap();
    payferry(stage.folder(), &["store", "rotate", "main", "--no-wait", "--code", &code]).ended_with(0);
    let done = check(&stage, &[]).ended_with(0);
    let [former] = with_verdict(&done, "warn").try_into().unwrap();
    assert!(former.contains("key 1") && former.contains("still works"), "{former}");
    payferry(stage.folder(), &["store", "add", "new"]).ended_with(0);
    assert_only_wrong(
        &check(&stage, &[]),
        &["store.new | not yet & store_not_paired & payferry store pair new"],
    );
    payferry(stage.folder(), &["store", "remove", "new"]).ended_with(0);

    let ledger = stage.ledger().await;
    let store = ledger.stores().await.unwrap().into_iter().find(|store| store.name == "main").unwrap();
    ledger.close().await;
    owner.revoke(&stage.token_at_btcpay(&Store { epoch: 1, ..store.clone() }).await);
    let dead = with_verdict(&check(&stage, &[]).ended_with(0), "ok").join("\n");
    assert!(dead.contains("store.main | dead: key 1"), "what rotate promises: {dead}");
    owner.revoke(&stage.token_at_btcpay(&store).await);
    let done = check(&stage, &[]);
    assert_only_wrong(
        &done,
        &["store.main | the signature is good, but BTCPay does not know the key & payferry store pair main"],
    );
    let unknown = with_verdict(&done, "unknown").join("\n");
    assert!(unknown.contains("store.main | not asked: ") && unknown.contains("own key"), "{unknown}");
}

static OLD_KEY: OnceLock<String> = OnceLock::new();

/// A proxy that breaks every request of one key.
fn old_key_broken(headers: &mut HeaderMap) {
    let of_old =
        headers.get("x-identity").is_some_and(|key| OLD_KEY.get().is_some_and(|old| key == old.as_str()));
    if of_old {
        set(headers, "x-signature", "00");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_former_key_of_which_nothing_is_known_is_said_and_one_that_was_never_used_too() {
    let stage = behind("http://unused:1", PUBLIC, "").await;
    let honest = relay(stage.btcpay, untouched, untouched).await;
    point(&stage, &format!("http://{honest}"), PUBLIC, "");
    let owner = stage.sandbox.owner();
    let rotate = |store: &str| {
        let code = owner.new_pairing_code(store, "").unwrap();
        payferry(stage.folder(), &["store", "rotate", "main", "--no-wait", "--code", &code])
    };
    let main = owner.stores()[0].0.clone();
    rotate(&main).ended_with(0);
    let rooms = payferry::app::Rooms::open(&stage.config()).await.unwrap();
    OLD_KEY.set(rooms.secrets.store_key("id-of-main", 1).public().to_hex()).unwrap();
    rooms.ledger.close().await;
    let broken = relay(stage.btcpay, old_key_broken, untouched).await;
    point(&stage, &format!("http://{broken}"), PUBLIC, "");
    let [unknown] = with_verdict(&check(&stage, &[]).ended_with(0), "unknown").try_into().unwrap();
    assert!(unknown.contains("store.main | key 1 (") && unknown.contains("401"), "{unknown}");

    // A rotation that failed after BTCPay took the key leaves one that works and that nobody uses.
    let ledger = stage.ledger().await;
    let store = ledger.stores().await.unwrap().remove(0);
    assert_eq!(ledger.reserve_epoch(&store.id).await.unwrap(), 3);
    ledger.close().await;
    let rooms = payferry::app::Rooms::open(&stage.config()).await.unwrap();
    let code = owner.new_pairing_code(&main, "").unwrap();
    let unused = Store { epoch: 3, ..store };
    rooms.upstream.pair(&unused, Some(&code), std::time::Duration::from_secs(5)).await.unwrap();
    rooms.ledger.close().await;
    let warned = with_verdict(&check(&stage, &[]).ended_with(0), "warn").join("\n");
    assert!(warned.contains("key 3 (") && warned.contains("still works"), "{warned}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_rates_a_stranger_gets_is_looked_at_for_each_host() {
    let stage = Stage::without_payferry("", "127.0.0.1:0").await;
    let only = with_verdict(&check(&stage, &[]).ended_with(0), "ok").join("\n");
    assert!(only.contains("rates.store | main"), "{only}");
    stage.add_store("second").await;
    let warned = with_verdict(&check(&stage, &[]).ended_with(0), "warn").join("\n");
    assert!(warned.contains("rates.store") && warned.contains("rates_store_missing"), "{warned}");
    let text = std::fs::read_to_string(&stage.config_file).unwrap();
    let rates = "[rates]\nstore = \"second\"\n[[rates.host]]\nnames = [\"pay.example\"]\nstore = \"gone\"\n";
    std::fs::write(&stage.config_file, format!("{text}{rates}")).unwrap();
    let done = check(&stage, &[]);
    assert_only_wrong(&done, &["rates.host | rates names the store gone & rates_store_missing"]);
    assert!(with_verdict(&done, "ok").join("\n").contains("rates.store | second"), "{done:?}");
}

/// Answers everything with this.
fn answers(address: SocketAddr, with: &'static str) {
    let listener = std::net::TcpListener::bind(address).unwrap();
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(with.as_bytes());
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn another_program_that_answers_as_payferry_would_is_told_apart() {
    let (admin, notify) = (free_address(), free_address());
    let settings = format!("[notify]\nlisten = \"{notify}\"\npublic_url = \"http://{notify}\"");
    let stage = Stage::without_payferry(&settings, "127.0.0.1:0").await;
    let text = std::fs::read_to_string(&stage.config_file).unwrap();
    let admin_at = format!("[admin]\nlisten = \"{admin}\"");
    std::fs::write(&stage.config_file, text.replace("[admin]\nlisten = \"127.0.0.1:0\"", &admin_at)).unwrap();
    answers(admin, "HTTP/1.1 200 OK\r\ncontent-length: 13\r\nconnection: close\r\n\r\n{\"live\":true}");
    answers(notify, "HTTP/1.1 405 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let wrong = with_verdict(&check(&stage, &[]), "wrong");
    for (hop, wrong) in ["admin.listen", "notify.listen", "notify.public_url"].iter().zip(&wrong) {
        assert!(wrong.starts_with(hop) && wrong.contains("not payferry"), "{wrong}");
    }
    assert_eq!(wrong.len(), 3, "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_that_is_lost_or_dead_is_told_apart() {
    let stage = Stage::without_payferry("", "127.0.0.1:0").await;
    let upstream = stage.sandbox.owner().stores()[0].0.clone();
    let key = stage.sandbox.owner().legacy_api_key(&upstream).unwrap();
    std::fs::write(stage.folder().join("key"), &key).unwrap();
    payferry(stage.folder(), &["store", "pair", "main", "--api-key-file", "key"]).ended_with(0);
    let good = check(&stage, &[]).ended_with(0);
    assert!(!good.stdout.contains(&key));
    let warned = with_verdict(&good, "warn").join("\n");
    assert!(warned.contains("store.main | key 1 (") && warned.contains("still works"), "{warned}");
    let lost = relay(stage.btcpay, |headers| drop(headers.remove("authorization")), untouched).await;
    point(&stage, &format!("http://{lost}"), PUBLIC, "");
    assert_only_wrong(&check(&stage, &[]), &["store.main & Authorization was lost on the way"]);
    let honest = relay(stage.btcpay, untouched, untouched).await;
    point(&stage, &format!("http://{honest}"), PUBLIC, "");
    stage.sandbox.owner().legacy_api_key(&upstream).unwrap();
    assert_only_wrong(&check(&stage, &[]), &["store.main | 401 & no longer the store's key"]);
    // An API key is taken whatever address BTCPay believes; only a test invoice shows where buyers are sent.
    let key = stage.sandbox.owner().legacy_api_key(&upstream).unwrap();
    std::fs::write(stage.folder().join("key"), &key).unwrap();
    payferry(stage.folder(), &["store", "pair", "main", "--api-key-file", "key"]).ended_with(0);
    let elsewhere = relay(stage.btcpay, |headers| set(headers, "host", "inner.example"), untouched).await;
    point(&stage, &format!("http://{elsewhere}"), PUBLIC, "");
    check(&stage, &[]).ended_with(0);
    assert_only_wrong(
        &check(&stage, &["--create"]),
        &["store.main & buyers would be sent to https://inner.example/"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_invoice_is_made_for_each_store_and_said() {
    let stage = Stage::without_payferry("", "127.0.0.1:0").await;
    stage.add_store("second").await;
    let done = check(&stage, &["--create"]).ended_with(0);
    let invoices = stage.invoices();
    assert_eq!(invoices.len(), 2);
    let good = with_verdict(&done, "ok").join("\n");
    for invoice in &invoices {
        assert!(good.contains(&format!("invoice {}", invoice.id)), "{good}");
        assert_eq!(invoice.currency, "USD");
    }
    payferry(stage.folder(), &["check", "--create", "--currency", "EUR"]).ended_with(0);
    assert_eq!(stage.invoices()[2].currency, "EUR");
    payferry(stage.folder(), &["check", "--currency", "EUR"]).ended_with(2);
    let owner = stage.sandbox.owner();
    owner.change_store(&owner.stores()[0].0, |options| options.has_wallet = false).unwrap();
    assert_only_wrong(&check(&stage, &["--create"]), &["store.main & its store needs a wallet"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_or_someone_else_is_said_with_what_to_change() {
    let stage = behind(&format!("http://{}", free_address()), PUBLIC, "").await;
    let gone = check(&stage, &[]);
    assert_only_wrong(&gone, &["btcpay.sandbox | no TCP connection & btcpay.sandbox.connect"]);
    assert!(with_verdict(&gone, "note").join("\n").contains("store.main | not asked"), "{gone:?}");
    point(&stage, "http://no-such-host.invalid:80", PUBLIC, "");
    assert_only_wrong(&check(&stage, &[]), &["btcpay.sandbox | no-such-host.invalid does not resolve"]);
    point(&stage, &format!("https://{}", stage.btcpay), PUBLIC, "");
    assert_only_wrong(&check(&stage, &[]), &["btcpay.sandbox | TLS failed & connect = \"http://HOST:PORT\""]);
    // Another web server, and a redirect of one.
    let page = relay(stage.btcpay, untouched, untouched).await;
    stage.sandbox.faults().always(payferry::sandbox::Matching::all(), payferry::sandbox::Fault::Page(502));
    point(&stage, &format!("http://{page}"), PUBLIC, "");
    assert_only_wrong(&check(&stage, &[]), &["btcpay.sandbox | 502 with a web page & see the proxy's log"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_of_btcpay_s_notifications_is_walked_as_far_as_it_goes() {
    let (http, notify) = (free_address(), free_address());
    let settings = format!("[notify]\nlisten = \"{notify}\"\npublic_url = \"http://{notify}\"");
    let stage = Stage::without_payferry(&settings, &http.to_string()).await;
    let idle = check(&stage, &[]).ended_with(0);
    let warned = with_verdict(&idle, "warn").join("\n");
    assert!(
        warned.contains("notify.public_url | no TCP connection") && warned.contains("start payferry"),
        "{warned}"
    );
    let running = Process::serve(&stage.config_file, stage.payferry(), None);
    let good = with_verdict(&check(&stage, &[]).ended_with(0), "ok").join("\n");
    for words in ["notify.listen | payferry answers", "notify.public_url | payferry's listener answers"] {
        assert!(good.contains(words), "{words}: {good}");
    }
    let text = std::fs::read_to_string(&stage.config_file).unwrap();
    let shops_side =
        text.replace(&format!("public_url = \"http://{notify}"), &format!("public_url = \"http://{http}"));
    std::fs::write(&stage.config_file, shops_side).unwrap();
    assert_only_wrong(&check(&stage, &[]), &["notify.public_url | not payferry's listener & notify.listen"]);
    drop(running);
}

/// BTCPay notifies of a test invoice as it is made (event 1001): that it came is the proof, not that a port is open.
#[tokio::test(flavor = "multi_thread")]
async fn btcpay_itself_proves_the_way_of_its_notifications() {
    let (http, notify) = (free_address(), free_address());
    let settings = format!("[notify]\nlisten = \"{notify}\"\npublic_url = \"http://{notify}\"");
    let stage = Stage::without_payferry(&settings, &http.to_string()).await;
    let deaf = check(&stage, &["--create"]).ended_with(0);
    let unknown = with_verdict(&deaf, "unknown").join("\n");
    assert!(
        unknown.contains("notify.public_url | cannot see") && unknown.contains("not running"),
        "{unknown}"
    );

    let _running = Process::serve(&stage.config_file, stage.payferry(), None);
    let good = with_verdict(&check(&stage, &["--create"]).ended_with(0), "ok").join("\n");
    assert!(good.contains("notify.public_url | it came, and payferry wrote it down"), "{good}");
    // BTCPay's port is open to payferry, but what BTCPay is given leads elsewhere.
    let text = std::fs::read_to_string(&stage.config_file).unwrap();
    let elsewhere = free_address();
    let lost = text
        .replace(&format!("public_url = \"http://{notify}"), &format!("public_url = \"http://{elsewhere}"));
    std::fs::write(&stage.config_file, lost).unwrap();
    let done = check(&stage, &["--create"]);
    assert_only_wrong(&done, &["notify.public_url | nothing came within & let BTCPay's machine reach"]);
    let ledger = stage.ledger().await;
    assert_eq!(ledger.store_use("id-of-main").await.unwrap().pending, 0, "no test row is left");
    ledger.close().await;
}

const HTTPS: &str = "certificate_file = \"tls/certificate.pem\"\nkey_file = \"tls/key.pem\"";

/// payferry over TLS, its certificate by `payferry ca`; the address of its TLS listener.
async fn with_tls() -> (Stage, SocketAddr) {
    let (http, https) = (free_address(), free_address());
    let stage = Stage::without_payferry("", &http.to_string()).await;
    payferry(stage.folder(), &["ca", "--name", "pay.shop.example"]).ended_with(0);
    let text = std::fs::read_to_string(&stage.config_file).unwrap();
    let shop = format!("[shop]\nhttps = \"{https}\"\n{HTTPS}\n");
    std::fs::write(&stage.config_file, text.replace("[shop]\n", &shop)).unwrap();
    (stage, https)
}

#[tokio::test(flavor = "multi_thread")]
async fn payferry_s_own_listeners_and_certificate_are_looked_at() {
    let (stage, https) = with_tls().await;
    let idle = check(&stage, &[]).ended_with(0);
    let notes = with_verdict(&idle, "note").join("\n");
    assert!(notes.contains("shop.https | nothing listens, and the port is free"), "{notes}");
    let running = Process::serve(&stage.config_file, stage.payferry(), None);
    let done = check(&stage, &[]).ended_with(0);
    let good = with_verdict(&done, "ok").join("\n");
    for words in [
        "shop.http | payferry answers",
        "shop.https | payferry answers",
        " days); by CN=payferry",
        "all there",
    ] {
        assert!(good.contains(words), "{words}: {good}");
    }
    // Renewed on disk, and payferry not restarted.
    payferry(stage.folder(), &["ca"]).ended_with(0);
    assert_only_wrong(&check(&stage, &[]), &["shop.https & another certificate & restart payferry"]);

    // BTCPay's name leads back here: TLS by an unknown CA, and with that CA payferry itself.
    point(&stage, &format!("https://{https}"), "https://bitpay.com", "");
    let unknown = with_verdict(&check(&stage, &[]), "wrong").join("\n");
    assert!(unknown.contains("btcpay.sandbox | TLS failed") && unknown.contains("ca_file"), "{unknown}");
    point(&stage, &format!("https://{https}"), "https://bitpay.com", "ca_file = \"tls/ca.pem\"");
    let itself = with_verdict(&check(&stage, &[]), "wrong").join("\n");
    assert!(itself.contains("btcpay.sandbox | payferry itself"), "{itself}");
    point(&stage, &format!("https://{https}"), "https://other.example", "ca_file = \"tls/ca.pem\"");
    let named = with_verdict(&check(&stage, &[]), "wrong").join("\n");
    assert!(named.contains("its certificate is not for other.example"), "{named}");
    drop(running);

    // Somebody else sits on the port.
    let _stranger = std::net::TcpListener::bind(stage.payferry()).unwrap();
    let honest = relay(stage.btcpay, untouched, untouched).await;
    point(&stage, &format!("http://{honest}"), PUBLIC, "");
    assert_only_wrong(&check(&stage, &[]), &["shop.http | something answers that is not payferry"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_cannot_serve_is_said() {
    let (stage, _) = with_tls().await;
    let folder = stage.folder().join("tls");
    let key = rcgen::KeyPair::generate().unwrap();
    let make = |from: (i32, u8, u8), until: (i32, u8, u8)| {
        let mut params = rcgen::CertificateParams::new(vec!["pay.shop.example".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
        params.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
        std::fs::write(folder.join("certificate.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    };
    make((2020, 1, 1), (2021, 1, 1));
    assert_only_wrong(&check(&stage, &[]), &["certificate & key.pem does not fit"]);
    std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    assert_only_wrong(&check(&stage, &[]), &["certificate | it ended on 2021-01-01 & payferry ca"]);
    make((4000, 1, 1), (4001, 1, 1));
    assert_only_wrong(&check(&stage, &[]), &["certificate | it is valid only from 4000-01-01"]);
    make((2020, 1, 1), (4001, 1, 1));
    let notes = with_verdict(&check(&stage, &[]).ended_with(0), "note").join("\n");
    assert!(notes.contains("missing: bitpay.com, test.bitpay.com, www.bitpay.com"), "{notes}");
    std::fs::remove_file(folder.join("key.pem")).unwrap();
    assert_only_wrong(&check(&stage, &[]), &["certificate & key.pem"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_files_of_its_own_end_the_way_early_but_not_the_report() {
    let stage = Stage::without_payferry("", "127.0.0.1:0").await;
    let secret = stage.folder().join("master.secret");
    let kept = std::fs::read(&secret).unwrap();
    std::fs::write(&secret, "not hexadecimal").unwrap();
    assert_only_wrong(&check(&stage, &[]), &["secret & 64 hexadecimal digits"]);
    std::fs::write(&secret, kept).unwrap();
    let text = std::fs::read_to_string(&stage.config_file).unwrap();
    std::fs::write(&stage.config_file, text.replace("ledger.sqlite3", "elsewhere/ledger.sqlite3")).unwrap();
    assert_only_wrong(&check(&stage, &[]), &["ledger & payferry store add NAME"]);
    assert!(!stage.folder().join("elsewhere").exists(), "check makes nothing");
    std::fs::write(&stage.config_file, text.replace("[shop]", "[shop]\nhtp = 1")).unwrap();
    assert_only_wrong(&check(&stage, &[]), &["configuration & shop.htp"]);
    std::fs::remove_file(&stage.config_file).unwrap();
    assert_only_wrong(&check(&stage, &[]), &["configuration & payferry init"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_at_two_servers_are_judged_apart() {
    let stage = Stage::without_payferry("", "127.0.0.1:0").await;
    let text = std::fs::read_to_string(&stage.config_file).unwrap();
    let second = format!("[btcpay.gone]\npublic_url = \"http://{}\"\n[ledger]", free_address());
    std::fs::write(&stage.config_file, text.replace("[ledger]", &second)).unwrap();
    payferry(stage.folder(), &["store", "add", "away", "--server", "gone"]).ended_with(0);
    stage.sandbox.owner().create_store(StoreOptions::default());
    let done = check(&stage, &[]);
    assert_only_wrong(&done, &["btcpay.gone | no TCP connection"]);
    assert!(with_verdict(&done, "ok").join("\n").contains("store.main | BTCPay knows"), "{done:?}");
}
