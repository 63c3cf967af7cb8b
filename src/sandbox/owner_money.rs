//! What happens to money: payments, blocks, marks and refunds, as the owner of a sandbox says.

use super::decimal::Decimal;
use super::event::Event;
use super::ids;
use super::invoice::{Invoice, Payment, Status};
use super::machine::LATE_MS;
use super::owner::{Owner, OwnerError};
use super::price::bitcoin;
use super::store::State;

/// How an owner marks an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// complete + marked
    Settled,
    /// invalid + marked
    Invalid,
}

/// What comes in the place of a payment that was in no block yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacement {
    /// A transaction that pays somebody else; BTCPay notices at the next block.
    Elsewhere,
    /// One with a higher fee that pays the same.
    SameAddress,
}

impl Owner {
    /// A payment in bitcoin (`"0.00025"`) arrives, seen but in no block yet.
    ///
    /// # Errors
    /// [`OwnerError::BadAmount`], [`OwnerError::NoInvoice`].
    pub fn pay(&self, invoice: &str, bitcoin: &str) -> Result<(), OwnerError> {
        self.send(invoice, bitcoin, false)
    }

    /// The same, by a transaction that says that it may be replaced.
    ///
    /// # Errors
    /// [`OwnerError::BadAmount`], [`OwnerError::NoInvoice`].
    pub fn pay_replaceably(&self, invoice: &str, bitcoin: &str) -> Result<(), OwnerError> {
        self.send(invoice, bitcoin, true)
    }

    /// All that is due arrives.
    ///
    /// # Errors
    /// [`OwnerError::NothingDue`], [`OwnerError::NoInvoice`].
    pub fn pay_rest(&self, invoice: &str) -> Result<(), OwnerError> {
        let due = self.invoice(invoice)?.due();
        if due == 0 { Err(OwnerError::NothingDue) } else { self.pay(invoice, &bitcoin(due)) }
    }

    fn send(&self, invoice: &str, bitcoin: &str, signals: bool) -> Result<(), OwnerError> {
        let amount =
            Decimal::parse(bitcoin).filter(|amount| amount.is_positive()).ok_or(OwnerError::BadAmount)?;
        let one = Decimal::new(1, 0).ok_or(OwnerError::BadAmount)?;
        let value = amount.divided_up(one, 8).ok_or(OwnerError::BadAmount)?;
        self.on(invoice, |state, place| self.arrive(state, place, value, signals))
    }

    /// BTCPay hears of a transaction: it tells that before it judges the invoice anew.
    fn arrive(&self, state: &mut State, place: usize, value: u128, signals: bool) -> Result<(), OwnerError> {
        let now_ms = self.0.now_ms();
        let transaction = ids::transaction(self.0.random());
        state.chain.send(&transaction, signals);
        let invoice = state.invoices.get_mut(place).ok_or(OwnerError::NoInvoice)?;
        let id = format!("{transaction}-{}", value % 2);
        invoice.receive(Payment {
            id,
            received_ms: now_ms,
            value,
            confirmed: false,
            confirmations: 0,
            needed: 0,
            fee: 0,
        });
        invoice.look(&state.chain);
        self.0.tell(invoice, Event::ReceivedPayment, now_ms);
        Ok(())
    }

    /// Every payment of an invoice gets as many blocks as it needs; other invoices get none.
    ///
    /// # Errors
    /// [`OwnerError::NoInvoice`].
    pub fn confirm(&self, invoice: &str) -> Result<(), OwnerError> {
        self.on(invoice, |state, place| {
            let invoice = state.invoices.get_mut(place).ok_or(OwnerError::NoInvoice)?;
            for payment in &invoice.payments {
                state.chain.bury(payment.transaction(), invoice.speed.blocks().max(1));
            }
            invoice.look(&state.chain);
            Ok(())
        })
    }

    /// Blocks are found, one after the other, with all transactions that wait.
    pub fn mine(&self, blocks: u32) {
        self.0.catch_up();
        let mut state = self.0.state();
        for _ in 0..blocks {
            self.0.block(&mut state);
        }
    }

    /// The last blocks are undone; BTCPay notices at the next block.
    pub fn undo(&self, blocks: u32) {
        self.0.state().chain.undo(blocks);
    }

    /// The last payment of an invoice that says that it may be replaced, or else the last one, is replaced.
    ///
    /// # Errors
    /// [`OwnerError::NoInvoice`], also where it has no payment.
    pub fn replace(&self, invoice: &str, by: Replacement) -> Result<(), OwnerError> {
        self.on(invoice, |state, place| {
            let payments = &state.invoices[place].payments;
            let signals = payments.iter().rposition(|one| state.chain.signals(one.transaction()));
            let which = signals.unwrap_or(payments.len().wrapping_sub(1));
            let old = payments.get(which).ok_or(OwnerError::NoInvoice)?;
            let (transaction, value) = (old.transaction().to_owned(), old.value);
            state.chain.replace(&transaction);
            if by == Replacement::SameAddress {
                state.invoices[place].payments.remove(which);
                state.invoices[place].was_paid = false;
                self.arrive(state, place, value, true)?;
            }
            Ok(())
        })
    }

    /// The time of an unpaid invoice is over.
    ///
    /// # Errors
    /// [`OwnerError::NoInvoice`].
    pub fn expire(&self, invoice: &str) -> Result<(), OwnerError> {
        let over = self.0.now_ms() - LATE_MS - 1;
        self.on(invoice, |state, place| {
            let expires_ms = &mut state.invoices[place].expires_ms;
            *expires_ms = over.min(*expires_ms);
            Ok(())
        })
    }

    /// Marks an invoice by hand.
    ///
    /// # Errors
    /// [`OwnerError::NotNow`], [`OwnerError::NoInvoice`].
    pub fn mark(&self, invoice: &str, mark: Mark) -> Result<(), OwnerError> {
        self.on(invoice, |state, place| {
            let found = &mut state.invoices[place];
            let (status, event) = match mark {
                Mark::Settled => (Status::Complete, Event::MarkedCompleted),
                Mark::Invalid => (Status::Invalid, Event::MarkedInvalid),
            };
            if !may_be_marked(found, status) {
                return Err(OwnerError::NotNow);
            }
            (found.status, found.exception) = (status, Some("marked"));
            self.0.tell(found, event, self.0.now_ms());
            Ok(())
        })
    }

    /// Offers the money back; nothing changes but that it is told.
    ///
    /// # Errors
    /// [`OwnerError::NotNow`] while nothing is settled, [`OwnerError::NoInvoice`].
    pub fn refund(&self, invoice: &str) -> Result<(), OwnerError> {
        self.on(invoice, |state, place| {
            let found = &state.invoices[place];
            if found.payments.is_empty() || matches!(found.status, Status::New | Status::Paid) {
                return Err(OwnerError::NotNow);
            }
            self.0.tell(found, Event::Refund, self.0.now_ms());
            Ok(())
        })
    }

    /// A busy server: payments show their blocks at once, but the state follows so much later.
    pub fn set_lag(&self, lag_ms: i64) {
        self.0.state().lag_ms = lag_ms;
    }

    /// Satoshi per byte for invoices that are made from now on, as number text.
    pub fn set_fee_rate(&self, rate: &str) {
        self.0.state().fee_rate = Some(rate.to_owned());
    }

    /// Does something to an invoice, then lets follow what follows.
    fn on(
        &self,
        invoice: &str,
        act: impl FnOnce(&mut State, usize) -> Result<(), OwnerError>,
    ) -> Result<(), OwnerError> {
        self.0.catch_up();
        let mut state = self.0.state();
        let place = state.place(invoice).ok_or(OwnerError::NoInvoice)?;
        act(&mut state, place)?;
        self.0.advance(&mut state, place, self.0.now_ms());
        Ok(())
    }
}

fn may_be_marked(invoice: &Invoice, status: Status) -> bool {
    let open = matches!(invoice.status, Status::New | Status::Paid | Status::Expired);
    open || invoice.status != status
        && (invoice.exception == Some("marked") || invoice.status == Status::Invalid)
}
