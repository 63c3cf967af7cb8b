//! payferry answers shops that were written for bitpay.com, from BTCPay Server.
//!
//! The rooms are listed in `ARCHITECTURE.md`, lowest floor first; a room
//! imports only from floors below it.

pub mod admin;
pub mod adoption;
pub mod app;
pub mod bitid;
pub mod cli;
pub mod config;
pub mod contract;
pub mod delivery;
pub mod directory;
pub mod divergence;
pub mod edge;
pub mod failpoint;
pub mod journal;
pub mod json;
pub mod ledger;
pub mod lifecycle;
pub mod notify;
pub mod pairing;
pub mod presented;
pub mod rates;
pub mod retention;
pub mod sandbox;
pub mod secrets;
pub mod telemetry;
pub mod walk;
