//! BitPay's API as data. Code, tests and docs read the same tables under `contract/`.

mod divergences;
mod endpoints;
mod errors;
mod invoice_fields;

pub use divergences::{CatalogueRow, InvoiceRules, Rule, When, btcpay_invoice_rules, catalogue};
pub use endpoints::{Endpoint, EndpointRow, Found, endpoint_rows, find_endpoint};
pub use errors::{ErrorCode, ErrorRow, Generation, Side, error_rows, is_backend_outage};
pub use invoice_fields::{Audience, Field, Source, invoice_fields};
