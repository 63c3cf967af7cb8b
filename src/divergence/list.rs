//! A list of invoices looked at one by one, so that it need not be held as a whole.

use std::borrow::Cow;

use super::inspect::{Findings, Inspection};
use super::{BtcpayCall, Divergence, Kind, Shape};
use crate::contract::btcpay_answers::{Place, tree};
use crate::json::{Number, Value};

/// What the items of one list show; each place and kind is named once for the whole list.
#[derive(Default)]
pub struct ListInspection {
    findings: Findings,
    last: Option<i64>,
    descending: bool,
    same_second: bool,
}

impl ListInspection {
    /// Nothing was seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at the next invoice.
    pub fn item(&mut self, invoice: &Value) {
        if let Some(place) = item_place() {
            Inspection::new(&mut self.findings).value(invoice, place);
        }
        let time = invoice.get("invoiceTime").and_then(Value::as_number).and_then(Number::as_i64);
        if let (Some(last), Some(time)) = (self.last, time) {
            self.descending |= time < last;
            self.same_second |= time == last;
        }
        self.last = time.or(self.last);
    }

    /// All that was seen. Of a list without invoices there is nothing to say.
    #[must_use]
    pub fn end(mut self) -> Vec<Divergence> {
        let mut add = |pointer, kind, id| {
            let pointer = Cow::Borrowed(pointer);
            self.findings.found.push(Divergence { pointer, kind, id: Some(id), shape: Shape::Absent });
        };
        if self.last.is_some() {
            add("/facade", Kind::MissingField, "facade-missing-get");
        }
        if self.descending {
            add("/data", Kind::Semantics, "list-order-desc");
        }
        if self.same_second {
            add("/data", Kind::Semantics, "list-paging-unstable");
        }
        self.findings.found
    }
}

fn item_place() -> Option<&'static Place> {
    let (_, data) = tree(BtcpayCall::ListInvoices).child("data")?;
    data.any.as_deref()
}
