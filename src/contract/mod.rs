//! BitPay's merchant API as data: endpoints, error bodies, eras, invoice members, notifications,
//! currencies, known divergences.
//!
//! The tables are files in `contract/`, built into the program and read once.
//! They hold facts from public documentation, SDKs and recordings; what
//! payferry makes of them is code elsewhere.

pub mod btcpay_answers;
pub mod btcpay_requests;
pub mod currencies;
pub mod dialects;
pub mod divergences;
pub mod endpoints;
pub mod eras;
pub mod errors;
pub mod invoice_fields;
pub mod notifications;
pub mod products;
pub mod wallets;

pub use currencies::currencies;
pub use dialects::Proof;
pub use endpoints::{Endpoint, Found, Generation};
pub use eras::Era;
pub use errors::{ErrorCode, Side};
pub use invoice_fields::{Audience, Field, Source, invoice_fields};
pub use notifications::{Form, notification_fields};
pub use wallets::supported_wallets;

/// Reads a table that is part of the program.
#[expect(clippy::expect_used, reason = "the file is built in, and a test reads each one")]
fn built_in<T: serde::de::DeserializeOwned>(text: &str) -> T {
    toml::from_str(text).expect("a built-in table is good: the tests read it")
}

/// Reads a list that goes to shops, with its numbers as they are spelled.
#[expect(clippy::expect_used, reason = "the file is built in, and a test reads each one")]
fn built_in_json(text: &str) -> crate::json::Value {
    crate::json::parse(text.as_bytes()).expect("a built-in list is good: the tests read it")
}
