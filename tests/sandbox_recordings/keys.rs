//! The test's own keys in place of the recorded ones, and signatures of the recorded form.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use payferry::bitid::{PublicKey, SecretKey, Signature, SignedText};
use sha2::{Digest, Sha256};

use crate::actions::Actions;
use crate::names::Names;
use crate::recording::{Exchange, Request};
use crate::wire::Raw;

/// Order of the curve; a high S is this minus a low one.
const ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";

/// The test's key for a recorded SIN, or for any other name.
pub fn secret(name: &str) -> SecretKey {
    let digest: [u8; 32] = Sha256::digest(format!("payferry sandbox test: {name}")).into();
    SecretKey::from_bytes(digest).unwrap()
}

/// Recorded public keys by their SIN.
pub fn recorded(exchanges: &[Exchange]) -> BTreeMap<String, PublicKey> {
    let headers = exchanges.iter().flat_map(|exchange| &exchange.request.headers);
    let identities =
        headers.filter(|(name, value)| name.eq_ignore_ascii_case("x-identity") && value.len() == 66);
    let keys = identities.filter_map(|(_, value)| PublicKey::from_hex(value).ok());
    keys.map(|key| (key.sin().as_str().to_owned(), key)).collect()
}

/// A recorded request with the sandbox's names, the test's keys and signatures of the same form.
pub fn renewed(
    exchange: &Exchange,
    signers: &BTreeMap<String, PublicKey>,
    names: &Names,
    actions: &Actions,
) -> Raw {
    let request = &exchange.request;
    let raw = request.body_bytes();
    let body = match String::from_utf8(raw.clone()) {
        Ok(text) => translate(&text, names).into_bytes(),
        Err(_) => raw.clone(),
    };
    let target = translate(&request.target, names);
    let mut headers = Vec::new();
    for (name, value) in &request.headers {
        let value = match name.to_ascii_lowercase().as_str() {
            "content-length" if *value == raw.len().to_string() => body.len().to_string(),
            "x-identity" | "x-pubkey" => identity(value),
            "x-signature" => signature(exchange, value, signers, names, &body),
            "authorization" => actions.authorization(&exchange.id, value, names),
            _ => translate(value, names),
        };
        headers.push((name.clone(), value));
    }
    Raw { method: request.method.clone(), target, version: request.version.clone(), headers, body }
}

/// Names, and SINs on top of them. There are none in the texts that only try a size.
fn translate(text: &str, names: &Names) -> String {
    if text.len() > 100_000 {
        return text.to_owned();
    }
    let mut text = names.translate(text);
    let words: Vec<String> = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.len() > 33)
        .map(str::to_owned)
        .collect();
    for word in words {
        if payferry::bitid::Sin::parse(&word).is_ok() {
            text = text.replace(&word, secret(&word).public().sin().as_str());
        }
    }
    text
}

fn identity(value: &str) -> String {
    let Ok(key) = PublicKey::from_hex(value) else { return value.to_owned() };
    let own = secret(key.sin().as_str()).public();
    let text = if value.len() == 130 { uncompressed(&own) } else { own.to_hex() };
    if value.contains(|c: char| c.is_ascii_uppercase()) { text.to_uppercase() } else { text }
}

fn uncompressed(key: &PublicKey) -> String {
    let key: secp256k1::PublicKey = key.to_hex().parse().unwrap();
    hex::encode(key.serialize_uncompressed())
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request
        .headers
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

fn signature(
    exchange: &Exchange,
    recorded: &str,
    signers: &BTreeMap<String, PublicKey>,
    names: &Names,
    body: &[u8],
) -> String {
    let request = &exchange.request;
    let own = header(request, "x-identity").and_then(|text| PublicKey::from_hex(text).ok());
    let signer = request.signed.as_ref().map(|signed| signed.by.clone());
    let Some(signer) = signer.or(own.map(|key| key.sin().as_str().to_owned())) else {
        return recorded.to_owned();
    };
    if recorded.trim().len() < 64 {
        return recorded.to_owned();
    }
    let url = request
        .signed
        .as_ref()
        .map_or(format!("http://127.0.0.1:14142{}", request.target), |s| s.url.clone());
    let other_body = request.signed.as_ref().and_then(|signed| signed.body.clone());
    let recorded_body = other_body.clone().map_or(request.body_bytes(), String::into_bytes);
    let (form, plain) = Form::of(&exchange.id, recorded);
    let was_good = plain.is_some_and(|hex| {
        let Some(key) = signers.get(&signer) else { return false };
        Signature::from_hex(&hex).is_ok_and(|s| s.is_by(key, &SignedText::new(&url, &recorded_body)))
    });
    let body = other_body.map_or(body.to_vec(), |text| translate(&text, names).into_bytes());
    let mut url = translate(&url, names);
    if !was_good && form != Form::OddHex {
        url.push_str("#broken");
    }
    let high = recorded_high(recorded);
    form.write(&secret(&signer).sign(&url, &body), high)
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Form {
    Plain,
    TrailingBytes,
    LeadingZeros,
    LongLength,
    UpperCase,
    ZeroX,
    Base64,
    Compact,
    OddHex,
    Blanks,
}

impl Form {
    /// The form of a recorded signature, and the signature itself where it can be had.
    fn of(id: &str, recorded: &str) -> (Self, Option<String>) {
        let text = recorded.trim().to_owned();
        match id {
            "auth/sig-der-trailing-bytes" => (Self::TrailingBytes, Some(text)),
            "auth/sig-der-leading-zeros" => (Self::LeadingZeros, Some(text)),
            "auth/sig-der-long-length" => (Self::LongLength, Some(text)),
            "auth/sig-upper-case-hex" => (Self::UpperCase, Some(text)),
            "auth/sig-0x-prefix" => (Self::ZeroX, text.strip_prefix("0x").map(str::to_owned)),
            "auth/sig-base64" => (Self::Base64, STANDARD.decode(&text).ok().map(hex::encode)),
            "auth/sig-compact-64" => {
                (Self::Compact, hex::decode(&text).ok().map(|rs| der(&rs[..32], &rs[32..], 0)))
            }
            "auth/sig-odd-hex" => (Self::OddHex, None),
            "auth/sig-spaces" => (Self::Blanks, Some(text)),
            _ => (Self::Plain, Some(text)),
        }
    }

    fn write(self, low: &str, high: bool) -> String {
        let (r, s) = integers(low);
        let s = if high { minus_from_order(&s) } else { s };
        let plain = der(&r, &s, 0);
        match self {
            Self::Plain => plain,
            Self::TrailingBytes => plain + "0000",
            Self::LeadingZeros => der(&r, &s, 1),
            Self::LongLength => format!("3081{}", &plain[2..]),
            Self::UpperCase => plain.to_uppercase(),
            Self::ZeroX => format!("0x{plain}"),
            Self::Base64 => STANDARD.encode(hex::decode(plain).unwrap()),
            Self::Compact => hex::encode([r, s].concat()),
            Self::OddHex => plain[..plain.len() - 1].to_owned(),
            Self::Blanks => format!("  {plain}  "),
        }
    }
}

fn recorded_high(recorded: &str) -> bool {
    let Ok(bytes) = hex::decode(recorded.trim()) else { return false };
    if bytes.len() < 70 || bytes[0] != 0x30 || bytes[1] & 0x80 != 0 {
        return false;
    }
    let s = 4 + usize::from(bytes[3]);
    bytes.get(s + 1) == Some(&33) && bytes.get(s + 2) == Some(&0)
}

/// The two integers of a DER signature, 32 bytes each.
fn integers(low: &str) -> (Vec<u8>, Vec<u8>) {
    let bytes = hex::decode(low).unwrap();
    let length = usize::from(bytes[3]);
    (padded(&bytes[4..4 + length]), padded(&bytes[6 + length..]))
}

fn padded(integer: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = integer.iter().copied().skip_while(|byte| *byte == 0).collect();
    [vec![0; 32 - digits.len()], digits].concat()
}

fn minus_from_order(s: &[u8]) -> Vec<u8> {
    let mut out = hex::decode(ORDER).unwrap();
    let mut borrow = 0;
    for at in (0..32).rev() {
        let difference = i16::from(out[at]) - i16::from(s[at]) - borrow;
        borrow = i16::from(difference < 0);
        out[at] = (difference & 0xff) as u8;
    }
    out
}

/// DER of two integers, each with `zeros` needless zero bytes in front.
fn der(r: &[u8], s: &[u8], zeros: usize) -> String {
    let integer = |value: &[u8]| {
        let digits: Vec<u8> = value.iter().copied().skip_while(|byte| *byte == 0).collect();
        let sign = usize::from(digits.first().is_some_and(|byte| byte & 0x80 != 0));
        let content = [vec![0; sign + zeros], digits].concat();
        [vec![2, content.len() as u8], content].concat()
    };
    let content = [integer(r), integer(s)].concat();
    hex::encode([vec![0x30, content.len() as u8], content].concat())
}
