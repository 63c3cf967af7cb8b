//! Texts that look like dates, which BTCPay's JSON reader rewrites.

/// A moment as the reader understood it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since 1970 in UTC; a text without a zone counts as UTC.
    pub seconds: i64,
    /// Seven digits of the second.
    fraction: u32,
    zone: Zone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zone {
    None,
    Utc,
    Offset,
}

impl Moment {
    /// Reads `2026-01-02T03:04:05.678+02:00` and `/Date(1700000000000)/`; None for every other text.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix("/Date(").and_then(|t| t.strip_suffix(")/")) {
            let ms: i64 = inner.parse().ok()?;
            let fraction = u32::try_from(ms.rem_euclid(1000)).ok()? * 10_000;
            return Some(Self { seconds: ms.div_euclid(1000), fraction, zone: Zone::Utc });
        }
        if !text.is_ascii() || !(19..=40).contains(&text.len()) {
            return None;
        }
        let (head, tail) = text.split_at(19);
        let seconds = day_and_time(head)?;
        let (fraction, tail) = fraction(tail)?;
        let (zone, offset) = zone(tail)?;
        Some(Self { seconds: seconds - offset, fraction, zone })
    }

    /// As it stands in the create answer's posData: UTC, shortest fraction.
    #[must_use]
    pub fn iso(self) -> String {
        let (day, time) = split(self.seconds);
        let fraction = format!(".{:07}", self.fraction);
        let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
        let zone = match self.zone {
            Zone::None => "",
            Zone::Utc => "Z",
            Zone::Offset => "+00:00",
        };
        let (year, month, date) = civil(day);
        format!("{year:04}-{month:02}-{date:02}T{}{fraction}{zone}", clock(time))
    }

    /// As later reads show it in texts: `01/02/2026 03:04:05`, UTC.
    #[must_use]
    pub fn american(self) -> String {
        american(self.seconds)
    }
}

/// `01/02/2026 03:04:05` for seconds since 1970.
#[must_use]
pub fn american(seconds: i64) -> String {
    let (day, time) = split(seconds);
    let (year, month, date) = civil(day);
    format!("{month:02}/{date:02}/{year:04} {}", clock(time))
}

/// `2026-01-02T03:04:05.123` for milliseconds since 1970, without a zone.
#[must_use]
pub fn plain_iso(ms: i64) -> String {
    let seconds = ms.div_euclid(1000);
    let fraction = u32::try_from(ms.rem_euclid(1000)).unwrap_or(0) * 10_000;
    Moment { seconds, fraction, zone: Zone::None }.iso()
}

/// The first second of `MM/dd/yyyy`, zeros required; None for every other spelling.
#[must_use]
pub fn american_day(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[2] != b'/' || bytes[5] != b'/' {
        return None;
    }
    Some(days(number(&text[6..])?, number(&text[..2])?, number(&text[3..5])?)? * 86_400)
}

fn number(text: &str) -> Option<i64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

fn day_and_time(head: &str) -> Option<i64> {
    let bytes = head.as_bytes();
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if marks.iter().any(|(at, mark)| bytes.get(*at) != Some(mark)) {
        return None;
    }
    let day = days(number(&head[..4])?, number(&head[5..7])?, number(&head[8..10])?)?;
    let (hour, minute, second) = (number(&head[11..13])?, number(&head[14..16])?, number(&head[17..19])?);
    let midnight = hour == 24 && minute == 0 && second == 0;
    ((hour < 24 || midnight) && minute < 60 && second < 60)
        .then_some(((day * 24 + hour) * 60 + minute) * 60 + second)
}

fn fraction(tail: &str) -> Option<(u32, &str)> {
    let Some(rest) = tail.strip_prefix('.') else { return Some((0, tail)) };
    let length = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = rest.split_at(length);
    if digits.is_empty() {
        return None;
    }
    let seven = format!("{digits:0<7}");
    Some((seven[..7].parse().ok()?, rest))
}

fn zone(tail: &str) -> Option<(Zone, i64)> {
    match tail.as_bytes().first() {
        None => Some((Zone::None, 0)),
        Some(b'Z') if tail.len() == 1 => Some((Zone::Utc, 0)),
        Some(sign @ (b'+' | b'-')) => {
            let digits = tail[1..].replace(':', "");
            let (hours, minutes) = match digits.len() {
                2 => (number(&digits)?, 0),
                4 => (number(&digits[..2])?, number(&digits[2..])?),
                _ => return None,
            };
            let offset = (hours * 60 + minutes) * 60;
            Some((Zone::Offset, if *sign == b'-' { -offset } else { offset }))
        }
        _ => None,
    }
}

fn split(seconds: i64) -> (i64, i64) {
    (seconds.div_euclid(86_400), seconds.rem_euclid(86_400))
}

fn clock(time: i64) -> String {
    format!("{:02}:{:02}:{:02}", time / 3600, time / 60 % 60, time % 60)
}

/// Days since 1970 of a date in the Gregorian calendar; None where there is no such day.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if year < 1 || !(1..=12).contains(&month) || day < 1 {
        return None;
    }
    let shifted = if month > 2 { year } else { year - 1 };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let count =
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    (civil(count) == (year, month, day)).then_some(count)
}

fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_spellings() {
        let iso = |text| Moment::read(text).map(Moment::iso);
        assert_eq!(iso("2024-01-02T03:04:05.000Z").as_deref(), Some("2024-01-02T03:04:05Z"));
        assert_eq!(iso("2024-01-02T03:04:05.120+02:00").as_deref(), Some("2024-01-02T01:04:05.12+00:00"));
        assert_eq!(iso("/Date(1700000000000)/").as_deref(), Some("2023-11-14T22:13:20Z"));
        assert_eq!(iso("2024-01-02T03:04:05").as_deref(), Some("2024-01-02T03:04:05"));
        for text in ["2024-01-02", "2026-01-02 03:04:05", "2026-13-02T03:04:05Z", "x"] {
            assert_eq!(iso(text), None);
        }
    }

    #[test]
    fn american_days() {
        assert_eq!(american_day("11/23/2026"), Some(1_795_392_000));
        assert_eq!(american_day("2026-11-23"), None);
        assert_eq!(
            Moment::read("2026-01-02T03:04:05+02:00").map(Moment::american).as_deref(),
            Some("01/02/2026 01:04:05")
        );
    }
}
