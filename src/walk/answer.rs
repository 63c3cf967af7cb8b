//! Turns what became of a request into the bytes that the shop reads.

use bytes::Bytes;
use futures_util::Stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Either, Full, StreamBody};

use super::cors::Preflight;
use super::refusal::Refusal;
use crate::contract::Side;
use crate::json::Value;
use crate::telemetry::RequestRecord;

/// Names the refusal for people who look at the wire; BitPay has no such header and no client minds it.
pub const REASON: HeaderName = HeaderName::from_static("x-payferry-reason");

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// The answer broke off after its head had left; the connection is closed without the last chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer broke off")]
pub struct BrokeOff;

/// The bytes of an answer: whole, or as they come.
pub type Body = Either<Full<Bytes>, UnsyncBoxBody<Bytes, BrokeOff>>;

/// What a call gives the shop, when it is no refusal.
pub enum Reply {
    /// One JSON value, status 200.
    Json(Value),
    /// JSON text that comes piece by piece, status 200.
    Stream(UnsyncBoxBody<Bytes, BrokeOff>),
    /// A page for a browser.
    Page(StatusCode, String),
    /// Sends a browser elsewhere (302).
    Redirect(String),
    /// What a page may do (204).
    Preflight(Preflight),
}

impl Reply {
    /// JSON text in pieces.
    pub fn stream(pieces: impl Stream<Item = Result<Bytes, BrokeOff>> + Send + 'static) -> Self {
        use futures_util::TryStreamExt as _;
        Self::Stream(StreamBody::new(pieces.map_ok(Frame::data)).boxed_unsync())
    }
}

impl From<Value> for Reply {
    fn from(value: Value) -> Self {
        Self::Json(value)
    }
}

/// Writes the answer and completes the record of the request.
pub fn answer(outcome: Result<Reply, Refusal>, record: &mut RequestRecord) -> Response<Body> {
    let mut response = match outcome {
        Ok(reply) => reply_of(reply),
        Err(refusal) => refusal_of(&refusal, record),
    };
    record.status = response.status().as_u16();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn reply_of(reply: Reply) -> Response<Body> {
    match reply {
        Reply::Json(value) => whole(StatusCode::OK, JSON, value.to_string()),
        Reply::Stream(body) => {
            let mut response = Response::new(Either::Right(body));
            response.headers_mut().insert(CONTENT_TYPE, JSON);
            response
        }
        Reply::Page(status, html) => whole(status, HTML, html),
        Reply::Preflight(preflight) => {
            let mut response = Response::new(Either::Left(Full::default()));
            *response.status_mut() = StatusCode::NO_CONTENT;
            preflight.mark(response.headers_mut());
            response
        }
        Reply::Redirect(to) => {
            let mut response = whole(StatusCode::FOUND, HTML, String::new());
            if let Ok(to) = HeaderValue::from_str(&to) {
                response.headers_mut().insert(LOCATION, to);
            }
            response
        }
    }
}

fn refusal_of(refusal: &Refusal, record: &mut RequestRecord) -> Response<Body> {
    let Refusal { code, generation, detail, truth } = refusal;
    record.reason = code.name();
    record.side = Some(code.row().side);
    record.truth.clone_from(truth);
    let status = StatusCode::from_u16(code.status(*generation)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = whole(status, JSON, code.body(*generation, detail.as_deref()));
    response.headers_mut().insert(REASON, HeaderValue::from_static(code.name()));
    if code.row().side != Side::Shop && status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

fn whole(status: StatusCode, kind: HeaderValue, text: String) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
