//! Dates as clients spell them; all in UTC.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

const DAY_MS: i64 = 86_400_000;

/// A day, or a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// Its first millisecond since 1970.
    pub(super) start_ms: i64,
    /// The first one after it.
    pub(super) end_ms: i64,
}

impl Span {
    /// `2024-01-31` (the SDKs), `2014-8-1` (2014), `2024-01-31T10:00:00.000Z` and its kin (ISO date-times),
    /// `01/31/2024` and `1/31/2024` (BTCPay's own clients, C# 2), `31/1/2024` and `31.1.2024` (C# 2 elsewhere;
    /// month first where both are possible), milliseconds or seconds since 1970.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() >= 9 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return epoch(text);
        }
        let (day, time) = match text.split_once(['T', 't', ' ']) {
            Some((day, time)) => (day, Some(time)),
            None => (text, None),
        };
        let date = date(day)?;
        match time {
            None => Some(Self::day(date)),
            Some(time) => moment(date, time),
        }
    }

    /// Not by way of a timestamp: those end before the last day, 9999-12-31, which clients do send.
    fn day(date: Date) -> Self {
        let start_ms = i64::from((date - Date::constant(1970, 1, 1)).get_days()) * DAY_MS;
        Self { start_ms, end_ms: start_ms + DAY_MS }
    }

    fn at(moment: Timestamp) -> Self {
        let start_ms = moment.as_millisecond();
        Self { start_ms, end_ms: start_ms + 1 }
    }
}

fn epoch(digits: &str) -> Option<Span> {
    let number: i64 = digits.parse().ok()?;
    let ms = if digits.len() > 10 { number } else { number * 1000 };
    Timestamp::from_millisecond(ms).ok().map(Span::at)
}

fn date(text: &str) -> Option<Date> {
    let mark = ['-', '/', '.'].into_iter().find(|mark| text.contains(*mark))?;
    let parts: Vec<&str> = text.split(mark).collect();
    let &[first, second, third] = parts.as_slice() else { return None };
    let number =
        |text: &str| text.parse::<i16>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    let (a, b, c) = (number(first)?, number(second)?, number(third)?);
    let (year, month, day) = match (first.len(), third.len(), mark) {
        (4, 1 | 2, _) => (a, b, c),
        (1 | 2, 4, '.') => (c, b, a),
        (1 | 2, 4, _) if a > 12 => (c, b, a),
        (1 | 2, 4, _) => (c, a, b),
        _ => return None,
    };
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// A plus in front of a zone has become a blank on the way; no zone means UTC.
fn moment(date: Date, time: &str) -> Option<Span> {
    let time = time.trim().replace(' ', "+");
    let zoned = time.contains(['Z', 'z', '+', '-']);
    let text = if zoned { format!("{date}T{time}") } else { format!("{date}T{time}Z") };
    text.parse::<Timestamp>().ok().map(Span::at)
}

/// `01/31/2024`: the only spelling that BTCPay reads.
pub(super) fn american(ms: i64) -> String {
    let date = TimeZone::UTC.to_datetime(Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)).date();
    format!("{:02}/{:02}/{:04}", date.month(), date.day(), date.year())
}

#[cfg(test)]
mod tests {
    use super::*;

    const JAN_31: i64 = 1_706_659_200_000;

    #[test]
    fn every_spelling_of_a_day() {
        for text in
            ["2024-01-31", "2024-1-31", "01/31/2024", "1/31/2024", "31/01/2024", "31.1.2024", "2024/01/31"]
        {
            let day = Span { start_ms: JAN_31, end_ms: JAN_31 + DAY_MS };
            assert_eq!(Span::read(text), Some(day), "{text}");
        }
        assert_eq!(Span::read("2/1/2024").map(|day| american(day.start_ms)).as_deref(), Some("02/01/2024"));
    }

    #[test]
    fn every_spelling_of_a_moment() {
        let noon = Span { start_ms: JAN_31 + DAY_MS / 2, end_ms: JAN_31 + DAY_MS / 2 + 1 };
        for text in [
            "2024-01-31T12:00:00.000Z",
            "2024-01-31T12:00:00Z",
            "2024-01-31T12:00:00",
            "2024-01-31 12:00",
            "2024-01-31T13:00:00+01:00",
            "2024-01-31T13:00:00 01:00",
            "2024-01-31T07:00:00-05:00",
            "1706702400",
            "1706702400000",
        ] {
            assert_eq!(Span::read(text), Some(noon), "{text}");
        }
    }

    #[test]
    fn nothing_is_guessed() {
        for text in [
            "garbage",
            "2024",
            "2024-13-01",
            "2024-02-30",
            "32/13/2024",
            "1-2-24",
            "20240131",
            "2024-01-31T25:00",
            "01/31/2024T",
            "-1",
            "99999999999999999999",
            "+2024-1-1",
        ] {
            assert_eq!(Span::read(text), None, "{text}");
        }
    }

    #[test]
    fn btcpay_gets_leading_zeros() {
        assert_eq!(american(JAN_31), "01/31/2024");
        assert_eq!(american(1_230_768_000_000), "01/01/2009");
    }
}
