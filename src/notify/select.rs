//! Which events a shop is told, and in which form.

use crate::contract::notifications::{Asked, Full, selection};
use crate::contract::{Era, Form};
use crate::json::{Object, Value};
use crate::presented::{Event, Speed};

/// What a shop asked for when it made an invoice, and what the operator fixed for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wants {
    /// It gave a `notificationURL`.
    pub has_url: bool,
    /// `fullNotifications`.
    pub full: Option<bool>,
    /// `extendedNotifications`.
    pub extended: bool,
    /// `transactionSpeed`, or the store's default.
    pub speed: Speed,
    /// The era of the request.
    pub era: Era,
    /// The form that the operator fixed for the credential.
    pub form: Option<Form>,
}

impl Wants {
    /// Reads the shop's own words, as the ledger keeps them.
    #[must_use]
    pub fn of_words(words: &Object, era: Era, default_speed: Speed, form: Option<Form>) -> Self {
        let text = |name: &str| words.get(name).and_then(Value::as_str);
        Self {
            has_url: text("notificationURL").is_some_and(|url| !url.trim().is_empty()),
            full: words.get("fullNotifications").and_then(Value::as_bool),
            extended: words.get("extendedNotifications").and_then(Value::as_bool).unwrap_or(false),
            speed: Speed::asked(text("transactionSpeed"), default_speed),
            era,
            form,
        }
    }
}

/// The form in which this event goes to the shop; None where BitPay would not have sent it.
#[must_use]
pub fn selected(wants: &Wants, event: Event) -> Option<Form> {
    let asked = Asked {
        era: wants.era,
        full: Full::from(wants.full),
        extended: wants.extended,
        speed: wants.speed.as_str(),
    };
    let selection = selection(&asked);
    let told = wants.has_url && selection.codes.contains(&event.code());
    told.then(|| wants.form.unwrap_or(selection.form))
}
