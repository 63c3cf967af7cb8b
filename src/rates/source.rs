//! Whose rates a request gets that names no store.

use crate::config::RatesSection;
use crate::contract::ErrorCode;
use crate::ledger::Store;

/// Why there is no store to ask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Several stores, and none is said to be the one.
    #[error("rates.store does not say whose rates requests without a credential get")]
    NotChosen,
    /// There is no paired store of that name.
    #[error("rates names the store {0}, which is not there or not paired")]
    NoSuchStore(String),
}

impl SourceError {
    /// The row of the error table.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        ErrorCode::RatesStoreMissing
    }
}

/// The choice that the configuration makes.
#[derive(Debug, Clone, Default)]
pub struct RateSource(RatesSection);

impl RateSource {
    /// By these settings.
    #[must_use]
    pub fn new(settings: RatesSection) -> Self {
        Self(settings)
    }

    /// The store of a Host header: its own block, else `rates.store`, else the only store there is.
    /// Stores that are not paired or were removed do not count.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn store<S: AsRef<Store>>(&self, host: &str, stores: Vec<S>) -> Result<S, SourceError> {
        let mut stores: Vec<S> = stores.into_iter().filter(|store| usable(store.as_ref())).collect();
        let Some(name) = self.0.of_host(name_of(host)) else {
            return match stores.pop() {
                Some(only) if stores.is_empty() => Ok(only),
                _ => Err(SourceError::NotChosen),
            };
        };
        let named = stores.into_iter().find(|store| store.as_ref().name == name);
        named.ok_or_else(|| SourceError::NoSuchStore(name.to_owned()))
    }
}

fn usable(store: &Store) -> bool {
    store.paired_at.is_some() && store.removed_at.is_none()
}

/// The name in a Host header, without port and without the dot of a full name.
fn name_of(host: &str) -> &str {
    let port = host.rfind(':').filter(|at| host[at + 1..].bytes().all(|byte| byte.is_ascii_digit()));
    port.map_or(host, |at| &host[..at]).trim_end_matches('.')
}
