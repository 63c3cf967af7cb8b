//! Reads one raw request, as a capture or a log of the wire has it.

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, Method, Request, Uri, Version};

use super::Trial;
use super::rehearsal::Rehearsal;
use crate::config::LimitsSection;
use crate::contract::{ErrorCode, Generation};
use crate::edge::judge_head;
use crate::json::Object;
use crate::walk::Collected;

/// More than any capture has; which head is too long is for the edge to say.
const MOST_HEADERS: usize = 10_000;

/// A request, or what the edge refuses its head with.
pub(super) type Read = Result<Request<Bytes>, ErrorCode>;

/// The request; `host` stands instead of its Host header.
pub(super) fn read(bytes: &[u8], host: Option<&str>, limits: &LimitsSection) -> anyhow::Result<Read> {
    let (mut request, at) = match head(bytes)? {
        Some(read) => read,
        // An editor took the empty line at the end away.
        None => {
            let (request, _) = head(&[bytes, b"\r\n\r\n"].concat())?.context(
                "this is no whole request: begin with its request line, \"POST /invoices HTTP/1.1\"",
            )?;
            (request, bytes.len())
        }
    };
    let sent = with_crlf(&bytes[..at]);
    if let Err(code) = judge_head(&sent, limits.head_bytes, limits.headers) {
        return Ok(Err(code));
    }
    if let Some(host) = host {
        request.headers_mut().insert(HOST, HeaderValue::from_str(host).context("--host")?);
    }
    if !request.headers().contains_key(HOST) && request.uri().authority().is_none() {
        bail!("the request names no Host; say which with --host, for example --host bitpay.com");
    }
    let body = body(&request, &bytes[at..])?;
    Ok(Ok(request.map(|()| body)))
}

/// The head as it was on the wire, before an editor changed its line ends.
fn with_crlf(head: &[u8]) -> Vec<u8> {
    let mut sent = Vec::with_capacity(head.len() + 64);
    for (at, byte) in head.iter().enumerate() {
        if *byte == b'\n' && (at == 0 || head[at - 1] != b'\r') {
            sent.push(b'\r');
        }
        sent.push(*byte);
    }
    while !sent.ends_with(b"\r\n\r\n") {
        sent.extend_from_slice(b"\r\n");
    }
    sent
}

/// What is told of a head that the edge refuses.
pub(super) fn refused(code: ErrorCode) -> Object {
    Object::new()
        .with("status", i64::from(code.status(Generation::V2)))
        .with("refused", code.name())
        .with("side", code.row().side.name())
        .with("why", "the edge refuses this head before anybody reads it as a request")
        .with("what_to_do", format!("docs/runbook.md, \"{}\"", code.name()))
}

/// The head and where it ends; None where it does not.
fn head(bytes: &[u8]) -> anyhow::Result<Option<(Request<()>, usize)>> {
    let mut headers = vec![httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(end) = head.parse(bytes).context("this is no HTTP request")? else {
        return Ok(None);
    };
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(head.method.unwrap_or_default().as_bytes())?;
    *request.uri_mut() = head.path.unwrap_or_default().parse::<Uri>().context("the request's target")?;
    *request.version_mut() = if head.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    for header in head.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes())?;
        request.headers_mut().append(name, HeaderValue::from_bytes(header.value)?);
    }
    Ok(Some((request, end)))
}

/// As many bytes as the head says; without a length all that is there, but the line end of an editor.
fn body(request: &Request<()>, rest: &[u8]) -> anyhow::Result<Bytes> {
    if request.headers().contains_key(TRANSFER_ENCODING) {
        bail!(
            "the body is chunked: put it together, and write a Content-Length instead of Transfer-Encoding"
        );
    }
    // Swallowed by the edge: Bitpay\ 2.0.0 sends a length with its reads.
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(Bytes::new());
    }
    let said = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let Some(said) = said else {
        let text = rest.strip_suffix(b"\n").unwrap_or(rest);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let empty = rest.iter().all(u8::is_ascii_whitespace);
        return Ok(Bytes::copy_from_slice(if empty { &[] } else { text }));
    };
    let length: usize = said.trim().parse().context("Content-Length")?;
    match rest.get(..length) {
        Some(body) => Ok(Bytes::copy_from_slice(body)),
        None => bail!(
            "the body has {} of the {length} bytes that Content-Length says: the capture was cut, or its line ends \
             were changed",
            rest.len()
        ),
    }
}

fn over(trial: &Trial<'_>) -> String {
    let over = if trial.arrival.tls { "TLS" } else { "plain HTTP" };
    match trial.guessed {
        Some(why) => format!("{over} ({why})"),
        None => over.to_owned(),
    }
}

/// What came, without what is secret in it.
pub(super) fn described(trial: &Trial<'_>, whole: &Collected, rehearsal: &Rehearsal) -> Object {
    let path = trial.request.uri().path();
    Object::new()
        .with("method", trial.request.method().as_str())
        .with("path", path)
        .with("host", whole.host.as_str())
        .with("over", over(trial))
        .with("agent", whole.agent.as_str())
        .with("body_bytes", i64::try_from(trial.request.body().len()).unwrap_or(i64::MAX))
        .with("call", rehearsal.record.endpoint)
        .with("dialect", rehearsal.record.dialect)
        .with("store", rehearsal.record.store.as_deref().unwrap_or("none"))
}
