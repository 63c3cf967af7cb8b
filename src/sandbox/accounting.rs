//! What is owed, paid and left of an invoice, and what a look at the chain shows.

use super::call::escaped;
use super::chain::Chain;
use super::decimal::Decimal;
use super::invoice::{Invoice, Method, NetworkFee, Payment, Status};

/// BTCPay counts no more confirmations than these.
const COUNTED: u32 = 6;
/// Bytes that using up a payment costs.
const BYTES: u128 = 100;

impl Method {
    /// The fee of using up one payment, in satoshi.
    #[must_use]
    pub fn fee(&self) -> u128 {
        let rate = Decimal::parse(&self.fee_rate).map(|rate| rate.round(0).text());
        rate.and_then(|rate| rate.parse::<u128>().ok()).unwrap_or_default() * BYTES
    }
}

impl Invoice {
    /// Satoshi that arrived.
    #[must_use]
    pub fn paid(&self) -> u128 {
        self.payments.iter().map(|payment| payment.value).sum()
    }

    /// The price in satoshi; 0 for a top-up and a free invoice.
    fn satoshi(&self) -> u128 {
        self.method.as_ref().map_or(0, |method| method.price)
    }

    /// The network fee that the buyer owes for his next payment, in satoshi.
    #[must_use]
    pub fn next_fee(&self) -> u128 {
        let Some(method) = &self.method else { return 0 };
        match self.network_fee {
            NetworkFee::Never => 0,
            NetworkFee::Always => method.fee(),
            NetworkFee::AfterFirst if self.was_paid => method.fee(),
            NetworkFee::AfterFirst => 0,
        }
    }

    /// Whether another payment is needed.
    fn is_open(&self) -> bool {
        let owed: u128 = self.payments.iter().map(|payment| payment.fee).sum();
        !self.is_unset_top_up()
            && self.method.is_some()
            && self.paid() + self.forgiven() < self.satoshi() + owed
    }

    /// Network fees that the buyer owes, in satoshi.
    #[must_use]
    pub fn fees(&self) -> u128 {
        let owed: u128 = self.payments.iter().map(|payment| payment.fee).sum();
        if self.is_open() { owed + self.next_fee() } else { owed }
    }

    /// How many payments there are and still must be, and how many of them BTCPay counts for the fee.
    #[must_use]
    pub fn payment_counts(&self) -> (i64, i64) {
        let needed = self.payments.len() as i64 + i64::from(self.is_open());
        match self.network_fee {
            NetworkFee::Never => (needed, 0),
            NetworkFee::AfterFirst => (needed, needed - 1),
            NetworkFee::Always => (needed, needed),
        }
    }

    /// Price and fees, in satoshi.
    #[must_use]
    pub fn total(&self) -> u128 {
        self.satoshi() + self.fees()
    }

    /// What is left to pay, in satoshi.
    #[must_use]
    pub fn due(&self) -> u128 {
        self.total().saturating_sub(self.paid())
    }

    /// Whether the price is open and nothing was paid in time.
    #[must_use]
    pub fn is_unset_top_up(&self) -> bool {
        self.top_up && self.price.is_zero()
    }

    /// Whether less was paid than the store puts up with.
    #[must_use]
    pub fn is_under_paid(&self) -> bool {
        if self.is_unset_top_up() {
            return false;
        }
        self.paid() + self.forgiven() < self.total()
    }

    /// Whether the payments that are deep enough suffice.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let deep = || self.payments.iter().filter(|payment| payment.confirmed);
        let (value, fees): (u128, u128) = deep().fold((0, 0), |(v, f), one| (v + one.value, f + one.fee));
        value + self.forgiven() >= self.satoshi() + fees
    }

    /// How much of the price may be missing, in satoshi.
    fn forgiven(&self) -> u128 {
        self.satoshi() * u128::from(self.tolerance_percent.min(100)) / 100
    }

    /// Whether more was paid than asked.
    #[must_use]
    pub fn is_over_paid(&self) -> bool {
        !self.is_unset_top_up() && self.paid() > self.total()
    }

    /// A paid top-up costs what arrived.
    pub fn price_top_up(&mut self) {
        if !self.is_unset_top_up() {
            return;
        }
        let received = Decimal::new(self.paid(), 8).and_then(|paid| Decimal::parse(&paid.shortest()));
        let paid = self.paid();
        let Some(method) = &mut self.method else { return };
        method.price = paid;
        if let Some(price) = received.and_then(|received| received.times(method.rate)) {
            self.price = price;
        }
    }

    /// A URL of the shop with the invoice's values in place of `{InvoiceId}`, `{OrderId}`, `{Status}`.
    #[must_use]
    pub fn expanded(&self, url: &str) -> String {
        let order = escaped(self.order_id.as_deref().unwrap_or_default()).replace("%20", "+");
        url.replace("{InvoiceId}", &self.id)
            .replace("{OrderId}", &order)
            .replace("{Status}", self.status.own_word())
    }

    /// A payment arrives; what follows is the machine's affair.
    pub fn receive(&mut self, mut payment: Payment) {
        payment.fee = self.next_fee();
        self.was_paid = true;
        self.payments.push(payment);
    }

    /// BTCPay looks at the chain: replaced payments are gone, the others have their confirmations.
    pub fn look(&mut self, chain: &Chain) {
        let open = self.is_open_status();
        let gone = |payment: &Payment| chain.confirmations(payment.transaction()).is_none();
        self.payments.retain(|payment| !gone(payment) || payment.confirmed && !open);
        for payment in self.payments.iter_mut().filter(|payment| open || payment.is_young()) {
            let transaction = payment.transaction().to_owned();
            payment.confirmations = chain.confirmations(&transaction).unwrap_or_default().min(COUNTED);
            payment.needed = self.speed.blocks().max(u32::from(chain.signals(&transaction)));
            payment.confirmed |= payment.confirmations >= payment.needed;
        }
    }

    /// Whether BTCPay still looks at it when a block is found.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.is_open_status() || self.payments.iter().any(Payment::is_young)
    }

    fn is_open_status(&self) -> bool {
        matches!(self.status, Status::New | Status::Paid)
    }
}
