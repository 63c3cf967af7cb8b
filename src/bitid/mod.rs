//! BitID (also called BitAuth): how a BitPay client proves who it is.
//!
//! A client owns a secp256k1 key. It signs SHA-256 of the absolute URL, as it
//! believes it to be, directly followed by the body, and sends the DER
//! signature in hex (`x-signature`) with its public key in hex (`x-identity`).
//! This room knows nothing of HTTP: texts and bytes in, verdicts out.

mod key;
mod signature;
mod sin;
mod spelling;

pub use key::{KeyError, PublicKey, SecretKey};
pub use signature::{Signature, SignatureError, SignedText};
pub use sin::{Sin, SinError};
pub use spelling::{ReceivedUrl, spellings};
