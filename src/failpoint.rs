//! Named points at which a test kills the process, to prove that no crash makes two invoices
//! or loses one. Compiled in only with the feature `failpoints`; otherwise every call is empty.
//!
//! `PAYFERRY_FAILPOINT=row_committed` ends the process, without any clean-up, when that point is reached.

/// The environment variable that names the point.
pub const VARIABLE: &str = "PAYFERRY_FAILPOINT";

/// The points, in the order in which a create passes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failpoint {
    /// The invoice's row is durable; nothing was sent to BTCPay.
    RowCommitted,
    /// The create's bytes are on their way to BTCPay.
    BytesSent,
    /// BTCPay's status line and headers have arrived.
    HeadReceived,
    /// The invoice id and the answer are durable; the shop has heard nothing.
    AnswerCommitted,
    /// The shop's answer has been handed to its connection.
    AnswerSent,
}

impl Failpoint {
    /// The name that the environment variable takes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RowCommitted => "row_committed",
            Self::BytesSent => "bytes_sent",
            Self::HeadReceived => "head_received",
            Self::AnswerCommitted => "answer_committed",
            Self::AnswerSent => "answer_sent",
        }
    }

    /// Ends the process where this point was asked for.
    #[cfg(feature = "failpoints")]
    pub fn reach(self) {
        if self.is_asked_for() {
            std::process::abort();
        }
    }

    /// The same after a while, for what the kernel has to be given time to do: sending bytes.
    #[cfg(feature = "failpoints")]
    pub fn reach_after(self, pause: std::time::Duration) {
        if self.is_asked_for() {
            std::thread::spawn(move || {
                std::thread::sleep(pause);
                std::process::abort();
            });
        }
    }

    #[cfg(feature = "failpoints")]
    fn is_asked_for(self) -> bool {
        std::env::var_os(VARIABLE).is_some_and(|wanted| wanted == self.name())
    }

    /// Nothing: this build has no failpoints.
    #[cfg(not(feature = "failpoints"))]
    #[inline]
    pub fn reach(self) {}

    /// Nothing: this build has no failpoints.
    #[cfg(not(feature = "failpoints"))]
    #[inline]
    pub fn reach_after(self, _pause: std::time::Duration) {}
}
