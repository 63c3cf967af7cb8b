//! When a shop must have its answer: one moment, set when its head had arrived. Body, ledger and
//! BTCPay share it.

use std::time::Duration;

use tokio::time::Instant;

/// The time a request has left.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

/// The deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time for an answer is over")]
pub struct Passed;

impl Deadline {
    /// So long from now.
    #[must_use]
    pub fn within(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// What is left; nothing once it has passed.
    #[must_use]
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Waits for the work, at most until the deadline.
    ///
    /// # Errors
    /// [`Passed`]; the work is dropped.
    pub async fn bound<T>(self, work: impl Future<Output = T>) -> Result<T, Passed> {
        tokio::time::timeout_at(self.0, work).await.map_err(|_| Passed)
    }
}
