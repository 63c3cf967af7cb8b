//! The bytes of a notification: what a read shows, in BitPay's smaller selection of members.

use crate::contract::{Era, Form, notification_fields};
use crate::json::{Object, Value};
use crate::presented::Event;
use crate::walk::render::{Invoice, members};

/// One line of JSON without nulls. `invoice` must be as the shop is told it (`Facts::as_told`): the
/// event's status, not BTCPay's.
#[must_use]
pub fn body(form: Form, event: Event, invoice: &Invoice<'_>, era: Era) -> String {
    let data = members(notification_fields(era).into_iter(), invoice, era);
    let body: Value = match form {
        Form::Flat => data.into(),
        Form::Enveloped => Object::new().with("event", head(event)).with("data", data).into(),
    };
    body.to_string()
}

fn head(event: Event) -> Object {
    Object::new().with("code", i64::from(event.code())).with("name", event.as_str())
}
