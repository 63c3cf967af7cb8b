//! What BTCPay makes of posData: a JSON object is read and written anew, twice.

use super::dates::Moment;
use super::lenient::{self, Lenient};

/// posData as the create answer shows it: an object re-indented in the order sent, other text as sent.
#[must_use]
pub fn at_create(text: &str) -> String {
    object(text).map_or_else(|| text.to_owned(), |object| written(&object, Stage::Create))
}

/// posData as later reads show it: an object with its keys by length and then bytes, dates as
/// seconds; other text that is a date in the American spelling.
#[must_use]
pub fn at_read(text: &str) -> String {
    object(text).map_or_else(|| text_at_read(text), |object| written(&object, Stage::Read))
}

/// Any other stored text as later reads show it.
#[must_use]
pub fn text_at_read(text: &str) -> String {
    Moment::read(text).map_or_else(|| text.to_owned(), Moment::american)
}

/// Whether a NUL stands in it, which the database refuses.
#[must_use]
pub fn has_nul(text: &str) -> bool {
    text.contains('\0') || object(text).is_some_and(|object| nul_inside(&object))
}

fn nul_inside(value: &Lenient) -> bool {
    match value {
        Lenient::String(text) => text.contains('\0'),
        Lenient::Array(items) => items.iter().any(nul_inside),
        Lenient::Object(members) => {
            members.iter().any(|(name, value)| name.contains('\0') || nul_inside(value))
        }
        _ => false,
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Create,
    Read,
}

fn object(text: &str) -> Option<Lenient> {
    let (value, rest) = lenient::read(text, 64).ok()?;
    (matches!(value, Lenient::Object(_)) && lenient::is_blank(rest)).then_some(value)
}

fn written(value: &Lenient, stage: Stage) -> String {
    let mut text = String::new();
    write(&mut text, value, stage, 0);
    text
}

fn write(out: &mut String, value: &Lenient, stage: Stage, depth: usize) {
    match value {
        Lenient::Null => out.push_str("null"),
        Lenient::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Lenient::Number(text) => out.push_str(&number(text)),
        Lenient::String(text) => match (Moment::read(text), stage) {
            (Some(moment), Stage::Create) => quote(out, &moment.iso()),
            (Some(moment), Stage::Read) => out.push_str(&moment.seconds.max(0).to_string()),
            (None, _) => quote(out, text),
        },
        Lenient::Array(items) => {
            lines(out, ['[', ']'], items, depth, |out, item| write(out, item, stage, depth + 1))
        }
        Lenient::Object(members) => {
            let members = settled(members, stage);
            lines(out, ['{', '}'], &members, depth, |out, (name, value)| {
                quote(out, name);
                out.push_str(": ");
                write(out, value, stage, depth + 1);
            });
        }
    }
}

/// Repeats merged, the last one winning in the first one's place; sorted for reads.
fn settled(members: &[(String, Lenient)], stage: Stage) -> Vec<(&str, &Lenient)> {
    let mut unique: Vec<(&str, &Lenient)> = Vec::new();
    for (name, value) in members {
        match unique.iter_mut().find(|(known, _)| known == name) {
            Some(known) => known.1 = value,
            None => unique.push((name, value)),
        }
    }
    if stage == Stage::Read {
        unique.sort_by(|(a, _), (b, _)| (a.len(), a.as_bytes()).cmp(&(b.len(), b.as_bytes())));
    }
    unique
}

fn lines<T>(
    out: &mut String,
    brackets: [char; 2],
    items: &[T],
    depth: usize,
    mut each: impl FnMut(&mut String, &T),
) {
    out.push(brackets[0]);
    for (index, item) in items.iter().enumerate() {
        out.push_str(if index == 0 { "\n" } else { ",\n" });
        out.push_str(&"  ".repeat(depth + 1));
        each(out, item);
    }
    if !items.is_empty() {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    }
    out.push(brackets[1]);
}

fn quote(out: &mut String, text: &str) {
    out.push_str(&special_separators(crate::json::Value::from(text).to_string()));
}

/// BTCPay's writer escapes three line separators that JSON would allow.
#[must_use]
pub fn special_separators(json: String) -> String {
    if !json.contains(['\u{85}', '\u{2028}', '\u{2029}']) {
        return json;
    }
    json.replace('\u{85}', "\\u0085").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// Integers in full, everything else through a double.
fn number(text: &str) -> String {
    let plain = lenient::plain_number(text).unwrap_or_else(|| text.to_owned());
    let integer = !plain.contains(['.', 'e', 'E', 'N', 'I']);
    if integer {
        let (sign, digits) = plain.strip_prefix('-').map_or(("", plain.as_str()), |rest| ("-", rest));
        let digits = digits.trim_start_matches('0');
        return if digits.is_empty() { "0".to_owned() } else { format!("{sign}{digits}") };
    }
    plain.parse().map_or(plain, double)
}

/// A double in .NET's shortest spelling: `1E-07`, `1000.0`, `1.2345678901234568E+17`.
fn double(value: f64) -> String {
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-5..15).contains(&exponent) || value == 0.0 {
        let plain = format!("{value}");
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}E{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_numbers() {
        let sent = r#"{"zz":1,"b":1.50,"a":[2e3,-0],"e":1E-7,"b":2}"#;
        assert_eq!(
            at_create(sent),
            "{\n  \"zz\": 1,\n  \"b\": 2,\n  \"a\": [\n    2000.0,\n    0\n  ],\n  \"e\": 1E-07\n}"
        );
        assert!(at_read(sent).starts_with("{\n  \"a\": ["));
    }

    #[test]
    fn texts_stay() {
        for text in ["plain", "[1, 2]", "{\"a\":1} tail", "null", ""] {
            assert_eq!(at_create(text), text);
            assert_eq!(at_read(text), text);
        }
        assert_eq!(at_read("2026-01-02T03:04:05Z"), "01/02/2026 03:04:05");
        assert_eq!(at_create(" {} "), "{}");
    }
}
