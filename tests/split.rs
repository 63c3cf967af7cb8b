//! A request means the same however the network cuts it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::net::SocketAddr;

use payferry::json::{self, Value};
use support::{Shop, Stage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A signed create as bytes; short, as it is sent once for each of them.
fn request(shop: &Shop, payferry: SocketAddr) -> Vec<u8> {
    let body = shop.order(r#""price":7.10,"currency":"EUR","posData":"Zoë ☕""#);
    let signature = shop.key.sign(&format!("http://{payferry}/invoices"), body.as_bytes());
    let head = format!(
        "POST /invoices HTTP/1.1\r\nHost: {payferry}\r\nx-identity: {}\r\nx-signature: {signature}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        shop.key.public().to_hex(),
        body.len()
    );
    (head + &body).into_bytes()
}

/// Two writes with the network in between, and the status line of the answer.
async fn send_split(payferry: SocketAddr, request: &[u8], at: usize) -> String {
    let mut stream = TcpStream::connect(payferry).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(&request[..at]).await.unwrap();
    // Long enough for payferry to read the first part alone.
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    stream.write_all(&request[at..]).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

/// What went upstream, with the mark (another one each time) taken out.
fn without_mark(body: &[u8]) -> String {
    let text = String::from_utf8(body.to_vec()).unwrap();
    let value = json::parse(body).unwrap();
    let code = value.get("itemCode").and_then(Value::as_str).unwrap().to_owned();
    assert!(code.starts_with('~') && code.len() > 20, "{code}");
    text.replace(&code, "~MARK")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_split_at_any_byte_is_the_same_create() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let payferry = stage.payferry();
    let request = request(&shop, payferry);
    for at in 1..=request.len() {
        let status = send_split(payferry, &request, at).await;
        assert_eq!(status, "HTTP/1.1 200 OK", "split after {at} bytes");
    }
    let sent = stage.creates_upstream();
    assert_eq!(sent.len(), request.len(), "one create for each split");
    let whole = without_mark(&sent[request.len() - 1].body);
    for (number, create) in sent.iter().enumerate() {
        assert_eq!(without_mark(&create.body), whole, "split after {} bytes", number + 1);
        assert_eq!(create.method, "POST");
        assert_eq!(create.target, "/invoices");
    }
    println!("{} splits, upstream always {whole}", sent.len());
}
