//! From events to one tree.

use json_event_parser::JsonEvent;

use super::{DEEPEST, JsonError, Number, Object, Value};

enum Open {
    Array(Vec<Value>),
    Object(Object, Option<String>),
}

/// A value that is being put together.
#[derive(Default)]
pub(super) struct Builder(Vec<Open>);

impl Builder {
    /// Whether nothing is begun.
    pub(super) fn is_idle(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the next event; gives the value, once it is whole.
    pub(super) fn take(&mut self, event: JsonEvent<'_>) -> Result<Option<Value>, JsonError> {
        let value = match event {
            JsonEvent::StartArray => return self.push(Open::Array(Vec::new())),
            JsonEvent::StartObject => return self.push(Open::Object(Object::new(), None)),
            JsonEvent::ObjectKey(key) => {
                if let Some(Open::Object(_, name)) = self.0.last_mut() {
                    *name = Some(key.into_owned());
                }
                return Ok(None);
            }
            JsonEvent::EndArray | JsonEvent::EndObject => match self.0.pop() {
                Some(Open::Array(items)) => Value::Array(items),
                Some(Open::Object(object, _)) => Value::Object(object),
                None => return Err(JsonError::Empty),
            },
            JsonEvent::String(text) => Value::String(text.into_owned()),
            JsonEvent::Number(text) => Value::Number(Number::from_grammar(text.into_owned())),
            JsonEvent::Boolean(value) => Value::Bool(value),
            JsonEvent::Null => Value::Null,
            JsonEvent::Eof => return Err(JsonError::Empty),
        };
        match self.0.last_mut() {
            Some(Open::Array(items)) => items.push(value),
            Some(Open::Object(object, name)) => object.push(name.take().unwrap_or_default(), value),
            None => return Ok(Some(value)),
        }
        Ok(None)
    }

    fn push(&mut self, level: Open) -> Result<Option<Value>, JsonError> {
        if self.0.len() >= DEEPEST {
            return Err(JsonError::TooDeep);
        }
        self.0.push(level);
        Ok(None)
    }
}
