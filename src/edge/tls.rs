//! TLS towards shops: versions 1.2 and 1.3, the certificate by the name that the shop asked for.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::ShopSection;

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// `shop.https` without a certificate.
    #[error("shop.https needs shop.certificate_file and shop.key_file (`payferry ca` makes them)")]
    NoCertificate,
    /// A file cannot be read, or holds nothing usable.
    #[error("{}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// rustls refuses the combination.
    #[error("TLS: {0}")]
    Rustls(#[from] rustls::Error),
}

/// Chooses by name; without one (or for an unknown one) the default: some clients send no SNI.
#[derive(Debug)]
struct Certificates {
    by_name: HashMap<String, Arc<CertifiedKey>>,
    default: Arc<CertifiedKey>,
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|name| self.by_name.get(&name.to_ascii_lowercase()));
        Some(Arc::clone(named.unwrap_or(&self.default)))
    }
}

/// Reads the certificates of the configuration.
pub(super) fn server_config(shop: &ShopSection) -> Result<Arc<ServerConfig>, TlsError> {
    let (Some(certificate), Some(key)) = (&shop.certificate_file, &shop.key_file) else {
        return Err(TlsError::NoCertificate);
    };
    let default = certified(certificate, key)?;
    let mut by_name = HashMap::new();
    for more in &shop.certificate {
        let certified = certified(&more.certificate_file, &more.key_file)?;
        for name in &more.names {
            by_name.insert(name.to_ascii_lowercase(), Arc::clone(&certified));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12, &rustls::version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Certificates { by_name, default }));
    // HTTP/2 has no reason phrase, which php-bitpay-client 2.x parses.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certified(certificate: &Path, key: &Path) -> Result<Arc<CertifiedKey>, TlsError> {
    let refuse = |path: &Path, why: String| TlsError::File { path: path.to_owned(), why };
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| refuse(certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(refuse(certificate, "no certificate in the file".to_owned()));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| refuse(key, error.to_string()))?;
    let signing = any_supported_type(&private).map_err(|error| refuse(key, error.to_string()))?;
    let certified = CertifiedKey::new(chain, signing);
    certified.keys_match().map_err(|error| refuse(key, error.to_string()))?;
    Ok(Arc::new(certified))
}
