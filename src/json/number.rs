//! A JSON number as its text.

use std::fmt;

/// More digits than any amount needs; an exponent beyond it is refused, not expanded.
const MOST_DIGITS: i64 = 400;

/// Why a text is not a number, or cannot be written plainly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Not a number by the JSON grammar.
    #[error("not a JSON number")]
    NotANumber,
    /// An exponent whose plain spelling would be absurdly long.
    #[error("the number is out of range")]
    OutOfRange,
}

/// A number by the JSON grammar, kept as text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Number(String);

impl Number {
    /// Takes text that follows the JSON grammar for numbers.
    ///
    /// # Errors
    /// [`NumberError::NotANumber`] otherwise.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        split(text).map(|_| Self(text.to_owned())).ok_or(NumberError::NotANumber)
    }

    pub(super) fn from_grammar(text: String) -> Self {
        Self(text)
    }

    /// The text as it was sent.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The shortest plain spelling: no exponent, no needless zeros, `-0` as `0`.
    /// `10.0` is `10`, `1.50` is `1.5`, `1e3` is `1000`. Nothing is rounded.
    ///
    /// # Errors
    /// [`NumberError::OutOfRange`] where the exponent would make it absurdly long.
    pub fn plain(&self) -> Result<String, NumberError> {
        let (negative, whole, fraction, exponent) = split(&self.0).ok_or(NumberError::NotANumber)?;
        let digits: String = [whole, fraction].concat();
        let stripped = digits.trim_start_matches('0');
        if stripped.is_empty() {
            return Ok("0".to_owned());
        }
        let exponent: i64 = exponent.parse().map_err(|_| NumberError::OutOfRange)?;
        if exponent.abs() > MOST_DIGITS {
            return Err(NumberError::OutOfRange);
        }
        let point = whole.len() as i64 + exponent;
        Ok(place_point(negative, &digits, point))
    }

    /// Whether the value is exactly zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        let mantissa = self.0.split(['e', 'E']).next().unwrap_or_default();
        !mantissa.bytes().any(|b| (b'1'..=b'9').contains(&b))
    }

    /// Whether it is below zero.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.0.starts_with('-') && !self.is_zero()
    }

    /// The value as a whole number, where it is one and fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.plain().ok()?.parse().ok()
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self(value.to_string())
    }
}

/// Sign, whole digits, fraction digits, exponent text; None where the grammar is broken.
fn split(text: &str) -> Option<(bool, &str, &str, &str)> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent),
        None => (rest, "0"),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (mantissa, ""),
    };
    let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let good = !whole.is_empty()
        && digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && digits(fraction)
        && !unsigned.is_empty()
        && digits(unsigned);
    good.then_some((negative, whole, fraction, exponent))
}

/// Writes `digits` with the decimal point after the first `point` of them.
fn place_point(negative: bool, digits: &str, point: i64) -> String {
    let zeros = |n: i64| "0".repeat(usize::try_from(n).unwrap_or(0));
    let length = digits.len() as i64;
    let (whole, fraction) = if point <= 0 {
        ("0".to_owned(), zeros(-point) + digits)
    } else if point >= length {
        (digits.to_owned() + &zeros(point - length), String::new())
    } else {
        let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
        (whole.to_owned(), fraction.to_owned())
    };
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    let mut text = String::with_capacity(whole.len() + fraction.len() + 3);
    if negative {
        text.push('-');
    }
    text.push_str(if whole.is_empty() { "0" } else { whole });
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    text
}
