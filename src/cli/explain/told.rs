//! Which notifications would follow, when, and what that means for whoever ships by them.

use super::Trial;
use crate::contract::{Era, Form};
use crate::json::{Object, Value};
use crate::notify::{Wants, selected};
use crate::presented::{Completes, Event, Settlement, SettlementRule, Speed};
use crate::walk::authenticate::Shop;
use crate::walk::order::Order;

/// Blocks at which BitPay called an invoice complete, always.
const BITPAY_COMPLETE: u32 = 6;

/// What the shop would hear.
pub(super) fn notifications(trial: &Trial<'_>, order: &Order, shop: &Shop, era: Era) -> Object {
    let wants =
        Wants::of_words(&order.words, era, Speed::Medium, shop.overrides.notification_form.map(Form::from));
    let settlement = shop.store.settlement;
    let rule = settlement.rule(wants.speed);
    let mut told =
        Object::new().with("settlement", settlement.as_str()).with("speed", speed(order, wants.speed));
    if !wants.has_url {
        told.push("events", "none: the order has no notificationURL");
    } else {
        let events = Event::ALL.iter().filter(|event| **event != Event::ManuallyNotified);
        let one = |event: &Event| Value::from(one(trial, &wants, rule, *event));
        told.push("events", events.map(one).collect::<Vec<Value>>());
    }
    told.with("for_the_merchant", meaning(settlement, rule))
}

fn speed(order: &Order, speed: Speed) -> String {
    match order.word("transactionSpeed") {
        Some(_) => format!("{speed}, as the shop asks"),
        None => format!(
            "{speed}: the shop asks for none, so the store's own setting at BTCPay counts; payferry takes it for {speed}"
        ),
    }
}

fn one(trial: &Trial<'_>, wants: &Wants, rule: &SettlementRule, event: Event) -> String {
    let form = match selected(wants, event) {
        Some(Form::Flat) => "told, flat",
        Some(Form::Enveloped) => "told, enveloped",
        None => "not told: BitPay would not have",
    };
    format!("{} {}: {form}; {}", event.code(), event, when(trial, rule, event))
}

fn when(trial: &Trial<'_>, rule: &SettlementRule, event: Event) -> String {
    let notify = &trial.config.notify;
    match event {
        Event::PaidInFull => "when the whole amount was seen".to_owned(),
        Event::Expired => "when the time is up without it".to_owned(),
        Event::Confirmed => format!("{} the payment is in", blocks(rule.confirmed_at())),
        Event::Completed => match rule.completes {
            Completes::AfterPause => format!("{} s after confirmed", notify.complete_after_seconds),
            Completes::WhenSettled => format!("{} the payment is in", blocks(rule.completed_at())),
        },
        Event::FailedToConfirm => {
            format!("when BTCPay gives the payment up, or it is gone for {} s", notify.invalid_after_seconds)
        }
        Event::ManuallyNotified => "when the shop asks".to_owned(),
    }
}

fn blocks(count: u32) -> String {
    match count {
        0 => "at once when (one block later where it can be replaced)".to_owned(),
        1 => "at the first block that".to_owned(),
        more => format!("at {more} blocks after"),
    }
}

/// `complete` always meant six blocks at BitPay.
fn meaning(settlement: Settlement, rule: &SettlementRule) -> String {
    let at = rule.completed_at();
    if at >= BITPAY_COMPLETE {
        return "complete comes at six blocks, as at BitPay: whoever ships on complete ships as before"
            .to_owned();
    }
    let earlier = BITPAY_COMPLETE - at;
    let warning = format!(
        "complete comes at {at} {}, {earlier} earlier than at BitPay: whoever ships on complete ships that much earlier",
        if at == 1 { "block" } else { "blocks" }
    );
    match (settlement, at) {
        (_, 0) => format!(
            "{warning}, and a payment that is replaced before its first block takes the goods with it"
        ),
        (Settlement::Btcpay, _) => {
            format!("{warning}; payferry store set NAME --settlement bitpay makes it six again")
        }
        (Settlement::Bitpay, _) => warning,
    }
}
