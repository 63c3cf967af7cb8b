//! Decimals as .NET keeps them: a whole number and a scale, so that `5.00` is not `5`.
//!
//! BTCPay's answers show where a value came from by its zeros (`25000.0000000000000`).

/// Greatest mantissa: 96 bits.
const MOST: u128 = (1 << 96) - 1;
/// Most digits after the point.
const DEEPEST_SCALE: usize = 28;

/// A decimal number below 2^96 with up to 28 digits after the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    mantissa: u128,
    scale: u32,
}

impl Decimal {
    /// Zero without digits after the point.
    pub const ZERO: Self = Self { negative: false, mantissa: 0, scale: 0 };

    /// `mantissa` divided by ten to the power of `scale`; None beyond 96 bits or 28 digits.
    #[must_use]
    pub fn new(mantissa: u128, scale: u32) -> Option<Self> {
        (mantissa <= MOST && scale as usize <= DEEPEST_SCALE).then_some(Self {
            negative: false,
            mantissa,
            scale,
        })
    }

    /// Reads `-12.50`, `1.5E+2`; digits beyond the 28th are rounded. None where the text
    /// is no such number or too great.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (number, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
        let (whole, fraction) = match number.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (number, ""),
        };
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let exponent: i64 = exponent.parse().ok().filter(|e: &i64| e.abs() < 1000)?;
        let digits = [whole, fraction].concat();
        let (mantissa, scale) = fit(digits.trim_start_matches('0'), fraction.len() as i64 - exponent)?;
        Some(Self { negative: negative && mantissa > 0, mantissa, scale })
    }

    /// Whether it is above zero.
    #[must_use]
    pub fn is_positive(self) -> bool {
        self.mantissa > 0 && !self.negative
    }

    /// Whether it is zero.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// Rounded half away from zero to at most `digits` after the point; fewer stay fewer.
    #[must_use]
    pub fn round(self, digits: u32) -> Self {
        if self.scale <= digits {
            return self;
        }
        let unit = 10u128.pow(self.scale - digits);
        let mantissa = (self.mantissa + unit / 2) / unit;
        Self { negative: self.negative && mantissa > 0, mantissa, scale: digits }
    }

    /// The lesser of two.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        match self.minus_sign(other) {
            Some(true) | None => self,
            Some(false) => other,
        }
    }

    /// Whether `self` is below `other`; None where the comparison does not fit.
    fn minus_sign(self, other: Self) -> Option<bool> {
        if self.negative != other.negative {
            return Some(self.negative);
        }
        let (a, b) = self.aligned(other)?;
        Some(if self.negative { a > b } else { a < b })
    }

    fn aligned(self, other: Self) -> Option<(u128, u128)> {
        let scale = self.scale.max(other.scale);
        let lift = |d: Self| d.mantissa.checked_mul(10u128.checked_pow(scale - d.scale)?);
        Some((lift(self)?, lift(other)?))
    }

    /// The product, None where it does not fit.
    #[must_use]
    pub fn times(self, other: Self) -> Option<Self> {
        let mantissa = self.mantissa.checked_mul(other.mantissa)?;
        let product = Self::new(mantissa, self.scale + other.scale)?;
        Some(Self { negative: self.negative != other.negative, ..product })
    }

    /// `self / divisor` in units of ten to the power of -`digits`, rounded up. Both must be positive.
    #[must_use]
    pub fn divided_up(self, divisor: Self, digits: u32) -> Option<u128> {
        let (dividend, divisor) = self.aligned(divisor)?;
        let mut quotient = dividend.checked_div(divisor)?;
        let mut rest = dividend % divisor;
        for _ in 0..digits {
            rest = rest.checked_mul(10)?;
            quotient = quotient.checked_mul(10)?.checked_add(rest / divisor)?;
            rest %= divisor;
        }
        quotient.checked_add(u128::from(rest > 0))
    }

    /// One divided by this, to 28 digits without zeros at the end; None where it does not fit.
    #[must_use]
    pub fn inverse(self) -> Option<Self> {
        let one = 10u128.checked_pow(self.scale)?;
        let mut digits = DEEPEST_SCALE as u32;
        let dividend = loop {
            match 10u128.checked_pow(digits).and_then(|unit| unit.checked_mul(one)) {
                Some(dividend) => break dividend,
                None => digits = digits.checked_sub(1)?,
            }
        };
        let whole = dividend.checked_div(self.mantissa)?;
        let rest = dividend % self.mantissa;
        let (mut mantissa, mut scale) = (whole + u128::from(rest >= self.mantissa.div_ceil(2)), digits);
        while scale > 0 && mantissa.is_multiple_of(10) {
            (mantissa, scale) = (mantissa / 10, scale - 1);
        }
        Some(Self { negative: self.negative, ..Self::new(mantissa, scale)? })
    }

    /// The same number without needless zeros.
    #[must_use]
    pub fn plain(self) -> Self {
        Self::parse(&self.shortest()).unwrap_or(self)
    }

    /// All digits, zeros at the end included: `5.00`.
    #[must_use]
    pub fn text(self) -> String {
        let digits = format!("{:0>width$}", self.mantissa, width = self.scale as usize + 1);
        let (whole, fraction) = digits.split_at(digits.len() - self.scale as usize);
        let sign = if self.negative { "-" } else { "" };
        if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
    }

    /// As BTCPay writes decimals into JSON: `.0` is added where there is no point.
    #[must_use]
    pub fn json(self) -> String {
        let text = self.text();
        if text.contains('.') { text } else { text + ".0" }
    }

    /// Without needless zeros: `0.00025`, `5`, `0`.
    #[must_use]
    pub fn shortest(self) -> String {
        let text = self.text();
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    }
}

/// Drops digits until the number fits, rounding the last one kept.
fn fit(digits: &str, scale: i64) -> Option<(u128, u32)> {
    if digits.is_empty() {
        return Some((0, u32::try_from(scale.clamp(0, DEEPEST_SCALE as i64)).ok()?));
    }
    let zeros = usize::try_from(-scale).unwrap_or(0);
    if digits.len() + zeros > 400 {
        return if scale < 0 { None } else { Some((0, DEEPEST_SCALE as u32)) };
    }
    let digits = digits.to_owned() + &"0".repeat(zeros);
    let scale = usize::try_from(scale).unwrap_or(0);
    for dropped in 0..=scale.min(digits.len()) {
        let (kept, cut) = digits.split_at(digits.len() - dropped);
        let up = u128::from(cut.bytes().next().is_some_and(|b| b >= b'5'));
        let value = if kept.is_empty() { Ok(0) } else { kept.parse::<u128>() };
        if let Ok(value) = value.map(|v| v + up)
            && value <= MOST
            && scale - dropped <= DEEPEST_SCALE
        {
            return Some((value, u32::try_from(scale - dropped).ok()?));
        }
    }
    (scale > digits.len()).then_some((0, DEEPEST_SCALE as u32))
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    fn text(source: &str) -> Option<String> {
        Decimal::parse(source).map(Decimal::text)
    }

    #[test]
    fn zeros_are_kept() {
        assert_eq!(text("5.00").as_deref(), Some("5.00"));
        assert_eq!(text("1.5E+2").as_deref(), Some("150"));
        assert_eq!(text("1e-8").as_deref(), Some("0.00000001"));
        assert_eq!(text("-0").as_deref(), Some("0"));
    }

    #[test]
    fn too_great_and_too_long() {
        assert_eq!(text("1e30"), None);
        assert_eq!(text("5."), None);
        assert_eq!(
            text("0.123456789012345678901234567890").as_deref(),
            Some("0.1234567890123456789012345679")
        );
    }

    #[test]
    fn inverses() {
        let inverse = |s: &str| Decimal::parse(s).and_then(Decimal::inverse).map(Decimal::text);
        assert_eq!(inverse("50000").as_deref(), Some("0.00002"));
        assert_eq!(inverse("8").as_deref(), Some("0.125"));
        assert_eq!(inverse("3").as_deref(), Some("0.3333333333333333333333333333"));
        assert_eq!(inverse("50000.123").as_deref(), Some("0.000019999950800121031702262"));
        assert_eq!(inverse("0"), None);
    }

    #[test]
    fn rounding_is_half_away_from_zero() {
        let rounded = |s: &str| Decimal::parse(s).map(|d| d.round(2).text());
        assert_eq!(rounded("1.005").as_deref(), Some("1.01"));
        assert_eq!(rounded("5.000").as_deref(), Some("5.00"));
        assert_eq!(rounded("5").as_deref(), Some("5"));
    }
}
