//! The shop's other side: where it hears of its invoices.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use payferry::json::{self, Value};
use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{Answer, Shop};

/// What a shop answers to a notification; the last one for ever.
#[derive(Clone, Copy, Debug)]
pub enum Reaction {
    /// With this status line's number and word.
    Answers(&'static str),
    /// Reads and says nothing.
    Hangs,
    /// Closes without a word.
    Closes,
    /// Answers one byte every 50 ms.
    Trickles(&'static str),
    /// Resets the connection before it has read a byte: it hears nothing.
    Resets,
    /// Reads, says this and resets the connection.
    ResetsAfter(&'static str),
}

/// One notification as it came in, and what a read at that moment said.
#[derive(Clone, Debug)]
pub struct Heard {
    pub head: String,
    pub body: String,
    /// Whether the shop said yes to it.
    pub taken: bool,
    /// What `GET /invoices/ID` said while the shop had not answered yet.
    pub read: Option<Answer>,
}

impl Heard {
    pub fn json(&self) -> Value {
        json::parse(self.body.as_bytes()).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.body))
    }

    /// The invoice, with an envelope or without.
    pub fn invoice(&self) -> Value {
        let body = self.json();
        body.get("data").cloned().unwrap_or(body)
    }

    pub fn text(&self, name: &str) -> String {
        self.invoice().get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The status, with the event's code before it where there is an envelope.
    pub fn told(&self) -> String {
        let body = self.json();
        let code = body.get("event").and_then(|event| event.get("code")).and_then(Value::as_number);
        match code {
            Some(code) => format!("{} {}", code.text(), self.text("status")),
            None => self.text("status"),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }
}

type ByNumber = fn(usize) -> Reaction;

/// A listener that keeps what it hears.
#[derive(Clone)]
pub struct Listening {
    pub address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    reactions: Arc<Mutex<Vec<Reaction>>>,
    by: Arc<Mutex<Option<ByNumber>>>,
}

impl Listening {
    /// Answers 200 to everything; `shop` reads the invoice back while it is being told, as most plugins do.
    pub async fn new(shop: Option<Shop>) -> Self {
        Self::on("127.0.0.1:0", shop).await
    }

    /// The same at every address of this machine: 127.0.1.1 and 127.0.1.2 are two shops.
    pub async fn everywhere() -> Self {
        Self::on("0.0.0.0:0", None).await
    }

    /// The same over TLS, with a certificate for `localhost` that only its own PEM vouches for.
    pub async fn over_tls() -> (Self, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], secret)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listening =
            Self { address, heard: Arc::default(), reactions: Arc::default(), by: Arc::default() };
        let own = listening.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(stream) = acceptor.accept(stream).await else { continue };
                own.hear(stream, None).await;
            }
        });
        (listening, certificate.pem())
    }

    async fn on(address: &str, shop: Option<Shop>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let listening =
            Self { address, heard: Arc::default(), reactions: Arc::default(), by: Arc::default() };
        let own = listening.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (own, shop) = (own.clone(), shop.clone());
                if own.resets(&stream) {
                    continue;
                }
                tokio::spawn(async move { own.hear(stream, shop).await });
            }
        });
        listening
    }

    /// The address for `notificationURL`.
    pub fn url(&self) -> String {
        format!("http://{}/ipn?shop=1", self.address)
    }

    /// What it does with the next ones; the last one stays.
    pub fn reacts(&self, reactions: &[Reaction]) {
        *self.reactions.lock().unwrap() = reactions.iter().rev().copied().collect();
    }

    /// What it does, by the number of the notification from 0.
    pub fn reacts_by(&self, by: fn(usize) -> Reaction) {
        *self.by.lock().unwrap() = Some(by);
    }

    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// What it was told so far, in order.
    pub fn told(&self) -> Vec<String> {
        self.heard().iter().map(Heard::told).collect()
    }

    /// Waits until it was told exactly this, and a little longer for what must not come.
    #[track_caller]
    pub fn hears(&self, expected: &[&str]) -> impl Future<Output = ()> {
        let (own, expected) =
            (self.clone(), expected.iter().map(|told| (*told).to_owned()).collect::<Vec<_>>());
        let place = std::panic::Location::caller();
        async move {
            let started = Instant::now();
            while own.told().len() < expected.len() && started.elapsed() < Duration::from_secs(15) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            tokio::time::sleep(Duration::from_millis(150)).await;
            assert_eq!(own.told(), expected, "at {place}");
        }
    }

    fn reaction(&self, number: usize) -> Reaction {
        if let Some(by) = *self.by.lock().unwrap() {
            return by(number);
        }
        let mut reactions = self.reactions.lock().unwrap();
        match reactions.len() {
            0 => Reaction::Answers("200 OK"),
            1 => reactions[0],
            _ => reactions.pop().unwrap(),
        }
    }

    /// Sees to it that a connection that is to be reset ends with RST instead of FIN; true where it ends at once.
    fn resets(&self, stream: &TcpStream) -> bool {
        let next = self.reactions.lock().unwrap().last().copied();
        if matches!(next, Some(Reaction::Resets | Reaction::ResetsAfter(_))) {
            stream.set_zero_linger().unwrap();
        }
        matches!(next, Some(Reaction::Resets)) && matches!(self.reaction(0), Reaction::Resets)
    }

    async fn hear(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin, shop: Option<Shop>) {
        let Some((head, body)) = request(&mut stream).await else { return };
        let mut heard = Heard { head, body, taken: false, read: None };
        if let Some(shop) = shop {
            heard.read = Some(shop.read(&heard.text("id")).await);
        }
        let number = {
            let mut all = self.heard.lock().unwrap();
            all.push(heard);
            all.len() - 1
        };
        let reaction = self.reaction(number);
        self.heard.lock().unwrap()[number].taken =
            matches!(reaction, Reaction::Answers(status) if status.starts_with('2'));
        match reaction {
            Reaction::Answers(status) => {
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
            Reaction::Hangs => tokio::time::sleep(Duration::from_secs(60)).await,
            Reaction::Closes | Reaction::Resets => {}
            Reaction::ResetsAfter(words) => {
                let _ = stream.write_all(words.as_bytes()).await;
            }
            Reaction::Trickles(answer) => {
                for byte in answer.bytes() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    if stream.write_all(&[byte]).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

/// Head and body of one request with a Content-Length.
async fn request(stream: &mut (impl AsyncRead + Unpin)) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok()
            });
            if body.len() >= length.unwrap_or(0) {
                return Some((head.to_owned(), body.to_owned()));
            }
        }
        match stream.read(&mut buffer).await {
            Ok(read) if read > 0 => bytes.extend_from_slice(&buffer[..read]),
            _ => return None,
        }
    }
}
