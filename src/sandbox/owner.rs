//! What the owner of the stores does, outside of the BitPay API.

use super::Room;
use super::bulk::{self, Bulk};
use super::ids;
use super::invoice::Invoice;
use super::store::{PairingCode, PairingError, Store, StoreOptions};
use super::tokens::CODE_LIFE_MS;

/// Why the owner's wish was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OwnerError {
    /// No store of that id.
    #[error("there is no such store")]
    NoStore,
    /// No invoice of that id, or it is free and takes no payment.
    #[error("there is no such invoice")]
    NoInvoice,
    /// The invoice is in a state that cannot be marked so, or be refunded.
    #[error("Status can only be marked to invalid or settled within certain conditions.")]
    NotNow,
    /// A paid invoice, or one whose price is open.
    #[error("nothing is due; name an amount")]
    NothingDue,
    /// Not an amount of bitcoin with at most 8 decimals.
    #[error("not an amount of bitcoin")]
    BadAmount,
}

/// Texts of an invoice.
#[derive(Debug, Clone, Default)]
pub struct Words {
    /// The shop's name for the order.
    pub order_id: String,
    /// What is bought.
    pub item_desc: String,
    /// Free text or JSON object.
    pub pos_data: String,
    /// Who buys.
    pub buyer_name: String,
}

/// The owner's hand on a sandbox.
#[derive(Clone)]
pub struct Owner(pub(super) Room);

impl Owner {
    /// Makes a store and gives its id.
    pub fn create_store(&self, options: StoreOptions) -> String {
        let id = ids::long(self.0.random());
        self.0.state().stores.push(Store { id: id.clone(), options, legacy_key: None });
        id
    }

    /// Changes the settings of a store; invoices that exist keep theirs.
    ///
    /// # Errors
    /// [`OwnerError::NoStore`].
    pub fn change_store(
        &self,
        store: &str,
        change: impl FnOnce(&mut StoreOptions),
    ) -> Result<(), OwnerError> {
        let mut state = self.0.state();
        let found = state.stores.iter_mut().find(|known| known.id == store).ok_or(OwnerError::NoStore)?;
        change(&mut found.options);
        Ok(())
    }

    /// Ids and names of the stores, the oldest first.
    #[must_use]
    pub fn stores(&self) -> Vec<(String, String)> {
        self.0.state().stores.iter().map(|store| (store.id.clone(), store.options.name.clone())).collect()
    }

    /// Makes a pairing code for a store: who claims it within 15 minutes is paired at once.
    /// An empty label lets the client choose.
    ///
    /// # Errors
    /// [`OwnerError::NoStore`].
    pub fn new_pairing_code(&self, store: &str, label: &str) -> Result<String, OwnerError> {
        let now_ms = self.0.now_ms();
        let code = ids::pairing_code(self.0.random());
        let token = ids::long(self.0.random());
        let mut state = self.0.state();
        state.store(store).ok_or(OwnerError::NoStore)?;
        state.codes.push(PairingCode {
            code: code.clone(),
            token,
            label: (!label.is_empty()).then(|| label.to_owned()),
            created_ms: now_ms,
            expires_ms: now_ms + CODE_LIFE_MS,
            sin: None,
            store: Some(store.to_owned()),
        });
        Ok(code)
    }

    /// Approves a code that a client asked for.
    ///
    /// # Errors
    /// [`PairingError`]; the client never learns of it.
    pub fn approve(&self, code: &str, store: &str) -> Result<(), PairingError> {
        let now_ms = self.0.now_ms();
        let mut state = self.0.state();
        state.store(store).ok_or(PairingError::NotFound)?;
        state.pair(code, store, now_ms).map(|_| ())
    }

    /// Codes that wait: code, label and the SIN that asked, where one did.
    #[must_use]
    pub fn waiting_codes(&self) -> Vec<PairingCode> {
        self.0.state().codes.clone()
    }

    /// Moves a code's end into the past.
    pub fn expire_code(&self, code: &str) {
        let now_ms = self.0.now_ms();
        self.0
            .state()
            .codes
            .iter_mut()
            .filter(|known| known.code == code)
            .for_each(|known| known.expires_ms = now_ms);
    }

    /// Takes a token back.
    pub fn revoke(&self, token: &str) {
        self.0.state().tokens.retain(|known| known.value != token);
    }

    /// Makes a legacy API key; the store's old one ends at once.
    ///
    /// # Errors
    /// [`OwnerError::NoStore`].
    pub fn legacy_api_key(&self, store: &str) -> Result<String, OwnerError> {
        let key = ids::legacy_key(self.0.random());
        let mut state = self.0.state();
        let found = state.stores.iter_mut().find(|known| known.id == store).ok_or(OwnerError::NoStore)?;
        found.legacy_key = Some(key.clone());
        Ok(key)
    }

    /// Makes many invoices without requests.
    ///
    /// # Errors
    /// The text of the refusal.
    pub fn create_invoices(&self, store: &str, bulk: &Bulk) -> Result<(), String> {
        let found = self.0.state().store(store).cloned().ok_or(OwnerError::NoStore.to_string())?;
        bulk::make(&self.0, &found, &self.0.root(), bulk)
    }

    /// All invoices, the oldest first.
    #[must_use]
    pub fn invoices(&self) -> Vec<Invoice> {
        self.0.catch_up();
        self.0.state().invoices.clone()
    }

    /// One invoice as it is now.
    ///
    /// # Errors
    /// [`OwnerError::NoInvoice`].
    pub fn invoice(&self, invoice: &str) -> Result<Invoice, OwnerError> {
        self.0.catch_up();
        self.0.state().invoice_mut(invoice).cloned().ok_or(OwnerError::NoInvoice)
    }

    /// Puts an invoice away, or brings it back; the API shows it as before.
    ///
    /// # Errors
    /// [`OwnerError::NoInvoice`].
    pub fn archive(&self, invoice: &str, away: bool) -> Result<(), OwnerError> {
        self.change(invoice, |found| found.archived = away)
    }

    /// Moves the creation of an invoice, for tests of what a list shows.
    ///
    /// # Errors
    /// [`OwnerError::NoInvoice`].
    pub fn backdate(&self, invoice: &str, created_ms: i64) -> Result<(), OwnerError> {
        self.change(invoice, |found| found.created_ms = created_ms)
    }

    /// Puts other texts in the place of those that the invoice was made with.
    ///
    /// # Errors
    /// [`OwnerError::NoInvoice`].
    pub fn reword(&self, invoice: &str, words: &Words) -> Result<(), OwnerError> {
        self.change(invoice, |found| {
            found.order_id = Some(words.order_id.clone());
            found.item_desc = Some(words.item_desc.clone());
            found.pos_data = Some(words.pos_data.clone());
            found.buyer = Default::default();
            found.buyer[0] = Some(words.buyer_name.clone());
        })
    }

    /// What was notified and what failed, in the words of BTCPay's log, the oldest first.
    #[must_use]
    pub fn notification_log(&self) -> Vec<String> {
        self.0.post().log()
    }

    /// How many notifications wait for the one before them or for their next try.
    #[must_use]
    pub fn waiting_notifications(&self) -> usize {
        self.0.post().waiting()
    }

    /// BTCPay is started again: all notifications that wait are forgotten, everything else stays.
    pub fn restart(&self) {
        self.0.post().restart();
    }

    fn change(&self, invoice: &str, act: impl FnOnce(&mut Invoice)) -> Result<(), OwnerError> {
        self.0.catch_up();
        self.0.state().invoice_mut(invoice).map(act).ok_or(OwnerError::NoInvoice)
    }
}
