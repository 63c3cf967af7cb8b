//! Decimal texts as scaled whole numbers: money is never a float.

use crate::json::Number;

/// Where digits have to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rounding {
    Down,
    Up,
    Nearest,
}

/// `units` divided by ten to the power of `places`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    pub(super) units: i128,
    pub(super) places: u32,
}

impl Decimal {
    /// Reads a number by the JSON grammar; None beyond 38 digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let plain = Number::parse(text).ok()?.plain().ok()?;
        let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
        let units = [whole, fraction].concat().parse().ok()?;
        Some(Self { units, places: u32::try_from(fraction.len()).ok()? })
    }

    /// The product, exact.
    pub(super) fn times(self, other: Self) -> Option<Self> {
        Some(Self {
            units: self.units.checked_mul(other.units)?,
            places: self.places.checked_add(other.places)?,
        })
    }

    /// The units where there are `places` decimals.
    pub(super) fn units_at(self, places: u32, rounding: Rounding) -> Option<i128> {
        if places >= self.places {
            return self.units.checked_mul(10_i128.checked_pow(places - self.places)?);
        }
        let step = 10_i128.checked_pow(self.places - places)?;
        Some(match rounding {
            Rounding::Down => self.units.div_euclid(step),
            Rounding::Up => self.units.checked_add(step - 1)?.div_euclid(step),
            Rounding::Nearest => self.units.checked_add(step / 2)?.div_euclid(step),
        })
    }

    /// Plain text with at least `least` decimals and no needless zeros beyond.
    pub(super) fn text(self, least: usize) -> String {
        let places = self.places as usize;
        let digits = format!("{:0>width$}", self.units.unsigned_abs(), width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        let sign = if self.units < 0 { "-" } else { "" };
        let fraction = format!("{:0<least$}", fraction.trim_end_matches('0'));
        if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn amounts_keep_every_digit_and_round_where_told() {
        let decimal = |text| Decimal::parse(text).unwrap();
        assert_eq!(decimal("0.00025").text(6), "0.000250");
        assert_eq!(decimal("0.00140473").text(6), "0.00140473");
        assert_eq!(decimal("0").text(6), "0.000000");
        assert_eq!(decimal("-0.0007").text(6), "-0.000700");
        assert_eq!(decimal("12.50").text(0), "12.5");
        assert_eq!(decimal("100").text(0), "100");
        assert_eq!(decimal("20.001").units_at(0, Rounding::Up), Some(21));
        assert_eq!(decimal("20").units_at(0, Rounding::Up), Some(20));
        assert_eq!(decimal("0.00000001999").units_at(8, Rounding::Down), Some(1));
        assert_eq!(decimal("7118.82364667061").units_at(2, Rounding::Nearest), Some(711_882));
        assert_eq!(decimal("0.005").units_at(2, Rounding::Nearest), Some(1));
        assert_eq!(decimal("1e3").units_at(2, Rounding::Nearest), Some(100_000));
        assert_eq!(Decimal::parse("many"), None);
        assert_eq!(decimal("1e30").times(decimal("1e30")), None, "too big is no number, not a wrong one");
    }
}
