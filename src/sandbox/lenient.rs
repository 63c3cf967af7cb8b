//! JSON as BTCPay's reader takes it: single quotes, bare names, comments, commas at the
//! end, numbers in octal and hex, anything after the first value.

use std::iter::Peekable;
use std::str::CharIndices;

/// What was read. Numbers are the text that was sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Lenient {
    /// `null` and `undefined`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A number, `NaN` and the infinities included.
    Number(String),
    /// A string, lone surrogates replaced.
    String(String),
    /// An array.
    Array(Vec<Lenient>),
    /// An object, repeats kept.
    Object(Vec<(String, Lenient)>),
}

/// The text cannot be read even leniently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not JSON, even leniently read")]
pub struct Broken;

/// Reads the first value and gives what stands behind it.
///
/// # Errors
/// [`Broken`] for broken text and for more than `deepest` levels.
pub fn read(text: &str, deepest: usize) -> Result<(Lenient, &str), Broken> {
    let mut reader = Reader { text, chars: text.char_indices().peekable(), left: deepest };
    let value = reader.value()?;
    let rest = reader.position();
    Ok((value, &text[rest..]))
}

/// Whether nothing but blanks and comments is left.
#[must_use]
pub fn is_blank(rest: &str) -> bool {
    let mut reader = Reader { text: rest, chars: rest.char_indices().peekable(), left: 0 };
    reader.blanks().is_ok() && reader.peek().is_none()
}

struct Reader<'a> {
    text: &'a str,
    chars: Peekable<CharIndices<'a>>,
    left: usize,
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<char> {
        self.chars.peek().map(|(_, c)| *c)
    }

    fn next(&mut self) -> Result<char, Broken> {
        self.chars.next().map(|(_, c)| c).ok_or(Broken)
    }

    fn position(&mut self) -> usize {
        self.chars.peek().map_or(self.text.len(), |(at, _)| *at)
    }

    fn blanks(&mut self) -> Result<(), Broken> {
        while let Some(c) = self.peek() {
            if c == '/' {
                self.comment()?;
            } else if c.is_whitespace() {
                self.next()?;
            } else {
                break;
            }
        }
        Ok(())
    }

    fn comment(&mut self) -> Result<(), Broken> {
        self.next()?;
        match self.next()? {
            '*' => {
                let mut last = ' ';
                loop {
                    let c = self.next()?;
                    if last == '*' && c == '/' {
                        return Ok(());
                    }
                    last = c;
                }
            }
            '/' => {
                while self.peek().is_some_and(|c| c != '\n' && c != '\r') {
                    self.next()?;
                }
                Ok(())
            }
            _ => Err(Broken),
        }
    }

    fn value(&mut self) -> Result<Lenient, Broken> {
        self.blanks()?;
        match self.peek().ok_or(Broken)? {
            '{' => self.deeper(Self::object),
            '[' => self.deeper(Self::array),
            quote @ ('"' | '\'') => self.string(quote).map(Lenient::String),
            '0'..='9' => self.number(),
            '-' => self.number(),
            c if c.is_alphabetic() => self.word(),
            _ => Err(Broken),
        }
    }

    fn deeper(&mut self, read: fn(&mut Self) -> Result<Lenient, Broken>) -> Result<Lenient, Broken> {
        self.left = self.left.checked_sub(1).ok_or(Broken)?;
        self.next()?;
        let value = read(self)?;
        self.left += 1;
        Ok(value)
    }

    fn object(&mut self) -> Result<Lenient, Broken> {
        let mut members = Vec::new();
        loop {
            self.blanks()?;
            if self.peek() == Some('}') {
                self.next()?;
                return Ok(Lenient::Object(members));
            }
            let name = self.name()?;
            self.blanks()?;
            if self.next()? != ':' {
                return Err(Broken);
            }
            members.push((name, self.value()?));
            self.blanks()?;
            match self.next()? {
                ',' => {}
                '}' => return Ok(Lenient::Object(members)),
                _ => return Err(Broken),
            }
        }
    }

    fn array(&mut self) -> Result<Lenient, Broken> {
        let mut items = Vec::new();
        loop {
            self.blanks()?;
            if self.peek() == Some(']') {
                self.next()?;
                return Ok(Lenient::Array(items));
            }
            items.push(self.value()?);
            self.blanks()?;
            match self.next()? {
                ',' => {}
                ']' => return Ok(Lenient::Array(items)),
                _ => return Err(Broken),
            }
        }
    }

    fn name(&mut self) -> Result<String, Broken> {
        match self.peek().ok_or(Broken)? {
            quote @ ('"' | '\'') => self.string(quote),
            _ => {
                let name = self.while_in(|c| c.is_alphanumeric() || c == '_' || c == '$');
                if name.is_empty() { Err(Broken) } else { Ok(name) }
            }
        }
    }

    fn while_in(&mut self, good: impl Fn(char) -> bool) -> String {
        let mut text = String::new();
        while let Some(c) = self.peek().filter(|c| good(*c)) {
            text.push(c);
            self.chars.next();
        }
        text
    }

    fn word(&mut self) -> Result<Lenient, Broken> {
        match self.while_in(char::is_alphanumeric).as_str() {
            "true" => Ok(Lenient::Bool(true)),
            "false" => Ok(Lenient::Bool(false)),
            "null" | "undefined" => Ok(Lenient::Null),
            word @ ("NaN" | "Infinity") => Ok(Lenient::Number(word.to_owned())),
            _ => Err(Broken),
        }
    }

    fn number(&mut self) -> Result<Lenient, Broken> {
        let start = self.position();
        if self.text[start..].starts_with("-Infinity") {
            self.while_in(|c| c == '-' || c.is_alphabetic());
            return Ok(Lenient::Number("-Infinity".to_owned()));
        }
        let text =
            self.while_in(|c| matches!(c, '0'..='9' | 'a'..='f' | 'A'..='F' | 'x' | 'X' | '+' | '-' | '.'));
        let ends = |c: char| c.is_whitespace() || matches!(c, ',' | '}' | ']' | '/' | ')');
        if self.peek().is_some_and(|c| !ends(c)) || plain_number(&text).is_none() {
            return Err(Broken);
        }
        Ok(Lenient::Number(text))
    }

    fn string(&mut self, quote: char) -> Result<String, Broken> {
        self.next()?;
        let mut text = String::new();
        loop {
            match self.next()? {
                c if c == quote => return Ok(text),
                '\\' => self.escape(&mut text)?,
                c => text.push(c),
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Result<(), Broken> {
        text.push(match self.next()? {
            'b' => '\u{8}',
            't' => '\t',
            'n' => '\n',
            'f' => '\u{c}',
            'r' => '\r',
            c @ ('\\' | '"' | '\'' | '/') => c,
            'u' => return self.unicode(text),
            _ => return Err(Broken),
        });
        Ok(())
    }

    fn unicode(&mut self, text: &mut String) -> Result<(), Broken> {
        let first = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&first) {
            text.push(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
            return Ok(());
        }
        let at = self.position();
        if !self.text[at..].starts_with("\\u") {
            text.push(char::REPLACEMENT_CHARACTER);
            return Ok(());
        }
        self.next()?;
        self.next()?;
        let second = self.four_digits()?;
        let pair = (0xdc00..0xe000)
            .contains(&second)
            .then(|| 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
        match pair.and_then(char::from_u32) {
            Some(c) => text.push(c),
            None => {
                text.push(char::REPLACEMENT_CHARACTER);
                text.push(char::from_u32(second).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
        Ok(())
    }

    fn four_digits(&mut self) -> Result<u32, Broken> {
        (0..4).try_fold(0, |sum, _| self.next()?.to_digit(16).map(|digit| sum * 16 + digit).ok_or(Broken))
    }
}

/// A number by its plain decimal spelling: `010` is 8, `0x10` is 16. None where it is no number.
#[must_use]
pub fn plain_number(text: &str) -> Option<String> {
    if text == "NaN" || text.ends_with("Infinity") {
        return Some(text.to_owned());
    }
    let mut begin = text.bytes();
    let other_base =
        begin.next() == Some(b'0') && begin.next().is_some_and(|b| !matches!(b, b'.' | b'e' | b'E'));
    if other_base {
        let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        let value =
            hex.map_or_else(|| i64::from_str_radix(text, 8), |digits| i64::from_str_radix(digits, 16));
        return value.ok().map(|value| value.to_string());
    }
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (number, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let good = digits(whole)
        && (fraction.is_empty() || digits(fraction))
        && digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
    good.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Option<Lenient> {
        read(text, 32).ok().map(|(value, _)| value)
    }

    #[test]
    fn what_newtonsoft_takes() {
        let expected = one(r#"{"a":1,"b":"x"}"#);
        assert!(expected.is_some());
        for text in [r"{a:1,'b':'x',}", "{/*c*/\"a\":1, // d\n\"b\":\"x\"}", "{\"a\":1,\"b\":\"x\"} tail"] {
            assert_eq!(one(text), expected, "{text}");
        }
    }

    #[test]
    fn what_it_refuses() {
        for text in
            ["", "&{}", "{\"a\":1", "{\"a\":.5}", "{\"a\":+1}", "{\"a\":08}", "{\"a\" 1}", "{\"a\":\"\\x\"}"]
        {
            assert_eq!(one(text), None, "{text}");
        }
    }

    #[test]
    fn depth_and_surrogates() {
        assert!(one(&"[".repeat(40)).is_none());
        assert_eq!(one(r#""a\ud800b\ud83d\ude00""#), Some(Lenient::String("a\u{fffd}b\u{1f600}".into())));
        assert_eq!(plain_number("010").as_deref(), Some("8"));
        assert_eq!(plain_number("0x10").as_deref(), Some("16"));
    }
}
