//! The state machine of an invoice: what follows from its payments and the time.
//!
//! Told by the recorded lives (`tests/recordings/life`), step by step as BTCPay's watcher does it.

use super::event::Event;
use super::invoice::{Invoice, Status};

/// BTCPay looks a second after a time is over.
pub const LATE_MS: i64 = 1000;

/// Carries out everything that follows, and says what happened.
pub fn advance(invoice: &mut Invoice, now_ms: i64) -> Vec<Event> {
    let mut events = Vec::new();
    while step(invoice, now_ms, &mut events) {}
    events
}

/// One round of the watcher; whether it changed anything.
fn step(invoice: &mut Invoice, now_ms: i64, events: &mut Vec<Event>) -> bool {
    let before = (invoice.status, invoice.exception);
    expire(invoice, now_ms, events);
    judge_open(invoice, events);
    judge_paid(invoice);
    conclude(invoice, now_ms, events);
    (invoice.status, invoice.exception) != before
}

fn expire(invoice: &mut Invoice, now_ms: i64, events: &mut Vec<Event>) {
    if invoice.status == Status::New && now_ms > invoice.expires_ms + LATE_MS {
        invoice.status = Status::Expired;
        events.push(Event::Expired);
        if invoice.exception == Some("paidPartial") {
            events.push(Event::ExpiredPaidPartial);
        }
    }
}

/// New and expired ones: is everything paid, or a part of it?
fn judge_open(invoice: &mut Invoice, events: &mut Vec<Event>) {
    let some = !invoice.payments.is_empty();
    let all = if invoice.is_unset_top_up() { some } else { !invoice.is_under_paid() };
    match invoice.status {
        Status::New if all => {
            invoice.status = Status::Paid;
            invoice.price_top_up();
            invoice.exception = invoice.is_over_paid().then_some("paidOver");
            events.push(Event::PaidInFull);
        }
        Status::Expired if all && invoice.exception != Some("paidLater") => {
            invoice.exception = Some("paidLater");
            events.push(Event::PaidAfterExpiration);
        }
        Status::New | Status::Expired if some && invoice.is_under_paid() => {
            invoice.exception = Some("paidPartial");
        }
        _ => {}
    }
}

/// Paid ones: payments can be added and replaced.
fn judge_paid(invoice: &mut Invoice) {
    if invoice.status != Status::Paid {
        return;
    }
    if invoice.is_under_paid() {
        invoice.status = Status::New;
        invoice.exception = (!invoice.payments.is_empty()).then_some("paidPartial");
    } else {
        invoice.exception = invoice.is_over_paid().then_some("paidOver");
    }
}

fn conclude(invoice: &mut Invoice, now_ms: i64, events: &mut Vec<Event>) {
    if invoice.status != Status::Paid {
        return;
    }
    if invoice.is_settled() {
        invoice.status = Status::Complete;
        events.extend([Event::Confirmed, Event::Completed]);
    } else if now_ms > invoice.monitored_until_ms + LATE_MS {
        invoice.status = Status::Invalid;
        events.push(Event::FailedToConfirm);
    }
}
