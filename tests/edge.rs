//! What the edge does with requests that never become one, over raw sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use payferry::config::ShopSection;
use payferry::edge::{ConnectionLimits, Listeners, serve};
use payferry::json;
use payferry::lifecycle::Lifecycle;

/// An edge whose every answer is the path that arrived.
async fn edge() -> (SocketAddr, Lifecycle) {
    let shop = ShopSection { http: Some("127.0.0.1:0".parse().unwrap()), ..ShopSection::default() };
    let limits =
        ConnectionLimits { head_bytes: 32_768, headers: 100, header_timeout: Duration::from_secs(1) };
    let lifecycle = Lifecycle::new();
    let listeners = Listeners::bind(&shop, limits).unwrap();
    let address = listeners.http().unwrap();
    serve(listeners, &lifecycle, |_, request: http::Request<hyper::body::Incoming>| async move {
        http::Response::new(Full::new(Bytes::from(request.uri().path().to_owned())))
    });
    (address, lifecycle)
}

/// Sends the bytes and reads until the edge closes or is silent for two seconds.
async fn ask(address: SocketAddr, bytes: Vec<u8>) -> String {
    tokio::task::spawn_blocking(move || {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        socket.write_all(&bytes).unwrap();
        let mut answer = Vec::new();
        let mut part = [0; 4096];
        while let Ok(read @ 1..) = socket.read(&mut part) {
            answer.extend_from_slice(&part[..read]);
        }
        String::from_utf8(answer).unwrap()
    })
    .await
    .unwrap()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

fn is_bitpay_error(answer: &str) -> bool {
    let body = json::parse(body(answer).as_bytes());
    body.is_ok_and(|body| body.get("error").is_some_and(|error| error.as_str().is_some()))
}

#[tokio::test]
async fn a_head_beyond_the_limits_gets_a_json_body_because_libraries_crash_on_empty_ones() {
    let (address, lifecycle) = edge().await;
    let many: String = (0..150).map(|n| format!("x-{n}: 1\r\n")).collect();
    let answer = ask(address, format!("GET / HTTP/1.1\r\nhost: a\r\n{many}\r\n").into_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{answer}");
    assert!(is_bitpay_error(&answer), "{answer}");
    let long = "x".repeat(100_000);
    let answer = ask(address, format!("GET / HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n").into_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 4") && is_bitpay_error(&answer), "{answer}");
    let answer = ask(address, b"nonsense\r\n\r\n".to_vec()).await;
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n") && is_bitpay_error(&answer), "{answer}");
    lifecycle.cut();
}

#[tokio::test]
async fn a_get_that_announces_a_body_and_sends_none_is_answered_at_once() {
    let (address, lifecycle) = edge().await;
    let answer = ask(address, b"GET /rates HTTP/1.1\r\nhost: a\r\ncontent-length: 72\r\n\r\n".to_vec()).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && body(&answer) == "/rates", "{answer}");
    lifecycle.cut();
}

#[tokio::test]
async fn a_head_split_at_every_byte_arrives_the_same() {
    let (address, lifecycle) = edge().await;
    let request = b"GET /invoices/abc HTTP/1.1\r\nhost: bitpay.com\r\nconnection: close\r\n\r\n";
    for at in 1..request.len() {
        let answer = tokio::task::spawn_blocking(move || {
            let mut socket = TcpStream::connect(address).unwrap();
            socket.set_nodelay(true).unwrap();
            socket.write_all(&request[..at]).unwrap();
            std::thread::sleep(Duration::from_millis(2));
            socket.write_all(&request[at..]).unwrap();
            let mut answer = String::new();
            socket.read_to_string(&mut answer).unwrap();
            answer
        });
        assert_eq!(body(&answer.await.unwrap()), "/invoices/abc", "split at {at}");
    }
    lifecycle.cut();
}

#[tokio::test]
async fn no_1xx_and_always_a_reason_phrase_and_pipelined_requests_keep_their_order() {
    let (address, lifecycle) = edge().await;
    let two = b"GET /a HTTP/1.1\r\nhost: x\r\n\r\nGET /b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answer = ask(address, two.to_vec()).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{answer}");
    assert!(answer.find("/a").unwrap() < answer.find("/b").unwrap());
    assert!(!answer.contains("HTTP/1.1 1"));
    lifecycle.cut();
}

#[tokio::test]
async fn a_drain_refuses_new_connections_and_ends_idle_ones() {
    let (address, lifecycle) = edge().await;
    let idle = TcpStream::connect(address).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    lifecycle.drain();
    lifecycle.tasks().close();
    tokio::time::timeout(Duration::from_secs(3), lifecycle.tasks().wait()).await.expect("the drain ends");
    assert!(TcpStream::connect(address).is_err());
    drop(idle);
}
