//! Merges the layers, and says which layer is to blame.

use std::path::Path;

use figment::error::Kind;
use figment::providers::{Format, Serialized, Toml};
use figment::{Figment, Provider};

use super::environment::Variable;
use super::{Config, ConfigError};

/// Defaults, file, variables; each later one wins.
pub(super) fn read<E>(path: Option<&Path>, environment: E) -> Result<Config, ConfigError>
where
    E: IntoIterator<Item = (String, String)>,
{
    let mut merged = Figment::from(Serialized::defaults(Config::default()));
    let mut origin = "configuration".to_owned();
    if let Some(path) = path {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        origin = path.display().to_string();
        check(&origin, Toml::string(&text))?;
        merged = merged.merge(Toml::string(&text));
    }
    let mut environment: Vec<_> = environment.into_iter().collect();
    environment.sort();
    for (name, value) in environment {
        if let Some(variable) = Variable::read(&name, &value) {
            check(&name, &variable)?;
            merged = merged.merge(variable);
        }
    }
    merged.extract().map_err(|error| ConfigError::from_figment(&origin, error))
}

/// Reads one layer alone over the defaults, so that an error has exactly one possible origin.
/// A key that is missing may still come with another layer.
fn check(origin: &str, layer: impl Provider) -> Result<(), ConfigError> {
    let alone = Figment::from(Serialized::defaults(Config::default())).merge(layer);
    match alone.extract::<Config>() {
        Err(error) if !matches!(error.kind, Kind::MissingField(_)) => {
            Err(ConfigError::from_figment(origin, error))
        }
        _ => Ok(()),
    }
}
