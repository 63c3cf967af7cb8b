//! payferry answers shops that were written for bitpay.com, from BTCPay Server.
//!
//! The rooms are listed in `ARCHITECTURE.md`, lowest floor first; a room
//! imports only from floors below it.

pub mod admin;
pub mod bitid;
pub mod config;
pub mod json;
pub mod lifecycle;
pub mod telemetry;
