//! Judges one request head before hyper sees it.
//!
//! hyper answers a head that it cannot use with an empty body, which no BitPay library can read.
//! So the rules of framing are applied here, and hyper only sees heads that it accepts.

use http::Uri;
use httparse::{EMPTY_HEADER, Header, Request, Status};

use crate::contract::ErrorCode;

/// No body of a shop is longer; beyond it arithmetic on lengths would need care.
const LONGEST_BODY: u64 = 1 << 53;

/// How the end of the body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// So many bytes; zero for none.
    Fixed(u64),
    /// Until the last chunk.
    Chunked,
}

/// A head that may go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// What follows it.
    pub(super) length: Length,
    /// What to pass on instead of the head as it came.
    pub(super) rewritten: Option<Vec<u8>>,
    /// Nothing after this head counts, not even its own body.
    pub(super) last: bool,
}

/// Reads a whole head, up to and with its empty line.
///
/// # Errors
/// The row of the error table for the shop.
pub(super) fn judge(bytes: &[u8], most_headers: usize) -> Result<Head, ErrorCode> {
    let mut headers = vec![EMPTY_HEADER; most_headers];
    let mut request = Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(ErrorCode::HeadTooLarge),
        Ok(Status::Partial) | Err(_) => return Err(ErrorCode::MalformedRequest),
    }
    let (method, target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    let http_10 = request.version == Some(0);
    if Uri::try_from(target).is_err() || count(request.headers, "host") > 1 {
        return Err(ErrorCode::MalformedRequest);
    }
    let length = length(request.headers, http_10)?;
    // Bitpay\ 2.0.0 sends a Content-Length with its reads, and never a body.
    let bodiless = matches!(method, "GET" | "HEAD") && matches!(length, Length::Fixed(1..));
    let unexpected = count(request.headers, "expect") > 0 && (http_10 || stumbles_over_100(request.headers));
    let rewritten = (bodiless || unexpected).then(|| {
        let dropped = |name: &str| {
            unexpected && name.eq_ignore_ascii_case("expect")
                || bodiless && ["content-length", "connection"].iter().any(|n| name.eq_ignore_ascii_case(n))
        };
        rewrite(method, target, http_10, request.headers, dropped, bodiless)
    });
    Ok(Head { length: if bodiless { Length::Fixed(0) } else { length }, rewritten, last: bodiless })
}

/// RFC 9112 section 6.3, without its doubtful parts: two lengths, or a length beside chunks, are
/// how requests are smuggled, and no shop sends them.
fn length(headers: &[Header<'_>], http_10: bool) -> Result<Length, ErrorCode> {
    let mut lengths = values(headers, "content-length");
    let mut codings = values(headers, "transfer-encoding");
    match (lengths.next(), codings.next()) {
        (None, None) => Ok(Length::Fixed(0)),
        (Some(text), None) if lengths.all(|more| more == text) => fixed(text),
        (None, Some(coding))
            if codings.next().is_none() && !http_10 && coding.eq_ignore_ascii_case(b"chunked") =>
        {
            Ok(Length::Chunked)
        }
        _ => Err(ErrorCode::MalformedRequest),
    }
}

fn fixed(text: &[u8]) -> Result<Length, ErrorCode> {
    let digits = std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    let length = digits.and_then(|text| text.parse().ok()).filter(|length| *length <= LONGEST_BODY);
    length.map(Length::Fixed).ok_or(ErrorCode::MalformedRequest)
}

fn values<'h>(headers: &'h [Header<'_>], name: &'h str) -> impl Iterator<Item = &'h [u8]> {
    headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}

fn count(headers: &[Header<'_>], name: &str) -> usize {
    values(headers, name).count()
}

/// Whether this is `BitPay PHP-Client` up to 2.2.8 or 3.0.0: it takes the first status line that
/// it reads for the answer, so an interim one breaks the shop. Its body comes anyway: curl waits
/// one second at most.
fn stumbles_over_100(headers: &[Header<'_>]) -> bool {
    let named = values(headers, "user-agent").chain(values(headers, "x-bitpay-plugin-info"));
    named
        .filter_map(|value| std::str::from_utf8(value).ok())
        .filter_map(php_client)
        .any(|version| version <= [2, 2, 8] || version[0] == 3)
}

fn php_client(agent: &str) -> Option<[u32; 3]> {
    let version = agent.strip_prefix("BitPay PHP-Client/")?.split(' ').next()?;
    let mut parts = version.split('.').map(str::parse);
    Some([parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?])
}

fn rewrite(
    method: &str,
    target: &str,
    http_10: bool,
    headers: &[Header<'_>],
    dropped: impl Fn(&str) -> bool,
    close: bool,
) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.{}\r\n", u8::from(!http_10)).into_bytes();
    for header in headers.iter().filter(|header| !dropped(header.name)) {
        head.extend_from_slice(header.name.as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(header.value);
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(if close { b"connection: close\r\n\r\n" } else { b"\r\n" });
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<Head, ErrorCode> {
        judge(format!("{}\r\n\r\n", text.replace('\n', "\r\n")).as_bytes(), 8)
    }

    fn passed_on(text: &str) -> String {
        let head = head(text).expect("a good head");
        String::from_utf8(head.rewritten.expect("rewritten")).expect("text")
    }

    #[test]
    fn a_plain_head_goes_on_untouched() {
        let plain = Head { length: Length::Fixed(0), rewritten: None, last: false };
        assert_eq!(head("GET /invoices/a HTTP/1.1\nhost: bitpay.com").as_ref(), Ok(&plain));
        assert_eq!(head("GET / HTTP/1.1\ncontent-length: 0").as_ref(), Ok(&plain));
        let post = head("POST / HTTP/1.1\nContent-Length: 12\ncontent-length: 12").expect("a good head");
        assert_eq!(post.length, Length::Fixed(12));
        let post = head("POST / HTTP/1.1\nTransfer-Encoding: Chunked").expect("a good head");
        assert_eq!(post.length, Length::Chunked);
    }

    #[test]
    fn a_read_with_a_length_loses_it_and_is_the_last() {
        let text = "GET /invoices/a HTTP/1.1\nHost: bitpay.com\nContent-Length: 72\nConnection: keep-alive";
        assert_eq!(
            passed_on(text),
            "GET /invoices/a HTTP/1.1\r\nHost: bitpay.com\r\nconnection: close\r\n\r\n"
        );
        assert!(head(text).expect("a good head").last);
    }

    #[test]
    fn doubtful_framing_is_refused() {
        for headers in [
            "content-length: 5\ncontent-length: 6",
            "content-length: 5, 5",
            "content-length: +5",
            "content-length: 5\ntransfer-encoding: chunked",
            "transfer-encoding: gzip, chunked",
            "transfer-encoding: chunked\ntransfer-encoding: chunked",
            "content-length: 99999999999999999999",
            "host: a\nhost: b",
            "a b: c",
            "a: b\n c",
        ] {
            let answer = head(&format!("POST / HTTP/1.1\n{headers}"));
            assert_eq!(answer, Err(ErrorCode::MalformedRequest), "{headers}");
        }
        for line in ["GET / HTTP/2.0", "PRI * HTTP/2.0", "GET /", "GET  / HTTP/1.1 x", "G@T / HTTP/1.1"] {
            assert_eq!(head(line), Err(ErrorCode::MalformedRequest), "{line}");
        }
        let old = head("POST / HTTP/1.0\ntransfer-encoding: chunked");
        assert_eq!(old, Err(ErrorCode::MalformedRequest));
        let many = format!("GET / HTTP/1.1{}", "\na: b".repeat(9));
        assert_eq!(head(&many), Err(ErrorCode::HeadTooLarge));
    }

    #[test]
    fn expect_is_kept_from_clients_that_cannot_skip_an_interim_answer() {
        for (name, version, dropped) in [
            ("User-Agent", "0.0.0", true),
            ("User-Agent", "2.2.8", true),
            ("X-BitPay-Plugin-Info", "2.2.8", true),
            ("User-Agent", "3.0.0", true),
            ("User-Agent", "2.2.9", false),
            ("User-Agent", "2.2.20", false),
            ("User-Agent", "4.1.0", false),
        ] {
            let text = format!(
                "POST / HTTP/1.1\nExpect: 100-continue\nContent-Length: 5\n{name}: BitPay PHP-Client/{version} (PHP 7)"
            );
            let head = head(&text).expect("a good head");
            assert_eq!(head.rewritten.is_some(), dropped, "{name} {version}");
            assert_eq!(head.length, Length::Fixed(5));
            assert!(!head.last);
        }
        let passed = passed_on("POST / HTTP/1.0\nExpect: 100-continue\nContent-Length: 5");
        assert_eq!(passed, "POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\n");
    }
}
