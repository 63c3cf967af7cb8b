//! Carries a request to BTCPay Server over a pooled connection and brings the whole answer back.

mod stream;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{ConfigBuilderExt, FixedServerNameResolver, HttpsConnector};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};

pub use self::stream::UpstreamStream;
use super::to_btcpay::{PublicAddress, UpstreamRequest};
use crate::config::BtcpayServer;
use crate::contract::ErrorCode;
use crate::failpoint::Failpoint;

/// Longest answer that is read. An invoice is 2 kB, BTCPay's longest error text 6 kB.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// BTCPay (Kestrel) closes idle connections after 130 s; payferry is first.
const IDLE_FOR: Duration = Duration::from_secs(60);

/// Why BTCPay's answer did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ForwardError {
    /// The ledger names a server that the configuration does not have.
    #[error("the store's BTCPay server is not in the configuration")]
    ServerUnknown,
    /// No connection: not a byte was sent.
    #[error("no connection to BTCPay")]
    Unreachable,
    /// No head in time; BTCPay may still carry the request out.
    #[error("BTCPay gave no answer in time")]
    TimedOut,
    /// The connection ended before the answer did; BTCPay may have carried the request out.
    #[error("BTCPay's answer was cut")]
    Cut,
    /// More than 4 MiB.
    #[error("BTCPay's answer is too long")]
    TooLong,
    /// The request could not be put into HTTP (a store name in a header, a broken target).
    #[error("the request could not be written")]
    NotWritable,
}

impl ForwardError {
    /// The row of the error table.
    #[must_use]
    pub fn code(self) -> ErrorCode {
        match self {
            Self::ServerUnknown => ErrorCode::StoreServerUnknown,
            Self::Unreachable => ErrorCode::UpstreamUnreachable,
            Self::TimedOut => ErrorCode::UpstreamTimeout,
            Self::Cut | Self::TooLong => ErrorCode::UpstreamCut,
            Self::NotWritable => ErrorCode::InternalError,
        }
    }

    fn of_client(error: hyper_util::client::legacy::Error) -> Self {
        if error.is_connect() { Self::Unreachable } else { Self::Cut }
    }

    /// Whether it is certain that BTCPay saw nothing of the request.
    #[must_use]
    pub fn nothing_was_sent(self) -> bool {
        matches!(self, Self::ServerUnknown | Self::Unreachable | Self::NotWritable)
    }
}

/// Why the servers of the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ServersError {
    /// The CA file cannot be read or holds no certificate.
    #[error("btcpay.{server}.ca_file: {why}")]
    CaFile {
        /// The server's name in the configuration.
        server: String,
        /// What is wrong with the file.
        why: String,
    },
    /// The host of public_url is no name that TLS can ask for.
    #[error("btcpay.{0}.public_url: its host is not a name TLS can verify")]
    HostName(String),
}

/// BTCPay's answer, whole.
#[derive(Clone)]
pub struct UpstreamAnswer {
    /// HTTP status.
    pub status: u16,
    /// Content-Type as sent, empty where there is none.
    pub content_type: String,
    /// The body, at most 4 MiB.
    pub body: Bytes,
}

impl std::fmt::Debug for UpstreamAnswer {
    /// Without the body: it holds what buyers told.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpstreamAnswer").field("status", &self.status).finish_non_exhaustive()
    }
}

/// One BTCPay server: where it is, what it calls itself, and the connections to it.
pub struct Server {
    /// What signatures and Host carry.
    pub address: PublicAddress,
    base: String,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Server {
    /// Prepares connections; none is opened yet.
    ///
    /// # Errors
    /// [`ServersError`] for a CA file or host name that cannot be used.
    pub fn new(name: &str, config: &BtcpayServer) -> Result<Self, ServersError> {
        let public = &config.public_url;
        let address = public_address(config);
        let (host, port) = config.tcp_target();
        let scheme = if config.uses_tls() { "https" } else { "http" };
        let server_name = ServerName::try_from(public.host.trim_matches(['[', ']']).to_owned())
            .map_err(|_| ServersError::HostName(name.to_owned()))?;
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_WITHIN));
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls(name, config)?)
            .https_or_http()
            .with_server_name_resolver(FixedServerNameResolver::new(server_name))
            .enable_http1()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_FOR)
            .build(connector);
        Ok(Self { address, base: format!("{scheme}://{host}:{port}"), client })
    }

    /// Sends one request and reads its answer to the end, both within `within`.
    ///
    /// Nothing is repeated here, but for requests of which not a byte had been written
    /// (the pool's own rule for a connection that closed under it).
    ///
    /// # Errors
    /// [`ForwardError`]; its `nothing_was_sent` says whether a repeat is safe.
    pub async fn send(
        &self,
        request: UpstreamRequest,
        within: Duration,
    ) -> Result<UpstreamAnswer, ForwardError> {
        let creates = request.method == http::Method::POST;
        let request = self.write(request)?;
        let exchange = async {
            let answer = self.client.request(request).await.map_err(ForwardError::of_client)?;
            if creates {
                Failpoint::HeadReceived.reach();
            }
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, LONGEST_ANSWER).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() { ForwardError::TooLong } else { ForwardError::Cut }
            })?;
            Ok(UpstreamAnswer {
                status: head.status.as_u16(),
                content_type: content_type(&head),
                body: body.to_bytes(),
            })
        };
        if creates {
            Failpoint::BytesSent.reach_after(Duration::from_millis(150));
        }
        tokio::time::timeout(within, exchange).await.unwrap_or(Err(ForwardError::TimedOut))
    }

    fn write(&self, request: UpstreamRequest) -> Result<http::Request<Full<Bytes>>, ForwardError> {
        let mut builder = http::Request::builder()
            .method(request.method)
            .uri(format!("{}{}", self.base, request.target))
            .header(http::header::HOST, &self.address.authority);
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        builder.body(Full::from(request.body)).map_err(|_| ForwardError::NotWritable)
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).field("base", &self.base).finish()
    }
}

fn content_type(head: &http::response::Parts) -> String {
    let value = head.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// What signatures and Host carry.
#[must_use]
pub fn public_address(config: &BtcpayServer) -> PublicAddress {
    let public = &config.public_url;
    PublicAddress {
        scheme: public.scheme.as_str().to_owned(),
        authority: public.authority(),
        path: public.path.clone(),
    }
}

/// Whom payferry trusts at this server: its CA file, else the well-known ones.
///
/// # Errors
/// [`ServersError::CaFile`].
pub fn tls(name: &str, config: &BtcpayServer) -> Result<rustls::ClientConfig, ServersError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let refuse = |why: String| ServersError::CaFile { server: name.to_owned(), why };
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refuse(error.to_string()))?;
    let Some(file) = &config.ca_file else {
        return Ok(builder.with_webpki_roots().with_no_client_auth());
    };
    let mut roots = rustls::RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| refuse(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| refuse(error.to_string()))?;
        roots.add(certificate).map_err(|error| refuse(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(refuse("no certificate in the file".to_owned()));
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Every BTCPay server of the configuration, by name.
#[derive(Debug, Default)]
pub struct Servers(HashMap<String, Server>);

impl Servers {
    /// Prepares all of them.
    ///
    /// # Errors
    /// The first [`ServersError`].
    pub fn new<'a>(
        servers: impl IntoIterator<Item = (&'a String, &'a BtcpayServer)>,
    ) -> Result<Self, ServersError> {
        let servers =
            servers.into_iter().map(|(name, config)| Ok((name.clone(), Server::new(name, config)?)));
        servers.collect::<Result<HashMap<_, _>, _>>().map(Self)
    }

    /// One of them.
    ///
    /// # Errors
    /// [`ForwardError::ServerUnknown`].
    pub fn get(&self, name: &str) -> Result<&Server, ForwardError> {
        self.0.get(name).ok_or(ForwardError::ServerUnknown)
    }
}
