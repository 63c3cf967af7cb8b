//! BitPay's API as data. Code, tests and docs read the same tables under `contract/`.

pub mod divergences;
pub mod endpoints;
pub mod errors;
pub mod invoice_fields;

pub use divergences::{When, btcpay_invoice_rules, catalogue};
pub use endpoints::{Endpoint, Found, Generation};
pub use errors::{ErrorCode, Side};
pub use invoice_fields::{Audience, Field, Source, invoice_fields};

/// Reads a table that is part of the program.
#[expect(clippy::expect_used, reason = "the file is built in, and a test reads each one")]
fn built_in<T: serde::de::DeserializeOwned>(text: &str) -> T {
    toml::from_str(text).expect("a built-in table is good: the tests read it")
}
