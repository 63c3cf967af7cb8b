//! One long list, an item at a time: `{"data":[…]}` as it comes in, in whatever pieces.

use json_event_parser::{JsonEvent, LowLevelJsonParser};

use super::build::Builder;
use super::{JsonError, Value};

/// Longest item, in bytes of its text.
pub const LONGEST_ITEM: usize = 1024 * 1024;

/// Why the bytes are no list that can be split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// Broken, cut or too deep JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// An item, or another member beside the list, is longer than [`LONGEST_ITEM`].
    #[error("an item is longer than {LONGEST_ITEM} bytes")]
    ItemTooLong,
    /// No object, or no list (or two) under the wanted name.
    #[error("there is not one list where it should be")]
    NoList,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// An item of the list, whole.
    Item(Value),
    /// All that was fed is used up.
    NeedsMore,
    /// The document is over, and good.
    End,
}

/// Splits the list that an object holds under one name; other members are read and dropped.
///
/// Sans-io: [`feed`](Self::feed) it bytes in any pieces, take [`next`](Self::next) until it needs
/// more, and say when there are [`no more`](Self::end). Holds one item at most. Number text is kept,
/// an item may be nested as deep as [`DEEPEST`](super::DEEPEST).
pub struct Splitter {
    name: &'static str,
    parser: LowLevelJsonParser,
    builder: Builder,
    place: Place,
    fed: Vec<u8>,
    used: usize,
    /// Bytes of the value that is being read, as far as they are used up.
    long: usize,
    ending: bool,
}

impl Splitter {
    /// For the list under this name.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            parser: LowLevelJsonParser::new(),
            builder: Builder::default(),
            place: Place::Start,
            fed: Vec::new(),
            used: 0,
            long: 0,
            ending: false,
        }
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.fed.drain(..self.used);
        self.used = 0;
        self.fed.extend_from_slice(bytes);
    }

    /// Nothing comes any more.
    pub fn end(&mut self) {
        self.ending = true;
    }

    /// The next item, as far as the bytes reach.
    ///
    /// # Errors
    /// [`SplitError`]; there is nothing to be had after it.
    #[expect(clippy::should_implement_trait, reason = "it can need more")]
    pub fn next(&mut self) -> Result<Step, SplitError> {
        loop {
            let rest = self.fed.get(self.used..).unwrap_or_default();
            let read = self.parser.parse_next(rest, self.ending);
            self.used += read.consumed_bytes;
            self.long += read.consumed_bytes;
            let Some(event) = read.event else {
                // What is left is the beginning of a text or number.
                let begun = self.long + self.fed.len() - self.used;
                return if begun > LONGEST_ITEM { Err(SplitError::ItemTooLong) } else { Ok(Step::NeedsMore) };
            };
            match on(event.map_err(JsonError::from)?, &mut self.place, self.name, &mut self.builder)? {
                _ if self.long > LONGEST_ITEM => return Err(SplitError::ItemTooLong),
                Some(step) => {
                    self.long = 0;
                    return Ok(step);
                }
                None if self.builder.is_idle() => self.long = 0,
                None => {}
            }
        }
    }
}

/// Where the document stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    /// Between members; the list was there, or not yet.
    Members(bool),
    BeforeList,
    InList,
    /// In the value of another member.
    InOther(bool),
    Closed,
}

fn on(
    event: JsonEvent<'_>,
    place: &mut Place,
    name: &str,
    builder: &mut Builder,
) -> Result<Option<Step>, SplitError> {
    *place = match (*place, event) {
        (Place::Start, JsonEvent::StartObject) => Place::Members(false),
        (Place::Members(false), JsonEvent::ObjectKey(key)) if key == name => Place::BeforeList,
        (Place::Members(found), JsonEvent::ObjectKey(key)) if key != name => Place::InOther(found),
        (Place::Members(true), JsonEvent::EndObject) => Place::Closed,
        (Place::BeforeList, JsonEvent::StartArray) => Place::InList,
        (Place::InList, JsonEvent::EndArray) if builder.is_idle() => Place::Members(true),
        (Place::InList, event) => return Ok(builder.take(event)?.map(Step::Item)),
        (Place::InOther(found), event) => match builder.take(event)? {
            Some(_) => Place::Members(found),
            None => Place::InOther(found),
        },
        (Place::Closed, JsonEvent::Eof) => return Ok(Some(Step::End)),
        _ => return Err(SplitError::NoList),
    };
    Ok(None)
}
