//! What the owner of the stores does, outside of the BitPay API.

use super::Room;
use super::bulk::{self, Bulk};
use super::decimal::Decimal;
use super::ids;
use super::invoice::{Invoice, Payment, Status};
use super::price::bitcoin;
use super::store::{PairingCode, PairingError, Store, StoreOptions};
use super::tokens::CODE_LIFE_MS;

/// How an owner marks an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// complete + marked
    Settled,
    /// invalid + marked
    Invalid,
}

/// Why the owner's wish was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OwnerError {
    /// No store of that id.
    #[error("there is no such store")]
    NoStore,
    /// No invoice of that id, or it is free and takes no payment.
    #[error("there is no such invoice")]
    NoInvoice,
    /// A paid invoice, or one whose price is open.
    #[error("nothing is due; name an amount")]
    NothingDue,
    /// Not an amount of bitcoin with at most 8 decimals.
    #[error("not an amount of bitcoin")]
    BadAmount,
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
        let now_ms = self.0.now_ms();
        let mut state = self.0.state();
        state.invoices.iter_mut().for_each(|invoice| invoice.settle_time(now_ms));
        state.invoices.clone()
    }

    /// A payment in bitcoin (`"0.00025"`) arrives, seen but in no block yet.
    ///
    /// # Errors
    /// [`OwnerError::BadAmount`], [`OwnerError::NoInvoice`].
    pub fn pay(&self, invoice: &str, bitcoin: &str) -> Result<(), OwnerError> {
        let amount =
            Decimal::parse(bitcoin).filter(|amount| amount.is_positive()).ok_or(OwnerError::BadAmount)?;
        let one = Decimal::new(1, 0).ok_or(OwnerError::BadAmount)?;
        let value = amount.divided_up(one, 8).ok_or(OwnerError::BadAmount)?;
        let id = format!("{}-{}", ids::transaction(self.0.random()), value % 2);
        let received_ms = self.0.now_ms();
        self.on(invoice, |found| found.pay(Payment { id, received_ms, value, confirmed: false, fee: 0 }))
    }

    /// All that is due arrives.
    ///
    /// # Errors
    /// [`OwnerError::NothingDue`], [`OwnerError::NoInvoice`].
    pub fn pay_rest(&self, invoice: &str) -> Result<(), OwnerError> {
        let due = self.invoice(invoice)?.due();
        if due == 0 { Err(OwnerError::NothingDue) } else { self.pay(invoice, &bitcoin(due)) }
    }

    /// One invoice as it is now.
    ///
    /// # Errors
    /// [`OwnerError::NoInvoice`].
    pub fn invoice(&self, invoice: &str) -> Result<Invoice, OwnerError> {
        let mut copy = None;
        self.on(invoice, |found| copy = Some(found.clone()))?;
        copy.ok_or(OwnerError::NoInvoice)
    }

    /// Enough blocks are found for the payments of an invoice.
    ///
    /// # Errors
    /// [`OwnerError::NoInvoice`].
    pub fn confirm(&self, invoice: &str) -> Result<(), OwnerError> {
        self.on(invoice, Invoice::confirm)
    }

    /// The time of an unpaid invoice is over.
    ///
    /// # Errors
    /// [`OwnerError::NoInvoice`].
    pub fn expire(&self, invoice: &str) -> Result<(), OwnerError> {
        self.on(invoice, |found| {
            if found.status == Status::New {
                found.status = Status::Expired;
            }
        })
    }

    /// Marks an invoice by hand.
    ///
    /// # Errors
    /// [`OwnerError::NoInvoice`].
    pub fn mark(&self, invoice: &str, mark: Mark) -> Result<(), OwnerError> {
        self.on(invoice, |found| {
            found.exception = Some("marked");
            found.status = match mark {
                Mark::Settled => Status::Complete,
                Mark::Invalid => Status::Invalid,
            };
        })
    }

    /// Puts an invoice away; the API shows it as before.
    ///
    /// # Errors
    /// [`OwnerError::NoInvoice`].
    pub fn archive(&self, invoice: &str) -> Result<(), OwnerError> {
        self.on(invoice, |found| found.archived = true)
    }

    /// Moves the creation of an invoice, for tests of what a list shows.
    ///
    /// # Errors
    /// [`OwnerError::NoInvoice`].
    pub fn backdate(&self, invoice: &str, created_ms: i64) -> Result<(), OwnerError> {
        self.on(invoice, |found| found.created_ms = created_ms)
    }

    fn on(&self, invoice: &str, act: impl FnOnce(&mut Invoice)) -> Result<(), OwnerError> {
        let now_ms = self.0.now_ms();
        let mut state = self.0.state();
        let found = state.invoice_mut(invoice).ok_or(OwnerError::NoInvoice)?;
        found.settle_time(now_ms);
        act(found);
        Ok(())
    }
}
