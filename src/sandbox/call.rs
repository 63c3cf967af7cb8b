//! A request as the API looks at it: decoded path, literal query, the URL that was to be signed.

use bytes::Bytes;
use http::HeaderMap;
use http::request::Parts;

/// A request whose host is good.
#[derive(Debug)]
pub struct Call {
    /// As sent.
    pub method: String,
    /// Decoded, dot segments resolved.
    pub path: String,
    /// With its question mark, as sent; empty for none.
    pub query: String,
    /// As sent.
    pub headers: HeaderMap,
    /// As sent.
    pub body: Bytes,
    /// `SCHEME://HOST` and prefix, as X-Forwarded-* or Host name them.
    pub root: String,
}

impl Call {
    /// Looks at a request; None where the web server itself would answer 400.
    #[must_use]
    pub fn new(parts: &Parts, body: Bytes) -> Option<Self> {
        let host = first(&parts.headers, "host");
        if host.is_none() && parts.version >= http::Version::HTTP_11 {
            return None;
        }
        let host = host.unwrap_or_default();
        if !good_host(&host)
            || parts.uri.authority().is_some_and(|named| !named.as_str().eq_ignore_ascii_case(&host))
        {
            return None;
        }
        let path = resolved(&decoded(parts.uri.path())?);
        let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        Some(Self {
            method: parts.method.as_str().to_owned(),
            path,
            query,
            headers: parts.headers.clone(),
            body,
            root: root(&parts.headers, &host),
        })
    }

    /// The first value of a header; None where it is missing or no text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        first(&self.headers, name)
    }

    /// The URL that a signature must cover: the path is encoded anew, the query stays as sent.
    /// None where no client can sign it (raw brackets, bars and quotes in the query).
    #[must_use]
    pub fn signed_url(&self) -> Option<String> {
        if self.query.contains(['[', ']', '|', '"', '<', '>', '^', '`', '{', '}', '\\', ' ']) {
            return None;
        }
        Some(format!("{}{}{}", self.root, encoded(&self.path), self.query))
    }

    /// The body as text, a byte order mark dropped, invalid bytes replaced.
    #[must_use]
    pub fn body_text(&self) -> String {
        let bytes = self.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.body);
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// The first value of a query parameter, its name in any letter case.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        let query = self.query.strip_prefix('?').unwrap_or_default();
        form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.into_owned())
    }

    /// Whether a browser's page is wanted for errors.
    #[must_use]
    pub fn wants_html(&self) -> bool {
        self.header("accept").is_some_and(|accept| accept.contains("text/html"))
    }

    /// The Content-Type, empty where missing.
    #[must_use]
    pub fn content_type(&self) -> String {
        self.header("content-type").unwrap_or_default()
    }
}

fn first(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn last_of_list(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = first(headers, name)?;
    let last = value.rsplit(',').next()?.trim().to_owned();
    (!last.is_empty()).then_some(last)
}

fn root(headers: &HeaderMap, host: &str) -> String {
    let scheme = last_of_list(headers, "x-forwarded-proto")
        .filter(|scheme| scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)));
    let host =
        last_of_list(headers, "x-forwarded-host").filter(|named| good_host(named)).unwrap_or(host.to_owned());
    let prefix = last_of_list(headers, "x-forwarded-prefix").filter(|prefix| prefix.starts_with('/'));
    let prefix = prefix.unwrap_or_default();
    format!("{}://{host}{}", scheme.as_deref().unwrap_or("http"), prefix.trim_end_matches('/'))
}

fn good_host(host: &str) -> bool {
    host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~:[]".contains(&b))
}

/// Percent-decoded but for %2F; None for a NUL.
fn decoded(path: &str) -> Option<String> {
    let bytes = path.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%').then(|| path.get(at + 1..at + 3)).flatten();
        match escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(0) => return None,
            Some(b'/') | None => {
                out.push(bytes[at]);
                at += 1;
            }
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
        }
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

fn resolved(path: &str) -> String {
    if !path.split('/').any(|segment| segment == "." || segment == "..") {
        return path.to_owned();
    }
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

fn encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// `Uri.EscapeDataString`: everything but letters, digits and `-._~` becomes %XX.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
