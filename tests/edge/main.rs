//! The edge on real sockets: framing, limits, TLS and the drain.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod drain;
mod framing;
mod limits;
mod support;
mod tls;
