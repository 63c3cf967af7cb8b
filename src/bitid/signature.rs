//! ECDSA signatures over a URL and a body.

use secp256k1::{Message, ecdsa};
use sha2::{Digest, Sha256};

use super::PublicKey;

/// Longest signature looked at, in hex digits. Clients send 140 to 144;
/// BTCPay 2.4.1 also takes padded integers and bytes after the DER.
const LONGEST_HEX: usize = 288;

/// Why a text is not a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not hexadecimal (a `0x` prefix and base64 included), or an odd number of digits.
    #[error("the signature is not hexadecimal")]
    NotHex,
    /// Hexadecimal, but no DER sequence of two integers (the raw 64-byte form included).
    #[error("the signature is not DER")]
    NotDer,
    /// Longer than any client sends.
    #[error("the signature is too long")]
    TooLong,
}

/// What was signed: SHA-256 over the URL's bytes and then the body's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignedText([u8; 32]);

impl SignedText {
    /// Digests an absolute URL and a body (empty for GET and DELETE).
    #[must_use]
    pub fn new(url: &str, body: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(url.as_bytes());
        hash.update(body);
        Self(hash.finalize().into())
    }
}

/// A DER signature, read leniently as BTCPay reads it, its S brought to the lower half:
/// PHP, Node, Python, Ruby and C# clients send a high S in about half of their requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signature(ecdsa::Signature);

impl Signature {
    /// Reads the hex text of `x-signature`, either letter case.
    ///
    /// Taken: high S, integers padded with zeros, long-form lengths, bytes after the DER.
    ///
    /// # Errors
    /// [`SignatureError`] for everything else; see `docs/decisions/bitid-leniency.md`.
    pub fn from_hex(text: &str) -> Result<Self, SignatureError> {
        if text.len() > LONGEST_HEX {
            return Err(SignatureError::TooLong);
        }
        let bytes = hex::decode(text).map_err(|_| SignatureError::NotHex)?;
        let mut signature = ecdsa::Signature::from_der_lax(&bytes).map_err(|_| SignatureError::NotDer)?;
        signature.normalize_s();
        Ok(Self(signature))
    }

    /// DER with a low S, lower-case hex.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(self.0.serialize_der())
    }

    /// Whether this key signed this text.
    #[must_use]
    pub fn is_by(&self, key: &PublicKey, text: &SignedText) -> bool {
        ecdsa::verify(&self.0, Message::from_digest(text.0), key.inner()).is_ok()
    }

    pub(super) fn sign(key: &secp256k1::SecretKey, text: &SignedText) -> Self {
        Self(ecdsa::sign(Message::from_digest(text.0), key))
    }
}
