//! Long lists of the sandbox: made at once by the owner, sent piece by piece.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "tests")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use payferry::bitid::SecretKey;
use payferry::sandbox::{Options, Sandbox, StoreOptions};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

struct Bench {
    api: SocketAddr,
    owner: SocketAddr,
    store: String,
    key: SecretKey,
}

impl Bench {
    async fn open() -> Self {
        let (api, owner) =
            (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await);
        let owner = owner.unwrap();
        let addresses = (api.local_addr().unwrap(), owner.local_addr().unwrap());
        let sandbox = Sandbox::new(Options::default());
        let store = sandbox.owner().create_store(StoreOptions::default());
        let code = sandbox.owner().new_pairing_code(&store, "").unwrap();
        tokio::spawn(sandbox.clone().serve(api, CancellationToken::new()));
        tokio::spawn(sandbox.serve_owner(owner, CancellationToken::new()));
        let bench = Self {
            api: addresses.0,
            owner: addresses.1,
            store,
            key: SecretKey::from_bytes([3; 32]).unwrap(),
        };
        let body = format!(r#"{{"pairingCode":"{code}","id":"{}"}}"#, bench.key.public().sin().as_str());
        assert!(ask(bench.api, &post("/tokens", &body)).await.0.starts_with("HTTP/1.1 200"));
        bench
    }

    async fn make(&self, count: usize) {
        let body =
            format!(r#"{{"count":"{count}","everyMs":"60000","body":"{{\"price\":5,\"orderId\":\"n\"}}"}}"#);
        let (head, body) = ask(self.owner, &post(&format!("/stores/{}/invoices", self.store), &body)).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head} {body}");
    }

    /// Head, and the invoices listed.
    async fn list(&self, query: &str) -> (String, Vec<Value>) {
        let target = format!("/invoices{query}");
        let signature = self.key.sign(&format!("http://{}{target}", self.api), b"");
        let head = format!(
            "GET {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nX-Identity: {}\r\nX-Signature: {signature}\r\n\r\n",
            self.api,
            self.key.public().to_hex()
        );
        let (head, body) = ask(self.api, &head).await;
        let list: Value = serde_json::from_str(&body).unwrap();
        (head, list["data"].as_array().unwrap().clone())
    }
}

fn post(target: &str, body: &str) -> String {
    format!(
        "POST {target} HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Head and body, chunks joined.
async fn ask(address: SocketAddr, request: &str) -> (String, String) {
    let request = request.to_owned();
    let exchange = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    let text = tokio::task::spawn_blocking(exchange).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    (head.to_owned(), if chunked { joined(body) } else { body.to_owned() })
}

fn joined(mut chunks: &str) -> String {
    let mut body = String::new();
    while let Some((size, rest)) = chunks.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        body.push_str(&rest[..size]);
        chunks = rest[size..].trim_start_matches("\r\n");
        if size == 0 {
            return body;
        }
    }
    panic!("the list was cut");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_list_comes_whole_and_newest_first() {
    let bench = Bench::open().await;
    bench.make(2_345).await;
    let (head, all) = bench.list("").await;
    assert!(head.contains("Transfer-Encoding: chunked"), "{head}");
    let orders: Vec<String> = all.iter().map(|item| item["orderId"].as_str().unwrap().to_owned()).collect();
    let expected: Vec<String> = (0..2_345).rev().map(|number| format!("n{number}")).collect();
    assert_eq!(orders, expected);
    let (head, page) = bench.list("?limit=200&offset=1000").await;
    assert!(head.contains("Content-Length"), "as BTCPay sends lists: {head}");
    assert_eq!(
        page,
        all[1000..1200].iter().zip(&page).map(|(item, shown)| with_its_own(item, shown)).collect::<Vec<_>>()
    );
    let (_, one) = bench.list("?orderId=n7").await;
    assert_eq!(one.len(), 1);
    assert_eq!(one[0]["id"], all[2_337]["id"]);
    let (_, expired) = bench.list("?status=expired").await;
    assert!((2_325..2_332).contains(&expired.len()), "15 minutes, one invoice a minute: {}", expired.len());
}

/// guid, token and currentTime are new in every answer.
fn with_its_own(item: &Value, shown: &Value) -> Value {
    let mut item = item.clone();
    for member in ["guid", "token", "currentTime"] {
        assert_ne!(item[member], Value::Null);
        item[member] = shown[member].clone();
    }
    item
}
