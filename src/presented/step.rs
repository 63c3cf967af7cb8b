//! The machine: from what the shop was told and what BTCPay says to what the shop is told next.

use super::table::{self, Completes, Row, When};
use super::{Alarm, Alarms, Event, Exception, Seen, Settlement, SettlementRule, Speed, Status};

/// What is stored of an invoice. GET, list and notification show `status` and `exception`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// What the shop was told.
    pub status: Status,
    /// What stands beside it.
    pub exception: Option<Exception>,
    /// Since when `status` stands, milliseconds since 1970.
    pub since_ms: i64,
    /// Since when BTCPay has taken a `paid` back, milliseconds since 1970.
    pub unpaid_since_ms: Option<i64>,
    /// What the operator was told.
    pub alarms: Alarms,
}

/// What the store and the invoice ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The store's choice.
    pub settlement: Settlement,
    /// The invoice's speed.
    pub speed: Speed,
    /// Milliseconds between `confirmed` and `complete` where BTCPay says both at once.
    pub complete_after_ms: i64,
    /// Milliseconds that a `paid` invoice whose payment is gone stays `paid`. BitPay gave a payment
    /// one hour to confirm.
    pub invalid_after_ms: i64,
}

/// One step of an invoice. A step without event and alarm only has to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is to be stored; status and exception are what the notification and every read then show.
    pub then: Presented,
    /// What the shop is told, if it asked for that.
    pub event: Option<Event>,
    /// Not to be done before, milliseconds since 1970.
    pub not_before_ms: i64,
    /// What the operator is told.
    pub alarm: Option<Alarm>,
}

impl Presented {
    /// An invoice that was just made.
    #[must_use]
    pub fn new(now_ms: i64) -> Self {
        Self {
            status: Status::New,
            exception: None,
            since_ms: now_ms,
            unpaid_since_ms: None,
            alarms: Alarms::default(),
        }
    }

    /// Whether money alone can still move it; the others move by the owner's hand only.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.status, Status::New | Status::Paid | Status::Confirmed)
    }
}

/// What follows, in order; empty where the shop knows all there is to know.
///
/// The caller does the first step, lets its notification end, and asks again with the newest reading:
/// the later steps only show what is coming and when. Doing them all at once is the same, as long as
/// nothing is read between. Every step goes to a greater [`Status`] or stays.
#[must_use]
pub fn step(presented: &Presented, seen: &Seen, settings: &Settings, now_ms: i64) -> Vec<Step> {
    let rule = settings.settlement.rule(settings.speed);
    let row = table::row(presented.status, seen.reading(rule), seen.by_hand);
    let start = on_the_clock(presented, now_ms);
    let mut steps = vec![quiet(start.clone(), now_ms)];
    for status in &row.next {
        let at = steps.last().map_or(&start, |step| &step.then);
        let not_before_ms = not_before(at, *status, rule, settings, now_ms);
        steps.push(advance(at, *status, seen, not_before_ms, now_ms));
    }
    if row.next.is_empty() {
        steps.push(stay(&start, row, seen, now_ms));
    }
    if let Some(last) = steps.last_mut() {
        remember(last, row, seen, now_ms);
    }
    steps.extend(overdue(&start, row, seen, settings, now_ms));
    without_idle(presented, steps)
}

/// A clock that was set back must not make anything wait for the time that was lost.
fn on_the_clock(presented: &Presented, now_ms: i64) -> Presented {
    Presented {
        since_ms: presented.since_ms.min(now_ms),
        unpaid_since_ms: presented.unpaid_since_ms.map(|since| since.min(now_ms)),
        ..presented.clone()
    }
}

/// Leaves out what neither changes anything nor is told to anyone.
fn without_idle(presented: &Presented, steps: Vec<Step>) -> Vec<Step> {
    let mut at = presented.clone();
    let mut kept = Vec::with_capacity(steps.len());
    for step in steps {
        if step.then != at || step.event.is_some() || step.alarm.is_some() {
            at = step.then.clone();
            kept.push(step);
        }
    }
    kept
}

/// The pause before `complete`; nothing else waits.
fn not_before(at: &Presented, next: Status, rule: &SettlementRule, settings: &Settings, now_ms: i64) -> i64 {
    match (next, rule.completes) {
        (Status::Complete, Completes::AfterPause) => {
            now_ms.max(at.since_ms.saturating_add(settings.complete_after_ms))
        }
        _ => now_ms,
    }
}

fn advance(at: &Presented, status: Status, seen: &Seen, not_before_ms: i64, now_ms: i64) -> Step {
    let then = Presented {
        status,
        exception: table::exception(status, seen.exception),
        since_ms: not_before_ms.max(now_ms),
        unpaid_since_ms: at.unpaid_since_ms,
        alarms: at.alarms.clone(),
    };
    Step { then, event: Event::telling(status), not_before_ms, alarm: None }
}

/// The same status, perhaps with another exception.
fn stay(presented: &Presented, row: &Row, seen: &Seen, now_ms: i64) -> Step {
    let mut then = presented.clone();
    if row.exception_follows {
        then.exception = table::exception(then.status, seen.exception);
    }
    quiet(then, now_ms)
}

/// Only to be stored.
fn quiet(then: Presented, now_ms: i64) -> Step {
    Step { then, event: None, not_before_ms: now_ms, alarm: None }
}

/// Notes since when money is missing, or that it is back, and raises the row's alarm once.
fn remember(step: &mut Step, row: &Row, seen: &Seen, now_ms: i64) {
    if row.overdue.is_some() {
        step.then.unpaid_since_ms.get_or_insert(now_ms);
    } else if step.then.unpaid_since_ms.take().is_some() {
        step.then.alarms.clear_unpaid();
    }
    let raised = row.raises.iter().find(|raises| raises.when.fits(seen)).map(|raises| raises.alarm);
    step.alarm = raised.filter(|alarm| step.then.alarms.raise(*alarm));
}

/// What happens when the missing money does not come back.
fn overdue(presented: &Presented, row: &Row, seen: &Seen, settings: &Settings, now_ms: i64) -> Option<Step> {
    let status = row.overdue?;
    let since = presented.unpaid_since_ms.unwrap_or(now_ms);
    let at = since.saturating_add(settings.invalid_after_ms);
    let mut step = advance(presented, status, seen, at.max(now_ms), now_ms);
    step.then.unpaid_since_ms = None;
    Some(step)
}

impl When {
    fn fits(self, seen: &Seen) -> bool {
        match self {
            Self::Always => true,
            Self::NothingPaid => !seen.anything_paid,
            Self::AnythingPaid => seen.anything_paid,
            Self::PaidPartial => seen.exception == Some(Exception::PaidPartial),
            Self::PaidInFull => matches!(seen.exception, Some(Exception::PaidLater | Exception::PaidOver)),
        }
    }
}
