//! API keys: the first generation's credential, and that of BTCPay's own users.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// With padding or without it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The key of `Authorization: Basic`, any letter case: `base64(KEY)` of bp_lib and BTCPay's users, `base64(KEY:)`
/// of curl, npm bitpay-node and Perl. A password is nobody's.
pub(super) fn of(headers: &HeaderMap) -> Option<String> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = header.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64.decode(encoded.trim()).ok()?).ok()?;
    let key = text.strip_suffix(':').unwrap_or(&text);
    (!key.is_empty() && !key.contains(':')).then(|| key.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn key(header: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, header.parse().unwrap());
        of(&headers)
    }

    #[test]
    fn with_colon_and_without_in_any_case() {
        let good = ["Basic S0VZMTIzNA==", "basic S0VZMTIzNDo=", "BASIC  S0VZMTIzNA", "Basic S0VZMTIzNDo"];
        for header in good {
            assert_eq!(key(header).as_deref(), Some("KEY1234"), "{header}");
        }
        for header in
            ["Bearer S0VZMTIzNA==", "Basic", "Basic !", "Basic Og==", "Basic S0VZOng=", "Basic /w=="]
        {
            assert_eq!(key(header), None, "{header}");
        }
    }
}
