//! From the price that was sent to the price that is shown, and on to bitcoin.

use super::decimal::Decimal;
use super::lenient::{self, Lenient};

/// Smallest amount that BTCPay sends to an address of this kind, in satoshi.
pub const DUST: u128 = 294;

/// A price of another kind or a text that is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal")]
pub struct NotDecimal;

/// Reads a decimal member: number (octal and hex too), text with thousands commas, or
/// null and "" for none.
///
/// # Errors
/// [`NotDecimal`] for everything else and beyond 96 bits.
pub fn decimal(value: &Lenient) -> Result<Option<Decimal>, NotDecimal> {
    let read = match value {
        Lenient::Null => return Ok(None),
        Lenient::String(text) if text.is_empty() => return Ok(None),
        Lenient::Number(text) => lenient::plain_number(text).and_then(|plain| Decimal::parse(&plain)),
        Lenient::String(text) => from_text(text),
        _ => None,
    };
    read.map(Some).ok_or(NotDecimal)
}

/// `" 1,234.50 "` is 1234.50, `"5,50"` is 550, `"5-"` is -5, `"1e3"` is 1000.
fn from_text(text: &str) -> Option<Decimal> {
    let trimmed = text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    let (negative, rest) = match (trimmed.strip_prefix('-'), trimmed.strip_prefix('+')) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => trimmed.strip_suffix('-').map_or((false, trimmed), |rest| (true, rest)),
    };
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    let digits_of = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let plain = whole.replace(',', "");
    if digits_of(&plain)
        && digits_of(fraction)
        && !(plain.is_empty() && fraction.is_empty())
        && !whole.starts_with(',')
    {
        let point = if fraction.is_empty() { "" } else { "." };
        let sign = if negative { "-" } else { "" };
        let zero = if plain.is_empty() { "0" } else { "" };
        return Decimal::parse(&format!("{sign}{zero}{plain}{point}{fraction}"));
    }
    Decimal::parse(text)
}

/// Digits after the point that the currency has (ISO 4217, and 8 for coins).
#[must_use]
pub fn digits(currency: &str) -> u32 {
    match currency {
        "JPY" | "KRW" | "CLP" | "VND" | "ISK" | "UGX" | "XAF" | "XOF" | "XPF" | "PYG" | "RWF" | "KMF"
        | "GNF" | "DJF" | "BIF" | "VUV" | "SATS" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "BTC" | "LTC" | "BCH" | "DOGE" => 8,
        _ => 2,
    }
}

/// Capped at 18446744073709551615 and rounded to the currency's digits.
#[must_use]
pub fn shown(price: Decimal, currency: &str) -> Decimal {
    let cap = Decimal::new(u128::from(u64::MAX), 0).unwrap_or(Decimal::ZERO);
    price.min(cap).round(digits(currency))
}

/// Satoshi for a price at a rate, rounded up; None where it does not fit.
#[must_use]
pub fn satoshi(price: Decimal, rate: Decimal) -> Option<u128> {
    if price.is_zero() { Some(0) } else { price.divided_up(rate, 8) }
}

/// Bitcoin for satoshi, shortest: `0.00025`, `0`.
#[must_use]
pub fn bitcoin(satoshi: u128) -> String {
    Decimal::new(satoshi, 8).map(Decimal::shortest).unwrap_or_default()
}

/// Bitcoin that BTCPay worked out by taking `fees` off again: as many decimals as either had
/// (recorded: life-low-top-up, 0.0005 with a fee of 0.00002 is `0.00050`).
#[must_use]
pub fn bitcoin_less_fees(satoshi: u128, fees: u128) -> String {
    let places = |text: &str| text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let (shortest, fees) = (bitcoin(satoshi), places(&bitcoin(fees)));
    let missing = fees.saturating_sub(places(&shortest));
    let point = if shortest.contains('.') || missing == 0 { "" } else { "." };
    format!("{shortest}{point}{}", "0".repeat(missing))
}

/// Bitcoin that is due: like [`bitcoin`], but nothing is `0.0`.
#[must_use]
pub fn bitcoin_due(satoshi: u128) -> String {
    if satoshi == 0 { "0.0".to_owned() } else { bitcoin(satoshi) }
}

/// Satoshi as the totals spell them: eight zeros after the point, and one more for every
/// digit that the amount in bitcoin has there.
#[must_use]
pub fn satoshi_total(satoshi: u128) -> String {
    let bitcoin = bitcoin(satoshi);
    let places = bitcoin.split_once('.').map_or(0, |(_, fraction)| fraction.len()) as u32;
    let fits = |zeros: u32| {
        10u128.checked_pow(zeros).and_then(|p| satoshi.checked_mul(p)).is_some_and(|m| m < 1 << 96)
    };
    let zeros = (0..=places + 8).rev().find(|zeros| fits(*zeros)).unwrap_or(0);
    format!("{satoshi}.{}", "0".repeat(zeros as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(sent: &str) -> Option<String> {
        decimal(&Lenient::String(sent.into())).ok().flatten().map(Decimal::text)
    }

    #[test]
    fn texts() {
        for (sent, read) in
            [("5,50", "550"), (" 5.5 ", "5.5"), ("+5", "5"), ("1e3", "1000"), ("1,234.50", "1234.50")]
        {
            assert_eq!(text(sent).as_deref(), Some(read), "{sent}");
        }
        for sent in [" ", "$5", "0x10", "NaN", "abc", ",5"] {
            assert_eq!(text(sent), None, "{sent}");
        }
    }

    /// `0.00050`: recorded in life-low-top-up; a fee of 0.0001 leaves `0.0005` in life-top-up-paid-twice.
    #[test]
    fn prices_have_the_decimals_of_their_fees() {
        assert_eq!(bitcoin_less_fees(50_000, 2_000), "0.00050");
        assert_eq!(bitcoin_less_fees(50_000, 10_000), "0.0005");
        assert_eq!(bitcoin_less_fees(50_000, 0), "0.0005");
        assert_eq!(bitcoin_less_fees(25_000, 2_000), "0.00025");
        assert_eq!(bitcoin_less_fees(100_000_000, 2_000), "1.00000");
    }

    #[test]
    fn totals() {
        assert_eq!(satoshi_total(10_000), "10000.000000000000");
        assert_eq!(satoshi_total(0), "0.00000000");
        assert_eq!(satoshi_total(36_893_488_147_419_103_230_000), "36893488147419103230000.000000");
        assert_eq!(satoshi_total(140_473), "140473.0000000000000000");
    }
}
