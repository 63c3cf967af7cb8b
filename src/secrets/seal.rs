//! Sealing what must come back later but must not lie open in the ledger.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::{MasterSecret, SecretsError};

/// First byte of every sealed value; another cipher would get another.
const VERSION: u8 = 1;
const NONCE: usize = 24;

impl MasterSecret {
    /// XChaCha20-Poly1305 over `plain`; `context` names the place, so that a value moved elsewhere does not open.
    ///
    /// Result: version byte, nonce, ciphertext with tag.
    #[must_use]
    pub fn seal(&self, context: &str, nonce: [u8; NONCE], plain: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(1 + NONCE + plain.len() + 16);
        sealed.push(VERSION);
        sealed.extend_from_slice(&nonce);
        let payload = Payload { msg: plain, aad: context.as_bytes() };
        #[expect(clippy::expect_used, reason = "fails only beyond 256 GiB; callers hold at most a few MiB")]
        let cipher = self.cipher().encrypt(&XNonce::from(nonce), payload).expect("sealing in memory");
        sealed.extend_from_slice(&cipher);
        sealed
    }

    /// Opens what [`MasterSecret::seal`] made with the same secret and context.
    ///
    /// # Errors
    /// [`SecretsError::Sealed`].
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SecretsError> {
        let (version, rest) = sealed.split_first().ok_or(SecretsError::Sealed)?;
        let (nonce, cipher) = rest.split_first_chunk::<NONCE>().ok_or(SecretsError::Sealed)?;
        if *version != VERSION {
            return Err(SecretsError::Sealed);
        }
        let payload = Payload { msg: cipher, aad: context.as_bytes() };
        let plain = self.cipher().decrypt(&XNonce::from(*nonce), payload);
        plain.map(Zeroizing::new).map_err(|_| SecretsError::Sealed)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.seal_key()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_with_the_same_secret_and_place() {
        let secret = MasterSecret::from_bytes([1; 32]);
        let sealed = secret.seal("here", [2; 24], b"posData");
        assert!(secret.open("here", &sealed).is_ok_and(|plain| plain.as_slice() == b"posData"));
        assert!(secret.open("there", &sealed).is_err());
        assert!(MasterSecret::from_bytes([3; 32]).open("here", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(secret.open("here", &damaged).is_err(), "byte {at}");
        }
        assert!(secret.open("here", &[]).is_err());
    }
}
