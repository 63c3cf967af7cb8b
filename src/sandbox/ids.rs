//! Names as BTCPay spells them, made from bytes that the options' source of randomness gives.

use std::sync::Arc;

use base64::Engine;
use bech32::{Fe32, Hrp};

/// Fills the slice with bytes that do not repeat.
pub type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

fn bytes<const N: usize>(random: &Random) -> [u8; N] {
    let mut bytes = [0; N];
    random(&mut bytes);
    bytes
}

/// An invoice's id, and the token of an answer: 16 bytes in base58, 21 or 22 characters.
#[must_use]
pub fn invoice(random: &Random) -> String {
    bs58::encode(bytes::<16>(random)).into_string()
}

/// A store's id or a pairing token: 32 bytes in base58, 43 or 44 characters.
#[must_use]
pub fn long(random: &Random) -> String {
    bs58::encode(bytes::<32>(random)).into_string()
}

/// A pairing code: 7 characters of base58.
#[must_use]
pub fn pairing_code(random: &Random) -> String {
    long(random).chars().skip(2).take(7).collect()
}

/// A legacy API key: 43 letters and digits.
#[must_use]
pub fn legacy_key(random: &Random) -> String {
    let text = base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes::<64>(random));
    text.chars().filter(char::is_ascii_alphanumeric).take(43).collect()
}

/// A UUID of version 4, as in `guid`.
#[must_use]
pub fn uuid(random: &Random) -> String {
    let mut raw = bytes::<16>(random);
    raw[6] = raw[6] & 0x0f | 0x40;
    raw[8] = raw[8] & 0x3f | 0x80;
    let hex = hex::encode(raw);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// A transaction's id: 64 hex digits.
#[must_use]
pub fn transaction(random: &Random) -> String {
    hex::encode(bytes::<32>(random))
}

/// A script nonce in the Content-Security-Policy of a page: 32 hex digits.
#[must_use]
pub fn nonce(random: &Random) -> String {
    hex::encode(bytes::<16>(random))
}

/// A regtest address that pays to a witness key hash (`bcrt1q` and 38 more characters).
#[must_use]
pub fn address(random: &Random) -> String {
    let program = bytes::<20>(random);
    let encoded = Hrp::parse("bcrt").ok().and_then(|hrp| bech32::segwit::encode(hrp, Fe32::Q, &program).ok());
    encoded.unwrap_or_default()
}
