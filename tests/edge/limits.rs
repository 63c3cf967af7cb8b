//! Sizes and times.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use payferry::config::ShopSection;
use payferry::edge::ConnectionLimits;
use tokio::io::AsyncWriteExt;

use super::support::{any_port, assert_refused, limits, one, plain, rest, start};

const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_head_of_32_kib_passes_and_one_byte_more_does_not() {
    let edge = plain(limits());
    let frame = "GET / HTTP/1.1\r\nConnection: close\r\na: \r\n\r\n".len();
    let head = |length: usize| {
        format!("GET / HTTP/1.1\r\nConnection: close\r\na: {}\r\n\r\n", "x".repeat(length - frame))
    };
    assert!(edge.exchange(head(32 * 1024)).await.starts_with("HTTP/1.1 200 OK"));
    let answer = edge.exchange(head(32 * 1024 + 1)).await;
    assert_refused(&answer, "431 Request Header Fields Too Large", "head_too_large");
    let answer = edge.exchange(head(300_000)).await;
    assert_refused(&answer, "431 Request Header Fields Too Large", "head_too_large");
    assert_eq!(edge.seen.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_hundred_headers_pass_and_one_more_does_not() {
    let edge = plain(limits());
    let head =
        |count: usize| format!("GET / HTTP/1.1\r\nConnection: close\r\n{}\r\n", "a: b\r\n".repeat(count - 1));
    assert!(edge.exchange(head(100)).await.starts_with("HTTP/1.1 200 OK"));
    let answer = edge.exchange(head(101)).await;
    assert_refused(&answer, "431 Request Header Fields Too Large", "head_too_large");
    // The close that a bodiless read gets does not count.
    let read = format!("GET / HTTP/1.1\r\ncontent-length: 9\r\n{}\r\n", "a: b\r\n".repeat(99));
    assert!(edge.exchange(read).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn a_slow_head_is_answered_and_closed_however_it_drips() {
    let edge = plain(ConnectionLimits { header_timeout: SHORT, ..limits() });
    let begun = Instant::now();
    let (mut read, mut write) = edge.connect().await.into_split();
    let drip = tokio::spawn(async move {
        for byte in b"GET /a HTTP/1.1\r\nhost: a-long-name-that-never-ends".iter().cycle() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if write.write_all(&[*byte]).await.is_err() {
                return;
            }
        }
    });
    let answer = rest(&mut read).await;
    drip.abort();
    assert_refused(&answer, "408 Request Timeout", "head_timeout");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn silence_is_closed_without_a_word() {
    let edge = plain(ConnectionLimits { header_timeout: SHORT, idle_timeout: SHORT * 3, ..limits() });
    assert_eq!(rest(&mut edge.connect().await).await, "");
    let mut stream = edge.connect().await;
    stream.write_all(b"GET /a HTTP/1.1\r\n\r\n").await.expect("it reads");
    one(&mut stream).await;
    let begun = Instant::now();
    assert_eq!(rest(&mut stream).await, "");
    assert!(begun.elapsed() > SHORT * 2, "the idle time counts, not the head's");
}

#[tokio::test]
async fn a_body_that_stops_is_given_up_and_a_slow_answer_is_not() {
    let edge = plain(ConnectionLimits { idle_timeout: SHORT, header_timeout: SHORT, ..limits() });
    let answer = edge.exchange("POST /a HTTP/1.1\r\ncontent-length: 5\r\n\r\nhel").await;
    assert!(answer.ends_with("body is broken"), "{answer}");
    let mut stream = edge.connect().await;
    stream.write_all(b"GET /slow HTTP/1.1\r\n\r\n").await.expect("it reads");
    tokio::time::sleep(SHORT * 4).await;
    edge.go.notify_one();
    assert!(one(&mut stream).await.contains("GET /slow"));
}

#[tokio::test]
async fn more_connections_than_allowed_wait_their_turn() {
    let shop = ShopSection { http: Some(any_port()), max_connections: 1, ..ShopSection::default() };
    let edge = start(&shop, limits());
    let mut first = edge.connect().await;
    first.write_all(b"GET /a HTTP/1.1\r\n\r\n").await.expect("it reads");
    one(&mut first).await;
    assert!(edge.metrics.encode().contains("payferry_connections 1"));
    let mut second = edge.connect().await;
    second.write_all(b"GET /b HTTP/1.1\r\nconnection: close\r\n\r\n").await.expect("it reads");
    tokio::time::sleep(SHORT).await;
    assert_eq!(edge.seen.load(Ordering::SeqCst), 1);
    drop(first);
    assert!(rest(&mut second).await.contains("GET /b"));
}
