//! The edge: listeners, TLS and connections towards shops. HTTP/1.1 only.
//!
//! Between the socket and hyper stands a stream of payferry's own ([`framing`], [`guarded`]):
//! every limit is answered in BitPay's shape, and some habits of old clients are met.

mod chunks;
mod connection;
mod framing;
mod guarded;
mod head;
mod listener;
mod tls;

use std::net::SocketAddr;

pub use connection::ConnectionLimits;
pub use listener::{Listeners, serve};
pub use tls::TlsError;

use crate::contract::ErrorCode;
use crate::telemetry::Metrics;

/// What the edge makes of a whole head, without any connection.
///
/// # Errors
/// The row of the error table by which it is refused before anybody reads it as a request.
pub fn judge_head(head: &[u8], head_bytes: usize, most_headers: usize) -> Result<(), ErrorCode> {
    if head.len() > head_bytes {
        return Err(ErrorCode::HeadTooLarge);
    }
    head::judge(head, most_headers).map(drop)
}

/// Where a request came in.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// Whether TLS ended here.
    pub tls: bool,
    /// Who asks.
    pub peer: SocketAddr,
}

/// Where the edge takes its time and its randomness from, and where it counts.
#[derive(Debug, Clone)]
pub struct Witness {
    /// Counters.
    pub metrics: Metrics,
    /// Milliseconds since 1970.
    pub clock: fn() -> i64,
    /// Fills with random bytes.
    pub random: fn(&mut [u8]),
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
