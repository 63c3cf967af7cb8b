//! `--since`: a time ago, or a day.

use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;

/// When to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    /// So many milliseconds ago.
    Ago(i64),
    /// At a moment, milliseconds since 1970.
    Moment(i64),
}

impl Since {
    /// Milliseconds since 1970.
    pub(super) fn at(self, now_ms: i64) -> i64 {
        match self {
            Self::Ago(ms) => now_ms.saturating_sub(ms),
            Self::Moment(ms) => ms,
        }
    }
}

impl FromStr for Since {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "30m, 24h, 7d, or a day like 2026-11-27";
        for (unit, ms) in [("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)] {
            if let Some(number) = text.strip_suffix(unit) {
                let number: u32 = number.parse().map_err(|_| WRONG)?;
                return Ok(Self::Ago(i64::from(number) * ms));
            }
        }
        let day: Date = text.parse().map_err(|_| WRONG)?;
        let start = TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).map_err(|_| WRONG)?;
        Ok(Self::Moment(start.as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn times_ago_and_days() {
        let at = |text: &str| text.parse::<Since>().map(|since| since.at(1_795_478_400_000));
        assert_eq!(at("30m"), Ok(1_795_476_600_000));
        assert_eq!(at("24h"), Ok(1_795_392_000_000));
        assert_eq!(at("7d"), Ok(1_794_873_600_000));
        assert_eq!(at("2026-11-24"), Ok(1_795_478_400_000));
        for wrong in ["", "h", "-1h", "1.5h", "yesterday", "2026-13-01", "24"] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }
}
