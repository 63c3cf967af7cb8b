//! The sandbox misbehaves on command, keeps a journal, and its owner's port works.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::time::{Duration, Instant};

use payferry::bitid::SecretKey;
use payferry::sandbox::{Fault, Matching, Options, Outage, Sandbox, StoreOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

struct Bench {
    sandbox: Sandbox,
    api: u16,
    owner: u16,
    store: String,
    stop: CancellationToken,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn key() -> SecretKey {
    SecretKey::from_bytes([7; 32]).unwrap()
}

async fn bench() -> Bench {
    let sandbox = Sandbox::new(Options::default());
    let store = sandbox.owner().create_store(StoreOptions::default());
    let stop = CancellationToken::new();
    let api = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let owner = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let ports = (api.local_addr().unwrap().port(), owner.local_addr().unwrap().port());
    tokio::spawn(sandbox.clone().serve(api, stop.clone()));
    tokio::spawn(sandbox.clone().serve_owner(owner, stop.clone()));
    let bench = Bench { sandbox, api: ports.0, owner: ports.1, store, stop };
    let code = bench.sandbox.owner().new_pairing_code(&bench.store, "shop").unwrap();
    let body = format!(r#"{{"pairingCode":"{code}","id":"{}"}}"#, key().public().sin());
    assert!(bench.send("POST", "/tokens", &body).await.starts_with("HTTP/1.1 200"));
    bench.sandbox.faults().forget_requests();
    bench
}

impl Bench {
    async fn exchange(port: u16, head: String, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A signed request; all that came back until the server closed.
    async fn send(&self, method: &str, target: &str, body: &str) -> String {
        let url = format!("http://127.0.0.1:{}{target}", self.api);
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
             X-Identity: {}\r\nX-Signature: {}\r\nContent-Length: {}\r\n",
            self.api,
            key().public().to_hex(),
            key().sign(&url, body.as_bytes()),
            body.len()
        );
        Self::exchange(self.api, head, body).await
    }

    async fn own(&self, method: &str, target: &str, extra: &str, body: &str) -> String {
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{extra}Content-Length: {}\r\n",
            self.owner,
            body.len()
        );
        Self::exchange(self.owner, head, body).await
    }

    async fn create(&self) -> String {
        self.send("POST", "/invoices", r#"{"price":5,"currency":"USD"}"#).await
    }

    fn invoices(&self) -> usize {
        self.sandbox.owner().invoices().len()
    }
}

#[tokio::test]
async fn faults_that_carry_nothing_out() {
    let bench = bench().await;
    let faults = bench.sandbox.faults();
    let on = || Matching::on("POST", "/invoices");
    faults.next(on(), 1, Fault::Empty500);
    let answer = bench.create().await;
    assert!(answer.starts_with("HTTP/1.1 500") && answer.ends_with("\r\n\r\n"), "{answer}");
    faults.next(on(), 1, Fault::Page(502));
    let answer = bench.create().await;
    assert!(answer.starts_with("HTTP/1.1 502") && answer.contains("<!DOCTYPE html>"), "{answer}");
    faults.next(on(), 1, Fault::Hang(Duration::from_millis(50)));
    assert_eq!(bench.create().await, "");
    for (outage, text) in [
        (Outage::NodeUnavailable, "Full node not available"),
        (Outage::NbxplorerRefused, "Connection refused"),
    ] {
        faults.next(on(), 1, Fault::Refuse(outage));
        let answer = bench.create().await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains(text), "{answer}");
        assert!(
            answer.contains(r#"{"error":"Error retrieving a matching payment method or rate.\n"#),
            "{answer}"
        );
    }
    assert_eq!(bench.invoices(), 0);
    assert!(bench.create().await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn faults_after_the_fact() {
    let bench = bench().await;
    let faults = bench.sandbox.faults();
    faults.next(Matching::all(), 1, Fault::Cut(20));
    assert_eq!(bench.create().await.len(), 20);
    faults.next(Matching::all(), 1, Fault::Cut(700));
    let answer = bench.create().await;
    assert!(answer.len() == 700 && answer.contains("\r\n\r\n{\"facade\""), "{answer}");
    faults.next(Matching::all(), 1, Fault::HangAfter(Duration::from_millis(10)));
    assert_eq!(bench.create().await, "");
    faults.next(Matching::all(), 1, Fault::Empty500After);
    assert!(bench.create().await.starts_with("HTTP/1.1 500"));
    let began = Instant::now();
    faults.next(Matching::on("GET", "/invoices"), 1, Fault::Delay(Duration::from_millis(120)));
    assert!(bench.create().await.starts_with("HTTP/1.1 200"));
    assert!(bench.send("GET", "/invoices", "").await.starts_with("HTTP/1.1 200"));
    assert!(began.elapsed() >= Duration::from_millis(120));
    assert_eq!(bench.invoices(), 5);
    let journal = faults.requests();
    let last = journal.last().unwrap();
    assert_eq!(
        (journal.len(), last.method.as_str(), last.target.as_str(), last.status),
        (6, "GET", "/invoices", 200)
    );
    assert!(last.header("X-Signature").is_some() && journal[0].body.starts_with(b"{\"price\":5"));
}

#[tokio::test]
async fn a_fault_lasts_until_it_is_cleared() {
    let bench = bench().await;
    let faults = bench.sandbox.faults();
    faults.always(Matching::on("GET", "/tokens"), Fault::Empty500);
    for _ in 0..3 {
        assert!(bench.send("GET", "/tokens", "").await.starts_with("HTTP/1.1 500"));
    }
    assert!(bench.create().await.starts_with("HTTP/1.1 200"));
    faults.clear();
    assert!(bench.send("GET", "/tokens", "").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn the_owners_port() {
    let bench = bench().await;
    let other = SecretKey::from_bytes([8; 32]).unwrap();
    let ask = format!(r#"{{"id":"{}","label":"<script>x</script>"}}"#, other.public().sin());
    let answer = bench.send("POST", "/tokens", &ask).await;
    let code = answer.split_once("\"pairingCode\":\"").unwrap().1[..7].to_owned();
    let page = bench.own("GET", "/", "", "").await;
    assert!(page.contains(&code) && page.contains("&lt;script&gt;") && !page.contains("<script>"), "{page}");
    let store = bench.own("POST", "/stores", "", r#"{"name":"Two & more"}"#).await;
    let store = store.split_once("{\"id\":\"").unwrap().1.split('"').next().unwrap().to_owned();
    let approve = format!(r#"{{"code":"{code}","store":"{store}"}}"#);
    let foreign = bench.own("POST", "/approve", "Origin: https://evil.example\r\n", &approve).await;
    assert!(foreign.starts_with("HTTP/1.1 403"), "{foreign}");
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let done = bench.own("POST", "/approve", form, &format!("code={code}&store={store}")).await;
    assert!(done.starts_with("HTTP/1.1 303"), "{done}");
    let again = bench.own("POST", "/approve", "", &approve).await;
    assert!(again.starts_with("HTTP/1.1 400") && again.contains("Pairing failed"), "{again}");
    for target in [format!("/stores/{store}/pairing-codes"), format!("/stores/{store}/legacy-api-key")] {
        assert!(bench.own("POST", &target, "", "{}").await.starts_with("HTTP/1.1 200"), "{target}");
    }
    let made = bench.create().await;
    let id = made.split_once("/invoice?id=").unwrap().1.split('"').next().unwrap().to_owned();
    assert!(
        bench
            .own("POST", &format!("/invoices/{id}/pay"), "", r#"{"bitcoin":"0.0001"}"#)
            .await
            .contains(r#""status":"paid""#)
    );
    assert!(bench.send("GET", &format!("/invoices/{id}"), "").await.contains(r#""status":"paid""#));
    assert!(bench.own("POST", "/nothing", "", "").await.starts_with("HTTP/1.1 404"));
}
