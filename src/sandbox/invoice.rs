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
    /// Blocks from its own on, when BTCPay last looked.
    pub confirmations: u32,
    /// Blocks that it needs.
    pub needed: u32,
    /// The network fee that the buyer owes for it, in satoshi.
    pub fee: u128,
}

impl Payment {
    /// Whether BTCPay waits for its blocks, whatever became of the invoice.
    pub fn is_young(&self) -> bool {
        !self.confirmed || self.confirmations == 0
    }

    /// Id of its transaction.
    #[must_use]
    pub fn transaction(&self) -> &str {
        self.id.split_once('-').map_or(&self.id, |(transaction, _)| transaction)
    }
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
    /// Satoshi per byte at the time of creation, as number text.
    pub fee_rate: String,
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
    /// The state of the last look.
    pub status: Status,
    /// `paidPartial`, `paidOver`, `paidLater`, `marked`.
    pub exception: Option<&'static str>,
    /// Whether the owner put it away.
    pub archived: bool,
    /// Blocks needed.
    pub speed: Speed,
    /// The store's setting at creation.
    pub network_fee: NetworkFee,
    /// Whether any payment ever arrived; from then on fees count.
    pub was_paid: bool,
    /// How many hundredths of the price may be missing.
    pub tolerance_percent: u32,
    /// Epoch milliseconds until which a payment must be confirmed.
    pub monitored_until_ms: i64,
    /// Where notifications go.
    pub notification_url: Option<String>,
    /// Whether all notifications were asked for.
    pub full_notifications: bool,
    /// Whether notifications in an envelope were asked for; implies the others.
    pub extended_notifications: bool,
    /// Where the buyer goes.
    pub redirect_url: Option<String>,
    /// Whether he goes without a click.
    pub redirect_automatically: bool,
}
