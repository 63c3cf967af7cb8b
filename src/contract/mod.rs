//! BitPay's merchant API as data: endpoints, error bodies, invoice members, known divergences.
//!
//! The tables are files in `contract/`, built into the program and read once.
//! They hold facts from public documentation, SDKs and recordings; what
//! payferry makes of them is code elsewhere.

pub mod btcpay_invoice;
pub mod divergences;
pub mod endpoints;
pub mod errors;
pub mod invoice_fields;

pub use endpoints::{Endpoint, Found, Generation};
pub use errors::{ErrorCode, Side};
pub use invoice_fields::{Audience, Field, Source, invoice_fields};

/// Reads a table that is part of the program.
#[expect(clippy::expect_used, reason = "the file is built in, and a test reads each one")]
fn built_in<T: serde::de::DeserializeOwned>(text: &str) -> T {
    toml::from_str(text).expect("a built-in table is good: the tests read it")
}
