//! A running edge whose handler tells what it was asked, and a client that sends raw bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use payferry::config::ShopSection;
use payferry::edge::{Arrival, ConnectionLimits, Listeners, Witness, serve};
use payferry::lifecycle::Lifecycle;
use payferry::telemetry::Metrics;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Long enough for anything that is not meant to wait.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub struct Edge {
    pub http: Option<SocketAddr>,
    pub https: Option<SocketAddr>,
    pub lifecycle: Lifecycle,
    pub metrics: Metrics,
    /// Requests that reached the handler.
    pub seen: Arc<AtomicUsize>,
    /// Lets `/slow` go on.
    pub go: Arc<Notify>,
}

pub fn limits() -> ConnectionLimits {
    ConnectionLimits { head_bytes: 32 * 1024, headers: 100, header_timeout: PATIENCE, idle_timeout: PATIENCE }
}

pub fn plain(limits: ConnectionLimits) -> Edge {
    start(&ShopSection { http: Some(any_port()), ..ShopSection::default() }, limits)
}

pub fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub fn start(shop: &ShopSection, limits: ConnectionLimits) -> Edge {
    let listeners = Listeners::bind(shop, limits).expect("free ports");
    let edge = Edge {
        http: listeners.http(),
        https: listeners.https(),
        lifecycle: Lifecycle::new(),
        metrics: Metrics::new(),
        seen: Arc::default(),
        go: Arc::default(),
    };
    let witness = Witness { metrics: edge.metrics.clone(), clock: || 0, random: |bytes| bytes.fill(7) };
    let (seen, go) = (Arc::clone(&edge.seen), Arc::clone(&edge.go));
    serve(listeners, &witness, &edge.lifecycle, move |arrival, request| {
        seen.fetch_add(1, Ordering::SeqCst);
        tell(arrival, request, Arc::clone(&go))
    });
    edge
}

/// Answers with what arrived: one line for the request line, one per header, the body.
async fn tell(arrival: Arrival, request: Request<Incoming>, go: Arc<Notify>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let mut text = format!("{} {} tls={}\n", head.method, head.uri, arrival.tls);
    for (name, value) in &head.headers {
        text += &format!("{name}: {}\n", value.to_str().expect("tests send text"));
    }
    match head.uri.path() {
        "/slow" => go.notified().await,
        "/unread" => return Response::new(Full::from("not read")),
        "/panic" => panic!("as told"),
        _ => {}
    }
    match body.collect().await {
        Ok(body) => text += &format!("body={}", String::from_utf8_lossy(&body.to_bytes())),
        Err(_) => text += "body is broken",
    }
    Response::new(Full::from(text))
}

impl Edge {
    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.http.expect("plain HTTP")).await.expect("it listens")
    }

    /// Sends the bytes on a new connection and reads until the edge closes it.
    pub async fn exchange(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_ref()).await.expect("it reads");
        rest(&mut stream).await
    }
}

/// Everything until the other side closes.
pub async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    read.expect("it closes in time").expect("it closes in order");
    String::from_utf8(bytes).expect("answers are text")
}

/// Exactly one answer with a Content-Length; the connection may stay open.
pub async fn one(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut text = String::new();
    let read = async {
        loop {
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                if length.is_some_and(|length| length.parse() == Ok(body.len())) {
                    return;
                }
            }
            text.push(char::from(stream.read_u8().await.expect("an answer comes")));
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("an answer comes in time");
    text
}

/// Asserts an answer that every BitPay library can read, on a connection that closes.
pub fn assert_refused(answer: &str, status_line: &str, reason: &str) {
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
    assert!(head.starts_with(&format!("HTTP/1.1 {status_line}\r\n")), "{answer}");
    assert!(head.contains("content-type: application/json"), "{answer}");
    assert!(head.contains(&format!("x-payferry-reason: {reason}")), "{answer}");
    assert!(head.contains("connection: close"), "{answer}");
    let body: serde_json::Value = serde_json::from_str(body).expect("a JSON body");
    assert!(body["error"].as_str().is_some_and(|text| !text.is_empty()), "{answer}");
}
