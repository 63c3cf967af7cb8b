//! `[log]`: what is logged, and how.

use serde::{Deserialize, Serialize};

/// The shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// Text for people.
    Text,
}

/// The log, on standard error.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSection {
    /// `json` or `text`.
    pub format: LogFormat,
    /// Which events, for example `info` or `info,payferry::walk=debug`.
    pub filter: String,
}

impl Default for LogSection {
    fn default() -> Self {
        Self { format: default_format(), filter: default_filter() }
    }
}

fn default_format() -> LogFormat {
    LogFormat::Json
}

fn default_filter() -> String {
    "info".to_owned()
}
