//! The demo's legacy shop: it knows BitPay's API and nothing of payferry.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;

use crate::bitid::SecretKey;
use crate::json::{self, Object, Value};

/// Longest line of the show.
const LINE: usize = 240;

/// A shop with a key of its own.
pub(super) struct DemoShop {
    base: String,
    key: SecretKey,
    client: Client<HttpConnector, Full<Bytes>>,
    /// Shows what BTCPay was sent, between a request and its answer; None shows nothing at all.
    upstream: Option<Box<dyn Fn() + Send + Sync>>,
}

impl DemoShop {
    pub(super) fn new(
        payferry: SocketAddr,
        secret: [u8; 32],
        upstream: Box<dyn Fn() + Send + Sync>,
    ) -> anyhow::Result<Self> {
        Self::with(payferry, secret, Some(upstream))
    }

    /// Pairs a shop that nobody watches with a POS code; its token.
    pub(super) async fn pos_token(
        payferry: SocketAddr,
        secret: [u8; 32],
        code: &str,
    ) -> anyhow::Result<String> {
        Self::with(payferry, secret, None)?.pair(code).await
    }

    fn with(
        payferry: SocketAddr,
        secret: [u8; 32],
        upstream: Option<Box<dyn Fn() + Send + Sync>>,
    ) -> anyhow::Result<Self> {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Ok(Self { base: format!("http://{payferry}"), key: SecretKey::from_bytes(secret)?, client, upstream })
    }

    /// `POST /tokens`, unsigned as every library does it.
    pub(super) async fn pair(&self, code: &str) -> anyhow::Result<String> {
        let body = Object::new()
            .with("id", self.key.public().sin().as_str())
            .with("pairingCode", code)
            .with("label", "demo shop");
        let answer = self.call(Method::POST, "/tokens", Some(body), false).await?;
        let token = answer.get("data").and_then(Value::as_array).and_then(<[Value]>::first);
        let token = token.and_then(|token| token.get("token")).and_then(Value::as_str);
        Ok(token.context("no token in the answer")?.to_owned())
    }

    /// `POST /invoices`, signed; with texts that BTCPay rewrites.
    pub(super) async fn create(&self, token: &str) -> anyhow::Result<String> {
        let body = Object::new()
            .with("price", Value::Number(json::Number::parse("12.50")?))
            .with("currency", "EUR")
            .with("orderId", "2026-11-24T10:00:00Z")
            .with("posData", r#"{"cart": "b7", "total": 12.50}"#)
            .with("itemDesc", "Two coffees")
            .with("buyer", Object::new().with("name", "Zoë").with("email", "zoe@example.com"))
            .with("redirectURL", "https://shop.example/thanks")
            .with("guid", "demo-1")
            .with("token", token);
        let answer = self.call(Method::POST, "/invoices", Some(body), true).await?;
        let id = answer.get("data").and_then(|data| data.get("id")).and_then(Value::as_str);
        Ok(id.context("no invoice id in the answer")?.to_owned())
    }

    /// `GET /invoices/ID`, signed with a token or bare.
    pub(super) async fn read(&self, id: &str, token: Option<&str>) -> anyhow::Result<Value> {
        let target = match token {
            Some(token) => format!("/invoices/{id}?token={token}"),
            None => format!("/invoices/{id}"),
        };
        self.call(Method::GET, &target, None, token.is_some()).await
    }

    async fn call(
        &self,
        method: Method,
        target: &str,
        body: Option<Object>,
        sign: bool,
    ) -> anyhow::Result<Value> {
        let url = format!("{}{target}", self.base);
        let body = body.map(|body| Value::Object(body).to_string()).unwrap_or_default();
        self.show_request(&method, target, &body, sign);
        let mut request =
            Request::builder().method(method).uri(&url).header("content-type", "application/json");
        request = request.header("x-accept-version", "2.0.0").header("user-agent", "demo-shop");
        if sign {
            request = request
                .header("x-identity", self.key.public().to_hex())
                .header("x-signature", self.key.sign(&url, body.as_bytes()));
        }
        let answer = self.client.request(request.body(Full::from(body))?).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        if let Some(upstream) = &self.upstream {
            upstream();
            println!("  shop    got {status}");
            println!("          {}", shorten(&String::from_utf8_lossy(&body)));
        }
        if !status.is_success() {
            bail!("the purchase failed: {status}");
        }
        Ok(json::parse(&body)?)
    }

    fn show_request(&self, method: &Method, target: &str, body: &str, signed: bool) {
        if self.upstream.is_none() {
            return;
        }
        println!("  shop    {method} {}{}", shorten(target), if signed { "   (signed)" } else { "" });
        if !body.is_empty() {
            println!("          {}", shorten(body));
        }
    }
}

/// One line of the show, cut where it would run over.
pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(LINE) {
        None => text.to_owned(),
        Some((at, _)) => format!("{} ... ({} characters)", &text[..at], text.chars().count()),
    }
}
