//! BitID against real clients, odd spellings, and every single-bit change.

#![allow(clippy::expect_used, reason = "tests")]

use payferry::bitid::{PublicKey, ReceivedUrl, SecretKey, Signature, SignedText, Sin, spellings};
use proptest::prelude::*;
use serde::Deserialize;

fn verifies(identity: &str, signature: &str, url: &str, body: &[u8]) -> bool {
    match (PublicKey::from_hex(identity), Signature::from_hex(signature)) {
        (Ok(key), Ok(signature)) => signature.is_by(&key, &SignedText::new(url, body)),
        _ => false,
    }
}

fn secret(byte: u8) -> SecretKey {
    SecretKey::from_bytes([byte; 32]).expect("in range")
}

// --- real clients -------------------------------------------------------------------------------

#[derive(Deserialize)]
struct Captures {
    requests: Vec<Capture>,
}

#[derive(Deserialize)]
struct Capture {
    library: String,
    method: String,
    tls: bool,
    host: String,
    target: String,
    body: String,
    identity: String,
    signature: String,
    verdict: String,
    signed_url: Option<String>,
    signed_body: Option<String>,
}

impl Capture {
    /// The spelling over which the signature is good.
    fn good_spelling(&self) -> Option<String> {
        let received = ReceivedUrl { tls: self.tls, host: &self.host, target: &self.target, ports: &[] };
        spellings(&received).find(|url| verifies(&self.identity, &self.signature, url, self.body.as_bytes()))
    }
}

#[test]
fn captured_requests_of_real_libraries() {
    let text = std::fs::read("tests/data/captured-signatures.json").expect("the captures are there");
    let captures: Captures = serde_json::from_slice(&text).expect("the captures are JSON");
    let mut libraries = std::collections::BTreeSet::new();
    for capture in &captures.requests {
        let name = format!("{} {} {}", capture.library, capture.method, capture.target);
        let good = capture.good_spelling();
        match capture.verdict.as_str() {
            "good" | "other_spelling" => assert_eq!(good, capture.signed_url, "{name}"),
            "stale" => {
                assert_eq!(good, None, "{name}");
                let url = capture.signed_url.as_deref().expect("an earlier request's");
                let body = capture.signed_body.as_deref().unwrap_or_default();
                assert!(verifies(&capture.identity, &capture.signature, url, body.as_bytes()), "{name}");
            }
            other => panic!("unknown verdict {other}"),
        }
        libraries.insert(capture.library.as_str());
    }
    assert_eq!(captures.requests.len(), 69);
    assert_eq!(libraries.len(), 17);
}

/// ruby-client with an `api_uri` that ends in a slash signs `//` and requests `/`.
#[test]
fn a_doubled_slash_that_was_signed_but_not_sent() {
    let key = secret(7);
    let signature = key.sign("https://bitpay.com//invoices", b"{}");
    let received = ReceivedUrl { tls: true, host: "bitpay.com", target: "/invoices", ports: &[] };
    let identity = key.public().to_hex();
    assert!(spellings(&received).any(|url| verifies(&identity, &signature, &url, b"{}")));
}

/// However many ports are configured, the rarest spelling is still tried: bitpay-rest behind a front proxy.
#[test]
fn more_ports_crowd_out_no_spelling() {
    let received = ReceivedUrl {
        tls: false,
        host: "bitpay.com:8080",
        target: "/invoices?orderId=a%20b%2A%27x",
        ports: &[8443, 8444, 8445, 8446],
    };
    let all: Vec<_> = spellings(&received).collect();
    assert!(all.contains(&"https://bitpay.com:443/invoices?orderId=a%20b*'x".to_owned()));
    assert!(all.contains(&"https://bitpay.com:8445/invoices?orderId=a+b%2A%27x".to_owned()));
    assert_eq!(all.len(), 48);
}

// --- odd spellings ------------------------------------------------------------------------------

#[derive(Deserialize)]
struct Oddities {
    url: String,
    row: Vec<Oddity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Oddity {
    form: String,
    identity: String,
    signature: String,
    btcpay: String,
    payferry: String,
    why: String,
    recording: Option<String>,
}

#[test]
fn odd_spellings_as_the_table_says() {
    let text = std::fs::read_to_string("tests/data/bitid-oddities.toml").expect("the table is there");
    let table: Oddities = toml::from_str(&text).expect("the table is TOML");
    for row in &table.row {
        let accepted = verifies(&row.identity, &row.signature, &table.url, b"");
        assert_eq!(accepted, row.payferry == "accepted", "{}", row.form);
        assert!(!row.why.is_empty() && matches!(row.payferry.as_str(), "accepted" | "refused"));
        assert!(row.recording.is_none() || row.btcpay != "not recorded", "{}", row.form);
        // What BTCPay refuses is never let in here.
        assert!(!(accepted && row.btcpay == "refused"), "{}", row.form);
    }
    assert!(table.row.len() >= 37);
}

#[test]
fn both_forms_of_a_key_are_one_identity() {
    let text = std::fs::read_to_string("tests/data/bitid-oddities.toml").expect("the table is there");
    let table: Oddities = toml::from_str(&text).expect("the table is TOML");
    let short = PublicKey::from_hex(&table.row[0].identity).expect("a key");
    let long = table.row.iter().find(|row| row.form == "key: 65 bytes").expect("the row");
    let long = PublicKey::from_hex(&long.identity).expect("a key");
    assert_eq!(short, long);
    assert_eq!(short.sin(), long.sin());
    // The SIN that the recorded server knew this key by.
    assert_eq!(short.sin().as_str(), "TfJJcZGuMFVA5o8kBr7Wp6UuFzcdvmPoDJ2");
    assert_ne!(short.sin(), short.uncompressed_sin());
}

#[test]
fn sins_are_checked() {
    let good = "TfJJcZGuMFVA5o8kBr7Wp6UuFzcdvmPoDJ2";
    assert_eq!(Sin::parse(good).expect("a SIN").as_str(), good);
    let long = "T".repeat(65);
    for bad in [
        "",
        " TfJJcZGuMFVA5o8kBr7Wp6UuFzcdvmPoDJ2",
        "TfJJcZGuMFVA5o8kBr7Wp6UuFzcdvmPoDJ3",
        "tfJJcZGuMFVA5o8kBr7Wp6UuFzcdvmPoDJ2",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "0OIl",
        "é",
        &long,
    ] {
        assert!(Sin::parse(bad).is_err(), "{bad}");
    }
}

// --- every bit ----------------------------------------------------------------------------------

const URL: &str =
    "https://bitpay.com:443/invoices/K8D2gBq3uNQyRfP1tNQv3w?token=9kZ5Cc4WxEjQ2n2PqvGzqMpvT8bS1AVb";
const BODY: &[u8] =
    br#"{"price":10.50,"currency":"USD","orderId":"4711","token":"9kZ5Cc4WxEjQ2n2PqvGzqMpvT8bS1AVb"}"#;

/// r and s of a DER signature, 32 bytes each.
fn numbers(der: &str) -> [[u8; 32]; 2] {
    let bytes = hex::decode(der).expect("hex");
    let mut at = 2;
    [0, 1].map(|_| {
        let length = usize::from(bytes[at + 1]);
        let integer = &bytes[at + 2..at + 2 + length];
        at += 2 + length;
        let trimmed: Vec<u8> = integer.iter().copied().skip_while(|byte| *byte == 0).collect();
        let mut number = [0; 32];
        number[32 - trimmed.len()..].copy_from_slice(&trimmed);
        number
    })
}

fn der([r, s]: &[[u8; 32]; 2]) -> String {
    let integer = |number: &[u8; 32]| [&[2, 33, 0][..], number].concat();
    let both = [integer(r), integer(s)].concat();
    hex::encode([&[0x30, 70][..], &both].concat())
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

/// 2,256 forgeries for one signature: no single bit of r, s, URL, body or key can change.
#[test]
fn no_single_bit_can_change() {
    let key = secret(42);
    let identity = key.public().to_hex();
    let signature = key.sign(URL, BODY);
    assert!(verifies(&identity, &signature, URL, BODY));
    let [r, s] = numbers(&signature);
    assert!(verifies(&identity, &der(&[r, s]), URL, BODY), "the test's own DER is good");

    let (mut tried, mut accepted) = (0, 0);
    let mut count = |good: bool| {
        tried += 1;
        accepted += usize::from(good);
    };
    let fixed = |bytes: Vec<u8>| <[u8; 32]>::try_from(bytes).expect("32 bytes");
    for bit in 0..256 {
        count(verifies(&identity, &der(&[fixed(flipped(&r, bit)), s]), URL, BODY));
        count(verifies(&identity, &der(&[r, fixed(flipped(&s, bit))]), URL, BODY));
    }
    // The digest is over bytes, so a flipped URL is tried as the bytes before the body.
    for bit in 0..URL.len() * 8 {
        let text = [&flipped(URL.as_bytes(), bit), BODY].concat();
        count(verifies(&identity, &signature, "", &text));
    }
    assert!(verifies(&identity, &signature, "", &[URL.as_bytes(), BODY].concat()));
    for bit in 0..BODY.len() * 8 {
        count(verifies(&identity, &signature, URL, &flipped(BODY, bit)));
    }
    let compressed = hex::decode(&identity).expect("hex");
    for bit in 0..compressed.len() * 8 {
        count(verifies(&hex::encode(flipped(&compressed, bit)), &signature, URL, BODY));
    }
    assert_eq!((tried, accepted), (512 + (URL.len() + BODY.len()) * 8 + 264, 0));
    assert_eq!(tried, 2_256);
}

/// The twin n - s is the same signature (by design: half of all clients send it).
#[test]
fn the_high_twin_is_the_same_signature() {
    let key = secret(9);
    let low = key.sign(URL, BODY);
    let [r, s] = numbers(&low);
    let high = der(&[r, minus(&s)]);
    assert_ne!(high, low);
    assert!(verifies(&key.public().to_hex(), &high, URL, BODY));
    assert_eq!(Signature::from_hex(&high), Signature::from_hex(&low));
    assert_eq!(Signature::from_hex(&high).expect("DER").to_hex(), low);
}

/// The order of secp256k1 minus a number.
fn minus(number: &[u8; 32]) -> [u8; 32] {
    let order = hex::decode("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").expect("hex");
    let mut result = [0; 32];
    let mut borrow = 0;
    for at in (0..32).rev() {
        let digit = i16::from(order[at]) - i16::from(number[at]) - borrow;
        borrow = i16::from(digit < 0);
        result[at] = u8::try_from(digit.rem_euclid(256)).expect("a byte");
    }
    result
}

// --- any input ----------------------------------------------------------------------------------

proptest! {
    /// Whoever signs one of the spellings is believed; whoever signs another host is not.
    #[test]
    fn signed_spellings_verify(
        bytes in prop::array::uniform32(1u8..),
        tls: bool,
        host in "[a-z]{1,12}(\\.[a-z]{2,5}){0,2}(:[0-9]{2,5})?",
        target in "/[a-zA-Z0-9/]{0,20}(\\?[a-z]{1,5}=[a-zA-Z0-9+*'%]{0,12})?",
        body in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let Ok(key) = SecretKey::from_bytes(bytes) else { return Ok(()) };
        let identity = key.public().to_hex();
        let received = ReceivedUrl { tls, host: &host, target: &target, ports: &[8443, 14142, 80, 81] };
        let all: Vec<_> = spellings(&received).collect();
        let most = if tls { 24 } else { 48 };
        prop_assert!(!all.is_empty() && all.len() <= most);
        let mut unique = all.clone();
        unique.sort();
        unique.dedup();
        prop_assert_eq!(unique.len(), all.len(), "no spelling twice");
        for signed in &all {
            let signature = key.sign(signed, &body);
            prop_assert!(all.iter().any(|url| verifies(&identity, &signature, url, &body)));
        }
        let elsewhere = key.sign(&format!("https://evil.{host}{target}"), &body);
        prop_assert!(!all.iter().any(|url| verifies(&identity, &elsewhere, url, &body)));
    }

    #[test]
    fn nothing_panics_on_any_text(key in "\\PC{0,140}", hex in "[0-9a-fA-F]{0,300}", host in "\\PC{0,30}", target in "\\PC{0,60}") {
        let _ = (PublicKey::from_hex(&key), PublicKey::from_hex(&hex));
        let _ = (Signature::from_hex(&key), Signature::from_hex(&hex), Sin::parse(&key));
        let received = ReceivedUrl { tls: true, host: &host, target: &target, ports: &[1, 2, 3, 4, 5] };
        prop_assert!(spellings(&received).count() <= 24);
    }

    /// Printing a signature and reading it again changes nothing.
    #[test]
    fn signatures_survive_their_text(bytes in prop::array::uniform32(1u8..), body in prop::collection::vec(any::<u8>(), 0..32)) {
        let Ok(key) = SecretKey::from_bytes(bytes) else { return Ok(()) };
        let text = key.sign(URL, &body);
        let signature = Signature::from_hex(&text).expect("own text");
        prop_assert_eq!(signature.to_hex(), text.clone());
        prop_assert_eq!(Signature::from_hex(&text.to_uppercase()), Ok(signature));
        let public = PublicKey::from_hex(&key.public().to_hex()).expect("own text");
        prop_assert_eq!(public, key.public());
        prop_assert_eq!(Sin::parse(public.sin().as_str()), Ok(public.sin()));
        let shown = format!("{key:?}");
        prop_assert!(!shown.contains(&hex::encode(bytes)));
    }
}

#[test]
fn keys_out_of_range_are_refused() {
    assert!(SecretKey::from_bytes([0; 32]).is_err());
    assert!(SecretKey::from_bytes([255; 32]).is_err());
}
