//! One HTTP exchange, hop by hop, so that each way to fail has its own words.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::walk::to_btcpay::UpstreamRequest;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const LONGEST_ANSWER: usize = 1024 * 1024;

/// Where an exchange ended early.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum WireError {
    /// No address for the name.
    #[error("{host} does not resolve: {why}")]
    Resolve {
        /// The name.
        host: String,
        /// What the system says.
        why: String,
    },
    /// No TCP connection.
    #[error("no TCP connection to {to}: {why}")]
    Connect {
        /// Name and address.
        to: String,
        /// What the system says.
        why: String,
    },
    /// The handshake failed.
    #[error("TLS failed: {why}")]
    Tls {
        /// What kind of trouble it is.
        trouble: TlsTrouble,
        /// What rustls says.
        why: String,
    },
    /// Connected, but no HTTP came back.
    #[error("no HTTP answer: {0}")]
    Http(String),
}

/// Why a handshake failed, as far as something can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum TlsTrouble {
    /// By a CA that is not trusted.
    UnknownIssuer,
    /// For another name.
    WrongName,
    /// Out of time.
    Expired,
    /// No TLS at all, or no common version.
    Other,
}

impl TlsTrouble {
    fn of(error: &std::io::Error) -> Self {
        use rustls::{CertificateError, Error};
        match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(Error::InvalidCertificate(wrong)) => match wrong {
                CertificateError::UnknownIssuer => Self::UnknownIssuer,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    Self::WrongName
                }
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
                _ => Self::Other,
            },
            _ => Self::Other,
        }
    }
}

/// How to reach a server.
pub(in crate::cli) struct Way {
    /// Name or address.
    pub(in crate::cli) host: String,
    /// Port.
    pub(in crate::cli) port: u16,
    /// TLS, and the name to ask for.
    pub(in crate::cli) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

/// An answer, and the certificate that came with it.
pub(in crate::cli) struct Heard {
    pub(in crate::cli) status: u16,
    pub(in crate::cli) headers: HeaderMap,
    pub(in crate::cli) body: Bytes,
    /// The server's own certificate, DER.
    pub(in crate::cli) certificate: Option<Vec<u8>>,
}

impl Heard {
    /// A header as text.
    pub(in crate::cli) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Status and, where it is short text, the body.
    pub(in crate::cli) fn in_short(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let text: String = text.trim().chars().take(120).collect();
        match text.as_str() {
            "" => format!("{} without a body", self.status),
            text if text.starts_with('<') => format!("{} with a web page", self.status),
            text => format!("{} {}", self.status, text.escape_debug()),
        }
    }
}

impl Way {
    /// To a listener of payferry itself, on this machine.
    pub(in crate::cli) fn here(
        address: SocketAddr,
        tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    ) -> Self {
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        Self { host: ip.to_string(), port: address.port(), tls }
    }

    /// `GET` without headers of its own.
    pub(in crate::cli) async fn get(&self, authority: &str, target: &str) -> Result<Heard, WireError> {
        let request = UpstreamRequest {
            method: http::Method::GET,
            target: target.to_owned(),
            headers: Vec::new(),
            body: String::new(),
        };
        self.exchange(authority, &request).await
    }

    /// The addresses of the host.
    pub(in crate::cli) async fn resolve(&self) -> Result<Vec<SocketAddr>, WireError> {
        let host = self.host.trim_matches(['[', ']']);
        let refuse = |why: String| WireError::Resolve { host: host.to_owned(), why };
        let found =
            tokio::net::lookup_host((host, self.port)).await.map_err(|why| refuse(why.to_string()))?;
        let found: Vec<_> = found.collect();
        if found.is_empty() { Err(refuse("no address".to_owned())) } else { Ok(found) }
    }

    /// Connects anew, sends, and reads the answer to its end.
    pub(in crate::cli) async fn exchange(
        &self,
        authority: &str,
        request: &UpstreamRequest,
    ) -> Result<Heard, WireError> {
        let request = write(authority, request)?;
        let stream = self.connect().await?;
        let exchange = async {
            let Some((config, name)) = &self.tls else { return converse(stream, request, None).await };
            let connector = TlsConnector::from(Arc::clone(config));
            let stream = connector.connect(name.clone(), stream).await;
            let stream = stream.map_err(|error| WireError::Tls {
                trouble: TlsTrouble::of(&error),
                why: error.to_string(),
            })?;
            let certificates = stream.get_ref().1.peer_certificates();
            let own = certificates.and_then(|chain| chain.first()).map(|own| own.as_ref().to_vec());
            converse(stream, request, own).await
        };
        let late = |_| Err(WireError::Http(format!("nothing within {} s", ANSWER_WITHIN.as_secs())));
        tokio::time::timeout(ANSWER_WITHIN, exchange).await.unwrap_or_else(late)
    }

    async fn connect(&self) -> Result<TcpStream, WireError> {
        let mut last = None;
        for address in self.resolve().await? {
            let why = match tokio::time::timeout(CONNECT_WITHIN, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("nothing within {} s", CONNECT_WITHIN.as_secs()),
            };
            last = Some((address, why));
        }
        let (address, why) =
            last.map_or((String::new(), String::new()), |(address, why)| (address.to_string(), why));
        Err(WireError::Connect { to: format!("{}:{} ({address})", self.host, self.port), why })
    }
}

fn write(authority: &str, request: &UpstreamRequest) -> Result<Request<Full<Bytes>>, WireError> {
    let mut builder = Request::builder().method(request.method.clone()).uri(request.target.as_str());
    builder = builder.header(http::header::HOST, authority);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    builder.body(Full::from(request.body.clone())).map_err(|error| WireError::Http(error.to_string()))
}

async fn converse<S>(
    stream: S,
    request: Request<Full<Bytes>>,
    certificate: Option<Vec<u8>>,
) -> Result<Heard, WireError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let trouble = |error: hyper::Error| WireError::Http(error.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(trouble)?;
    let driver = tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(trouble)?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, LONGEST_ANSWER).collect().await;
    let body = body.map_err(|error| WireError::Http(error.to_string()))?.to_bytes();
    driver.abort();
    Ok(Heard { status: head.status.as_u16(), headers: head.headers, body, certificate })
}
