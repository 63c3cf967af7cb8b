//! The address that a shop gave for its notifications.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::percent_decode_str;
use url::{Host, Url};

/// Longest address; browsers and shops stop far below.
const LONGEST: usize = 4096;

/// Why an address cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Relative, without a scheme, or no address at all.
    #[error("the notification address is no absolute URL")]
    NoUrl,
    /// Neither http nor https.
    #[error("the notification address is neither http nor https")]
    Scheme,
    /// Longer than 4096 characters.
    #[error("the notification address is too long")]
    TooLong,
}

/// Where a notification goes. A user name and password go as Basic authentication: BTCPay drops them, and a
/// shop behind such a wall answers it 401 for ever (invoice-ipn-delivery/delivery-userinfo). The query is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    url: Url,
    host: String,
    port: u16,
}

impl Target {
    /// Reads an address.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        if text.len() > LONGEST {
            return Err(TargetError::TooLong);
        }
        let url = Url::parse(text.trim()).map_err(|_| TargetError::NoUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(TargetError::Scheme);
        }
        let host = match url.host().ok_or(TargetError::NoUrl)? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let port = url.port_or_known_default().ok_or(TargetError::NoUrl)?;
        Ok(Self { url, host, port })
    }

    /// Name or address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's own where none was written.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether TLS is spoken.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// `host:port`, the key under which deliveries to one shop are bounded.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// `Basic …` of the user name and password in the address, where there are any.
    pub(super) fn authorization(&self) -> Option<String> {
        if self.url.username().is_empty() && self.url.password().is_none() {
            return None;
        }
        let plain = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
        let mut pair = plain(self.url.username());
        pair.push(b':');
        pair.extend(plain(self.url.password().unwrap_or_default()));
        Some(format!("Basic {}", BASE64.encode(pair)))
    }

    /// The Host header: without the scheme's own port.
    pub(super) fn host_header(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Path and query, percent-encoded.
    pub(super) fn path_and_query(&self) -> String {
        let path = self.url.path();
        self.url.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"))
    }
}

impl fmt::Debug for Target {
    /// Without path and query: shops put secrets there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({}://{})", self.url.scheme(), self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shops_address_is_used_as_btcpay_used_it() {
        let target =
            Target::parse("HTTPS://me:pw@Shop.Example:8443/ipn/a b?order=ü&x=%2f#top").expect("good");
        assert_eq!(target.authority(), "shop.example:8443");
        assert_eq!(target.host_header(), "shop.example:8443");
        assert_eq!(target.path_and_query(), "/ipn/a%20b?order=%C3%BC&x=%2f");
        assert!(target.is_tls());
        assert_eq!(target.authorization().as_deref(), Some("Basic bWU6cHc="));
        assert_eq!(format!("{target:?}"), "Target(https://shop.example:8443)");
        let plain = Target::parse("http://[::1]/").expect("good");
        assert_eq!(plain.authorization(), None);
        assert_eq!((plain.host(), plain.port(), plain.host_header().as_str()), ("::1", 80, "[::1]"));
    }

    #[test]
    fn what_is_no_address_is_told_apart() {
        for (text, error) in [
            ("", TargetError::NoUrl),
            ("/relative", TargetError::NoUrl),
            ("shop.example/ipn", TargetError::NoUrl),
            ("ftp://shop.example/", TargetError::Scheme),
            ("file:///etc/passwd", TargetError::Scheme),
            ("http://", TargetError::NoUrl),
        ] {
            assert_eq!(Target::parse(text).err(), Some(error), "{text}");
        }
        assert_eq!(
            Target::parse(&format!("http://a/{}", "x".repeat(5000))).err(),
            Some(TargetError::TooLong)
        );
    }
}
