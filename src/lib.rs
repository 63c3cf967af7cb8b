//! payferry answers shops that were written for bitpay.com, from BTCPay Server.
//!
//! The rooms are listed in `ARCHITECTURE.md`, lowest floor first; a room
//! imports only from floors below it.

pub mod bitid;
pub mod json;
pub mod sandbox;
