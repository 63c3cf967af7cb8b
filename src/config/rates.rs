//! `[rates]`: whose exchange rates a request gets that names no store.

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// BitPay's rates needed no credential; BTCPay's belong to a store.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RatesSection {
    /// Name of the store; with only one store it is that one.
    pub store: Option<String>,
    /// Other stores under certain host names.
    pub host: Vec<RatesHost>,
}

/// `[[rates.host]]`: another store under certain host names.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RatesHost {
    /// Host names, without wildcards and ports.
    pub names: Vec<String>,
    /// Name of the store.
    pub store: String,
}

impl RatesSection {
    /// The store for a host name, where the settings say one.
    #[must_use]
    pub fn of_host(&self, name: &str) -> Option<&str> {
        let fits = |host: &&RatesHost| host.names.iter().any(|known| known.eq_ignore_ascii_case(name));
        self.host.iter().find(fits).map(|host| host.store.as_str()).or(self.store.as_deref())
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let bad = |name: &String| name.is_empty() || name.contains(['*', ':', '/']);
        if self.host.iter().any(|host| host.names.is_empty() || host.names.iter().any(bad)) {
            return Err(ConfigError::invalid("rates.host.names", "needs full names, no wildcards, no ports"));
        }
        let mut names: Vec<_> =
            self.host.iter().flat_map(|host| &host.names).map(|n| n.to_ascii_lowercase()).collect();
        names.sort_unstable();
        if names.windows(2).any(|two| two[0] == two[1]) {
            return Err(ConfigError::invalid("rates.host.names", "names a host twice"));
        }
        Ok(())
    }
}
