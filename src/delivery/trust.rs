//! Which certificates of shops are believed.

use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, pem::PemObject};

/// Why certificates cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootsError {
    /// Not PEM, or no certificate in it.
    #[error("no usable certificate: {0}")]
    Certificate(String),
    /// The TLS library refuses its own settings.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// Certificates that vouch for shops.
#[derive(Clone)]
pub struct Roots(pub(super) Arc<ClientConfig>);

impl Roots {
    /// The authorities that browsers trust.
    ///
    /// # Errors
    /// [`RootsError::Tls`].
    pub fn well_known() -> Result<Self, RootsError> {
        Ok(Self(Arc::new(builder()?.with_webpki_roots().with_no_client_auth())))
    }

    /// Only these, from PEM text: the shop's own certificate, or the authority that signed it.
    ///
    /// # Errors
    /// [`RootsError::Certificate`].
    pub fn only(pem: &[u8]) -> Result<Self, RootsError> {
        let refuse = |why: String| RootsError::Certificate(why);
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| refuse(error.to_string()))?;
            roots.add(certificate).map_err(|error| refuse(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(refuse("there is none in the text".to_owned()));
        }
        Ok(Self(Arc::new(builder()?.with_root_certificates(roots).with_no_client_auth())))
    }
}

fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, RootsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    builder.map_err(|error| RootsError::Tls(error.to_string()))
}
