//! What the look-alike remembers: stores, pairing codes, tokens, invoices.

use std::collections::{BTreeMap, HashMap};

use super::chain::Chain;
use super::decimal::Decimal;
use super::invoice::{Invoice, NetworkFee, Speed};

/// A store and its settings.
#[derive(Debug, Clone)]
pub struct Store {
    /// 43 or 44 characters of base58.
    pub id: String,
    /// Its settings.
    pub options: StoreOptions,
    /// The legacy API key, where the owner made one.
    pub legacy_key: Option<String>,
}

/// Settings of a store, as its owner would choose them.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Shown on the checkout page.
    pub name: String,
    /// Used where a request names no currency.
    pub default_currency: String,
    /// Used where a request names no speed.
    pub speed: Speed,
    /// Without one, only free invoices can be made.
    pub has_wallet: bool,
    /// Whether requests without credentials may create with `?storeId=`.
    pub anyone_can_create: bool,
    /// Where the buyer goes if the request says nothing.
    pub website: Option<String>,
    /// Minutes until an invoice expires; 0 refuses every create.
    pub expiration_minutes: i64,
    /// Who pays network fees.
    pub network_fee: NetworkFee,
    /// How many hundredths of the price may be missing.
    pub tolerance_percent: u32,
    /// Minutes after the expiration in which payments must be confirmed.
    pub monitoring_minutes: i64,
    /// Rates of this store alone (`BTC_USD`, decimal text); None for those of the sandbox.
    pub rates: Option<Vec<(String, String)>>,
    /// Pairs of `GET /rates` where the query names none (`BTC_USD,BTC_EUR`); empty for none.
    pub default_pairs: String,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            name: "Sandbox".to_owned(),
            default_currency: "USD".to_owned(),
            speed: Speed::Medium,
            has_wallet: true,
            anyone_can_create: false,
            website: None,
            expiration_minutes: 15,
            network_fee: NetworkFee::AfterFirst,
            tolerance_percent: 0,
            monitoring_minutes: 1440,
            rates: None,
            default_pairs: String::new(),
        }
    }
}

/// A pairing code that was neither used nor refused yet.
#[derive(Debug, Clone)]
pub struct PairingCode {
    /// Seven characters.
    pub code: String,
    /// The token it will become.
    pub token: String,
    /// Of the owner or of the client.
    pub label: Option<String>,
    /// Epoch milliseconds.
    pub created_ms: i64,
    /// Epoch milliseconds.
    pub expires_ms: i64,
    /// Who claimed it, as spelled by the client.
    pub sin: Option<String>,
    /// The store, where the owner made it.
    pub store: Option<String>,
}

/// An approved token.
#[derive(Debug, Clone)]
pub struct Token {
    /// 43 or 44 characters of base58.
    pub value: String,
    /// The store it opens.
    pub store: String,
    /// The identity it belongs to.
    pub sin: String,
}

/// Why an approval or a claim failed. The words are those of BTCPay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PairingError {
    /// No such code, or it is spent.
    #[error("NotFound")]
    NotFound,
    /// The identity belongs to another store; the code is spent.
    #[error("ReusedKey")]
    ReusedKey,
    /// The code is older than 15 minutes; it stays.
    #[error("Expired")]
    Expired,
    /// Nobody claimed the code yet.
    #[error("NotClaimed")]
    NotClaimed,
}

/// Everything.
#[derive(Debug, Default)]
pub struct State {
    /// In order of creation.
    pub stores: Vec<Store>,
    /// Waiting codes.
    pub codes: Vec<PairingCode>,
    /// Approved tokens, the oldest first.
    pub tokens: Vec<Token>,
    /// In order of creation; none is ever removed.
    pub invoices: Vec<Invoice>,
    /// Their places by id.
    places: HashMap<String, usize>,
    /// Satoshi per byte, where the owner changed it.
    pub fee_rate: Option<String>,
    /// By how much the state of an invoice follows its blocks later, in milliseconds.
    pub lag_ms: i64,
    /// The chain behind.
    pub chain: Chain,
    /// When an invoice must be looked at because of the time: epoch milliseconds and its place.
    alarms: BTreeMap<i64, Vec<usize>>,
}

impl State {
    /// The store of that id.
    #[must_use]
    pub fn store(&self, id: &str) -> Option<&Store> {
        self.stores.iter().find(|store| store.id == id)
    }

    /// The first token of an identity: the one that counts.
    #[must_use]
    pub fn token_of(&self, sin: &str) -> Option<&Token> {
        self.tokens.iter().find(|token| token.sin == sin)
    }

    /// Keeps a new invoice and gives its place.
    pub fn add(&mut self, invoice: Invoice) -> usize {
        let place = self.invoices.len();
        self.places.insert(invoice.id.clone(), place);
        self.invoices.push(invoice);
        place
    }

    /// The place of the invoice of that id, exact letter case.
    #[must_use]
    pub fn place(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// The time of an invoice comes then.
    pub fn wake(&mut self, at_ms: i64, place: usize) {
        self.alarms.entry(at_ms).or_default().push(place);
    }

    /// Invoices whose time has come, in order; told once.
    pub fn due(&mut self, now_ms: i64) -> Vec<usize> {
        let mut due = Vec::new();
        while let Some(first) = self.alarms.first_entry().filter(|first| *first.key() <= now_ms) {
            due.extend(first.remove());
        }
        due
    }

    /// The invoice of that id, exact letter case.
    pub fn invoice_mut(&mut self, id: &str) -> Option<&mut Invoice> {
        self.invoices.get_mut(*self.places.get(id)?)
    }

    /// Turns a code into a token of `store`.
    ///
    /// # Errors
    /// [`PairingError`]; a reused key spends the code, an expired code stays.
    pub fn pair(&mut self, code: &str, store: &str, now_ms: i64) -> Result<PairingCode, PairingError> {
        let place = self.codes.iter().position(|known| known.code == code).ok_or(PairingError::NotFound)?;
        let known = &self.codes[place];
        if known.expires_ms <= now_ms {
            return Err(PairingError::Expired);
        }
        let sin = known.sin.clone().ok_or(PairingError::NotClaimed)?;
        let known = self.codes.remove(place);
        if self.tokens.iter().any(|token| token.sin == sin && token.store != store) {
            return Err(PairingError::ReusedKey);
        }
        self.tokens.push(Token { value: known.token.clone(), store: store.to_owned(), sin });
        Ok(known)
    }
}

/// One bitcoin in `currency` at this store: its text as the owner wrote it and its value.
#[must_use]
pub fn rate(store: &Store, common: &[(String, String)], currency: &str) -> Option<(String, Decimal)> {
    let found = |text: &str| {
        Decimal::parse(text).filter(|rate| rate.is_positive()).map(|rate| (text.to_owned(), rate))
    };
    let pair = format!("BTC_{currency}");
    let listed = store.options.rates.as_deref().unwrap_or(common);
    match listed.iter().find(|(name, _)| *name == pair) {
        Some((_, text)) => found(text),
        None if currency == "BTC" => found("1.0"),
        None if currency == "SATS" => found("100000000"),
        None => None,
    }
}
