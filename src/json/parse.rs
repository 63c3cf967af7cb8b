//! From bytes to a tree, by json-event-parser's events.

use json_event_parser::{JsonEvent, SliceJsonParser};

use super::{Number, Object, Value};

/// Deepest nesting that is read (the limit towards shops).
pub const DEEPEST: usize = 64;

/// Why bytes are not JSON that payferry reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Broken JSON, or invalid UTF-8. The text names the place, never the content.
    #[error("not JSON (line {line}, column {column})")]
    Syntax {
        /// From 1.
        line: u64,
        /// From 1.
        column: u64,
    },
    /// More than [`DEEPEST`] arrays and objects inside each other.
    #[error("JSON nested deeper than {DEEPEST}")]
    TooDeep,
    /// Nothing but blanks.
    #[error("no JSON at all")]
    Empty,
}

enum Open {
    Array(Vec<Value>),
    Object(Object, Option<String>),
}

/// Reads one JSON document; nothing but blanks may follow it. A byte order mark in front is skipped.
///
/// # Errors
/// [`JsonError`] for broken or too deep input; nothing is guessed.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(JsonError::Empty);
    }
    let mut parser = SliceJsonParser::new(bytes);
    let mut open: Vec<Open> = Vec::new();
    let mut done: Option<Value> = None;
    loop {
        let event = parser.parse_next().map_err(|error| {
            let place = error.location().start;
            JsonError::Syntax { line: place.line + 1, column: place.column + 1 }
        })?;
        let value = match event {
            JsonEvent::Eof => return done.ok_or(JsonError::Empty),
            JsonEvent::StartArray => {
                push(&mut open, Open::Array(Vec::new()))?;
                continue;
            }
            JsonEvent::StartObject => {
                push(&mut open, Open::Object(Object::new(), None))?;
                continue;
            }
            JsonEvent::ObjectKey(key) => {
                if let Some(Open::Object(_, name)) = open.last_mut() {
                    *name = Some(key.into_owned());
                }
                continue;
            }
            JsonEvent::EndArray | JsonEvent::EndObject => match open.pop() {
                Some(Open::Array(items)) => Value::Array(items),
                Some(Open::Object(object, _)) => Value::Object(object),
                None => return Err(JsonError::Empty),
            },
            JsonEvent::String(text) => Value::String(text.into_owned()),
            JsonEvent::Number(text) => Value::Number(Number::from_grammar(text.into_owned())),
            JsonEvent::Boolean(value) => Value::Bool(value),
            JsonEvent::Null => Value::Null,
        };
        match open.last_mut() {
            Some(Open::Array(items)) => items.push(value),
            Some(Open::Object(object, name)) => object.push(name.take().unwrap_or_default(), value),
            None => done = Some(value),
        }
    }
}

fn push(open: &mut Vec<Open>, level: Open) -> Result<(), JsonError> {
    if open.len() >= DEEPEST {
        return Err(JsonError::TooDeep);
    }
    open.push(level);
    Ok(())
}
