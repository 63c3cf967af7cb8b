//! One invoice and how payments change it.

use super::decimal::Decimal;

/// The state that the API shows in `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Waiting for payment.
    New,
    /// Paid, not yet confirmed.
    Paid,
    /// Confirmed.
    Complete,
    /// Not paid in time.
    Expired,
    /// Not confirmed in time, or marked.
    Invalid,
}

impl Status {
    /// The word of the BitPay API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Paid => "paid",
            Self::Complete => "complete",
            Self::Expired => "expired",
            Self::Invalid => "invalid",
        }
    }

    /// BTCPay's own word, as the checkout shows it.
    #[must_use]
    pub fn own_word(self) -> &'static str {
        match self {
            Self::New => "New",
            Self::Paid => "Processing",
            Self::Complete => "Settled",
            Self::Expired => "Expired",
            Self::Invalid => "Invalid",
        }
    }

    /// The word of a list filter, in any letter case; None for no filter.
    #[must_use]
    pub fn of_filter(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "new" => Some(Self::New),
            "paid" | "processing" => Some(Self::Paid),
            "complete" | "confirmed" | "settled" => Some(Self::Complete),
            "expired" => Some(Self::Expired),
            "invalid" => Some(Self::Invalid),
            _ => None,
        }
    }
}

/// How many blocks a payment needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// None.
    High,
    /// One.
    Medium,
    /// Two.
    LowMedium,
    /// Six.
    Low,
}

impl Speed {
    /// The exact words of `transactionSpeed`; None for every other.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        match word {
            "high" => Some(Self::High),
            "medium" => Some(Self::Medium),
            "low-medium" => Some(Self::LowMedium),
            "low" => Some(Self::Low),
            _ => None,
        }
    }

    /// Blocks until a payment counts as confirmed.
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

/// Who pays the network fee of using up a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkFee {
    /// The store.
    Never,
    /// The buyer, from his second payment on.
    AfterFirst,
    /// The buyer.
    Always,
}

/// One payment that arrived at the address.
#[derive(Debug, Clone)]
pub struct Payment {
    /// Transaction id and output number, `TXID-VOUT`.
    pub id: String,
    /// Epoch milliseconds.
    pub received_ms: i64,
    /// Satoshi.
    pub value: u128,
    /// Whether the speed policy is satisfied.
    pub confirmed: bool,
}

/// What the on-chain method of an invoice holds; free invoices have none.
#[derive(Debug, Clone)]
pub struct Method {
    /// Regtest address.
    pub address: String,
    /// Price of one bitcoin in the invoice's currency.
    pub rate: Decimal,
    /// Price in satoshi; 0 for a top-up.
    pub price: u128,
}

/// One invoice.
#[derive(Debug, Clone)]
pub struct Invoice {
    /// 21 or 22 characters of base58.
    pub id: String,
    /// The store it belongs to.
    pub store: String,
    /// `SCHEME://HOST` and prefix of the request that made it.
    pub root: String,
    /// Rounded price; of a top-up zero until paid.
    pub price: Decimal,
    /// Whether the price was left open.
    pub top_up: bool,
    /// Upper case.
    pub currency: String,
    /// Not zero.
    pub tax_included: Option<Decimal>,
    /// Free texts as sent.
    pub order_id: Option<String>,
    /// Free text.
    pub item_desc: Option<String>,
    /// Free text.
    pub item_code: Option<String>,
    /// Free text or JSON object.
    pub pos_data: Option<String>,
    /// name, address1, address2, city, state, zip, country, phone, email.
    pub buyer: [Option<String>; 9],
    /// Epoch milliseconds of the creation.
    pub created_ms: i64,
    /// Epoch milliseconds.
    pub expires_ms: i64,
    /// None for a free invoice.
    pub method: Option<Method>,
    /// In order of arrival.
    pub payments: Vec<Payment>,
    /// Stored state; use [`Invoice::settle_time`] before reading it.
    pub status: Status,
    /// `paidPartial`, `paidOver`, `paidLater`, `marked`.
    pub exception: Option<&'static str>,
    /// Whether the owner put it away.
    pub archived: bool,
    /// Blocks needed.
    pub speed: Speed,
    /// The store's setting at creation.
    pub network_fee: NetworkFee,
    /// Where the buyer goes.
    pub redirect_url: Option<String>,
    /// Whether he goes without a click.
    pub redirect_automatically: bool,
}

/// Fee of one transaction at 20 satoshi per byte.
const FEE: u128 = 2000;

impl Invoice {
    /// Lets the time pass: an unpaid invoice expires a second after its time.
    pub fn settle_time(&mut self, now_ms: i64) {
        if self.status == Status::New && self.method.is_some() && now_ms > self.expires_ms + 1000 {
            self.status = Status::Expired;
        }
    }

    /// Satoshi that arrived.
    #[must_use]
    pub fn paid(&self) -> u128 {
        self.payments.iter().map(|payment| payment.value).sum()
    }

    /// Network fees that the buyer owes, in satoshi.
    #[must_use]
    pub fn fees(&self) -> u128 {
        let price = self.method.as_ref().map_or(0, |method| method.price);
        let open = |fees: u128| !self.top_up && self.paid() < price + fees;
        let made = self.payments.len() as u128;
        match self.network_fee {
            NetworkFee::Never => 0,
            NetworkFee::Always => FEE * if open(FEE * made.max(1)) { made + 1 } else { made },
            NetworkFee::AfterFirst => {
                let owed = FEE * made.saturating_sub(1);
                if open(owed) { FEE * made } else { owed }
            }
        }
    }

    /// Price and fees, in satoshi.
    #[must_use]
    pub fn total(&self) -> u128 {
        self.method.as_ref().map_or(0, |method| method.price) + self.fees()
    }

    /// What is left to pay, in satoshi.
    #[must_use]
    pub fn due(&self) -> u128 {
        self.total().saturating_sub(self.paid())
    }

    /// A payment arrives.
    pub fn pay(&mut self, payment: Payment) {
        self.payments.push(payment);
        if self.top_up && self.status == Status::New {
            self.price_top_up();
        }
        let (due, over) = (self.due(), self.paid() > self.total());
        match self.status {
            Status::New if due == 0 => {
                self.status = Status::Paid;
                self.exception = (over && !self.top_up).then_some("paidOver");
            }
            Status::New => self.exception = Some("paidPartial"),
            Status::Paid if over && !self.top_up => self.exception = Some("paidOver"),
            Status::Expired => self.exception = Some(if due == 0 { "paidLater" } else { "paidPartial" }),
            _ => {}
        }
        if self.speed == Speed::High {
            self.confirm();
        }
    }

    fn price_top_up(&mut self) {
        let received = Decimal::new(self.paid(), 8).and_then(|paid| Decimal::parse(&paid.shortest()));
        let Some(method) = &self.method else { return };
        if let Some(price) = received.and_then(|received| received.times(method.rate)) {
            self.price = price;
        }
    }

    /// Enough blocks were found for every payment.
    pub fn confirm(&mut self) {
        self.payments.iter_mut().for_each(|payment| payment.confirmed = true);
        if self.status == Status::Paid {
            self.status = Status::Complete;
        }
    }
}
