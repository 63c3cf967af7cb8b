//! Accepting connections: bind early, serve late, never wait for a client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use super::connection::{ConnectionLimits, converse};
use super::{Arrival, EdgeError, Witness, tls};
use crate::config::ShopSection;
use crate::lifecycle::Lifecycle;

const BACKLOG: u32 = 1024;
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// Out of file descriptors is weather: wait, try again.
const AFTER_ACCEPT_ERROR: Duration = Duration::from_secs(1);

/// Bound addresses, not served yet.
pub struct Listeners {
    http: Option<TcpListener>,
    https: Option<(TcpListener, Arc<ServerConfig>)>,
    limits: ConnectionLimits,
    permits: Arc<Semaphore>,
}

impl Listeners {
    /// Binds what the configuration names; port 0 takes a free one.
    ///
    /// # Errors
    /// [`EdgeError`].
    pub fn bind(shop: &ShopSection, limits: ConnectionLimits) -> Result<Self, EdgeError> {
        if shop.http.is_none() && shop.https.is_none() {
            return Err(EdgeError::Nothing);
        }
        let http = shop.http.map(|address| bind("shop.http", address)).transpose()?;
        let https = match shop.https {
            Some(address) => Some((bind("shop.https", address)?, tls::server_config(shop)?)),
            None => None,
        };
        Ok(Self { http, https, limits, permits: Arc::new(Semaphore::new(shop.max_connections)) })
    }

    /// The bound address for plain HTTP.
    #[must_use]
    pub fn http(&self) -> Option<SocketAddr> {
        self.http.as_ref()?.local_addr().ok()
    }

    /// The bound address for TLS.
    #[must_use]
    pub fn https(&self) -> Option<SocketAddr> {
        self.https.as_ref()?.0.local_addr().ok()
    }
}

fn bind(key: &'static str, address: SocketAddr) -> Result<TcpListener, EdgeError> {
    let open = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    open().map_err(|why| EdgeError::Bind { key, address, why })
}

/// Serves all listeners until the drain; each request goes to `handler`.
///
/// The drain closes the listeners first; a request under way is answered and its connection
/// closed. The hard token drops every connection.
pub fn serve<H, F, B>(listeners: Listeners, witness: &Witness, lifecycle: &Lifecycle, handler: H)
where
    H: Fn(Arrival, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let Listeners { http, https, limits, permits } = listeners;
    let sides = [http.map(|listener| (listener, None)), https.map(|(listener, tls)| (listener, Some(tls)))];
    for (listener, tls) in sides.into_iter().flatten() {
        let acceptor = Acceptor {
            tls: tls.map(TlsAcceptor::from),
            limits: limits.clone(),
            permits: Arc::clone(&permits),
            witness: witness.clone(),
            lifecycle: lifecycle.clone(),
        };
        lifecycle.spawn("listener", accept(listener, acceptor, handler.clone()));
    }
}

#[derive(Clone)]
struct Acceptor {
    tls: Option<TlsAcceptor>,
    limits: ConnectionLimits,
    permits: Arc<Semaphore>,
    witness: Witness,
    lifecycle: Lifecycle,
}

async fn accept<H, F, B>(listener: TcpListener, acceptor: Acceptor, handler: H)
where
    H: Fn(Arrival, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let soft = acceptor.lifecycle.soft().clone();
    loop {
        let next = async {
            let permit = Arc::clone(&acceptor.permits).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let Some((permit, accepted)) = soft.run_until_cancelled(next).await else { return };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) => {
                tracing::error!(%error, "accept_failed");
                tokio::time::sleep(AFTER_ACCEPT_ERROR).await;
                continue;
            }
        };
        let (one, handler) = (acceptor.clone(), handler.clone());
        let counted = acceptor.witness.metrics.connection();
        acceptor.lifecycle.tasks().spawn(async move {
            let _held = (permit, counted);
            let hard = one.lifecycle.hard().clone();
            hard.run_until_cancelled(one.greet(stream, peer, handler)).await;
        });
    }
}

fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

impl Acceptor {
    /// The handshake, where there is one, in the connection's own task and under its own timer.
    async fn greet<H, F, B>(self, stream: TcpStream, peer: SocketAddr, handler: H)
    where
        H: Fn(Arrival, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let _ = stream.set_nodelay(true);
        let Self { tls, limits, witness, lifecycle, .. } = self;
        let arrival = Arrival { tls: tls.is_some(), peer };
        match tls {
            None => converse(stream, arrival, &limits, witness, &lifecycle, handler).await,
            Some(tls) => match tokio::time::timeout(HANDSHAKE_WITHIN, tls.accept(stream)).await {
                Ok(Ok(stream)) => converse(stream, arrival, &limits, witness, &lifecycle, handler).await,
                Ok(Err(error)) => tracing::info!(%peer, %error, "tls_handshake_failed"),
                Err(_) => tracing::info!(%peer, "tls_handshake_timed_out"),
            },
        }
    }
}
