//! The master secret and everything derived from it.
//!
//! One 32-byte secret in a file of mode 0600. Keys of stores, tokens of shops and the key that seals
//! texts in the ledger come out of it by HKDF-SHA256; none of them is stored. Lost secret: every
//! store must be paired again.

mod derive;
mod file;
mod seal;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The file cannot be read or written.
    #[error("master secret {path}: {why}")]
    File {
        /// Where it is.
        path: String,
        /// What the system says.
        why: String,
    },
    /// `init` and friends never overwrite a secret.
    #[error("master secret {0} is already there; it is never overwritten")]
    Exists(String),
    /// Others may read the file.
    #[error("master secret {0} can be read by others; run: chmod 600 {0}")]
    Permissions(String),
    /// Not 64 hex digits.
    #[error("master secret {0} does not hold 64 hexadecimal digits")]
    Content(String),
    /// Sealed with another secret, for another place, or damaged.
    #[error("the sealed value cannot be opened with this master secret")]
    Sealed,
}

/// 32 bytes from which everything else is derived; wiped when dropped, shown nowhere.
pub struct MasterSecret(Zeroizing<[u8; 32]>);

impl MasterSecret {
    /// Takes the bytes as they are, for tests and the demo.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl std::fmt::Debug for MasterSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterSecret([redacted])")
    }
}

/// SHA-256 of a token or code in hex: what the ledger looks up by.
#[must_use]
pub fn token_hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// The first eight digits of [`token_hash`]: enough to tell two credentials apart in a log.
#[must_use]
pub fn short_hash(token: &str) -> String {
    token_hash(token)[..8].to_owned()
}
