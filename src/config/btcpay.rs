//! `[btcpay.NAME]`: one BTCPay server.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{ConfigError, resolve};

/// A BTCPay server: under which address it is known, and where to connect.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BtcpayServer {
    /// The address under which buyers open the checkout. It decides the Host header, the TLS
    /// name, the forwarded host and what payferry's signatures cover.
    pub public_url: PublicUrl,
    /// Where to connect when that is elsewhere: `host:port`, or `http://host:port` to leave TLS
    /// out. Without it: host, port and scheme of `public_url`.
    #[serde(default)]
    pub connect: Option<Authority>,
    /// PEM file with certificates to trust instead of the well-known ones.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

impl BtcpayServer {
    /// Where TCP goes: host and port.
    #[must_use]
    pub fn tcp_target(&self) -> (&str, u16) {
        match &self.connect {
            Some(connect) => (&connect.host, connect.port),
            None => (&self.public_url.host, self.public_url.effective_port()),
        }
    }

    /// Whether the connection uses TLS (with the public host as its name).
    #[must_use]
    pub fn uses_tls(&self) -> bool {
        let said = self.connect.as_ref().and_then(|connect| connect.scheme);
        said.unwrap_or(self.public_url.scheme) == Scheme::Https
    }

    pub(super) fn resolve_paths(&mut self, folder: &Path) {
        if let Some(path) = &mut self.ca_file {
            resolve(path, folder);
        }
    }

    pub(super) fn validate(&self, name: &str) -> Result<(), ConfigError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(plain) {
            let problem = "is no good name: use lower-case letters, digits, - and _";
            return Err(ConfigError::invalid(format!("btcpay.{name}"), problem));
        }
        Ok(())
    }
}

/// `http` or `https`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// 80 or 443.
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    fn strip(text: &str) -> (Option<Self>, &str) {
        if let Some(rest) = text.strip_prefix("http://") {
            (Some(Self::Http), rest)
        } else if let Some(rest) = text.strip_prefix("https://") {
            (Some(Self::Https), rest)
        } else {
            (None, text)
        }
    }
}

/// An address that people know: scheme, host, optional port, optional path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicUrl {
    /// The scheme.
    pub scheme: Scheme,
    /// Host name or address (IPv6 in brackets), lower case.
    pub host: String,
    /// The port, only when it is written and is not the scheme's own.
    pub port: Option<u16>,
    /// The path without a slash at its end; empty for most servers.
    pub path: String,
}

impl PublicUrl {
    /// `host` or `host:port`, as it stands in a Host header.
    #[must_use]
    pub fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// The port that is meant.
    #[must_use]
    pub fn effective_port(&self) -> u16 {
        self.port.unwrap_or(self.scheme.default_port())
    }
}

impl FromStr for PublicUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = Scheme::strip(text);
        let scheme = scheme.ok_or("must begin with http:// or https://")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = split_authority(authority)?;
        let path = path.trim_end_matches('/');
        if path.contains(['?', '#']) || !path.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("its path must be plain: no query, no fragment, no spaces");
        }
        let port = port.filter(|port| *port != scheme.default_port());
        Ok(Self { scheme, host, port, path: path.to_owned() })
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.as_str(), self.authority(), self.path)
    }
}

/// Where to connect: `host:port`, or with a scheme in front that says whether TLS is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Authority {
    /// The scheme, when written; otherwise the public one counts.
    pub scheme: Option<Scheme>,
    /// Host name or address (IPv6 in brackets), lower case.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl FromStr for Authority {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = Scheme::strip(text);
        let (host, port) = split_authority(rest.strip_suffix('/').unwrap_or(rest))?;
        let port = port.or(scheme.map(Scheme::default_port)).ok_or("needs a port: host:port")?;
        Ok(Self { scheme, host, port })
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = self.scheme {
            write!(f, "{}://", scheme.as_str())?;
        }
        write!(f, "{}:{}", self.host, self.port)
    }
}

fn split_authority(text: &str) -> Result<(String, Option<u16>), &'static str> {
    let parsed: http::uri::Authority = text.parse().map_err(|_| "has no usable host")?;
    if parsed.host().is_empty() || text.contains('@') {
        return Err("needs a host, and no user name");
    }
    let port = match text.strip_prefix(parsed.host()).unwrap_or_default() {
        "" => None,
        port => match port.trim_start_matches(':').parse() {
            Ok(0) | Err(_) => return Err("has no usable port"),
            Ok(port) => Some(port),
        },
    };
    Ok((parsed.host().to_ascii_lowercase(), port))
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    )*};
}

as_text!(PublicUrl, Authority);

#[cfg(test)]
mod tests {
    use super::*;

    fn server(public_url: &str, connect: Option<&str>) -> BtcpayServer {
        BtcpayServer {
            public_url: public_url.parse().expect("a good address"),
            connect: connect.map(|text| text.parse().expect("a good address")),
            ca_file: None,
        }
    }

    #[test]
    fn the_public_address_is_also_where_to_connect() {
        let one = server("https://Pay.Shop.example:443/btcpay/", None);
        assert_eq!(one.public_url.to_string(), "https://pay.shop.example/btcpay");
        assert_eq!(one.public_url.path, "/btcpay");
        assert_eq!(one.tcp_target(), ("pay.shop.example", 443));
        assert!(one.uses_tls());
    }

    #[test]
    fn connect_says_where_tcp_goes_and_may_say_whether_tls_is_used() {
        let one = server("https://pay.shop.example", Some("http://10.0.0.5:23000"));
        assert_eq!(one.tcp_target(), ("10.0.0.5", 23000));
        assert!(!one.uses_tls());
        assert!(server("https://pay.shop.example", Some("10.0.0.5:8443")).uses_tls());
        assert!(!server("http://[::1]:23000", None).uses_tls());
        assert_eq!(server("http://[::1]:23000", None).tcp_target(), ("[::1]", 23000));
    }

    #[test]
    fn bad_addresses_are_refused() {
        for text in [
            "pay.example",
            "ftp://a",
            "https://",
            "https://u@a",
            "https://a:0",
            "https://a?b",
            "https://a/?b",
        ] {
            assert!(text.parse::<PublicUrl>().is_err(), "{text}");
        }
        for text in ["pay.example", "", ":80", "a:b", "a:70000", "a:80/x"] {
            assert!(text.parse::<Authority>().is_err(), "{text}");
        }
    }
}
