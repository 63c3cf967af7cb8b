//! What stood somewhere, without what it was: type, length, spelling. Fit for a journal and a log.

use std::fmt;

use crate::json::{Number, Value};

/// The shape of a value, of a whole body, or of nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// There is none.
    Absent,
    /// `null`
    Null,
    /// `true` or `false`
    Boolean,
    /// A number: digits before and after the point, and whether it has an exponent.
    Number {
        /// Digits before the point.
        whole: u16,
        /// Digits after it.
        decimals: u16,
        /// Whether there is an `e`.
        exponent: bool,
    },
    /// A text of that many bytes.
    Text(u32),
    /// A text of that many bytes that is a decimal number.
    DecimalText(u32),
    /// An array of that many items.
    Array(u32),
    /// An object of that many members.
    Object(u32),
    /// A body that is no JSON: the status, how many bytes.
    Body {
        /// The HTTP status it came with.
        status: u16,
        /// Its length.
        bytes: u32,
    },
    /// A JSON error body.
    Error {
        /// The HTTP status it came with.
        status: u16,
        /// Length of its `error` text in bytes.
        text: u32,
        /// Lines of it.
        lines: u16,
    },
}

impl Shape {
    /// The shape of a value that may be missing.
    #[must_use]
    pub fn of(value: Option<&Value>) -> Self {
        match value {
            None => Self::Absent,
            Some(Value::Null) => Self::Null,
            Some(Value::Bool(_)) => Self::Boolean,
            Some(Value::Number(number)) => number_shape(number),
            Some(Value::String(text)) if is_decimal(text) => Self::DecimalText(count(text.len())),
            Some(Value::String(text)) => Self::Text(count(text.len())),
            Some(Value::Array(items)) => Self::Array(count(items.len())),
            Some(Value::Object(members)) => Self::Object(count(members.len())),
        }
    }

    /// The shape of a text outside of JSON: a header, a parameter.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        Self::Text(count(text.len()))
    }
}

fn number_shape(number: &Number) -> Shape {
    let text = number.text();
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, false), |(m, _)| (m, true));
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let short = |digits: &str| u16::try_from(digits.len()).unwrap_or(u16::MAX);
    Shape::Number { whole: short(whole.trim_start_matches('-')), decimals: short(decimals), exponent }
}

/// Digits, with one point at most; asked of every text, so nothing is made of it.
fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let mut points = 0;
    let good = digits.bytes().all(|byte| {
        points += usize::from(byte == b'.');
        byte.is_ascii_digit() || byte == b'.'
    });
    good && points <= 1 && digits.len() > points
}

pub(super) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("absent"),
            Self::Null => f.write_str("null"),
            Self::Boolean => f.write_str("boolean"),
            Self::Number { whole, decimals, exponent } => {
                write!(f, "number of {whole}.{decimals} digits")?;
                if *exponent { f.write_str(" with an exponent") } else { Ok(()) }
            }
            Self::Text(bytes) => write!(f, "text of {bytes} bytes"),
            Self::DecimalText(bytes) => write!(f, "decimal text of {bytes} bytes"),
            Self::Array(items) => write!(f, "array of {items}"),
            Self::Object(members) => write!(f, "object of {members}"),
            Self::Body { status, bytes: 0 } => write!(f, "status {status}, no body"),
            Self::Body { status, bytes } => write!(f, "status {status}, {bytes} bytes that are no JSON"),
            Self::Error { status, text, lines } => {
                write!(f, "status {status}, error text of {text} bytes in {lines} lines")
            }
        }
    }
}
