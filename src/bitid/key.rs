//! secp256k1 keys as BitPay clients spell them.

use std::fmt;

use super::{Signature, SignedText, Sin};

/// Why a text is not a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not hexadecimal, or an odd number of digits.
    #[error("the public key is not hexadecimal")]
    NotHex,
    /// Neither 33 bytes beginning with 02 or 03 nor 65 beginning with 04.
    #[error("the public key is neither a compressed nor an uncompressed SEC key")]
    NotSec,
    /// The bytes name no point of the curve.
    #[error("the public key is not a point of secp256k1")]
    NotOnCurve,
    /// Zero, or not below the order of the curve.
    #[error("the secret key is out of range")]
    SecretOutOfRange,
}

/// A public key, whichever way it was spelled.
///
/// Compressed (66 hex digits) by nearly every client, uncompressed (130) by
/// ruby-client under OpenSSL 3. Both name the same identity here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey(secp256k1::PublicKey);

impl PublicKey {
    /// Reads the hex text of `x-identity` (or `x-pubkey`, npm bitpay 0.3.1), either letter case.
    ///
    /// # Errors
    /// [`KeyError`], where it is not hex, not a SEC key, or not on the curve.
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        let bytes = hex::decode(text).map_err(|_| KeyError::NotHex)?;
        match (bytes.len(), bytes.first()) {
            (33, Some(2 | 3)) | (65, Some(4)) => {}
            _ => return Err(KeyError::NotSec),
        }
        secp256k1::PublicKey::from_slice(&bytes).map(Self).map_err(|_| KeyError::NotOnCurve)
    }

    /// The compressed key, 66 lower-case hex digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(self.0.serialize())
    }

    /// The SIN that nearly every client derives: over the compressed key.
    #[must_use]
    pub fn sin(&self) -> Sin {
        Sin::of_key_bytes(&self.0.serialize())
    }

    /// The SIN over the 65-byte form, which ruby-client pairs with under OpenSSL 3.
    #[must_use]
    pub fn uncompressed_sin(&self) -> Sin {
        Sin::of_key_bytes(&self.0.serialize_uncompressed())
    }

    pub(super) fn inner(&self) -> &secp256k1::PublicKey {
        &self.0
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.to_hex())
    }
}

/// A secret key. Shows nothing of itself and is wiped when dropped.
pub struct SecretKey(secp256k1::SecretKey);

impl SecretKey {
    /// Takes 32 big-endian bytes.
    ///
    /// # Errors
    /// [`KeyError::SecretOutOfRange`] for zero and for values not below the order of the curve.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, KeyError> {
        secp256k1::SecretKey::from_secret_bytes(bytes).map(Self).map_err(|_| KeyError::SecretOutOfRange)
    }

    /// The public key that belongs to it.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.public_key())
    }

    /// Signs an absolute URL and a body (empty for none): DER in lower-case hex, low S.
    /// Deterministic (RFC 6979).
    #[must_use]
    pub fn sign(&self, url: &str, body: &[u8]) -> String {
        Signature::sign(&self.0, &SignedText::new(url, body)).to_hex()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey([redacted])")
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.0.non_secure_erase();
    }
}
