//! The SIN: a short name for a public key, `id` in `POST /tokens`.

use std::fmt;

use ripemd::Ripemd160;
use sha2::{Digest, Sha256};

/// Base58Check prefix of a SIN of type 2 (php-bitpay-client `SinKey.php`).
const PREFIX: [u8; 2] = [0x0f, 0x02];

/// Why a text is not a SIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SinError {
    /// Not base58, or its checksum is wrong.
    #[error("the SIN is not base58 with a good checksum")]
    NotBase58Check,
    /// Base58Check, but of something else (an address, a key).
    #[error("the text is base58 but no SIN")]
    NotSin,
}

/// Base58Check(0F 02, RIPEMD-160(SHA-256(public key bytes))): 35 characters beginning with T.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sin(String);

impl Sin {
    /// Reads a SIN as a client sent it; surrounding blanks are not forgiven.
    ///
    /// # Errors
    /// [`SinError`] where the checksum or the kind is wrong.
    pub fn parse(text: &str) -> Result<Self, SinError> {
        if text.len() > 64 {
            return Err(SinError::NotSin);
        }
        let bytes = bs58::decode(text).with_check(None).into_vec().map_err(|_| SinError::NotBase58Check)?;
        if bytes.len() != 22 || bytes[..2] != PREFIX {
            return Err(SinError::NotSin);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text, as it stands in requests and in the ledger.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn of_key_bytes(key: &[u8]) -> Self {
        let mut payload = Vec::with_capacity(22);
        payload.extend_from_slice(&PREFIX);
        payload.extend_from_slice(&Ripemd160::digest(Sha256::digest(key)));
        Self(bs58::encode(payload).with_check().into_string())
    }
}

impl fmt::Display for Sin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Sin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sin({})", self.0)
    }
}
