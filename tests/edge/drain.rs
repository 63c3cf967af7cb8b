//! How a running edge ends.

use std::sync::atomic::Ordering;
use std::time::Duration;

use payferry::lifecycle::{Outcome, Signals};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::{Edge, PATIENCE, limits, one, plain, rest};

async fn slow_request(edge: &Edge) -> TcpStream {
    let mut stream = edge.connect().await;
    stream.write_all(b"GET /slow HTTP/1.1\r\n\r\n").await.expect("it reads");
    while edge.seen.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stream
}

async fn refuses(edge: &Edge) -> bool {
    for _ in 0..200 {
        if TcpStream::connect(edge.http.expect("plain HTTP")).await.is_err() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[tokio::test]
async fn a_drain_finishes_what_is_under_way_and_takes_nothing_new() {
    let edge = plain(limits());
    let mut slow = slow_request(&edge).await;
    let mut idle = edge.connect().await;
    idle.write_all(b"GET /a HTTP/1.1\r\n\r\n").await.expect("it reads");
    assert!(!one(&mut idle).await.contains("connection: close"));
    let (send, signals) = Signals::scripted();
    let lifecycle = edge.lifecycle.clone();
    let run = tokio::spawn(async move { lifecycle.run(signals, PATIENCE).await });
    send.send("SIGTERM").await.expect("the lifecycle listens");
    assert!(refuses(&edge).await);
    assert_eq!(rest(&mut idle).await, "");
    edge.go.notify_one();
    let answer = rest(&mut slow).await;
    assert!(answer.contains("GET /slow") && answer.contains("connection: close"), "{answer}");
    drop((slow, idle));
    assert_eq!(run.await.expect("no panic"), Outcome::Drained);
}

#[tokio::test]
async fn a_request_that_has_begun_to_arrive_is_answered_in_a_drain() {
    let edge = plain(limits());
    let mut stream = edge.connect().await;
    stream.write_all(b"GET /a HTTP/1.1\r\nhost: ").await.expect("it reads");
    let mut fresh = edge.connect().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    edge.lifecycle.drain();
    tokio::time::sleep(Duration::from_millis(50)).await;
    fresh.write_all(b"GET /b HTTP/1.1\r\n\r\n").await.expect("it reads");
    assert!(rest(&mut fresh).await.contains("GET /b"));
    tokio::time::sleep(Duration::from_millis(500)).await;
    stream.write_all(b"a\r\n\r\n").await.expect("it reads");
    let answer = rest(&mut stream).await;
    assert!(answer.contains("GET /a") && answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn a_second_signal_cuts() {
    let edge = plain(limits());
    let mut slow = slow_request(&edge).await;
    let (send, signals) = Signals::scripted();
    send.send("SIGTERM").await.expect("room in the channel");
    send.send("SIGTERM").await.expect("room in the channel");
    let outcome = tokio::time::timeout(PATIENCE, edge.lifecycle.run(signals, PATIENCE * 10)).await;
    assert_eq!(outcome.expect("it does not wait"), Outcome::Cut);
    let mut bytes = Vec::new();
    let _ = slow.read_to_end(&mut bytes).await;
    assert!(bytes.is_empty());
}

#[tokio::test]
async fn a_shop_that_keeps_its_idle_connection_does_not_hold_up_the_drain() {
    let edge = plain(limits());
    let idle = edge.connect().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    edge.lifecycle.drain();
    edge.lifecycle.tasks().close();
    let drained = tokio::time::timeout(Duration::from_secs(5), edge.lifecycle.tasks().wait()).await;
    drained.expect("the drain ends");
    drop(idle);
}
