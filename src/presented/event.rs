//! BitPay's events of an invoice that payferry tells a shop.

use super::words::words;
use super::{NoSuchWord, Status};

words! {
    /// One event, by BitPay's name for it (developer.bitpay.com/reference/notification-codes).
    ///
    /// The names are those that BitPay documents to merchants. Refunds (1016) and `declined` (1019)
    /// are not among them: BTCPay has no such thing to tell.
    Event {
        /// 1003: the full amount was seen.
        PaidInFull = "invoice_paidInFull",
        /// 1004: not paid in time.
        Expired = "invoice_expired",
        /// 1005: as many blocks as the shop's speed asks for.
        Confirmed = "invoice_confirmed",
        /// 1006: credited.
        Completed = "invoice_completed",
        /// 1012: the shop asked to hear it again.
        ManuallyNotified = "invoice_manuallyNotified",
        /// 1013: not confirmed in time.
        FailedToConfirm = "invoice_failedToConfirm",
    }
}

impl Event {
    /// BitPay's number for it.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::PaidInFull => 1003,
            Self::Expired => 1004,
            Self::Confirmed => 1005,
            Self::Completed => 1006,
            Self::ManuallyNotified => 1012,
            Self::FailedToConfirm => 1013,
        }
    }

    /// The event of a number.
    ///
    /// # Errors
    /// [`NoSuchWord`] for a number that payferry never sends.
    pub fn of_code(code: u16) -> Result<Self, NoSuchWord> {
        let found = Self::ALL.iter().copied().find(|event| event.code() == code);
        found.ok_or_else(|| NoSuchWord { list: "Event", word: code.to_string() })
    }

    /// The status that a body with this event carries; None where any fits.
    #[must_use]
    pub fn status(self) -> Option<Status> {
        Some(match self {
            Self::PaidInFull => Status::Paid,
            Self::Expired => Status::Expired,
            Self::Confirmed => Status::Confirmed,
            Self::Completed => Status::Complete,
            Self::FailedToConfirm => Status::Invalid,
            Self::ManuallyNotified => return None,
        })
    }

    /// The event that tells a status; none for `new` (1001 is not documented to merchants).
    #[must_use]
    pub fn telling(status: Status) -> Option<Self> {
        Self::ALL.iter().copied().find(|event| event.status() == Some(status))
    }
}
