//! One notification over HTTP, as .NET's client sends it: redirects followed, cookies kept.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use url::Url;

const AGENT: &str = "BTCPayServer/2.4.1+03345c2886a58ea4d2f603cb6554b2e3f5d690a4";
const REDIRECTS: usize = 50;

type Http = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A client with its connections, and the cookies of every host, kept for all invoices.
pub struct Carrier {
    client: Http,
    cookies: Mutex<BTreeMap<String, BTreeMap<String, String>>>,
}

impl Default for Carrier {
    fn default() -> Self {
        let https = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).http1_title_case_headers(true).build(https);
        Self { client, cookies: Mutex::default() }
    }
}

/// A web address, without fragment and user; None for everything else.
#[must_use]
pub fn address(text: &str) -> Option<Url> {
    let mut url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    url.set_fragment(None);
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    Some(url)
}

impl Carrier {
    /// Sends a body; every 2xx is a success. The text of a failure is that of the log.
    pub async fn send(&self, url: &Url, body: &str) -> Result<(), String> {
        let (mut url, mut body) = (url.clone(), Some(body.to_owned()));
        for _ in 0..REDIRECTS {
            let answer = self.ask(&url, body.as_deref()).await?;
            let status = answer.status().as_u16();
            let to = answer.headers().get(header::LOCATION).and_then(|to| url.join(to.to_str().ok()?).ok());
            // The whole body is read, so that the connection can be used again.
            answer.into_body().collect().await.map_err(|error| with_causes(&error))?;
            let to = to.filter(|to| to.scheme() == url.scheme() || to.scheme() == "https");
            match (status, to) {
                (200..=299, _) => return Ok(()),
                (301..=303, Some(to)) => (url, body) = (to, None),
                (307 | 308, Some(to)) => url = to,
                _ => return Err(format!("Unexpected return code: {status}")),
            }
        }
        Err("too many redirects".to_owned())
    }

    async fn ask(&self, url: &Url, body: Option<&str>) -> Result<Response<Incoming>, String> {
        let host = url.host_str().unwrap_or_default();
        let authority = url.port().map_or(host.to_owned(), |port| format!("{host}:{port}"));
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let mut request = Request::builder().method(method).uri(url.as_str());
        request = request.header(header::HOST, &authority).header(header::USER_AGENT, AGENT);
        if let Some(cookies) = self.cookies_for(host) {
            request = request.header(header::COOKIE, cookies);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json; charset=utf-8");
        }
        let bytes = Bytes::from(body.unwrap_or_default().to_owned());
        let request = request.body(Full::new(bytes)).map_err(|error| error.to_string())?;
        let answer = self.client.request(request).await.map_err(|error| with_causes(&error))?;
        self.keep_cookies(host, answer.headers());
        Ok(answer)
    }

    fn cookies_for(&self, host: &str) -> Option<String> {
        let cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        let all = cookies.get(host)?.iter().map(|(name, value)| format!("{name}={value}"));
        Some(all.collect::<Vec<_>>().join("; "))
    }

    fn keep_cookies(&self, host: &str, headers: &HeaderMap) {
        let mut cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        for cookie in headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let pair = cookie.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                let kept = cookies.entry(host.to_owned()).or_default();
                kept.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }
}

/// An error and all that caused it.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text},{inner}");
        cause = inner.source();
    }
    text
}
