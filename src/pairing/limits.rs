//! How often one network may ask for codes and try them.
//!
//! Kept in memory: each instance counts by itself, and a restart forgets.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Unapproved codes that one network may ask for, an hour.
const ASKS_PER_HOUR: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);
/// Codes that one network may try, an hour: far more than shops need, far too few to hit one of 58^7.
const TRIES_PER_HOUR: NonZeroU32 = NonZeroU32::MIN.saturating_add(599);
/// Looks at codes by browsers of one network, an hour: an open page looks every ten seconds.
const LOOKS_PER_HOUR: NonZeroU32 = NonZeroU32::MIN.saturating_add(1799);
/// Networks remembered before those are dropped that have been quiet.
const REMEMBERED: usize = 4096;

/// The limits, per network.
pub(super) struct Limits {
    asks: DefaultKeyedRateLimiter<IpAddr>,
    tries: DefaultKeyedRateLimiter<IpAddr>,
    looks: DefaultKeyedRateLimiter<IpAddr>,
}

impl Limits {
    pub(super) fn new() -> Self {
        let limiter = |per_hour| RateLimiter::keyed(Quota::per_hour(per_hour));
        Self { asks: limiter(ASKS_PER_HOUR), tries: limiter(TRIES_PER_HOUR), looks: limiter(LOOKS_PER_HOUR) }
    }

    /// Whether this address may ask for one more code.
    pub(super) fn may_ask(&self, address: IpAddr) -> bool {
        passes(&self.asks, address)
    }

    /// Whether this address may try one more code. Right ones count too: else a guess could go
    /// on past the limit until it hits.
    pub(super) fn may_try(&self, address: IpAddr) -> bool {
        passes(&self.tries, address)
    }

    /// Whether a browser at this address may look at one more code. Right ones count, too.
    pub(super) fn may_look(&self, address: IpAddr) -> bool {
        passes(&self.looks, address)
    }
}

/// Takes one from the network's allowance; False where there is none left.
pub fn passes(limiter: &DefaultKeyedRateLimiter<IpAddr>, address: IpAddr) -> bool {
    if limiter.len() >= REMEMBERED && limiter.len().is_multiple_of(REMEMBERED / 4) {
        limiter.retain_recent();
    }
    limiter.check_key(&network(address)).is_ok()
}

/// The network of an address: one subscriber has one IPv4 address, but 2^64 IPv6 addresses.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}
