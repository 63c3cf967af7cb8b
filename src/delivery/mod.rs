//! Carries one POST to a shop and says how it went; knows nothing of invoices.
//!
//! A shop chooses the address, so it is looked at first: only http and https, never inside this
//! network unless the operator allowed it. Names are resolved once, and the connection goes to what
//! was checked. Redirects are not followed, cookies not kept, answers not read beyond 64 KiB.

mod exchange;
mod networks;
mod target;
mod trust;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

pub use networks::is_public;
pub use target::{Target, TargetError};
pub use trust::{Roots, RootsError};

pub use ipnet::IpNet;

/// Why a shop was not reached, or did not take what it was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// The address cannot be used.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Every address of the name lies inside a network that the operator did not allow.
    #[error("the address lies in a private network")]
    Private,
    /// The name has no address.
    #[error("the name of the shop is not known")]
    NameUnknown,
    /// Nobody listens there, or the network says no.
    #[error("no connection")]
    Unreachable,
    /// TLS did not come about: mostly a certificate that nobody vouches for.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// No answer within the time of a delivery.
    #[error("no answer in time")]
    TimedOut,
    /// The connection ended before the answer's head.
    #[error("the connection ended without an answer")]
    Cut,
    /// An answer that says "elsewhere"; it is not followed.
    #[error("the shop redirects ({0}); redirects are not followed")]
    Redirected(u16),
    /// Any other answer but a 2xx.
    #[error("the shop answered {0}")]
    Refused(u16),
}

impl DeliveryError {
    /// Its name in logs and metrics; never changes.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Target(_) => "target_invalid",
            Self::Private => "target_private",
            Self::NameUnknown => "target_name_unknown",
            Self::Unreachable => "target_unreachable",
            Self::Tls(_) => "target_tls_failed",
            Self::TimedOut => "target_timed_out",
            Self::Cut => "target_cut",
            Self::Redirected(_) => "target_redirected",
            Self::Refused(_) => "target_refused",
        }
    }

    /// Whether the shop may have taken it all the same, so that a repeat may reach it twice.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::TimedOut | Self::Cut)
    }

    /// Whether no later try can go better: the address itself is wrong.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Target(_))
    }
}

/// What is needed to deliver anything.
pub struct Deliveries {
    roots: Roots,
    allowed: Vec<IpNet>,
    within: Duration,
}

impl Deliveries {
    /// `allowed`: networks that count as reachable although they are private. `within`: the time from
    /// the first look-up to the head of the answer.
    ///
    /// # Errors
    /// [`RootsError`] where the well-known certificates cannot be loaded.
    pub fn new(allowed: Vec<IpNet>, within: Duration) -> Result<Self, RootsError> {
        Ok(Self { roots: Roots::well_known()?, allowed, within })
    }

    /// Posts the body, with these headers beside those of HTTP itself. Ok is a 2xx, with its status.
    ///
    /// `pinned`: certificates to trust instead of the well-known ones, for a shop that signed its own.
    ///
    /// # Errors
    /// [`DeliveryError`].
    pub async fn post(
        &self,
        target: &Target,
        pinned: Option<&Roots>,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<u16, DeliveryError> {
        let exchange = async {
            let addresses = self.resolve(target).await?;
            exchange::exchange(target, &addresses, pinned.unwrap_or(&self.roots), headers, body).await
        };
        let status =
            tokio::time::timeout(self.within, exchange).await.map_err(|_| DeliveryError::TimedOut)??;
        match status {
            200..300 => Ok(status),
            300..400 => Err(DeliveryError::Redirected(status)),
            other => Err(DeliveryError::Refused(other)),
        }
    }

    /// The addresses that may be used.
    async fn resolve(&self, target: &Target) -> Result<Vec<SocketAddr>, DeliveryError> {
        let found = tokio::net::lookup_host((target.host(), target.port())).await;
        let addresses: Vec<SocketAddr> = found.map_err(|_| DeliveryError::NameUnknown)?.collect();
        if addresses.is_empty() {
            return Err(DeliveryError::NameUnknown);
        }
        let usable = |address: &SocketAddr| {
            is_public(address.ip())
                || self.allowed.iter().any(|net| net.contains(&address.ip().to_canonical()))
        };
        let usable: Vec<SocketAddr> = addresses.into_iter().filter(usable).collect();
        if usable.is_empty() { Err(DeliveryError::Private) } else { Ok(usable) }
    }
}
