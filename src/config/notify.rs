//! `[notify]`: how BTCPay tells payferry, and how payferry tells shops.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ConfigError, PublicUrl};
use crate::delivery::IpNet;

/// Most tries after the first.
const MOST_RETRIES: usize = 100;
/// Longest time between two tries, in seconds: thirty days.
const LONGEST_RETRY_SECONDS: u64 = 30 * 86_400;

/// Notifications, in and out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotifySection {
    /// Address and port where BTCPay's notifications come in; nothing listens without it.
    pub listen: Option<SocketAddr>,
    /// The address under which BTCPay reaches that listener. Without it payferry only polls, and shops
    /// hear up to a minute later.
    pub public_url: Option<PublicUrl>,
    /// Private networks in which shops may be notified all the same.
    pub allow_private: Vec<IpNet>,
    /// Milliseconds from an invoice's creation to its first notification.
    pub delay_after_create_ms: u64,
    /// Seconds between `confirmed` and `complete` where BTCPay says both at once.
    pub complete_after_seconds: u64,
    /// Seconds that an invoice stays `paid` after its payment has vanished; BitPay gave it an hour.
    pub invalid_after_seconds: u64,
    /// Seconds after a failed try at which the next follows; after the last the notification is parked.
    pub retry_after_seconds: Vec<u64>,
    /// Seconds between two looks at an invoice that money can still move.
    pub poll_every_seconds: u64,
    /// Most invoices polled at BTCPay a second, all together; those that BTCPay notified of have five times as many.
    pub reads_per_second: u32,
    /// Milliseconds that a shop has for its answer.
    pub delivery_timeout_ms: u64,
    /// Most deliveries to one shop at a time.
    pub deliveries_per_shop: usize,
    /// Most invoices attended to at a time.
    pub attended_at_once: usize,
}

impl Default for NotifySection {
    fn default() -> Self {
        Self {
            listen: None,
            public_url: None,
            allow_private: Vec::new(),
            delay_after_create_ms: 2_000,
            complete_after_seconds: 60,
            invalid_after_seconds: 3_600,
            // BitPay: tries at 0, 1, 5, 14 and 30 minutes, given up at 55.
            retry_after_seconds: vec![60, 240, 540, 960, 1_500],
            poll_every_seconds: 60,
            reads_per_second: 20,
            delivery_timeout_ms: 10_000,
            deliveries_per_shop: 4,
            attended_at_once: 512,
        }
    }
}

impl NotifySection {
    /// [`delivery_timeout_ms`](Self::delivery_timeout_ms) as a duration.
    #[must_use]
    pub fn delivery_timeout(&self) -> Duration {
        Duration::from_millis(self.delivery_timeout_ms)
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.public_url.is_some() && self.listen.is_none() {
            let problem = "is set, but notify.listen is not: nothing would listen there";
            return Err(ConfigError::invalid("notify.public_url", problem));
        }
        let retries = &self.retry_after_seconds;
        if retries.is_empty() || retries.len() > MOST_RETRIES {
            let problem = format!("has {} entries, but must have 1 to {MOST_RETRIES}", retries.len());
            return Err(ConfigError::invalid("notify.retry_after_seconds", problem));
        }
        if let Some(seconds) = retries.iter().find(|seconds| !(1..=LONGEST_RETRY_SECONDS).contains(*seconds))
        {
            let problem = format!("has {seconds}, but must be from 1 to {LONGEST_RETRY_SECONDS}");
            return Err(ConfigError::invalid("notify.retry_after_seconds", problem));
        }
        let within = [
            ("delay_after_create_ms", self.delay_after_create_ms, 0, 600_000),
            ("complete_after_seconds", self.complete_after_seconds, 0, 30 * 86_400),
            ("invalid_after_seconds", self.invalid_after_seconds, 0, 30 * 86_400),
            ("poll_every_seconds", self.poll_every_seconds, 1, 86_400),
            ("reads_per_second", u64::from(self.reads_per_second), 1, 10_000),
            ("delivery_timeout_ms", self.delivery_timeout_ms, 100, 120_000),
            ("deliveries_per_shop", self.deliveries_per_shop as u64, 1, 1_000),
            ("attended_at_once", self.attended_at_once as u64, 1, 100_000),
        ];
        for (key, value, least, most) in within {
            if !(least..=most).contains(&value) {
                let problem = format!("is {value}, but must be from {least} to {most}");
                return Err(ConfigError::invalid(format!("notify.{key}"), problem));
            }
        }
        Ok(())
    }
}
