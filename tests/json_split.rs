//! Long lists are split item by item, however their bytes come in.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use payferry::json::{self, JsonError, LONGEST_ITEM, SplitError, Splitter, Step, Value};
use proptest::prelude::*;

/// What comes out of these pieces.
fn split<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Value>, SplitError> {
    let (mut splitter, mut items) = (Splitter::new("data"), Vec::new());
    let mut drain = |splitter: &mut Splitter| loop {
        match splitter.next()? {
            Step::Item(item) => items.push(item),
            Step::NeedsMore => return Ok::<_, SplitError>(false),
            Step::End => return Ok(true),
        }
    };
    for piece in pieces {
        splitter.feed(piece);
        assert!(!drain(&mut splitter)?, "the end before it was said");
    }
    splitter.end();
    assert!(drain(&mut splitter)?, "neither more nor an end");
    Ok(items)
}

fn whole(text: &str) -> Result<Vec<Value>, SplitError> {
    split([text.as_bytes()])
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?",
        any::<String>().prop_map(|text| Value::from(text).to_string()),
        Just(r#""\u00e9\ud83d\ude00\"\\\/ é""#.to_owned()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let member = (any::<String>(), inner.clone())
            .prop_map(|(name, value)| format!("{} : {value}", Value::from(name)));
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(" , "))),
            prop::collection::vec(member, 0..4).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

proptest! {
    #[test]
    fn any_pieces_give_the_same_items(
        items in prop::collection::vec(value(), 0..6),
        (before, after) in (value(), value()),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let text = format!("{{\"before\":{before},\n \"data\" : [{}],\"after\":{after}}} ", items.join(",\n"));
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).chain([0, text.len()]).collect();
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|two| &text.as_bytes()[two[0]..two[1]]);
        let expected: Vec<Value> = items.iter().map(|item| json::parse(item.as_bytes()).unwrap()).collect();
        prop_assert_eq!(split(pieces), Ok(expected));
    }

    #[test]
    fn a_list_that_is_cut_anywhere_never_ends_well(items in prop::collection::vec(value(), 0..4), cut in any::<prop::sample::Index>()) {
        let text = format!("{{\"data\":[{}]}}", items.join(","));
        let cut = cut.index(text.len());
        prop_assert!(split([&text.as_bytes()[..cut]]).is_err());
    }

    #[test]
    fn nonsense_is_an_error_and_no_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..8)) {
        prop_assert!(split(pieces.iter().map(Vec::as_slice)).is_err());
    }
}

#[test]
fn byte_by_byte_is_the_same() {
    let text = r#"{"data":[{"price":10.0,"rate":1e400},"é\u00e9",-0.50,[],{}],"total":{"of":[1,2]}}"#;
    let items = split(text.as_bytes().chunks(1)).unwrap();
    assert_eq!(items[0].to_string(), r#"{"price":10.0,"rate":1e400}"#, "number text is kept");
    assert_eq!((items.len(), &items), (5, &whole(text).unwrap()));
    assert_eq!(whole(r#"{"data":[]}"#), Ok(Vec::new()));
}

#[test]
fn what_is_no_list_is_said() {
    for text in [
        "[]",
        "1",
        r#"{"data":{}}"#,
        r#"{"data":null}"#,
        r#"{"data":[],"data":[]}"#,
        "{}",
        r#"{"items":[1]}"#,
    ] {
        assert_eq!(whole(text), Err(SplitError::NoList), "{text}");
    }
    for text in [
        "",
        "<html>",
        r#"{"data":[1 2]}"#,
        r#"{"data":[1,]}"#,
        r#"{"data":[1]}{}"#,
        r#"{"data":[1]} x"#,
        r#"{"data":[01]}"#,
    ] {
        assert!(matches!(whole(text), Err(SplitError::Json(_))), "{text}");
    }
}

#[test]
fn one_item_is_bounded_and_the_list_is_not() {
    let text = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    let fits = text(LONGEST_ITEM - 1);
    let list = format!("{{\"data\":[{fits},{fits},{fits}]}}");
    assert_eq!(split(list.as_bytes().chunks(64 * 1024)).unwrap().len(), 3);
    let long = format!("{{\"data\":[1,{}]}}", text(LONGEST_ITEM + 2));
    assert_eq!(split(long.as_bytes().chunks(64 * 1024)), Err(SplitError::ItemTooLong));
    let array = format!("{{\"data\":[[{}1]]}}", "1,".repeat(LONGEST_ITEM / 2));
    assert_eq!(split(array.as_bytes().chunks(64 * 1024)), Err(SplitError::ItemTooLong));
    let beside = format!("{{\"other\":[{}1],\"data\":[]}}", "1,".repeat(LONGEST_ITEM / 2));
    assert_eq!(split(beside.as_bytes().chunks(64 * 1024)), Err(SplitError::ItemTooLong));
}

#[test]
fn an_item_is_as_deep_as_any_other_json() {
    let deep = |levels: usize| format!("{{\"data\":[{}{}]}}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(whole(&deep(json::DEEPEST)).unwrap().len(), 1);
    assert_eq!(whole(&deep(json::DEEPEST + 1)), Err(SplitError::Json(JsonError::TooDeep)));
}
