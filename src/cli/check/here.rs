//! This machine: who answers at payferry's own addresses.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::ServerName;
use tokio::net::TcpListener;

use super::finding::Finding;
use super::trusting::trusting;
use super::wire::{Heard, Way, WireError};
use crate::config::{BITPAY_NAMES, Config, ShopSection};
use crate::notify::intake;

/// Who answers where payferry listens.
pub(super) async fn listeners(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, address, tls) in [
        ("shop.http", config.shop.http, false),
        ("shop.https", config.shop.https, true),
        ("admin.listen", Some(config.admin.listen), false),
        ("notify.listen", config.notify.listen, false),
    ] {
        let Some(address) = address else { continue };
        let tried = format!("connect to {address}");
        findings.push(match address.port() {
            0 => Finding::note(key, tried, "port 0: another free port at each start"),
            _ => match ask(address, tls, if key == "admin.listen" { "/live" } else { "/" }).await {
                Ok(heard) => who(key, &tried, &heard, &config.shop),
                Err(WireError::Connect { .. }) => free(key, &tried, address).await,
                Err(error) => stranger(key, &tried, &error.to_string()),
            },
        });
    }
    findings
}

async fn ask(address: SocketAddr, tls: bool, target: &str) -> Result<Heard, WireError> {
    let name = ServerName::try_from(BITPAY_NAMES[0]).ok().filter(|_| tls);
    let way = Way::here(address, name.map(|name| (Arc::new(trusting()), name)));
    way.get(BITPAY_NAMES[0], target).await
}

fn who(key: &str, tried: &str, heard: &Heard, shop: &ShopSection) -> Finding {
    let payferry = match key {
        "admin.listen" => says_payferry(&heard.body),
        "notify.listen" => heard.header(intake::SIGN).is_some(),
        _ => heard.header("x-payferry-reason").is_some(),
    };
    if !payferry {
        return stranger(key, tried, &heard.in_short());
    }
    let on_disk = for_bitpay(shop).and_then(first_certificate);
    match (&heard.certificate, on_disk) {
        (Some(served), Some(on_disk)) if *served != on_disk => {
            Finding::wrong(key, tried, "payferry answers, with another certificate than the file has now")
                .change("restart payferry: it reads certificates at the start")
        }
        _ => Finding::ok(key, tried, "payferry answers"),
    }
}

/// `/live` of payferry's own listener.
fn says_payferry(body: &[u8]) -> bool {
    let body: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    body.is_some_and(|body| body["program"] == "payferry")
}

/// The file whose certificate is shown to who asks for bitpay.com.
fn for_bitpay(shop: &ShopSection) -> Option<&Path> {
    let is_bitpays = |name: &String| name.eq_ignore_ascii_case(BITPAY_NAMES[0]);
    let named = shop.certificate.iter().find(|one| one.names.iter().any(is_bitpays));
    named.map(|one| one.certificate_file.as_path()).or(shop.certificate_file.as_deref())
}

fn first_certificate(file: &Path) -> Option<Vec<u8>> {
    use rustls_pki_types::pem::PemObject as _;
    let own = rustls_pki_types::CertificateDer::pem_file_iter(file).ok()?.next()?.ok()?;
    Some(own.as_ref().to_vec())
}

fn stranger(key: &str, tried: &str, came: &str) -> Finding {
    Finding::wrong(key, tried, format!("something answers that is not payferry: {came}"))
        .change(format!("end the other program, or choose another {key}"))
}

/// Nobody answers; could payferry listen there?
async fn free(key: &str, tried: &str, address: SocketAddr) -> Finding {
    match TcpListener::bind(address).await {
        Ok(_) => {
            Finding::note(key, tried, "nothing listens, and the port is free: payferry serve is not running")
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Finding::wrong(key, tried, "nothing listens, and this user may not listen there").change(
                "run as root, or allow it: setcap cap_net_bind_service=+ep payferry, or \
                 AmbientCapabilities=CAP_NET_BIND_SERVICE in its unit",
            )
        }
        Err(error) if error.kind() == ErrorKind::AddrNotAvailable => {
            Finding::wrong(key, tried, "this machine has no such address")
                .change(format!("set {key} to an address of this machine, or 0.0.0.0 for all"))
        }
        Err(error) => {
            Finding::wrong(key, tried, format!("nothing answers, nor can payferry listen: {error}"))
                .change(format!("end the other program, or choose another {key}"))
        }
    }
}
