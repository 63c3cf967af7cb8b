//! Makes BitPay's list of BTCPay's, a hundred invoices at a time: in a stable order, with the shop's own
//! words, filtered by what the shop is shown.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::create::{WordsSealed, open_words};
use super::facts::{Facts, FactsError};
use super::filter::ListFilter;
use super::observe::{self, Witness};
use super::present::{differs, present};
use super::render::{self, Invoice};
use super::upstream::{InvoiceList, UpstreamError};
use crate::contract::{Audience, Era, ErrorCode};
use crate::divergence::ListInspection;
use crate::journal::Journal;
use crate::json::Value;
use crate::ledger::{InvoiceRow, Ledger, LedgerError, Store};
use crate::secrets::MasterSecret;

/// Invoices that are looked up in the ledger at once.
const BATCH: usize = 100;
/// How long an invoice waits for others of its batch.
const PATIENCE: Duration = Duration::from_millis(50);
/// Invoices of one second that are held to put them in order. A second with more than these is in order
/// by parts only, and the parts are BTCPay's, so that pages of it may repeat one and miss another.
const MOST_OF_A_SECOND: usize = 1000;

/// Why a list ends before its end.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ListingError {
    /// BTCPay's list.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The ledger.
    #[error("the ledger cannot be read: {0}")]
    Ledger(#[from] LedgerError),
    /// The shop's words cannot be opened: another master secret.
    #[error(transparent)]
    Sealed(#[from] WordsSealed),
    /// One of the items is no invoice.
    #[error(transparent)]
    Facts(#[from] FactsError),
}

impl ListingError {
    /// The row of the error table.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Upstream(error) => error.code(),
            Self::Ledger(_) => ErrorCode::LedgerUnavailable,
            Self::Sealed(_) => ErrorCode::InternalError,
            Self::Facts(_) => ErrorCode::UpstreamNotJson,
        }
    }
}

/// Whose list it is, and what it is written with.
pub struct Scribe {
    /// The store.
    pub store: Arc<Store>,
    /// Which invoices payferry made.
    pub ledger: Ledger,
    /// Opens words, makes tokens.
    pub secrets: Arc<MasterSecret>,
    /// Which members an invoice has.
    pub era: Era,
    /// The shop's software, as it names itself.
    pub agent: String,
    /// Where divergences are noted.
    pub journal: Journal,
    /// Takes the row ids of invoices that BTCPay has moved on, as the list saw.
    pub nudges: mpsc::Sender<String>,
}

/// A part of the list.
pub struct Piece {
    /// Invoices as the shop is shown them.
    pub invoices: Vec<Value>,
    /// Whether nothing follows.
    pub last: bool,
}

/// A list on its way.
pub struct Listing {
    source: InvoiceList,
    filter: ListFilter,
    scribe: Scribe,
    second: Vec<Facts>,
    ready: Vec<Facts>,
    passed: usize,
    shown: usize,
    over: bool,
    understood: bool,
    seen: Option<ListInspection>,
}

impl Listing {
    /// Of an open list of BTCPay's.
    #[must_use]
    pub fn new(source: InvoiceList, filter: ListFilter, scribe: Scribe) -> Self {
        let (second, ready) = (Vec::new(), Vec::new());
        let over = filter.limit == Some(0);
        Self {
            source,
            filter,
            scribe,
            second,
            ready,
            passed: 0,
            shown: 0,
            over,
            understood: false,
            seen: Some(ListInspection::new()),
        }
    }

    /// The next part. It may be empty, and the list not over: the filter passed over everything that came
    /// within `within`. It waits for BTCPay's first invoice however long that takes: what fails until then
    /// can be refused.
    ///
    /// # Errors
    /// [`ListingError`]; the list is broken then.
    pub async fn piece(&mut self, within: Duration) -> Result<Piece, ListingError> {
        let until = Instant::now() + within;
        let mut invoices = Vec::new();
        while invoices.is_empty() && !self.over {
            self.gather(until).await?;
            while !self.ready.is_empty() {
                let batch = self.ready.drain(..self.ready.len().min(BATCH)).collect();
                self.write(batch, &mut invoices).await?;
            }
            if self.understood && Instant::now() >= until {
                break;
            }
        }
        Ok(Piece { invoices, last: self.over })
    }

    async fn gather(&mut self, until: Instant) -> Result<(), ListingError> {
        while self.ready.len() < BATCH && !(self.understood && Instant::now() >= until) {
            let patience = self.patience(until);
            let next = self.source.next();
            let next = match patience {
                None => next.await,
                Some(patience) => {
                    let Ok(next) = tokio::time::timeout_at(patience, next).await else { return Ok(()) };
                    next
                }
            };
            match next? {
                Some(invoice) => self.admit(&invoice)?,
                None => {
                    self.close_second();
                    self.over = true;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn patience(&self, until: Instant) -> Option<Instant> {
        match (self.ready.is_empty(), self.understood) {
            (false, _) => Some(Instant::now() + PATIENCE),
            (true, true) => Some(until),
            (true, false) => None,
        }
    }

    fn admit(&mut self, invoice: &Value) -> Result<(), ListingError> {
        if let Some(seen) = &mut self.seen {
            seen.item(invoice);
        }
        let facts = Facts::of_invoice(invoice.as_object().ok_or(FactsError::NoData)?)?;
        self.understood = true;
        let other_second = self.second.last().is_some_and(|last| last.invoice_time != facts.invoice_time);
        if other_second || self.second.len() >= MOST_OF_A_SECOND {
            self.close_second();
        }
        if self.filter.covers(facts.invoice_time) {
            self.second.push(facts);
        }
        Ok(())
    }

    /// BTCPay's order inside a second changes from call to call, so that pages repeat one and miss another.
    fn close_second(&mut self) {
        self.second.sort_by(|one, other| other.id.cmp(&one.id));
        self.ready.append(&mut self.second);
    }

    async fn write(&mut self, batch: Vec<Facts>, invoices: &mut Vec<Value>) -> Result<(), ListingError> {
        let ids: Vec<&str> = batch.iter().map(|facts| facts.id.as_str()).collect();
        let rows = self.scribe.ledger.find_invoices(&self.scribe.store.id, &ids).await?;
        for facts in batch {
            if !self.room() {
                break;
            }
            let row = rows.iter().find(|row| row.invoice_id.as_deref() == Some(&facts.id));
            let shown = self.scribe.shown(facts, row)?;
            if !shown.as_object().is_some_and(|shown| self.filter.takes(shown)) {
                continue;
            }
            if self.passed < self.filter.offset {
                self.passed += 1;
            } else {
                self.shown += 1;
                invoices.push(shown);
            }
        }
        self.over |= !self.room();
        Ok(())
    }

    /// Reports what BTCPay's list showed, once; returns how many divergences.
    pub fn observe(&mut self) -> u32 {
        let Scribe { store, agent, journal, .. } = &self.scribe;
        let witness = Witness { store: &store.name, agent, journal };
        self.seen.take().map_or(0, |seen| observe::observe_list(seen, &witness))
    }

    fn room(&self) -> bool {
        self.filter.limit.is_none_or(|limit| self.shown < limit)
    }
}

impl Drop for Listing {
    /// However the list ended: over, cut, or its shop gone.
    fn drop(&mut self) {
        self.observe();
    }
}

impl Scribe {
    fn shown(&self, facts: Facts, row: Option<&InvoiceRow>) -> Result<Value, ListingError> {
        let facts = match row {
            Some(row) => {
                if differs(&facts, row) {
                    // Polls stand behind it, so a full queue loses nothing.
                    let _ = self.nudges.try_send(row.row_id.clone());
                }
                present(facts, row)
            }
            None => facts,
        };
        let words = match row {
            Some(row) => open_words(&self.secrets, row)?,
            None => None,
        };
        let token = self.secrets.invoice_token(&self.store.id, &facts.id);
        let invoice =
            Invoice { facts: &facts, words: words.as_ref(), token: &token, merchant: &self.store.name };
        let answer = render::render(&invoice, Audience::Merchant, self.era);
        // The flat era has no envelope.
        Ok(answer.get("data").cloned().unwrap_or(answer))
    }
}
