//! Derivations. Each use has its own label; changing one re-keys every store, so known answers guard them.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::MasterSecret;
use crate::bitid::SecretKey;

const STORE_KEY: &str = "payferry/v1/store-key";
const TOKEN: &str = "payferry/v1/token";
const INVOICE_TOKEN: &str = "payferry/v1/invoice-token";
const SEAL_KEY: &str = "payferry/v1/seal";

impl MasterSecret {
    /// The secp256k1 key that signs for a store at BTCPay. `epoch` counts rotations and is never reused.
    #[must_use]
    pub fn store_key(&self, store_id: &str, epoch: u32) -> SecretKey {
        let epoch = epoch.to_string();
        let mut attempt = 0u32;
        loop {
            let again = attempt.to_string();
            // Out of range happens once in 2^128; the next attempt is as good.
            if let Ok(key) = SecretKey::from_bytes(*self.expand(STORE_KEY, &[store_id, &epoch, &again])) {
                return key;
            }
            attempt += 1;
        }
    }

    /// The token of a shop's key for one facade: base58 of 32 bytes, 43 or 44 characters as BitPay's.
    ///
    /// `scope` is the store's id, or the code's hash where a shop asked for the code: that token is announced
    /// before the operator has chosen a store. Without a scope anybody could have the token that a shop uses
    /// shown to them by naming its SIN, for asking takes no signature.
    #[must_use]
    pub fn token(&self, scope: &str, sin: &str, facade: &str, epoch: u32) -> String {
        self.text(TOKEN, &[scope, sin, facade, &epoch.to_string()])
    }

    /// The `token` member of an invoice: the same in every answer (BTCPay makes up a new one each time).
    #[must_use]
    pub fn invoice_token(&self, store_id: &str, invoice_id: &str) -> String {
        self.text(INVOICE_TOKEN, &[store_id, invoice_id])
    }

    pub(super) fn seal_key(&self) -> Zeroizing<[u8; 32]> {
        self.expand(SEAL_KEY, &[])
    }

    fn text(&self, label: &str, parts: &[&str]) -> String {
        bs58::encode(*self.expand(label, parts)).into_string()
    }

    /// HKDF-SHA256 with a length before each part, so that no two lists of parts meet.
    fn expand(&self, label: &str, parts: &[&str]) -> Zeroizing<[u8; 32]> {
        let mut info = label.as_bytes().to_vec();
        for part in parts {
            info.extend_from_slice(&(part.len() as u32).to_be_bytes());
            info.extend_from_slice(part.as_bytes());
        }
        let mut out = Zeroizing::new([0; 32]);
        #[expect(clippy::expect_used, reason = "HKDF-SHA256 gives up to 8160 bytes; 32 are asked for")]
        Hkdf::<Sha256>::new(None, self.0.as_ref()).expand(&info, out.as_mut()).expect("32 bytes of HKDF");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change here re-keys every store and voids every token that was ever given out.
    #[test]
    fn derivations_never_change() {
        let secret = MasterSecret::from_bytes([7; 32]);
        let known = [
            secret.store_key("store-1", 1).public().to_hex(),
            secret.token("store-1", "TfSin", "merchant", 1),
            secret.invoice_token("store-1", "Abc"),
        ];
        assert_eq!(
            known,
            [
                "037cacdc4d7849cbc3c8b39857a0cb73ea490d87fa26f83a8c22b68cd17a99c454",
                "DbKEthofVhfNULhT6jFNXnS8p3oTZYPX1RhzFEb4Hpe7",
                "HvHbYhdFbs53bBtTCar8fCHPDyzMcgqiDNza6JErqYEV",
            ]
        );
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let secret = MasterSecret::from_bytes([7; 32]);
        assert_ne!(secret.token("s", "ab", "c", 1), secret.token("s", "a", "bc", 1));
        assert_ne!(secret.token("sa", "b", "c", 1), secret.token("s", "ab", "c", 1));
        assert_ne!(secret.token("s", "a", "pos", 11), secret.token("s", "a", "pos1", 1));
        assert_ne!(secret.store_key("a", 1).public(), secret.store_key("a", 2).public());
    }
}
