//! The edge: listeners, TLS and connections towards shops. HTTP/1.1 only.

mod connection;
mod listener;
mod tls;

use std::net::SocketAddr;

pub use connection::ConnectionLimits;
pub use listener::{Listeners, serve};
pub use tls::TlsError;

/// Where a request came in.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// Whether TLS ended here.
    pub tls: bool,
    /// Who asks.
    pub peer: SocketAddr,
}

/// Why the edge cannot start.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// The address cannot be bound.
    #[error("{key} = {address}: {why}")]
    Bind {
        /// The key of the configuration.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        why: std::io::Error,
    },
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Neither `shop.http` nor `shop.https`.
    #[error("nothing to listen on: set shop.http or shop.https")]
    Nothing,
}
