//! Reads a request's body into members: JSON, or a form as shops of the v1 API sent it.

use std::collections::HashMap;

use super::OrderError;
use crate::json::{self, JsonError, MOST_VALUES, Object, Value};

/// Reads a body as JSON; AdvantShop's leading `&` is dropped.
///
/// # Errors
/// [`OrderError::Json`] and [`OrderError::NotAnObject`].
pub fn parse(body: &[u8]) -> Result<Object, OrderError> {
    let body = body.strip_prefix(b"&").unwrap_or(body);
    match json::parse_within(body, MOST_VALUES)? {
        Value::Object(object) => Ok(object),
        other => Err(OrderError::NotAnObject(other.kind())),
    }
}

/// Reads a body by its content type. JSON that is called a form (what curl does when told nothing)
/// is read as the JSON it is.
///
/// # Errors
/// As [`parse`]; a form is readable unless it has too many fields.
pub fn parse_as(content_type: Option<&str>, body: &[u8]) -> Result<Object, OrderError> {
    let start = body.iter().copied().find(|byte| !byte.is_ascii_whitespace() && *byte != b'&');
    if !is_form(content_type) || start == Some(b'{') {
        return parse(body);
    }
    match body.iter().filter(|byte| **byte == b'&').count() {
        fields if fields > MOST_VALUES => Err(JsonError::TooMany.into()),
        _ => Ok(parse_form(body)),
    }
}

fn is_form(content_type: Option<&str>) -> bool {
    let kind = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Reads `application/x-www-form-urlencoded`: names as sent, every value a text.
///
/// `buyer[name]=…` becomes an object, `list[]=…` and `list[0]=…` an array, as PHP writes them; a
/// name that is nested deeper stays as it is. AdvantShop's leading `&` is read over.
#[must_use]
pub fn parse_form(body: &[u8]) -> Object {
    let mut members: Vec<(String, Vec<(String, Value)>)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut plain = Vec::new();
    for (name, value) in form_urlencoded::parse(body) {
        let value = Value::from(&*value);
        let Some((outer, inner)) = nested(&name) else {
            plain.push((members.len(), name.into_owned(), value));
            continue;
        };
        let place = *places.entry(outer.to_owned()).or_insert_with(|| {
            members.push((outer.to_owned(), Vec::new()));
            members.len() - 1
        });
        members[place].1.push((inner.to_owned(), value));
    }
    in_order(plain, members)
}

/// `buyer[name]` is `buyer` and `name`.
fn nested(name: &str) -> Option<(&str, &str)> {
    let (outer, inner) = name.strip_suffix(']')?.split_once('[')?;
    (!outer.is_empty() && !inner.contains(['[', ']'])).then_some((outer, inner))
}

/// Plain members with the number of nested ones that came before them.
fn in_order(plain: Vec<(usize, String, Value)>, nested: Vec<(String, Vec<(String, Value)>)>) -> Object {
    let mut object = Object::new();
    let mut nested = nested.into_iter().enumerate().peekable();
    for (before, name, value) in plain {
        while let Some((_, (outer, inner))) = nested.next_if(|(place, _)| *place < before) {
            object.push(outer, group(inner));
        }
        object.push(name, value);
    }
    for (_, (outer, inner)) in nested {
        object.push(outer, group(inner));
    }
    object
}

fn group(inner: Vec<(String, Value)>) -> Value {
    if inner.iter().all(|(name, _)| name.bytes().all(|byte| byte.is_ascii_digit())) {
        return inner.into_iter().map(|(_, value)| value).collect::<Vec<_>>().into();
    }
    Value::Object(inner.into_iter().collect())
}
