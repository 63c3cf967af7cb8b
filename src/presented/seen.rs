//! What BTCPay says of an invoice, as far as the machine cares.

use super::{BtcpayStatus, Exception, NoSuchWord, SettlementRule};

/// One reading of an invoice at BTCPay. Never made from a notification: that may be forged or old.
///
/// Readings of one invoice must come in the order in which they were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// `status` of the signed read.
    pub status: BtcpayStatus,
    /// `exceptionStatus` of the signed read, but for `marked`.
    pub exception: Option<Exception>,
    /// `exceptionStatus` is `marked`: the owner set the status by hand.
    pub by_hand: bool,
    /// `btcPaid` is above zero.
    pub anything_paid: bool,
    /// The public status answer, where one was asked for (settlement `bitpay`).
    pub public: Option<PublicStatus>,
}

/// One answer of `GET /i/ID/status`. All three must be of the same answer: for some 100 ms BTCPay
/// says Processing with money due (recorded: life/life-low-two-payments-first-double-spent).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicStatus {
    /// `status` is `Processing`.
    pub processing: bool,
    /// `due` is zero.
    pub nothing_due: bool,
    /// `receivedConfirmations`; null while no payment counts.
    pub confirmations: Option<u32>,
}

/// What a reading amounts to under a store's settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// BTCPay says new.
    New,
    /// BTCPay says paid, without the blocks that the settlement asks for.
    Paid,
    /// BTCPay says paid, with them.
    Confirmed,
    /// BTCPay says complete.
    Complete,
    /// BTCPay says expired.
    Expired,
    /// BTCPay says invalid.
    Invalid,
}

impl Seen {
    /// Reads the two words of a signed read; `exception` is None for JSON false.
    ///
    /// `paidLate` is taken too: BTCPay wrote it so until May 2024. A word that is not known is
    /// no exception: the status alone decides.
    ///
    /// # Errors
    /// [`NoSuchWord`] for a status that BTCPay 2.4.1 does not have.
    pub fn of_words(status: &str, exception: Option<&str>, anything_paid: bool) -> Result<Self, NoSuchWord> {
        let exception = exception.map(|word| if word == "paidLate" { "paidLater" } else { word });
        Ok(Self {
            status: status.parse()?,
            exception: exception.and_then(|word| word.parse().ok()),
            by_hand: exception == Some("marked"),
            anything_paid,
            public: None,
        })
    }

    /// What it amounts to.
    #[must_use]
    pub fn reading(&self, rule: &SettlementRule) -> Reading {
        match self.status {
            BtcpayStatus::New => Reading::New,
            BtcpayStatus::Paid if self.counts(rule) => Reading::Confirmed,
            BtcpayStatus::Paid => Reading::Paid,
            BtcpayStatus::Complete => Reading::Complete,
            BtcpayStatus::Expired => Reading::Expired,
            BtcpayStatus::Invalid => Reading::Invalid,
        }
    }

    /// Never too early: the count is the smallest of all payments that count (recorded: life/life-low-*).
    fn counts(&self, rule: &SettlementRule) -> bool {
        let enough = |public: &PublicStatus| {
            let count = public.confirmations.unwrap_or(0);
            rule.confirmations.is_some_and(|needed| count >= needed)
        };
        self.public.as_ref().is_some_and(|public| public.processing && public.nothing_due && enough(public))
    }
}
