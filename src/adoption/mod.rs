//! Adoption: a shop that was paired with bitpay.com is taken over with the credential that it holds.
//!
//! Nobody re-pairs such a shop, and nobody knows its SIN. What it shows is refused as BitPay would refuse
//! it, and kept for the operator (`strangers.rs`), who binds exactly that to a store (`operator.rs`).

mod operator;
mod strangers;

pub use operator::{AddError, AdoptError, Adoption, NewCredential, Origin, add, adopt};
pub use strangers::{Sight, Stranger, Strangers};
