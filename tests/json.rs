//! JSON of the wire: nothing is lost, nothing is guessed, nothing panics.

#![allow(clippy::expect_used, reason = "tests")]

use payferry::json::{DEEPEST, JsonError, Number, NumberError, Object, Value, parse};
use proptest::prelude::*;

const NUMBER: &str = "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?";

fn number(text: &str) -> Value {
    Value::Number(Number::parse(text).expect("a number"))
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        NUMBER.prop_map(|text| number(&text)),
        any::<String>().prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            // Few names, so that members repeat.
            prop::collection::vec(("[ab]?|\\PC{1,4}", inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A decimal as sign, digits without outer zeros, power of ten: equal exactly when the values are.
fn exact(text: &str) -> (bool, String, i64) {
    let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, power) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], rest[at + 1..].parse::<i64>().expect("an exponent")),
        None => (rest, 0),
    };
    let fraction = mantissa.split_once('.').map_or("", |(_, fraction)| fraction);
    let mut power = power - i64::try_from(fraction.len()).expect("short");
    let digits = mantissa.replace('.', "");
    let digits = digits.trim_start_matches('0');
    let kept = digits.trim_end_matches('0');
    power += i64::try_from(digits.len() - kept.len()).expect("short");
    if kept.is_empty() { (false, String::new(), 0) } else { (negative, kept.to_owned(), power) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    /// What is printed reads back as the very same tree: number texts, order, repeats.
    #[test]
    fn print_then_parse_is_identity(value in values()) {
        let text = value.to_string();
        prop_assert_eq!(parse(text.as_bytes()), Ok(value));
    }

    /// What is read prints as the very same text, where there were no blanks and no needless escapes.
    #[test]
    fn parse_then_print_is_identity(value in values()) {
        let text = value.to_string();
        let again = parse(text.as_bytes()).expect("own text").to_string();
        prop_assert_eq!(again, text.clone());
        // serde_json, an independent reader, agrees that it is JSON.
        prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok(), "{}", text);
    }

    #[test]
    fn plain_never_changes_a_value(text in NUMBER) {
        let read = Number::parse(&text).expect("a number");
        match read.plain() {
            Ok(plain) => {
                prop_assert_eq!(exact(&plain), exact(&text));
                prop_assert!(!plain.contains(['e', 'E', '+']));
                prop_assert!(plain == "0" || !plain.contains('.') || !plain.ends_with('0'));
                let whole = plain.trim_start_matches('-').split('.').next().unwrap_or_default();
                prop_assert!(whole == "0" || !whole.starts_with('0'));
                prop_assert_eq!(Number::parse(&plain).and_then(|n| n.plain()), Ok(plain));
            }
            Err(error) => {
                prop_assert_eq!(error, NumberError::OutOfRange);
                prop_assert!(exact(&text).2.abs() > 300);
            }
        }
        prop_assert_eq!(read.is_zero(), exact(&text).1.is_empty());
        prop_assert_eq!(read.is_negative(), exact(&text).0);
        prop_assert_eq!(read.to_string(), text);
    }

    /// Number::parse and the parser of documents agree on what a number is.
    #[test]
    fn both_number_readers_agree(text in "[-+.0-9eE]{0,12}") {
        let document = parse(text.as_bytes());
        match Number::parse(&text) {
            Ok(read) => prop_assert_eq!(document, Ok(Value::Number(read))),
            Err(_) => prop_assert!(document.is_err(), "{}", text),
        }
    }

    #[test]
    fn any_bytes_end_well(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(value) = parse(&bytes) {
            prop_assert_eq!(parse(value.to_string().as_bytes()), Ok(value));
        }
    }

    /// Nearly JSON: one byte of a document changed.
    #[test]
    fn a_broken_document_ends_well(value in values(), at: prop::sample::Index, byte: u8) {
        let mut bytes = value.to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(value) = parse(&bytes) {
            prop_assert_eq!(parse(value.to_string().as_bytes()), Ok(value));
        }
    }

    #[test]
    fn any_number_text_ends_well(text in "\\PC{0,20}") {
        if let Ok(read) = Number::parse(&text) {
            let _ = (read.plain(), read.is_zero(), read.is_negative(), read.as_i64());
        }
    }
}

#[test]
fn money_as_it_is_sent() {
    for (sent, plain) in [
        ("10.0", "10"),
        ("1.50", "1.5"),
        ("10", "10"),
        ("0.10", "0.1"),
        ("1e3", "1000"),
        ("1E-2", "0.01"),
        ("-0", "0"),
        ("0.000", "0"),
        ("0e999999999999", "0"),
        ("12.5e1", "125"),
        ("-1.20", "-1.2"),
        ("100000000000000000000", "100000000000000000000"),
        ("0.00000001", "0.00000001"),
        ("25000.0000000000000", "25000"),
    ] {
        assert_eq!(Number::parse(sent).expect("a number").plain().as_deref(), Ok(plain), "{sent}");
    }
    for huge in ["1e401", "1e-401", "1e99999999999999999999", "-1e-99999999999999999999"] {
        assert_eq!(Number::parse(huge).expect("a number").plain(), Err(NumberError::OutOfRange), "{huge}");
    }
    for bad in [
        "", "-", "+1", "01", "1.", ".5", "1e", "1e+", "0x10", "1_000", "NaN", "١", " 1", "1 ", "1.5.5",
        "1e5e5", "--1",
    ] {
        assert_eq!(Number::parse(bad), Err(NumberError::NotANumber), "{bad}");
    }
    assert_eq!(Number::parse("1e3").expect("a number").as_i64(), Some(1000));
    assert_eq!(Number::parse("1.5").expect("a number").as_i64(), None);
    assert_eq!(Number::parse("9223372036854775808").expect("a number").as_i64(), None);
}

/// serde_json's private names would let the wire forge values if its features were on.
#[test]
fn magic_names_are_ordinary_members() {
    for name in ["$serde_json::private::Number", "$serde_json::private::RawValue"] {
        let text = format!(r#"{{"{name}":"1e999","price":{{"{name}":"5"}}}}"#);
        let value = parse(text.as_bytes()).expect("JSON");
        assert_eq!(value.get(name).and_then(Value::as_str), Some("1e999"));
        assert_eq!(value.get("price").map(Value::kind), Some("object"));
        assert_eq!(value.to_string(), text);
        // And serde_json, for payferry's own data, has them off.
        let own: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert!(own["price"].is_object() && own[name] == "1e999");
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat();
    assert!(parse(nested(DEEPEST).as_bytes()).is_ok());
    assert_eq!(parse(nested(DEEPEST + 1).as_bytes()), Err(JsonError::TooDeep));
    assert_eq!(parse("[".repeat(1_000_000).as_bytes()), Err(JsonError::TooDeep));
    assert_eq!(parse("{\"a\":".repeat(1_000_000).as_bytes()), Err(JsonError::TooDeep));
}

#[test]
fn nothing_lenient_is_read() {
    for text in [
        "{'a':1}",
        "{a:1}",
        "[1,]",
        "{\"a\":1,}",
        "{} {}",
        "{}x",
        "1 2",
        "// c\n{}",
        "&{}",
        "{\u{feff}}",
        "\u{feff}\u{feff}{}",
        "[1 2]",
        "nul",
        "True",
        "[01]",
        "[1.]",
        "[+1]",
        "\"a\nb\"",
        "\"\\x\"",
        "\"\\ud800\"",
        "\"\\ud800\\ud800\"",
        "\"abc",
        "{\"a\"}",
        "{\"a\":}",
        "{1:2}",
        "]",
        "}",
        ",",
        ":",
        "[,]",
        "\u{a0}{}",
        "{}\0",
        "NaN",
        "Infinity",
    ] {
        assert!(
            matches!(parse(text.as_bytes()), Err(JsonError::Syntax { .. })),
            "{text:?} {:?}",
            parse(text.as_bytes())
        );
    }
    for blank in ["", " ", "\r\n\t "] {
        assert_eq!(parse(blank.as_bytes()), Err(JsonError::Empty));
    }
    for bytes in [&b"\"\xff\""[..], b"\"\xed\xa0\x80\"", b"\"\xc0\xaf\"", b"{\"\xe9\":1}"] {
        assert!(matches!(parse(bytes), Err(JsonError::Syntax { .. })), "{bytes:?}");
    }
}

#[test]
fn escapes_are_read_and_written() {
    let value = parse(br#""\u0041\ud83d\ude00\/\b\f\n\r\t\"\\\u0000\u001f""#).expect("JSON");
    assert_eq!(value.as_str(), Some("A😀/\u{8}\u{c}\n\r\t\"\\\0\u{1f}"));
    assert_eq!(value.to_string(), r#""A😀/\b\f\n\r\t\"\\\u0000\u001f""#);
}

#[test]
fn repeats_and_order_are_kept() {
    let text = r#"{"b":1,"a":2,"B":3,"b":4.0}"#;
    let value = parse(text.as_bytes()).expect("JSON");
    assert_eq!(value.to_string(), text);
    let object = value.as_object().expect("an object");
    assert_eq!(object.get("b"), Some(&number("1")));
    assert_eq!(object.last_any_case("b"), Some(&number("4.0")));
    assert_eq!(object.last_any_case("A"), Some(&number("2")));
    assert_eq!((object.len(), object.get("c"), Object::new().is_empty()), (4, None, true));
}

/// Old editors put a byte order mark in front; it is no part of the document.
#[test]
fn one_byte_order_mark_is_skipped() {
    assert_eq!(parse("\u{feff}{}".as_bytes()), Ok(Value::from(Object::new())));
    assert!(parse("\u{feff}".as_bytes()).is_err());
}

/// A large flat document costs time by its length, not more.
#[test]
fn a_mebibyte_is_read() {
    let text = format!("[{}0]", "10.50,".repeat(170_000));
    assert_eq!(parse(text.as_bytes()).expect("JSON").as_array().map(<[_]>::len), Some(170_001));
}
