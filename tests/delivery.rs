//! Shops that take a notification, and shops that do not: each its own row.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;
use payferry::delivery::{Deliveries, DeliveryError, Roots, Target, TargetError};
use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const WITHIN: Duration = Duration::from_millis(700);

fn deliveries(allowed: &[&str]) -> Deliveries {
    Deliveries::new(allowed.iter().map(|net| net.parse().unwrap()).collect(), WITHIN).unwrap()
}

/// How a shop behaves once it has read a request's head and body.
#[derive(Clone, Copy)]
enum Manner {
    Says(&'static str),
    /// Answers one byte at a time, so that it is never done in time.
    Trickles(&'static str),
    Hangs,
    Closes,
    /// A good head, then a body without end.
    Floods,
    /// A good head, then a body that never comes.
    Dawdles,
}

/// A shop; gives what it was sent.
async fn shop(manner: Manner) -> (SocketAddr, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, heard) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tell = tell.clone();
            tokio::spawn(async move { behave(stream, manner, tell).await });
        }
    });
    (address, heard)
}

async fn behave(mut stream: TcpStream, manner: Manner, tell: tokio::sync::mpsc::UnboundedSender<String>) {
    let mut heard = vec![0; 8192];
    let mut length = 0;
    while !String::from_utf8_lossy(&heard[..length]).ends_with("{}") {
        match stream.read(&mut heard[length..]).await {
            Ok(read) if read > 0 => length += read,
            _ => return,
        }
    }
    tell.send(String::from_utf8_lossy(&heard[..length]).into_owned()).unwrap();
    match manner {
        Manner::Says(text) => stream.write_all(text.as_bytes()).await.unwrap(),
        Manner::Trickles(text) => {
            for byte in text.bytes() {
                tokio::time::sleep(Duration::from_millis(50)).await;
                if stream.write_all(&[byte]).await.is_err() {
                    return;
                }
            }
        }
        Manner::Hangs => tokio::time::sleep(Duration::from_secs(30)).await,
        Manner::Closes => {}
        Manner::Dawdles => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n").await.unwrap();
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
        Manner::Floods => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
        }
    }
}

async fn post(deliveries: &Deliveries, url: &str) -> Result<u16, DeliveryError> {
    let target = Target::parse(url)?;
    deliveries.post(&target, None, HeaderMap::new(), Bytes::from_static(b"{}")).await
}

#[tokio::test]
async fn a_shop_that_answers_with_any_2xx_has_taken_it() {
    for status in ["200 OK", "201 Created", "204 No Content"] {
        let answer = format!("HTTP/1.1 {status}\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n");
        let (shop, mut heard) = shop(Manner::Says(answer.leak())).await;
        let url = format!("http://me:secret@{shop}/ipn?order=7#top");
        assert_eq!(post(&deliveries(&["127.0.0.0/8"]), &url).await.unwrap() / 100, 2);
        let heard = heard.recv().await.unwrap().to_ascii_lowercase();
        assert!(heard.starts_with("post /ipn?order=7 http/1.1\r\n"), "{heard}");
        assert!(
            heard.contains(&format!("host: {shop}\r\n")) && heard.contains("content-length: 2\r\n"),
            "{heard}"
        );
        assert!(heard.contains("authorization: basic bwu6c2vjcmv0\r\n"), "the wall of the shop: {heard}");
        for never in ["cookie", "expect", "transfer-encoding", "secret"] {
            assert!(!heard.contains(never), "{never}: {heard}");
        }
    }
}

#[tokio::test]
async fn every_way_of_not_taking_it_has_its_own_name() {
    let rows: [(Manner, &str, bool); 8] = [
        (Manner::Says("HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n"), "target_refused", false),
        (
            Manner::Says("HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n"),
            "target_redirected",
            false,
        ),
        (
            Manner::Says("HTTP/1.1 307 Again\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n"),
            "target_redirected",
            false,
        ),
        (Manner::Says("SSH-2.0-OpenSSH\r\n"), "target_cut", true),
        (Manner::Trickles("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), "target_timed_out", true),
        (Manner::Hangs, "target_timed_out", true),
        (Manner::Closes, "target_cut", true),
        (
            Manner::Says("HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
            "target_refused",
            false,
        ),
    ];
    for (number, (manner, code, unknown)) in rows.into_iter().enumerate() {
        let (shop, mut heard) = shop(manner).await;
        let asked = Instant::now();
        let error = post(&deliveries(&["127.0.0.0/8"]), &format!("http://{shop}/")).await.unwrap_err();
        assert_eq!((error.code(), error.is_unknown()), (code, unknown), "row {number}: {error}");
        assert!(asked.elapsed() < WITHIN * 2, "row {number}");
        heard.recv().await.unwrap();
        assert!(heard.try_recv().is_err(), "row {number}: asked twice");
    }
}

/// The head of a 2xx counts; what a script prints after it must neither cost memory nor the delivery.
#[tokio::test]
async fn an_answer_without_end_is_read_no_further_than_64_kib() {
    let (shop, _heard) = shop(Manner::Floods).await;
    assert_eq!(post(&deliveries(&["127.0.0.0/8"]), &format!("http://{shop}/")).await, Ok(200));
}

/// A shop that says yes and goes on working has taken it: it must not be told six times more.
#[tokio::test]
async fn a_yes_counts_when_its_head_is_there() {
    let (shop, _heard) = shop(Manner::Dawdles).await;
    let asked = Instant::now();
    assert_eq!(post(&deliveries(&["127.0.0.0/8"]), &format!("http://{shop}/")).await, Ok(200));
    assert!(asked.elapsed() < WITHIN, "{:?}", asked.elapsed());
}

#[tokio::test]
async fn nobody_is_reached_inside_a_network_that_is_not_allowed() {
    let (shop, mut heard) = shop(Manner::Says("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).await;
    for url in [format!("http://{shop}/"), format!("http://localhost:{}/", shop.port())] {
        assert_eq!(post(&deliveries(&["10.0.0.0/8"]), &url).await, Err(DeliveryError::Private), "{url}");
    }
    assert!(heard.try_recv().is_err(), "it was asked");
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let all = deliveries(&["127.0.0.0/8"]);
    assert_eq!(post(&all, &format!("http://{free}/")).await, Err(DeliveryError::Unreachable));
    assert_eq!(post(&all, "http://no-such-shop.invalid/").await, Err(DeliveryError::NameUnknown));
    assert_eq!(post(&all, "ftp://shop.example/").await, Err(TargetError::Scheme.into()));
}

#[tokio::test]
async fn a_shop_that_signed_its_own_certificate_is_reached_only_where_that_is_pinned() {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], secret)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            let _ = stream.shutdown().await;
        }
    });
    let deliveries = deliveries(&["127.0.0.0/8", "::1/128"]);
    let target = Target::parse(&format!("https://localhost:{port}/")).unwrap();
    let refused =
        deliveries.post(&target, None, HeaderMap::new(), Bytes::from_static(b"{}")).await.unwrap_err();
    assert_eq!(refused.code(), "target_tls_failed", "{refused}");
    assert!(refused.to_string().contains("UnknownIssuer"), "the operator must read why: {refused}");
    let pinned = Roots::only(certificate.pem().as_bytes()).unwrap();
    let taken = deliveries.post(&target, Some(&pinned), HeaderMap::new(), Bytes::from_static(b"{}")).await;
    assert_eq!(taken, Ok(200));
    assert!(Roots::only(b"no certificate").is_err());
}
