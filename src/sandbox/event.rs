//! What can be told of an invoice, with BTCPay's codes and names.

/// Something that happened to an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It was made.
    Created,
    /// A payment arrived.
    ReceivedPayment,
    /// Everything was paid.
    PaidInFull,
    /// Its time is over.
    Expired,
    /// Its payments are deep enough.
    Confirmed,
    /// It is done; told together with [`Event::Confirmed`].
    Completed,
    /// Its owner called it invalid.
    MarkedInvalid,
    /// Its payments were not deep enough when BTCPay stopped to watch.
    FailedToConfirm,
    /// Everything was paid, but too late.
    PaidAfterExpiration,
    /// Its time is over and a part was paid; told after [`Event::Expired`].
    ExpiredPaidPartial,
    /// Its owner called it settled.
    MarkedCompleted,
    /// Its owner offered the money back.
    Refund,
}

impl Event {
    /// Code and name in the envelope.
    #[must_use]
    pub fn code_and_name(self) -> (i64, &'static str) {
        match self {
            Self::Created => (1001, "invoice_created"),
            Self::ReceivedPayment => (1002, "invoice_receivedPayment"),
            Self::PaidInFull => (1003, "invoice_paidInFull"),
            Self::Expired => (1004, "invoice_expired"),
            Self::Confirmed => (1005, "invoice_confirmed"),
            Self::Completed => (1006, "invoice_completed"),
            Self::MarkedInvalid => (1008, "invoice_markedInvalid"),
            Self::PaidAfterExpiration => (1009, "invoice_paidAfterExpiration"),
            Self::FailedToConfirm => (1013, "invoice_failedToConfirm"),
            Self::ExpiredPaidPartial => (2000, "invoice_expiredPaidPartial"),
            Self::MarkedCompleted => (2008, "invoice_markedComplete"),
            Self::Refund => (2009, "invoice_refund"),
        }
    }

    /// The status that the notification tells whatever the invoice says; None for that of the invoice.
    #[must_use]
    pub fn told_status(self) -> Option<&'static str> {
        match self {
            Self::PaidInFull => Some("paid"),
            Self::Confirmed => Some("confirmed"),
            _ => None,
        }
    }

    /// Whether it has a flat form, for a shop that asked for all notifications (`full`) or for none.
    #[must_use]
    pub fn is_told_flat(self, full: bool) -> bool {
        match self {
            Self::Confirmed => true,
            Self::Created | Self::ReceivedPayment | Self::PaidAfterExpiration | Self::Refund => false,
            _ => full,
        }
    }
}
