//! BTCPay's watcher: what happens to invoices by time, by payments and by blocks, and who is told.

use super::Room;
use super::event::Event;
use super::invoice::Invoice;
use super::machine::{self, LATE_MS};
use super::notification;
use super::store::State;

impl Room {
    /// Lets the time act on every invoice whose time has come.
    pub fn catch_up(&self) {
        let now_ms = self.now_ms();
        let mut state = self.state();
        for place in state.due(now_ms) {
            self.advance(&mut state, place, now_ms);
        }
    }

    /// Keeps a new invoice, tells that it was made, and lets follow what follows.
    pub fn begin(&self, state: &mut State, invoice: Invoice) {
        let now_ms = self.now_ms();
        self.tell(&invoice, Event::Created, now_ms);
        let alarms = [invoice.expires_ms, invoice.monitored_until_ms];
        let place = state.add(invoice);
        for at in alarms {
            state.wake(at + LATE_MS + 1, place);
        }
        self.advance(state, place, now_ms);
    }

    /// Lets follow what follows from an invoice's payments and the time.
    pub fn advance(&self, state: &mut State, place: usize, now_ms: i64) {
        let Some(invoice) = state.invoices.get_mut(place) else { return };
        let events = machine::advance(invoice, now_ms);
        for event in events {
            self.tell(invoice, event, now_ms);
        }
    }

    /// A block was found: looks at every invoice that is still watched.
    pub fn block(&self, state: &mut State) {
        let now_ms = self.now_ms();
        state.chain.mine();
        for place in 0..state.invoices.len() {
            if state.invoices[place].is_watched() && !state.invoices[place].payments.is_empty() {
                state.invoices[place].look(&state.chain);
                match state.lag_ms {
                    0 => self.advance(state, place, now_ms),
                    lag_ms => state.wake(now_ms + lag_ms, place),
                }
            }
        }
    }

    /// Hands the notifications of an event to the post.
    pub fn tell(&self, invoice: &Invoice, event: Event, now_ms: i64) {
        let Some(url) = invoice.notification_url.as_deref() else { return };
        let url = invoice.expanded(url);
        self.post().put(&invoice.id, &url, notification::of(invoice, event, now_ms));
    }
}
