//! A legacy shop, as far as its requests go.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use payferry::bitid::SecretKey;
use payferry::json::{self, Value};

/// A shop with a key; with a token once it is paired.
#[derive(Clone)]
pub struct Shop {
    base: String,
    pub key: Arc<SecretKey>,
    pub token: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// What a shop got.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub reason: String,
    pub content_type: String,
    pub allow_origin: String,
    pub location: String,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        json::parse(self.text.as_bytes()).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    /// A member of `data`.
    pub fn data(&self, name: &str) -> Option<Value> {
        self.json().get("data")?.get(name).cloned()
    }

    pub fn data_text(&self, name: &str) -> String {
        let value = self.data(name).unwrap_or_else(|| panic!("no {name}: {self:?}"));
        value.as_str().unwrap_or_else(|| panic!("{name} is no text: {self:?}")).to_owned()
    }

    /// The invoice's id; fails where there is no invoice.
    pub fn invoice_id(&self) -> String {
        assert_eq!(self.status, 200, "{self:?}");
        self.data_text("id")
    }

    /// Refused for that reason, in BitPay's form: JSON, an `error` with words, no success.
    #[track_caller]
    pub fn assert_refused(&self, reason: &str) {
        assert_eq!(self.reason, reason, "{self:?}");
        self.assert_bitpays_error();
    }

    #[track_caller]
    pub fn assert_bitpays_error(&self) {
        assert!(self.content_type.starts_with("application/json"), "{self:?}");
        assert!(!self.text.contains('<'), "HTML: {self:?}");
        let error = self.json().get("error").cloned();
        let words = match &error {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Object(v1)) => v1.get("message").and_then(Value::as_str).unwrap_or_default().into(),
            _ => String::new(),
        };
        assert!(!words.is_empty(), "an error without words: {self:?}");
    }
}

impl Shop {
    pub fn new(payferry: SocketAddr, secret: [u8; 32]) -> Self {
        let key = Arc::new(SecretKey::from_bytes(secret).unwrap());
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
        Self { base: format!("http://{payferry}"), key, token: String::new(), client }
    }

    /// The same shop, with connections that it keeps; shops of BitPay's time open a new one for each call.
    pub fn keeping_connections(&self) -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http(), ..self.clone() }
    }

    pub fn sin(&self) -> String {
        self.key.public().sin().as_str().to_owned()
    }

    /// Enters a code that the operator gave it.
    pub async fn pair(&mut self, code: &str) -> Answer {
        let body = format!(r#"{{"id":"{}","pairingCode":"{code}","label":"shop"}}"#, self.sin());
        let answer = self.send(Method::POST, "/tokens", &body, false).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        self.token = first(&answer, "token");
        answer
    }

    /// Asks for a code that the operator has to approve; the token comes along at once.
    pub async fn ask_for_a_code(&mut self) -> String {
        let body = format!(r#"{{"id":"{}","label":"shop","facade":"merchant"}}"#, self.sin());
        let answer = self.send(Method::POST, "/tokens", &body, false).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        self.token = first(&answer, "token");
        first(&answer, "pairingCode")
    }

    /// An order of these members, with the shop's token behind them.
    pub fn order(&self, members: &str) -> String {
        format!(r#"{{{members},"token":"{}"}}"#, self.token)
    }

    /// `POST /invoices` of these members, signed.
    pub async fn create(&self, members: &str) -> Answer {
        self.send(Method::POST, "/invoices", &self.order(members), true).await
    }

    /// The same, again and again while payferry says that the outcome of an earlier try is not known yet.
    pub async fn create_patiently(&self, members: &str) -> Answer {
        for _ in 0..60 {
            let answer = self.create(members).await;
            if answer.reason != "create_in_progress" {
                return answer;
            }
            tokio::time::sleep(std::time::Duration::from_millis(250)).await;
        }
        panic!("the create stayed in progress for 15 s");
    }

    /// `GET /invoices/ID`, signed, with the token.
    pub async fn read(&self, id: &str) -> Answer {
        self.send(Method::GET, &format!("/invoices/{id}?token={}", self.token), "", true).await
    }

    /// `GET /invoices/ID` without any credential.
    pub async fn read_bare(&self, id: &str) -> Answer {
        self.send(Method::GET, &format!("/invoices/{id}"), "", false).await
    }

    pub async fn send(&self, method: Method, target: &str, body: &str, sign: bool) -> Answer {
        let signature = self.key.sign(&format!("{}{target}", self.base), body.as_bytes());
        self.send_with(method, target, body, sign.then_some(signature)).await
    }

    /// The same with whatever signature.
    pub async fn send_with(
        &self,
        method: Method,
        target: &str,
        body: &str,
        signature: Option<String>,
    ) -> Answer {
        let request = self.request(method, target, body, signature);
        let answer = self.client.request(request).await.expect("payferry answers");
        read(answer).await
    }

    /// Unsigned, with these headers and no others.
    pub async fn send_headers(
        &self,
        method: Method,
        target: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("{}{target}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body.to_owned())).unwrap();
        read(self.client.request(request).await.expect("payferry answers")).await
    }

    /// The signature of the shop's own key.
    pub fn sign(&self, target: &str, body: &str) -> String {
        self.key.sign(&format!("{}{target}", self.base), body.as_bytes())
    }

    /// None where the connection ended without an answer.
    pub async fn try_create(&self, members: &str) -> Option<Answer> {
        let body = self.order(members);
        let signature = self.key.sign(&format!("{}/invoices", self.base), body.as_bytes());
        let request = self.request(Method::POST, "/invoices", &body, Some(signature));
        match self.client.request(request).await {
            Ok(answer) => Some(read(answer).await),
            Err(_) => None,
        }
    }

    fn request(
        &self,
        method: Method,
        target: &str,
        body: &str,
        signature: Option<String>,
    ) -> Request<Full<Bytes>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{target}", self.base))
            .header("content-type", "application/json")
            .header("x-accept-version", "2.0.0")
            .header("user-agent", "story-shop");
        if let Some(signature) = signature {
            request = request.header("x-identity", self.key.public().to_hex());
            request = request.header("x-signature", signature);
        }
        request.body(Full::from(body.to_owned())).unwrap()
    }
}

async fn read(answer: http::Response<hyper::body::Incoming>) -> Answer {
    let header = |name: &str| {
        let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let (status, reason) = (answer.status().as_u16(), header("x-payferry-reason"));
    let (content_type, allow_origin) = (header("content-type"), header("access-control-allow-origin"));
    let location = header("location");
    let body = answer.into_body().collect().await.expect("a whole answer").to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    Answer { status, reason, content_type, allow_origin, location, text }
}

/// A member of the only element of a pairing answer.
fn first(answer: &Answer, name: &str) -> String {
    let element = answer.json().get("data").and_then(Value::as_array).and_then(|data| data.first().cloned());
    let member = element.as_ref().and_then(|element| element.get(name)).and_then(Value::as_str);
    member.unwrap_or_else(|| panic!("no {name}: {answer:?}")).to_owned()
}
