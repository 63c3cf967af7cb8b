//! Where BTCPay's notifications come in: `POST /ID`, with the unguessable id of one invoice.
//!
//! Nothing in a notification is believed: it may be forged, old or repeated. It only says "look", and it is
//! acknowledged when that is on disk. BTCPay asks for no more than a 2xx.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::Notifier;
use super::witness::Arrived;
use crate::json::{self, Value};

/// Longest body that is read; BTCPay's have about 1 kB plus the shop's posData.
const LONGEST_BODY: usize = 1024 * 1024;
const MOST_CONNECTIONS: usize = 256;
const HEADER_WITHIN: Duration = Duration::from_secs(10);
/// BTCPay waits 60 s.
const BODY_WITHIN: Duration = Duration::from_secs(20);
/// How the ids of `payferry check --create` begin: whatever comes for them proves the way, and tells nobody.
pub const TEST: &str = "check";
/// A header on each answer: `payferry check` tells this listener from any other by it.
pub const SIGN: &str = "x-payferry-listener";
/// A new invoice. It tells a shop nothing, and the first poll comes anyway.
const CREATED: &str = "1001";

/// Serves until `stop`.
pub async fn serve(listener: TcpListener, notifier: Arc<Notifier>, stop: CancellationToken) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_secs(1)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let (notifier, stop) = (Arc::clone(&notifier), stop.clone());
        tokio::spawn(async move {
            converse(stream, notifier, stop).await;
            drop(place);
        });
    }
}

/// BTCPay keeps its connections open: at the stop each ends after the request that it is in.
async fn converse(stream: TcpStream, notifier: Arc<Notifier>, stop: CancellationToken) {
    let service = service_fn(move |request| {
        let notifier = Arc::clone(&notifier);
        async move { Ok::<_, Infallible>(answer(&notifier, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_WITHIN)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "notify_connection_ended");
    }
}

async fn answer(notifier: &Arc<Notifier>, request: Request<Incoming>) -> Response<Empty<Bytes>> {
    let status = take(notifier, request).await;
    let mut response = Response::new(Empty::new());
    *response.status_mut() = status;
    response.headers_mut().insert(SIGN, HeaderValue::from_static("notify"));
    response
}

async fn take(notifier: &Arc<Notifier>, request: Request<Incoming>) -> StatusCode {
    if request.method() != Method::POST {
        return StatusCode::METHOD_NOT_ALLOWED;
    }
    let path = request.uri().path().trim_end_matches('/');
    let Some(id) = path.rsplit('/').next().filter(|id| is_id(id)).map(str::to_owned) else {
        return StatusCode::NOT_FOUND;
    };
    let (head, body) = request.into_parts();
    let body = Limited::new(body, LONGEST_BODY).collect();
    let Ok(Ok(body)) = tokio::time::timeout(BODY_WITHIN, body).await else { return StatusCode::BAD_REQUEST };
    let body = body.to_bytes();
    let members = json::parse_within(&body, json::MOST_VALUES).ok();
    let event = members.as_ref().and_then(event);
    notifier.metrics.notified(if event.is_some() { "enveloped" } else { "flat" });
    if let Some(members) = members {
        let many_lines = body.contains(&b'\n');
        notifier.observe_notification(Arrived { id: id.clone(), headers: head.headers, many_lines, members });
    }
    // Each event has a flat twin with the same data right before it (recorded: life-exact-medium-both).
    let is_test = id.starts_with(TEST);
    if !is_test && event.is_none_or(|code| code == CREATED) {
        return StatusCode::OK;
    }
    match notifier.ledger.wake_notified(&id, (notifier.clock)()).await {
        Ok(Some(row_id)) => {
            notifier.under_way.hurry(&row_id);
            notifier.awake.notify_one();
            StatusCode::OK
        }
        // The row of a check that has ended.
        Ok(None) if is_test => StatusCode::OK,
        Ok(None) => StatusCode::NOT_FOUND,
        Err(error) => {
            tracing::warn!(%error, "notification_not_taken");
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

/// 16 random bytes in base58.
fn is_id(text: &str) -> bool {
    (16..=24).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The event's code, where the body has an envelope.
fn event(body: &Value) -> Option<String> {
    let code = body.get("event")?.get("code").and_then(Value::as_number)?.text();
    (code.len() == 4 && code.bytes().all(|byte| byte.is_ascii_digit())).then(|| code.to_owned())
}
