//! Turns what became of a request into the bytes that the shop reads.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;

use super::refusal::Refusal;
use crate::contract::Side;
use crate::json::Value;
use crate::telemetry::RequestRecord;

/// Names the refusal for people who look at the wire; BitPay has no such header and no client minds it.
pub const REASON: HeaderName = HeaderName::from_static("x-payferry-reason");

/// Writes the answer and completes the record of the request.
pub fn answer(outcome: Result<Value, Refusal>, record: &mut RequestRecord) -> Response<Full<Bytes>> {
    let (status, body, reason) = match outcome {
        Ok(value) => (200, value.to_string(), None),
        Err(refusal) => {
            let Refusal { code, generation, truth } = refusal;
            record.reason = code.name();
            record.side = Some(code.row().side);
            record.truth = truth;
            (code.status(generation), code.body(generation, None), Some(code))
        }
    };
    record.status = status;
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(code) = reason {
        headers.insert(REASON, HeaderValue::from_static(code.name()));
        if code.row().side != Side::Shop && status == 503 {
            headers.insert(http::header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
    }
    response
}
