//! `x-signature`, with which BitPay signed notifications from 2024 on.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The value of `x-signature`: base64 of HMAC-SHA256 over the raw body, keyed with the text of the token
/// under which the shop made the invoice (github bitpay/hmac-tester).
#[must_use]
#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
pub fn signature(token: &str, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(token.as_bytes()).expect("any length is good");
    STANDARD.encode(mac.chain_update(body).finalize().into_bytes())
}
