//! The certificate that shops see: names, time, and what they need to trust it.

use std::path::Path;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use super::finding::Finding;
use crate::config::{BITPAY_NAMES, ShopSection};

const DAY_SECONDS: i64 = 24 * 3600;
const SOON_DAYS: i64 = 30;

/// What of a certificate matters here.
pub(in crate::cli) struct Certificate {
    /// DNS names and IP addresses, lower case.
    pub(in crate::cli) names: Vec<String>,
    /// Seconds since 1970.
    pub(super) from: i64,
    /// Seconds since 1970.
    pub(super) until: i64,
    issuer: String,
}

/// Checks every certificate of the configuration; the names in them.
pub(super) fn check(shop: &ShopSection, now_ms: i64) -> (Vec<Finding>, Vec<String>) {
    let (mut findings, mut names) = (Vec::new(), Vec::new());
    let default = shop.certificate_file.iter().zip(&shop.key_file).map(|(file, key)| (file, key, Vec::new()));
    let named = shop.certificate.iter().map(|one| (&one.certificate_file, &one.key_file, one.names.clone()));
    for (file, key, wanted) in default.chain(named) {
        let hop = "certificate";
        let tried = format!("read {}", file.display());
        match read(file, key) {
            Err(why) => findings.push(
                Finding::wrong(hop, tried, why)
                    .change("payferry ca makes a certificate, or name good files in [shop]"),
            ),
            Ok(certificate) => {
                findings.push(in_time(hop, &tried, &certificate, now_ms / 1000));
                findings.extend(not_named(hop, &tried, &certificate, &wanted));
                names.extend(certificate.names);
            }
        }
    }
    if !names.is_empty() {
        findings.push(bitpays_names(&names));
    }
    (findings, names)
}

fn read(file: &Path, key: &Path) -> Result<Certificate, String> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| format!("{}: {error}", file.display()))?;
    let own = chain.first().ok_or_else(|| format!("no certificate in {}", file.display()))?;
    let certificate = parse(own.as_ref())?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| format!("{}: {error}", key.display()))?;
    // rustls refuses a key that is not this certificate's.
    let provider = rustls::crypto::ring::default_provider();
    rustls::sign::CertifiedKey::from_der(chain, private, &provider)
        .map_err(|error| format!("{} does not fit: {error}", key.display()))?;
    Ok(certificate)
}

/// Reads DER.
pub(in crate::cli) fn parse(der: &[u8]) -> Result<Certificate, String> {
    let (_, parsed) = X509Certificate::from_der(der).map_err(|error| format!("no certificate: {error}"))?;
    let names = match parsed.subject_alternative_name() {
        Ok(Some(names)) => names.value.general_names.iter().filter_map(name).collect(),
        _ => Vec::new(),
    };
    let validity = parsed.validity();
    Ok(Certificate {
        names,
        from: validity.not_before.timestamp(),
        until: validity.not_after.timestamp(),
        issuer: parsed.issuer().to_string(),
    })
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|bytes| std::net::Ipv4Addr::from(bytes).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
        },
        _ => None,
    }
}

fn in_time(hop: &str, tried: &str, certificate: &Certificate, now: i64) -> Finding {
    let renew = "make a new one (payferry ca keeps its CA, so shops need nothing), then restart payferry";
    let days = (certificate.until - now).div_euclid(DAY_SECONDS);
    if certificate.from > now {
        let came = format!("it is valid only from {} on", day(certificate.from));
        return Finding::wrong(hop, tried, came)
            .change("set this machine's clock, or make a new certificate");
    }
    if certificate.until <= now {
        return Finding::wrong(hop, tried, format!("it ended on {}", day(certificate.until))).change(renew);
    }
    let came = format!(
        "{}; until {} ({days} days); by {}",
        certificate.names.join(", "),
        day(certificate.until),
        certificate.issuer
    );
    if days < SOON_DAYS {
        Finding::warn(hop, tried, came).change(renew)
    } else {
        Finding::ok(hop, tried, came)
    }
}

/// Names that `[[shop.certificate]]` promises and the certificate does not have.
fn not_named(hop: &str, tried: &str, certificate: &Certificate, wanted: &[String]) -> Option<Finding> {
    let missing: Vec<_> = wanted.iter().filter(|name| !covers(&certificate.names, name)).cloned().collect();
    (!missing.is_empty()).then(|| {
        Finding::wrong(hop, tried, format!("it is not for {}", missing.join(", ")))
            .change("correct shop.certificate.names, or make a certificate that has these names")
    })
}

fn bitpays_names(names: &[String]) -> Finding {
    let missing: Vec<_> = BITPAY_NAMES.iter().copied().filter(|name| !covers(names, name)).collect();
    let tried = "BitPay's names, which a DNS swap needs";
    let trust = "shops must trust its CA: payferry ca prints where each kind of shop looks";
    if missing.is_empty() {
        return Finding::ok("certificate", tried, format!("all there; {trust}"));
    }
    let came = format!("missing: {}; enough for shops that are given another URL", missing.join(", "));
    Finding::note("certificate", tried, came)
}

/// Whether a certificate with these names is good for a host.
fn covers(names: &[String], host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let wildcard = host.split_once('.').map(|(_, rest)| format!("*.{rest}"));
    names.iter().any(|name| *name == host || Some(name) == wildcard.as_ref())
}

/// A day in UTC.
pub(super) fn day(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| "an unknown day".to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
}
