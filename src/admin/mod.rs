//! The operator's listener: `/live`, `/ready`, `/metrics`. Nothing here changes anything.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::lifecycle::Readiness;
use crate::telemetry::Metrics;

const JSON: &str = "application/json; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How long a client may take for its request head, also between two requests.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Pause after an accept that failed, which is usually a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Answers operators until `stop` is cancelled; open connections are then dropped.
///
/// Give it a token that outlives the drain, so that `/ready` says 503 while the drain goes on.
pub async fn serve(listener: TcpListener, readiness: Readiness, metrics: Metrics, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let answer = connection(stream, readiness.clone(), metrics.clone());
                tokio::spawn(stop.clone().run_until_cancelled_owned(answer));
            }
            Err(error) => {
                tracing::warn!(%error, "the admin listener cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, readiness: Readiness, metrics: Metrics) {
    let service = service_fn(|request: Request<_>| {
        let answer = answer(request.method(), request.uri().path(), &readiness, &metrics);
        async move { Ok::<_, Infallible>(answer) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "an admin connection ended badly");
    }
}

/// The answer to one request: a plain match on the path.
fn answer(method: &Method, path: &str, readiness: &Readiness, metrics: &Metrics) -> Response<Full<Bytes>> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return reply(StatusCode::METHOD_NOT_ALLOWED, JSON, r#"{"error":"only GET is answered here"}"#);
    }
    match path {
        "/live" => reply(StatusCode::OK, JSON, r#"{"live":true}"#),
        "/ready" => ready(readiness),
        "/metrics" => reply(StatusCode::OK, OPENMETRICS, metrics.encode()),
        _ => {
            let known = r#"{"error":"not found","paths":["/live","/ready","/metrics"]}"#;
            reply(StatusCode::NOT_FOUND, JSON, known)
        }
    }
}

fn ready(readiness: &Readiness) -> Response<Full<Bytes>> {
    let pending = readiness.pending();
    let ready = pending.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    reply(status, JSON, serde_json::json!({ "ready": ready, "pending": pending }).to_string())
}

fn reply(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn get(path: &str, readiness: &Readiness) -> (u16, String) {
        let response = answer(&Method::GET, path, readiness, &Metrics::new());
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.expect("a whole body is there").to_bytes();
        (status, String::from_utf8(body.to_vec()).expect("answers are text"))
    }

    #[tokio::test]
    async fn ready_names_what_is_pending() {
        let readiness = Readiness::default();
        let guard = readiness.wait_for("ledger");
        assert_eq!(get("/live", &readiness).await.0, 200);
        let pending = (503, r#"{"pending":["ledger"],"ready":false}"#.to_owned());
        assert_eq!(get("/ready", &readiness).await, pending);
        drop(guard);
        assert_eq!(get("/ready", &readiness).await, (200, r#"{"pending":[],"ready":true}"#.to_owned()));
        readiness.drain();
        assert_eq!(get("/ready", &readiness).await.0, 503);
        assert_eq!(get("/live", &readiness).await.0, 200);
    }

    #[tokio::test]
    async fn everything_else_is_not_found_in_json() {
        let readiness = Readiness::default();
        let (status, body) = get("/shutdown", &readiness).await;
        assert_eq!(status, 404);
        assert!(body.starts_with('{'), "{body}");
        assert_eq!(answer(&Method::POST, "/live", &readiness, &Metrics::new()).status(), 405);
    }

    #[tokio::test]
    async fn metrics_are_served_over_the_wire_until_stopped() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve(listener, Readiness::default(), Metrics::new(), stop.clone()));
        let mut client = TcpStream::connect(address).await.expect("it listens");
        let request = b"GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        client.write_all(request).await.expect("it reads");
        let mut text = String::new();
        client.read_to_string(&mut text).await.expect("it answers");
        assert!(text.contains("payferry_connections 0"), "{text}");
        stop.cancel();
        server.await.expect("it stops");
    }
}
