//! `[ledger]`: where payferry remembers.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{ConfigError, resolve};

/// The database.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LedgerSection {
    /// The SQLite file. Its folder must exist and be writable.
    pub path: PathBuf,
    /// Days after which buyer data and other texts of a finished invoice are erased.
    pub retention_days: u32,
}

impl Default for LedgerSection {
    fn default() -> Self {
        Self { path: default_path(), retention_days: default_retention_days() }
    }
}

impl LedgerSection {
    pub(super) fn resolve_paths(&mut self, folder: &Path) {
        resolve(&mut self.path, folder);
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.retention_days == 0 {
            return Err(ConfigError::invalid("ledger.retention_days", "must be at least 1"));
        }
        Ok(())
    }
}

fn default_path() -> PathBuf {
    PathBuf::from("data/ledger.sqlite3")
}

fn default_retention_days() -> u32 {
    180
}
