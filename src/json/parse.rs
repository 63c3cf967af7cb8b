//! From bytes to a tree, by json-event-parser's events.

use json_event_parser::{JsonEvent, JsonSyntaxError, SliceJsonParser};

use super::Value;
use super::build::Builder;

/// Deepest nesting that is read (the limit towards shops).
pub const DEEPEST: usize = 64;

/// Most values, names counted, that are read of what a stranger sent: a hundred times what any client sends.
pub const MOST_VALUES: usize = 20_000;

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
    /// More values than the caller reads.
    #[error("JSON of too many values")]
    TooMany,
    /// Nothing but blanks.
    #[error("no JSON at all")]
    Empty,
}

impl From<JsonSyntaxError> for JsonError {
    fn from(error: JsonSyntaxError) -> Self {
        let place = error.location().start;
        Self::Syntax { line: place.line + 1, column: place.column + 1 }
    }
}

/// Reads one JSON document; nothing but blanks may follow it. A byte order mark in front is skipped.
///
/// # Errors
/// [`JsonError`] for broken or too deep input; nothing is guessed.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    parse_within(bytes, usize::MAX)
}

/// The same of at most so many values, names counted: a tree takes up to 70 times the room of its text, so that
/// the bytes alone are no bound on what strangers send.
///
/// # Errors
/// [`JsonError`].
pub fn parse_within(bytes: &[u8], most_values: usize) -> Result<Value, JsonError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(JsonError::Empty);
    }
    let mut parser = SliceJsonParser::new(bytes);
    let mut builder = Builder::default();
    let (mut done, mut events): (Option<Value>, usize) = (None, 0);
    loop {
        match parser.parse_next()? {
            JsonEvent::Eof => return done.ok_or(JsonError::Empty),
            event => done = builder.take(event)?.or(done),
        }
        events += 1;
        if events > most_values {
            return Err(JsonError::TooMany);
        }
    }
}
