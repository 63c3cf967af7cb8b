//! `[secrets]`: files that hold secrets.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::resolve;

/// Where the secrets are. The secrets themselves are never configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SecretsSection {
    /// The file with the master secret; mode 0600. Without it every store must be paired again.
    pub master_secret_file: PathBuf,
}

impl Default for SecretsSection {
    fn default() -> Self {
        Self { master_secret_file: default_master_secret_file() }
    }
}

impl SecretsSection {
    pub(super) fn resolve_paths(&mut self, folder: &Path) {
        resolve(&mut self.master_secret_file, folder);
    }
}

fn default_master_secret_file() -> PathBuf {
    PathBuf::from("data/master.secret")
}
