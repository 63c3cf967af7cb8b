//! What is sent to a shop when an invoice changes (BitPay's IPN): which of the events, in which form,
//! with which bytes.

pub mod body;
pub mod select;
pub mod sign;

pub use body::body;
pub use select::{Wants, selected};
pub use sign::signature;
