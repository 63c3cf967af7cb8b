//! One BTCPay server: name, TCP, TLS, HTTP, whether it is BTCPay, and whether its clock agrees.

use std::sync::Arc;
use std::time::Instant;

use http::Method;
use rustls_pki_types::ServerName;

use super::certificate::{day, parse};
use super::finding::Finding;
use super::wire::{Heard, TlsTrouble, Way, WireError};
use crate::config::BtcpayServer;
use crate::json;
use crate::walk::forward::{ServersError, public_address, tls};
use crate::walk::to_btcpay::{self, PublicAddress, UpstreamRequest};

/// Beyond this, times in answers (an invoice lives 15 minutes) mislead shops.
const CLOCK_SECONDS: i64 = 30;
const CERTIFICATE_DAYS: i64 = 14;

/// A BTCPay server and the way to it.
pub(super) struct Btcpay {
    /// `btcpay.NAME`.
    pub(super) hop: String,
    /// What signatures and Host carry.
    pub(super) public: PublicAddress,
    /// Where TCP goes.
    pub(super) way: Way,
}

/// What a look at the server gave.
pub(super) struct Seen {
    pub(super) findings: Vec<Finding>,
    /// Whether BTCPay's own API answered.
    pub(super) answers: bool,
    /// The address that BTCPay takes for its own, as its redirect to the login page shows it.
    pub(super) told_root: Option<String>,
}

impl Btcpay {
    pub(super) fn new(name: &str, config: &BtcpayServer) -> Result<Self, ServersError> {
        let host = config.public_url.host.trim_matches(['[', ']']).to_owned();
        let server_name = ServerName::try_from(host).map_err(|_| ServersError::HostName(name.to_owned()))?;
        let (host, port) = config.tcp_target();
        let tls = if config.uses_tls() { Some((Arc::new(tls(name, config)?), server_name)) } else { None };
        let way = Way { host: host.to_owned(), port, tls };
        Ok(Self { hop: format!("btcpay.{name}"), public: public_address(config), way })
    }

    /// Scheme, authority and path, as BTCPay should take them for its own.
    pub(super) fn root(&self) -> String {
        format!("{}://{}{}", self.public.scheme, self.public.authority, self.public.path)
    }

    /// Sends it with the public address as Host, as payferry does.
    pub(super) async fn exchange(&self, request: &UpstreamRequest) -> Result<Heard, WireError> {
        self.way.exchange(&self.public.authority, request).await
    }

    /// A request without credentials.
    pub(super) fn plain(&self, target: &str) -> UpstreamRequest {
        let target = format!("{}{target}", self.public.path);
        to_btcpay::plain(&self.public, Method::GET, target, String::new())
    }

    /// Where the connection goes, for `tried`.
    pub(super) fn over(&self) -> String {
        let tls = if self.way.tls.is_some() { "TLS" } else { "plain HTTP" };
        format!("{}:{} by {tls}", self.way.host, self.way.port)
    }
}

/// Looks at the server without any credential.
pub(super) async fn check(btcpay: &Btcpay, clock: fn() -> i64) -> Seen {
    let hop = btcpay.hop.as_str();
    let tried = format!("GET {}/tokens without credentials, over {}", btcpay.root(), btcpay.over());
    let began = Instant::now();
    let heard = match btcpay.exchange(&btcpay.plain("/tokens")).await {
        Ok(heard) => heard,
        Err(error) => {
            let findings = vec![unreachable(btcpay, tried, &error)];
            return Seen { findings, answers: false, told_root: None };
        }
    };
    let took = began.elapsed().as_millis();
    if let Some(finding) = is_not_btcpay(hop, &tried, &heard) {
        return Seen { findings: vec![finding], answers: false, told_root: None };
    }
    let mut findings = vec![Finding::ok(hop, tried, format!("BTCPay's BitPay API answers, in {took} ms"))];
    findings.extend(clocks(hop, &heard, clock()));
    findings.extend(its_certificate(hop, &heard, clock()));
    let told_root = match btcpay.exchange(&btcpay.plain("/api-access-request")).await {
        Ok(heard) => heard.header("location").and_then(root_of),
        Err(_) => None,
    };
    Seen { findings, answers: true, told_root }
}

/// `https://host/login?ReturnUrl=…` (routes.jsonl: every redirect to the login page is absolute).
fn root_of(location: &str) -> Option<String> {
    let (root, _) = location.split_once("/login?")?;
    root.contains("://").then(|| root.to_owned())
}

fn unreachable(btcpay: &Btcpay, tried: String, error: &WireError) -> Finding {
    let hop = btcpay.hop.as_str();
    let change = match error {
        WireError::Resolve { .. } => {
            format!("correct {hop}.public_url, or set {hop}.connect to where BTCPay is reached from here")
        }
        WireError::Connect { .. } => {
            format!("start BTCPay, open the way to it, or set {hop}.connect to where it listens")
        }
        WireError::Tls { trouble: TlsTrouble::UnknownIssuer, .. } => {
            format!("its certificate is by a CA that nobody knows: name that CA's file in {hop}.ca_file")
        }
        WireError::Tls { trouble: TlsTrouble::WrongName, .. } => {
            format!("its certificate is not for {}: correct {hop}.public_url", btcpay.public.authority)
        }
        WireError::Tls { trouble: TlsTrouble::Expired, .. } => "renew BTCPay's certificate".to_owned(),
        WireError::Tls { trouble: TlsTrouble::Other, .. } => {
            format!("where plain HTTP is spoken there, say so: {hop}.connect = \"http://HOST:PORT\"")
        }
        WireError::Http(_) => {
            format!(
                "see what listens there; where it speaks TLS, say so: {hop}.connect = \"https://HOST:PORT\""
            )
        }
    };
    Finding::wrong(hop, tried, error.to_string()).change(change)
}

fn is_not_btcpay(hop: &str, tried: &str, heard: &Heard) -> Option<Finding> {
    if heard.header("x-payferry-reason").is_some() {
        let change = format!("set {hop}.connect to BTCPay itself: its name leads back to payferry here");
        return Some(Finding::wrong(hop, tried, "payferry itself").change(change));
    }
    let tokens = json::parse(&heard.body).ok().and_then(|body| body.get("data").cloned());
    if heard.status == 200 && tokens.is_some_and(|tokens| tokens.as_array().is_some()) {
        return None;
    }
    let change = match heard.status {
        301 | 302 | 307 | 308 => {
            let to = heard.header("location").unwrap_or("nowhere");
            format!("something redirects to {to}: {hop}.public_url and connect must lead to BTCPay itself")
        }
        502..=504 => "the proxy in front of BTCPay has lost it: start BTCPay, see the proxy's log".to_owned(),
        _ => format!("see what answers there; {hop}.public_url and connect must lead to BTCPay itself"),
    };
    Some(Finding::wrong(hop, tried, heard.in_short()).change(change))
}

/// By the Date header, which counts whole seconds.
fn clocks(hop: &str, heard: &Heard, now_ms: i64) -> Option<Finding> {
    let tried = "compare its clock (Date) with this machine's";
    let date = heard.header("date")?;
    let Ok(theirs) = jiff::fmt::rfc2822::parse(date).map(|time| time.timestamp().as_second()) else {
        return Some(Finding::note(hop, tried, "its Date is no time"));
    };
    let ahead = theirs - now_ms.div_euclid(1000);
    if ahead.abs() <= CLOCK_SECONDS {
        return Some(Finding::ok(hop, tried, "they agree"));
    }
    let side = if ahead > 0 { "ahead" } else { "behind" };
    let came = format!("the clock is wrong: {} s {side} of this machine's", ahead.abs());
    Some(Finding::wrong(hop, tried, came).change(
        "let NTP set both clocks; where only a proxy changes Date, let it pass BTCPay's on. \
         Shops count an invoice's end by these times",
    ))
}

fn its_certificate(hop: &str, heard: &Heard, now_ms: i64) -> Option<Finding> {
    let certificate = parse(heard.certificate.as_deref()?).ok()?;
    let (tried, came) = ("look at its certificate", format!("good until {}", day(certificate.until)));
    if certificate.until - now_ms / 1000 < CERTIFICATE_DAYS * 24 * 3600 {
        return Some(Finding::warn(hop, tried, came).change("renew BTCPay's certificate"));
    }
    Some(Finding::ok(hop, tried, came))
}
