//! Where the names that shops use lead, as seen from this machine.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

use super::finding::Finding;
use crate::config::BITPAY_NAMES;

const WITHIN: Duration = Duration::from_secs(5);

/// BitPay's names and those of the certificates.
pub(super) async fn check(of_certificates: &[String]) -> Vec<Finding> {
    let mut names: Vec<String> = BITPAY_NAMES.iter().map(|name| (*name).to_owned()).collect();
    for name in of_certificates {
        let is_name = name.parse::<IpAddr>().is_err() && !name.starts_with('*');
        if is_name && !names.contains(name) {
            names.push(name.clone());
        }
    }
    let mut findings = Vec::new();
    for name in names {
        findings.push(look_up(&name).await);
    }
    findings
}

async fn look_up(name: &str) -> Finding {
    let tried = format!("resolve {name}");
    let addresses: Vec<IpAddr> = match timeout(WITHIN, lookup_host((name, 443))).await {
        Ok(Ok(found)) => found.map(|address| address.ip()).collect(),
        Ok(Err(error)) => return Finding::note("names", tried, format!("not known here: {error}")),
        Err(_) => return Finding::note("names", tried, "no DNS server answers here"),
    };
    let mut shown: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    shown.dedup();
    let shown = shown.join(", ");
    if addresses.iter().any(|address| is_here(*address)) {
        return Finding::note("names", tried, format!("{shown}: this machine"));
    }
    let came = if BITPAY_NAMES.contains(&name) {
        format!("{shown}: elsewhere; only the shops' machines must find payferry under it")
    } else {
        format!("{shown}: elsewhere, or an address in front of this machine")
    };
    Finding::note("names", tried, came)
}

/// Only an address of this machine can be bound.
fn is_here(address: IpAddr) -> bool {
    std::net::UdpSocket::bind(SocketAddr::new(address, 0)).is_ok()
}
