//! When an invoice is confirmed and when it is complete, by what the store chose and the shop asked.

use super::table::{Completes, settlement_rules};
use super::words::words;

words! {
    /// What a store counts as `confirmed` and `complete`.
    Settlement {
        /// Settled at BTCPay is confirmed, and complete a pause later.
        Btcpay = "btcpay",
        /// As at BitPay: confirmed at the blocks that the shop asked for, complete at six.
        Bitpay = "bitpay",
    }
}

words! {
    /// `transactionSpeed`: how many blocks a shop waits for.
    Speed {
        /// None.
        High = "high",
        /// One.
        Medium = "medium",
        /// Two; BTCPay's own word, BitPay has none.
        LowMedium = "low-medium",
        /// Six.
        Low = "low",
    }
}

/// What follows from a store's settlement and an invoice's speed; one row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettlementRule {
    /// The store's choice.
    pub settlement: Settlement,
    /// What the shop asked for, or the store's default.
    pub speed: Speed,
    /// What BTCPay is asked for instead; None: what the shop asked for, as it stands.
    pub upstream: Option<Speed>,
    /// Blocks after which a payment that BTCPay still calls `paid` is confirmed; None: never before
    /// BTCPay settles it.
    pub confirmations: Option<u32>,
    /// What `complete` waits for after `confirmed`.
    pub completes: Completes,
}

impl Speed {
    /// What a shop asked for, in any letter case; the default where it asked for nothing or for a
    /// word that BitPay does not have.
    #[must_use]
    pub fn asked(word: Option<&str>, default: Self) -> Self {
        word.and_then(|word| word.to_ascii_lowercase().parse().ok()).unwrap_or(default)
    }
}

impl Speed {
    /// Blocks after which BTCPay settles an invoice of this speed. `high` waits for one where the payment can
    /// be replaced (recorded: life/life-exact-high-rbf, life/life-exact-*).
    #[must_use]
    pub fn blocks(self) -> u32 {
        match self {
            Self::High => 0,
            Self::Medium => 1,
            Self::LowMedium => 2,
            Self::Low => 6,
        }
    }
}

impl SettlementRule {
    /// Blocks after which a shop hears `confirmed`.
    #[must_use]
    pub fn confirmed_at(&self) -> u32 {
        self.confirmations.unwrap_or(self.upstream.unwrap_or(self.speed).blocks())
    }

    /// Blocks after which a shop hears `complete`, be it a pause later.
    #[must_use]
    pub fn completed_at(&self) -> u32 {
        match self.completes {
            Completes::AfterPause => self.confirmed_at(),
            Completes::WhenSettled => self.upstream.unwrap_or(self.speed).blocks(),
        }
    }
}

impl Settlement {
    /// The rule for one invoice.
    #[must_use]
    pub fn rule(self, speed: Speed) -> &'static SettlementRule {
        settlement_rules(self, speed)
    }
}
