//! The operator's own listener: `/live`, `/ready`, `/metrics`. No password; keep it on loopback.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::lifecycle::Readiness;
use crate::telemetry::Metrics;

const JSON: &str = "application/json";
/// Also tells `payferry check` that it is payferry that answers.
const LIVE: &str = r#"{"live":true,"program":"payferry"}"#;
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the listener answers from.
#[derive(Clone)]
pub struct Admin {
    /// What is still pending.
    pub readiness: Readiness,
    /// All counters.
    pub metrics: Metrics,
    /// Commits of the ledger so far, asked at each scrape.
    pub commits: std::sync::Arc<dyn Fn() -> u64 + Send + Sync>,
    /// The number of the key by which each store signs now, asked at each scrape.
    pub store_keys: std::sync::Arc<dyn Fn() -> Vec<(String, u32)> + Send + Sync>,
}

/// Binds the address.
///
/// # Errors
/// What the system says.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until `stop`; give it the hard token, for readiness must still be seen during a drain.
pub async fn serve(listener: TcpListener, admin: Admin, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_secs(1)).await;
            continue;
        };
        let admin = admin.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let response = answer(&admin, &request);
                async move { Ok::<_, Infallible>(response) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(10))
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "admin_connection_ended");
            }
        });
    }
}

fn answer(admin: &Admin, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/live") => respond(StatusCode::OK, JSON, LIVE.to_owned()),
        (&Method::GET, "/ready") => ready(&admin.readiness),
        (&Method::GET, "/metrics") => {
            admin.metrics.set_ledger_commits((admin.commits)());
            admin.metrics.set_store_keys((admin.store_keys)());
            respond(StatusCode::OK, OPEN_METRICS, admin.metrics.encode())
        }
        _ => {
            let body = r#"{"error":"not found","paths":["/live","/ready","/metrics"]}"#;
            respond(StatusCode::NOT_FOUND, JSON, body.to_owned())
        }
    }
}

fn ready(readiness: &Readiness) -> Response<Full<Bytes>> {
    let ready = readiness.is_ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = serde_json::json!({ "ready": ready, "pending": readiness.pending() });
    respond(status, JSON, body.to_string())
}

fn respond(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    async fn ask(address: SocketAddr, line: &str) -> String {
        let mut client = TcpStream::connect(address).await.expect("it listens");
        let request = format!("{line} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        client.write_all(request.as_bytes()).await.expect("it reads");
        let mut text = String::new();
        client.read_to_string(&mut text).await.expect("it answers");
        text
    }

    #[tokio::test]
    async fn an_operator_sees_what_is_pending_even_in_a_drain() {
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (readiness, stop) = (Readiness::default(), CancellationToken::new());
        let commits = std::sync::Arc::new(|| 3);
        let store_keys = std::sync::Arc::new(|| vec![("main".to_owned(), 2)]);
        let admin = Admin { readiness: readiness.clone(), metrics: Metrics::new(), commits, store_keys };
        let server = tokio::spawn(serve(listener, admin, stop.clone()));

        let guard = readiness.wait_for("ledger");
        assert!(ask(address, "GET /live").await.starts_with("HTTP/1.1 200 OK"));
        let pending = ask(address, "GET /ready").await;
        assert!(pending.starts_with("HTTP/1.1 503"), "{pending}");
        assert!(pending.ends_with(r#"{"pending":["ledger"],"ready":false}"#), "{pending}");
        drop(guard);
        assert!(ask(address, "GET /ready").await.starts_with("HTTP/1.1 200 OK"));
        readiness.drain();
        assert!(ask(address, "GET /ready").await.ends_with(r#"{"pending":["drain"],"ready":false}"#));
        let metrics = ask(address, "GET /metrics").await;
        assert!(metrics.contains("payferry_ledger_commits_total 3"), "{metrics}");
        assert!(metrics.contains("payferry_store_key{store=\"main\"} 2"), "{metrics}");
        for line in ["GET /shutdown", "POST /live"] {
            let answer = ask(address, line).await;
            assert!(answer.starts_with("HTTP/1.1 404") && answer.contains(r#"{"error""#), "{answer}");
        }
        stop.cancel();
        server.await.expect("it stops");
    }
}
