//! Answers with the headers that BTCPay's server puts on them.

use std::sync::Arc;

use bytes::Bytes;

use super::ids::{self, Random};
use super::posdata::special_separators;
use crate::json::{Object, Value};

/// How the body's end is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// `Content-Length`.
    Length,
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// No body and no length (204, answers to HEAD).
    None,
}

/// Which of the security headers an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// All, for programs.
    Api,
    /// None (401, 500, preflight, broken requests).
    None,
    /// All, for pages; the scripts' nonces differ.
    Page,
    /// Those of the checkout, which may be framed.
    Checkout,
    /// Those of the receipt, which may be framed too.
    Receipt,
}

/// A long body that is made while it goes out.
#[derive(Clone)]
pub struct Pieces(Arc<dyn Fn(usize) -> Option<Bytes> + Send + Sync>);

impl Pieces {
    /// `make` gives the piece of a number, None after the last one.
    #[must_use]
    pub fn new(make: impl Fn(usize) -> Option<Bytes> + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }

    /// The pieces in order.
    pub fn into_iter(self) -> impl Iterator<Item = Bytes> + Send + Sync {
        (0..).map_while(move |at| (self.0)(at))
    }
}

impl std::fmt::Debug for Pieces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pieces")
    }
}

/// An answer before it goes out.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Beside Date, Server, length and security headers.
    pub headers: Vec<(&'static str, String)>,
    /// May be empty.
    pub body: Bytes,
    /// In place of `body`, in chunks.
    pub pieces: Option<Pieces>,
    /// How its end is marked.
    pub framing: Framing,
    /// Security headers.
    pub guard: Guard,
    /// Script sources beyond `'self'`.
    pub scripts: String,
    /// Whether the server closes the connection.
    pub close: bool,
}

impl Answer {
    /// No body; `Content-Length: 0`.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            pieces: None,
            framing: Framing::Length,
            guard: Guard::Api,
            scripts: String::new(),
            close: false,
        }
    }

    /// The empty 500 without any of the usual headers.
    #[must_use]
    pub fn crash() -> Self {
        Self { guard: Guard::None, ..Self::empty(500) }
    }

    /// The empty 400 of the web server itself, which closes the connection.
    #[must_use]
    pub fn broken_request() -> Self {
        Self { guard: Guard::None, close: true, ..Self::empty(400) }
    }

    /// 200 with `application/json; charset=utf-8` and a length.
    #[must_use]
    pub fn json(value: &Value) -> Self {
        Self::empty(200).with_body("application/json; charset=utf-8", special_separators(value.to_string()))
    }

    /// The same in chunks.
    #[must_use]
    pub fn chunked_json(status: u16, value: &Value) -> Self {
        Self { status, framing: Framing::Chunked, ..Self::json(value) }
    }

    /// 200 with JSON that is made while it goes out.
    #[must_use]
    pub fn pieces(pieces: Pieces) -> Self {
        Self { pieces: Some(pieces), framing: Framing::Chunked, ..Self::json(&Value::Null) }
    }

    /// `{"error":"..."}`.
    #[must_use]
    pub fn error(status: u16, text: &str) -> Self {
        Self::chunked_json(status, &Object::new().with("error", text).into())
    }

    /// `{"error":"..."}` with a length: the rates' way.
    #[must_use]
    pub fn error_with_length(status: u16, text: &str) -> Self {
        Self { framing: Framing::Length, ..Self::error(status, text) }
    }

    /// The 401 of a refused signature (`BitId`) or key (`ApiKey`).
    #[must_use]
    pub fn refused(scheme: &str) -> Self {
        let text = format!("{scheme} authentication failed");
        let one = Value::Object(Object::new().with("error", text.as_str()));
        let body = Value::Object(Object::new().with("errors", vec![one]).with("error", text.as_str()));
        Self { framing: Framing::Chunked, guard: Guard::None, ..Self::empty(401) }
            .with_body("application/json", body.to_string())
    }

    /// 405 with the methods that would do.
    #[must_use]
    pub fn wrong_method(allow: &str, head: bool) -> Self {
        let framing = if head { Framing::None } else { Framing::Length };
        Self { framing, ..Self::empty(405) }.with_header("Allow", allow)
    }

    /// A page of the sandbox's own that stands for one of BTCPay's.
    #[must_use]
    pub fn page(status: u16, title: &str, guard: Guard, nonces: usize, random: &Random) -> Self {
        let nonces: String = (0..nonces).map(|_| format!(" 'nonce-{}'", ids::nonce(random))).collect();
        let scripts = if guard == Guard::Checkout && status == 200 {
            format!(" 'unsafe-eval'{nonces}")
        } else {
            nonces
        };
        let body = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n    <meta charset=\"utf-8\" />\n<title>{title}</title>\n\
             </head>\n<body>\n<h1>{title}</h1>\n<p>A page of the payferry sandbox.</p>\n</body>\n</html>\n"
        );
        Self { framing: Framing::Chunked, guard, scripts, ..Self::empty(status) }
            .with_body("text/html; charset=utf-8", body)
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn with_body(mut self, content_type: &str, body: String) -> Self {
        self.body = Bytes::from(body);
        self.with_header("Content-Type", content_type)
    }

    /// The security headers, name and value.
    #[must_use]
    pub fn guards(&self) -> Vec<(&'static str, String)> {
        if self.guard == Guard::None {
            return Vec::new();
        }
        let referrer = if self.guard == Guard::Checkout { "origin" } else { "same-origin" };
        let mut list = vec![
            ("Content-Security-Policy", format!("script-src 'self'{}", self.scripts)),
            ("Referrer-Policy", referrer.to_owned()),
            ("X-XSS-Protection", "1; mode=block".to_owned()),
            ("X-Content-Type-Options", "nosniff".to_owned()),
        ];
        if !matches!(self.guard, Guard::Checkout | Guard::Receipt) {
            list.push(("X-Frame-Options", "DENY".to_owned()));
        }
        list
    }
}
