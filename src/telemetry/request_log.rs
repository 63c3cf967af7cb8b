//! One line per request, written when the body of the answer ends.
//!
//! The line is an interface: README documents its fields. It carries no token, key, signature,
//! pairing code or buyer data; a credential appears only as a short hash.

use std::net::SocketAddr;

use crate::contract::Side;

/// How the answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The whole body was handed over.
    Complete,
    /// The body failed on the way.
    Cut,
    /// The shop went away before the end.
    Dropped,
}

impl Ended {
    /// `complete`, `cut` or `dropped`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Cut => "cut",
            Self::Dropped => "dropped",
        }
    }
}

/// What is known about one request and its answer.
#[derive(Debug, Clone)]
pub struct RequestRecord {
    /// Names this request in every other event.
    pub request_id: String,
    /// When the head had arrived, epoch milliseconds.
    pub at_ms: i64,
    /// Who asked.
    pub peer: SocketAddr,
    /// Whether over TLS.
    pub tls: bool,
    /// The Host header, as sent.
    pub host: String,
    /// The method.
    pub method: String,
    /// The name of the endpoint; stands for the path, which may hold secrets.
    pub endpoint: &'static str,
    /// How the shop proved itself: `signed`, `pos_token`, `v1_key`, `bare`, or empty.
    pub dialect: &'static str,
    /// In which of its eras BitPay's API the shop is answered: `v1`, `2014`, `2018`, `2019`, `2021`, `every`,
    /// or empty.
    pub era: &'static str,
    /// A short hash of the credential.
    pub credential: Option<String>,
    /// The store.
    pub store: Option<String>,
    /// The library of the shop, as it names itself.
    pub agent: Option<String>,
    /// The status of the answer.
    pub status: u16,
    /// The reason code of a failure; empty for a success.
    pub reason: &'static str,
    /// Whose fault a failure is.
    pub side: Option<Side>,
    /// What really happened, where the shop was refused; never shown to the shop.
    pub truth: String,
    /// Bytes of the request body.
    pub bytes_in: u64,
    /// Milliseconds spent waiting for BTCPay.
    pub upstream_ms: Option<i64>,
    /// The invoice that the request is about.
    pub invoice: Option<String>,
    /// How many divergences this request showed.
    pub divergences: u32,
}

impl RequestRecord {
    /// A record with nothing known but the arrival.
    #[must_use]
    pub fn new(request_id: String, at_ms: i64, peer: SocketAddr, tls: bool) -> Self {
        Self {
            request_id,
            at_ms,
            peer,
            tls,
            host: String::new(),
            method: String::new(),
            endpoint: "unknown",
            dialect: "",
            era: "",
            credential: None,
            store: None,
            agent: None,
            status: 0,
            reason: "",
            side: None,
            truth: String::new(),
            bytes_in: 0,
            upstream_ms: None,
            invoice: None,
            divergences: 0,
        }
    }

    /// Writes the line: one event with target `request`; a warning when payferry or BTCPay is to
    /// blame, otherwise information.
    pub fn emit(&self, ended: Ended, bytes_out: u64, duration_ms: i64) {
        macro_rules! line {
            ($level:expr) => {
                tracing::event!(
                    target: "request",
                    $level,
                    request_id = self.request_id,
                    at_ms = self.at_ms,
                    peer = %self.peer,
                    tls = self.tls,
                    host = self.host,
                    method = self.method,
                    endpoint = self.endpoint,
                    dialect = self.dialect,
                    era = self.era,
                    credential = self.credential,
                    store = self.store,
                    agent = self.agent,
                    status = self.status,
                    reason = self.reason,
                    side = self.side.map(Side::name),
                    truth = (!self.truth.is_empty()).then_some(self.truth.as_str()),
                    bytes_in = self.bytes_in,
                    bytes_out,
                    duration_ms,
                    upstream_ms = self.upstream_ms,
                    invoice = self.invoice,
                    ended = ended.as_str(),
                    divergences = self.divergences,
                )
            };
        }
        match self.side {
            Some(Side::Payferry | Side::Btcpay) => line!(tracing::Level::WARN),
            _ => line!(tracing::Level::INFO),
        }
    }
}
