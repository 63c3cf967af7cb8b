//! JSON of the wire: number text, member order and repeated members are kept.
//!
//! Money never becomes a float: a number is the text that was sent.
//! payferry's own data uses serde_json; what shops and BTCPay say goes through here.

mod build;
mod number;
mod parse;
mod split;
mod value;
mod write;

pub use number::{Number, NumberError};
pub use parse::{DEEPEST, JsonError, MOST_VALUES, parse, parse_within};
pub use split::{LONGEST_ITEM, SplitError, Splitter, Step};
pub use value::{Object, Value};
