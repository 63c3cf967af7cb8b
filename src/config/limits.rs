//! `[limits]`: sizes and times that bound every request.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Bounds of a request and of the drain.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSection {
    /// Longest request head in bytes: request line and headers together.
    pub head_bytes: usize,
    /// Most header lines in a request.
    pub headers: usize,
    /// Longest request body in bytes.
    pub body_bytes: usize,
    /// Milliseconds until a shop has its answer; shops give up after 10 s.
    pub answer_deadline_ms: u64,
    /// The same for shops whose library gives up after 5 s.
    pub answer_deadline_short_ms: u64,
    /// Milliseconds that a create goes on waiting for BTCPay after its shop got an error.
    pub create_reads_on_ms: u64,
    /// Milliseconds for which a create of unknown outcome must be nowhere at BTCPay before a repeat of the
    /// shop may send it again. BTCPay 2.4.1 was up to 10 s behind after its database had been away.
    pub create_quiet_ms: u64,
    /// Most creates under way, those included that go on after their shop has gone.
    pub creates_under_way: usize,
    /// Most creates a minute with one POS token: it stands in public HTML, and each create is kept in the ledger.
    pub pos_creates_per_minute: NonZeroU32,
    /// Seconds that a drain waits for requests in flight.
    pub drain_seconds: u64,
}

impl Default for LimitsSection {
    fn default() -> Self {
        Self {
            head_bytes: default_head_bytes(),
            headers: default_headers(),
            body_bytes: default_body_bytes(),
            answer_deadline_ms: default_answer_deadline_ms(),
            answer_deadline_short_ms: default_answer_deadline_short_ms(),
            create_reads_on_ms: default_create_reads_on_ms(),
            create_quiet_ms: default_create_quiet_ms(),
            creates_under_way: default_creates_under_way(),
            pos_creates_per_minute: default_pos_creates_per_minute(),
            drain_seconds: default_drain_seconds(),
        }
    }
}

impl LimitsSection {
    /// [`drain_seconds`](Self::drain_seconds) as a duration.
    #[must_use]
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let within = [
            ("head_bytes", self.head_bytes as u64, 1024, 1 << 20),
            ("headers", self.headers as u64, 16, 1024),
            ("body_bytes", self.body_bytes as u64, 4096, 64 << 20),
            ("answer_deadline_ms", self.answer_deadline_ms, 100, 600_000),
            ("answer_deadline_short_ms", self.answer_deadline_short_ms, 100, self.answer_deadline_ms),
            ("create_reads_on_ms", self.create_reads_on_ms, self.answer_deadline_ms, 3_600_000),
            ("create_quiet_ms", self.create_quiet_ms, 0, 600_000),
            ("creates_under_way", self.creates_under_way as u64, 1, 1 << 20),
            ("drain_seconds", self.drain_seconds, 1, 3600),
        ];
        for (key, value, least, most) in within {
            if !(least..=most).contains(&value) {
                let problem = format!("is {value}, but must be from {least} to {most}");
                return Err(ConfigError::invalid(format!("limits.{key}"), problem));
            }
        }
        Ok(())
    }
}

fn default_head_bytes() -> usize {
    32 * 1024
}

fn default_headers() -> usize {
    100
}

fn default_body_bytes() -> usize {
    1024 * 1024
}

fn default_answer_deadline_ms() -> u64 {
    8_500
}

fn default_answer_deadline_short_ms() -> u64 {
    4_500
}

fn default_create_reads_on_ms() -> u64 {
    60_000
}

fn default_create_quiet_ms() -> u64 {
    12_000
}

fn default_creates_under_way() -> usize {
    512
}

fn default_pos_creates_per_minute() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(119)
}

fn default_drain_seconds() -> u64 {
    20
}
