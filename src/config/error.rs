//! Why a configuration was refused, in words that an operator can act on.

use std::path::PathBuf;

use figment::error::{Actual, Kind};

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the configuration file {} (`payferry init` writes one; --config names another)", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A key is unknown or its value has the wrong type.
    #[error("{origin}: {key}: {problem}")]
    Layer {
        /// The file or the variable that says so.
        origin: String,
        /// The dotted key, for example `limits.headers`.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The file is not TOML.
    #[error("{origin}: {problem}")]
    Syntax {
        /// The file.
        origin: String,
        /// What the TOML parser said, with the line.
        problem: String,
    },
    /// A value has the right type but makes no sense.
    #[error("configuration: {key} {problem}")]
    Invalid {
        /// The dotted key.
        key: String,
        /// What is wrong; reads on after the key.
        problem: String,
    },
}

impl ConfigError {
    /// A value that makes no sense; `problem` reads on after the key.
    pub(crate) fn invalid(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid { key: key.into(), problem: problem.into() }
    }

    /// Translates figment's error. figment would print the refused value, which may be a secret
    /// that was put into the wrong variable; only its type is said here.
    pub(super) fn from_figment(origin: &str, error: figment::Error) -> Self {
        let mut path = error.path.clone();
        let problem = match &error.kind {
            Kind::UnknownField(field, known) => {
                if path.last() != Some(field) {
                    path.push(field.clone());
                }
                format!("unknown key (known here: {})", known.join(", "))
            }
            Kind::MissingField(field) => {
                path.push(field.to_string());
                "is missing".to_owned()
            }
            Kind::InvalidType(actual, wanted) | Kind::InvalidValue(actual, wanted) => {
                let wanted = if wanted.starts_with('u') { "a whole number" } else { wanted };
                format!("expected {wanted}, found {}", type_name(actual))
            }
            Kind::UnknownVariant(_, known) => format!("expected one of {}", known.join(", ")),
            Kind::Message(text) if path.is_empty() => {
                return Self::Syntax { origin: origin.to_owned(), problem: text.clone() };
            }
            Kind::Message(text) => text.clone(),
            Kind::ISizeOutOfRange(_) | Kind::USizeOutOfRange(_) => "the number is out of range".to_owned(),
            _ => "cannot be read".to_owned(),
        };
        Self::Layer { origin: origin.to_owned(), key: path.join("."), problem }
    }
}

fn type_name(actual: &Actual) -> &'static str {
    match actual {
        Actual::Bool(_) => "true or false",
        Actual::Unsigned(_) | Actual::Signed(_) => "a number",
        Actual::Float(_) => "a number with a fraction",
        Actual::Char(_) | Actual::Str(_) | Actual::Bytes(_) => "a text",
        Actual::Seq => "a list",
        Actual::Map => "a table",
        _ => "something else",
    }
}
