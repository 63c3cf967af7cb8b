//! `PAYFERRY_…` variables as a configuration layer.

use figment::providers::Serialized;
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::Config;
use crate::failpoint;

/// What every variable of payferry begins with.
const PREFIX: &str = "PAYFERRY_";

/// Names the configuration file, so it is no key of it.
const FILE_VARIABLE: &str = "PAYFERRY_CONFIG";

/// The variables of this process that belong to payferry. Bytes that are not UTF-8 are replaced.
#[must_use]
pub fn process_environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect()
}

/// One variable, as a layer that can be checked and merged.
#[derive(Debug)]
pub(super) struct Variable {
    /// The full name, for error texts.
    pub(super) name: String,
    values: Dict,
}

impl Variable {
    /// Reads a variable; nothing when it does not belong to the configuration.
    ///
    /// The value is a text unless the default of that key is a number or a list. So a path or
    /// a name made of digits stays a text.
    pub(super) fn read(name: &str, value: &str) -> Option<Self> {
        // A build without failpoints says that it does not know the variable.
        let failpoint = cfg!(feature = "failpoints") && name == failpoint::VARIABLE;
        if name == FILE_VARIABLE || failpoint {
            return None;
        }
        let key = name.strip_prefix(PREFIX)?.to_ascii_lowercase().replace("__", ".");
        let defaults = Figment::from(Serialized::defaults(Config::default()));
        let parsed = match defaults.find_value(&key) {
            Ok(Value::Num(..) | Value::Bool(..) | Value::Array(..)) => {
                value.parse().unwrap_or_else(|never: std::convert::Infallible| match never {})
            }
            _ => Value::from(value),
        };
        let values = figment::util::nest(&key, parsed).into_dict()?;
        Some(Self { name: name.to_owned(), values })
    }
}

impl Provider for Variable {
    fn metadata(&self) -> Metadata {
        Metadata::named(format!("variable {}", self.name))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}
