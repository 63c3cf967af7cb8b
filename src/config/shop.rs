//! `[shop]`: the side that shops talk to.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ConfigError, resolve};

/// The names that shops know BitPay by; a DNS swap needs a certificate for them.
pub const BITPAY_NAMES: [&str; 3] = ["bitpay.com", "test.bitpay.com", "www.bitpay.com"];

/// Listeners, certificates and connection limits towards shops.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShopSection {
    /// Address and port for plain HTTP; nothing listens without it.
    pub http: Option<SocketAddr>,
    /// Address and port for TLS; nothing listens without it.
    pub https: Option<SocketAddr>,
    /// PEM file with the certificate (and its chain) for every name without one of its own,
    /// and for clients that send no name.
    pub certificate_file: Option<PathBuf>,
    /// PEM file with the private key of that certificate.
    pub key_file: Option<PathBuf>,
    /// Certificates for certain names.
    pub certificate: Vec<ShopCertificate>,
    /// Ports that shops have in the URL they were given, when it differs from the port that
    /// payferry listens on. Signatures are tried with these, too.
    pub url_ports: Vec<u16>,
    /// Most connections at a time; more wait in the backlog.
    pub max_connections: usize,
    /// Milliseconds from the first byte of a request head to its last.
    pub header_timeout_ms: u64,
    /// Milliseconds that a connection may be silent: between requests, and inside a body.
    pub idle_timeout_ms: u64,
}

/// `[[shop.certificate]]`: a certificate for certain names.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShopCertificate {
    /// Host names, without wildcards.
    pub names: Vec<String>,
    /// PEM file with the certificate and its chain.
    pub certificate_file: PathBuf,
    /// PEM file with its private key.
    pub key_file: PathBuf,
}

impl Default for ShopSection {
    fn default() -> Self {
        Self {
            http: None,
            https: None,
            certificate_file: None,
            key_file: None,
            certificate: Vec::new(),
            url_ports: Vec::new(),
            max_connections: default_max_connections(),
            header_timeout_ms: default_header_timeout_ms(),
            idle_timeout_ms: default_idle_timeout_ms(),
        }
    }
}

impl ShopSection {
    /// [`header_timeout_ms`](Self::header_timeout_ms) as a duration.
    #[must_use]
    pub fn header_timeout(&self) -> Duration {
        Duration::from_millis(self.header_timeout_ms)
    }

    /// [`idle_timeout_ms`](Self::idle_timeout_ms) as a duration.
    #[must_use]
    pub fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    pub(super) fn resolve_paths(&mut self, folder: &Path) {
        let own = [&mut self.certificate_file, &mut self.key_file].into_iter().flatten();
        let named = self.certificate.iter_mut().flat_map(|c| [&mut c.certificate_file, &mut c.key_file]);
        for path in own.chain(named) {
            resolve(path, folder);
        }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        match (&self.certificate_file, &self.key_file) {
            (Some(_), None) => {
                return Err(ConfigError::invalid("shop.key_file", "is needed beside shop.certificate_file"));
            }
            (None, Some(_)) => {
                return Err(ConfigError::invalid("shop.certificate_file", "is needed beside shop.key_file"));
            }
            (None, None) if self.https.is_some() => {
                return Err(ConfigError::invalid("shop.certificate_file", "is needed for shop.https"));
            }
            _ => {}
        }
        if self.certificate.iter().any(|c| c.names.is_empty() || c.names.iter().any(|n| n.contains('*'))) {
            return Err(ConfigError::invalid("shop.certificate.names", "needs full names, no wildcards"));
        }
        if self.url_ports.contains(&0) {
            return Err(ConfigError::invalid("shop.url_ports", "cannot contain 0"));
        }
        if self.max_connections == 0 {
            return Err(ConfigError::invalid("shop.max_connections", "must be at least 1"));
        }
        if self.header_timeout_ms == 0 || self.idle_timeout_ms == 0 {
            return Err(ConfigError::invalid(
                "shop.header_timeout_ms and shop.idle_timeout_ms",
                "must be at least 1",
            ));
        }
        Ok(())
    }
}

fn default_max_connections() -> usize {
    4096
}

fn default_header_timeout_ms() -> u64 {
    10_000
}

fn default_idle_timeout_ms() -> u64 {
    60_000
}
