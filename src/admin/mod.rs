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

use crate::lifecycle::{Lifecycle, Readiness};
use crate::telemetry::Metrics;

const JSON: &str = "application/json";
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
}

/// Binds the address.
///
/// # Errors
/// What the system says.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until the hard stop: readiness must still be seen during a drain.
pub async fn serve(listener: TcpListener, admin: Admin, lifecycle: Lifecycle) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = lifecycle.soft().cancelled() => return,
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
        (&Method::GET, "/live") => respond(StatusCode::OK, JSON, r#"{"live":true}"#.to_owned()),
        (&Method::GET, "/ready") => ready(&admin.readiness),
        (&Method::GET, "/metrics") => {
            admin.metrics.set_ledger_commits((admin.commits)());
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
