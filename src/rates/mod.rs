//! Exchange rates for shops that ask without a store of their own: whose rates they are, and for how
//! long they count.

mod cache;
mod quotes;
mod source;

pub use cache::RateCache;
pub use quotes::{COIN, Quotes};
pub use source::{RateSource, SourceError};
