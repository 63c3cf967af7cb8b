//! One connection: request after request, under limits, until either side or the drain ends it.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, Version};
use http_body::Body;
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::io::{AsyncRead, AsyncWrite};

use super::guarded::{Guarded, Shared};
use super::{Arrival, Witness};
use crate::contract::{ErrorCode, Generation};
use crate::lifecycle::Lifecycle;
use crate::telemetry::{LoggedBody, RequestRecord};
use crate::walk::answer::{self, answer};
use crate::walk::refusal::Refusal;

/// Bounds of one connection.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// Longest request head, in bytes.
    pub head_bytes: usize,
    /// Most header lines.
    pub headers: usize,
    /// From the first byte of a head to its last; also until the first byte of a connection.
    pub header_timeout: Duration,
    /// Longest silence between two requests, and inside a body.
    pub idle_timeout: Duration,
}

/// An answer that the edge gives by itself.
type OwnBody = LoggedBody<answer::Body>;

/// Serves the connection to its end, or until the hard token.
pub(super) async fn converse<S, H, F, B>(
    stream: S,
    arrival: Arrival,
    limits: &ConnectionLimits,
    witness: Witness,
    lifecycle: &Lifecycle,
    handler: H,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Fn(Arrival, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (stream, shared) = Guarded::new(stream, limits, lifecycle.soft().clone());
    let turn = Arc::new(Turn { arrival, shared, witness, lifecycle: lifecycle.clone(), handler });
    let service = service_fn(move |request| {
        let turn = Arc::clone(&turn);
        async move { Ok::<_, Infallible>(turn.answer(request).await) }
    });
    // Limits and timers are the guarded stream's, which answers with a body; hyper's are only
    // kept from being narrower. hyper needs room for one header more: the close of a last head.
    let served = http1::Builder::new()
        .half_close(true)
        .header_read_timeout(None)
        .max_headers(limits.headers + 1)
        .max_buf_size(limits.head_bytes.max(8 * 1024) + 64 * 1024)
        .serve_connection(stream, service)
        .await;
    if let Err(error) = served {
        tracing::debug!(peer = %arrival.peer, %error, "connection_ended");
    }
}

/// What every request of one connection needs.
struct Turn<H> {
    arrival: Arrival,
    shared: Arc<Shared>,
    witness: Witness,
    lifecycle: Lifecycle,
    handler: H,
}

impl<H> Turn<H> {
    async fn answer<F, B>(&self, request: Request<Incoming>) -> Response<Either<B, OwnBody>>
    where
        H: Fn(Arrival, Request<Incoming>) -> F,
        F: Future<Output = Response<B>>,
        B: Body<Data = Bytes>,
    {
        let old = request.version() == Version::HTTP_10;
        let generation = Generation::of_path(request.uri().path());
        let mut response = match self.shared.begin() {
            Some(code) => self.own_answer(code, generation, "the request head").map(Either::Right),
            None => match AssertUnwindSafe((self.handler)(self.arrival, request)).catch_unwind().await {
                Ok(response) => response.map(Either::Left),
                Err(_) => self.own_answer(ErrorCode::InternalError, generation, "a panic").map(Either::Right),
            },
        };
        if old || self.lifecycle.soft().is_cancelled() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// An answer of the same shape as the walk's, logged and counted like one.
    fn own_answer(&self, code: ErrorCode, generation: Generation, truth: &str) -> Response<OwnBody> {
        let mut id = [0; 8];
        (self.witness.random)(&mut id);
        let at_ms = (self.witness.clock)();
        let mut record = RequestRecord::new(hex::encode(id), at_ms, self.arrival.peer, self.arrival.tls);
        let refusal = Refusal::new(code, truth.to_owned()).for_generation(generation);
        let response = answer(Err(refusal), &mut record);
        let metrics = Some(self.witness.metrics.clone());
        response.map(|body| LoggedBody::new(body, record, self.witness.clock, metrics))
    }
}
