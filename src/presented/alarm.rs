//! What no notification can say: money that went another way than the shop was told.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::NoSuchWord;
use super::words::words;

words! {
    /// Something that only the operator can put right. What it means and what to do stands in
    /// `contract/presented-status.toml`.
    Alarm {
        /// The full amount came after the invoice had expired.
        MoneyKeptAfterExpiry = "money_kept_after_expiry",
        /// The invoice expired with a part of the money.
        PartialPaymentKept = "partial_payment_kept",
        /// The payment of a `paid` invoice is gone.
        PaymentVanished = "payment_vanished",
        /// A `paid` invoice is not paid enough any more.
        PaymentShort = "payment_short",
        /// The payment of a `confirmed` or `complete` invoice is gone.
        PaymentVanishedAfterConfirmed = "payment_vanished_after_confirmed",
        /// A `confirmed` or `complete` invoice is not paid enough any more.
        PaymentShortAfterConfirmed = "payment_short_after_confirmed",
        /// BTCPay gave a `confirmed` invoice up when monitoring ended.
        InvalidAfterConfirmed = "invalid_after_confirmed",
        /// The owner invalidated a `confirmed` or `complete` invoice.
        InvalidatedByHandAfterConfirmed = "invalidated_by_hand_after_confirmed",
        /// There is money on an invoice that the shop was told is invalid.
        MoneyOnInvalid = "money_on_invalid",
        /// BTCPay has not shown the invoice for a week, though it answered.
        InvoiceLostAtBtcpay = "invoice_lost_at_btcpay",
    }
}

/// The alarms that an invoice has raised and that still stand; each is raised once.
/// As text their words with a blank between, for the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alarms(BTreeSet<Alarm>);

impl Alarms {
    /// Whether it stands.
    #[must_use]
    pub fn has(&self, alarm: Alarm) -> bool {
        self.0.contains(&alarm)
    }

    /// All that stand, in order.
    pub fn iter(&self) -> impl Iterator<Item = Alarm> + '_ {
        self.0.iter().copied()
    }

    /// Lets it stand; true where it did not.
    pub fn raise(&mut self, alarm: Alarm) -> bool {
        self.0.insert(alarm)
    }

    /// Money is back where it was: should it go again, that is news.
    pub(super) fn clear_unpaid(&mut self) {
        self.0.remove(&Alarm::PaymentVanished);
        self.0.remove(&Alarm::PaymentShort);
    }
}

impl fmt::Display for Alarms {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.iter().map(Alarm::as_str).collect();
        out.write_str(&words.join(" "))
    }
}

impl FromStr for Alarms {
    type Err = NoSuchWord;

    fn from_str(text: &str) -> Result<Self, NoSuchWord> {
        text.split_ascii_whitespace().map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}
