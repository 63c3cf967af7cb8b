//! How requests are cut from the stream.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;

use super::support::{assert_refused, limits, one, plain, rest};

const POST: &str =
    "POST /invoices?a=1 HTTP/1.1\r\nHost: bitpay.com\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";

fn told(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").expect("a whole answer").1
}

#[tokio::test]
async fn a_request_may_be_cut_at_every_byte() {
    let edge = plain(limits());
    let whole = edge.exchange(POST).await;
    assert!(whole.starts_with("HTTP/1.1 200 OK\r\n"), "{whole}");
    assert!(told(&whole).ends_with("body=hello"), "{whole}");
    for cut in 1..POST.len() {
        let mut stream = edge.connect().await;
        stream.set_nodelay(true).expect("a socket option");
        stream.write_all(&POST.as_bytes()[..cut]).await.expect("it reads");
        tokio::time::sleep(Duration::from_millis(1)).await;
        stream.write_all(&POST.as_bytes()[cut..]).await.expect("it reads");
        assert_eq!(told(&rest(&mut stream).await), told(&whole), "cut at {cut}");
    }
}

#[tokio::test]
async fn chunks_and_lengths_give_the_same_body_and_requests_may_be_pipelined() {
    let edge = plain(limits());
    let text = "POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n\
                POST /b HTTP/1.1\r\ncontent-length: 5\r\n\r\nhello\
                GET /c HTTP/1.1\r\nconnection: close\r\n\r\n";
    let answers = edge.exchange(text).await;
    let order: Vec<_> = ["POST /a", "POST /b", "GET /c"].iter().map(|line| answers.find(line)).collect();
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{answers}");
    assert_eq!(answers.matches("body=hello").count(), 2, "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3, "{answers}");
}

#[tokio::test]
async fn a_read_with_a_length_and_no_body_is_answered_at_once_and_closed() {
    let edge = plain(limits());
    let begun = Instant::now();
    let answer = edge.exchange("GET /invoices/a HTTP/1.1\r\nHost: a\r\nContent-Length: 72\r\n\r\n").await;
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(answer.contains("GET /invoices/a") && answer.contains("connection: close"), "{answer}");
    assert!(!told(&answer).contains("content-length"), "{answer}");
}

#[tokio::test]
async fn a_length_of_zero_is_no_reason_to_close() {
    let edge = plain(limits());
    let mut stream = edge.connect().await;
    for _ in 0..2 {
        stream.write_all(b"GET /a HTTP/1.1\r\nContent-Length: 0\r\n\r\n").await.expect("it reads");
        assert!(one(&mut stream).await.starts_with("HTTP/1.1 200 OK"));
    }
}

#[tokio::test]
async fn http_1_0_is_answered_and_closed() {
    let edge = plain(limits());
    let answer = edge.exchange("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn an_interim_answer_comes_only_when_asked_for_and_never_to_old_php() {
    let edge = plain(limits());
    let head = "POST /a HTTP/1.1\r\nContent-Length: 5\r\nConnection: close\r\n";
    let without = edge.exchange(format!("{head}\r\nhello")).await;
    assert!(without.starts_with("HTTP/1.1 200 OK"), "{without}");

    let mut stream = edge.connect().await;
    let asking = format!("{head}Expect: 100-continue\r\n\r\n");
    stream.write_all(asking.as_bytes()).await.expect("it reads");
    let mut interim = [0; 25];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut interim).await.expect("an interim answer");
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").await.expect("it reads");
    assert!(rest(&mut stream).await.contains("body=hello"));

    let mut stream = edge.connect().await;
    let old = format!("{head}Expect: 100-continue\r\nUser-Agent: BitPay PHP-Client/2.2.8 (PHP 5.6)\r\n\r\n");
    stream.write_all(old.as_bytes()).await.expect("it reads");
    tokio::time::sleep(Duration::from_millis(100)).await;
    stream.write_all(b"hello").await.expect("it reads");
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("body=hello"), "{answer}");
}

#[tokio::test]
async fn what_is_no_request_is_refused_in_bitpays_shape() {
    let edge = plain(limits());
    for text in [
        "hello\r\n\r\n",
        "\x16\x03\x01\x02",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/1.1\r\na b: c\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        "POST / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n",
        "GET http://[::1 HTTP/1.1\r\n\r\n",
    ] {
        let answer = edge.exchange(text).await;
        assert_refused(&answer, "400 Bad Request", "malformed_request");
    }
    assert_eq!(edge.seen.load(Ordering::SeqCst), 0);
    assert!(edge.metrics.encode().contains("reason=\"malformed_request\"} 8"), "{}", edge.metrics.encode());
}

#[tokio::test]
async fn a_refusal_waits_for_the_answers_before_it() {
    let edge = plain(limits());
    let answers = edge.exchange("GET /a HTTP/1.1\r\n\r\nnonsense\r\n\r\n").await;
    let (first, second) = answers.split_once("body=").expect("two answers");
    assert!(first.starts_with("HTTP/1.1 200 OK"), "{answers}");
    assert_refused(second, "400 Bad Request", "malformed_request");
}

#[tokio::test]
async fn the_end_of_the_input_inside_a_head_or_a_body_is_answered() {
    let edge = plain(limits());
    let mut stream = edge.connect().await;
    stream.write_all(b"GET /a HTTP/1.1\r\nhost").await.expect("it reads");
    stream.shutdown().await.expect("half a close");
    assert_refused(&rest(&mut stream).await, "400 Bad Request", "malformed_request");
    for body in ["content-length: 5\r\n\r\nhel", "transfer-encoding: chunked\r\n\r\n5\r\nhel"] {
        let mut stream = edge.connect().await;
        stream.write_all(format!("POST /a HTTP/1.1\r\n{body}").as_bytes()).await.expect("it reads");
        stream.shutdown().await.expect("half a close");
        let answer = rest(&mut stream).await;
        assert!(answer.ends_with("body is broken"), "{answer}");
    }
    let answer = edge.exchange("POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n").await;
    assert!(answer.ends_with("body is broken"), "{answer}");
}

#[tokio::test]
async fn half_a_close_after_the_request_does_not_lose_the_answer() {
    let edge = plain(limits());
    let mut stream = edge.connect().await;
    stream.write_all(b"GET /slow HTTP/1.1\r\n\r\n").await.expect("it reads");
    stream.shutdown().await.expect("half a close");
    tokio::time::sleep(Duration::from_millis(50)).await;
    edge.go.notify_one();
    assert!(rest(&mut stream).await.contains("GET /slow"));
}

#[tokio::test]
async fn an_answer_without_reading_a_large_body_still_arrives() {
    let edge = plain(limits());
    let mut stream = edge.connect().await;
    stream.write_all(b"POST /unread HTTP/1.1\r\nContent-Length: 4000000\r\n\r\n").await.expect("it reads");
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        stream.write_all(&[b'x'; 20_000]).await.expect("it reads on, or the answer would be lost");
    }
    assert!(rest(&mut stream).await.ends_with("not read"));
}

#[tokio::test]
async fn a_panic_is_an_answer_in_bitpays_shape() {
    let edge = plain(limits());
    let answer = edge.exchange("GET /panic HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    assert!(answer.contains("x-payferry-reason: internal_error"), "{answer}");
    assert!(answer.contains("\"error\":"), "{answer}");
}
