//! Walks a good answer beside the table of its members.

use std::borrow::Cow;

use super::rules::{Invoice, breaks};
use super::{BtcpayCall, Divergence, Kind, Shape};
use crate::contract::btcpay_answers::{Member, Place, Required, Type, tree};
use crate::json::{Number, Object, Value};

/// Most divergences that one answer can have; the rest is not looked at.
pub const MOST: usize = 160;
/// Most members or items looked at in one object or array.
const WIDEST: usize = 100;
/// Longest member name that is repeated in a pointer.
const LONGEST_NAME: usize = 40;
/// Ways in which one place can differ: null, type, fraction, extra, missing, and eleven checks.
const WAYS: usize = 16;
const CHECKS_FROM: usize = 5;

/// Compares a good answer of BTCPay's with BitPay's contract.
///
/// Each place and kind is named once, in the order of the answer; what is missing comes after what is there.
#[must_use]
pub fn inspect(call: BtcpayCall, answer: &Value) -> Vec<Divergence> {
    let mut findings = Findings::default();
    Inspection::new(&mut findings).value(answer, tree(call));
    findings.found
}

/// What was found so far; each place and way once.
pub(super) struct Findings {
    pub(super) found: Vec<Divergence>,
    seen: [u64; 64],
}

impl Default for Findings {
    fn default() -> Self {
        Self { found: Vec::with_capacity(96), seen: [0; 64] }
    }
}

impl Findings {
    fn add(
        &mut self,
        place: &Place,
        way: usize,
        kind: Kind,
        id: Option<&'static str>,
        value: Option<&Value>,
    ) {
        let bit = place.index * WAYS + way.min(WAYS - 1);
        let Some(word) = self.seen.get_mut(bit / 64) else { return };
        let mask = 1 << (bit % 64);
        if *word & mask == 0 && self.found.len() < MOST {
            *word |= mask;
            let pointer = Cow::Borrowed(place.pointer);
            self.found.push(Divergence { pointer, kind, id, shape: Shape::of(value) });
        }
    }

    fn unknown(&mut self, below: &Place, name: &str, value: &Value) {
        let pointer = Cow::Owned(format!("{}/{}", below.pointer, shown(name)));
        let one = Divergence { pointer, kind: Kind::ExtraField, id: None, shape: Shape::of(Some(value)) };
        if self.found.len() < MOST && !self.found.contains(&one) {
            self.found.push(one);
        }
    }
}

/// One walk; what rules ask about the invoice it is in.
pub(super) struct Inspection<'a, 'f> {
    findings: &'f mut Findings,
    invoice: Invoice<'a>,
}

impl<'a, 'f> Inspection<'a, 'f> {
    pub(super) fn new(findings: &'f mut Findings) -> Self {
        Self { findings, invoice: Invoice::default() }
    }

    pub(super) fn value(&mut self, value: &'a Value, place: &'static Place) {
        if place.is_invoice {
            self.invoice = Invoice::of(value);
        }
        if let Some(member) = place.member
            && !self.own(value, member, place)
        {
            return;
        }
        match value {
            Value::Object(object) => self.object(object, place),
            Value::Array(items) => {
                let Some(below) = &place.any else { return };
                items.iter().take(WIDEST).for_each(|item| self.value(item, below));
            }
            // The root of an answer has a row only where it is no object.
            _ if place.pointer.is_empty() => {
                self.findings.add(place, 1, Kind::TypeChanged, None, Some(value))
            }
            _ => {}
        }
    }

    /// The place itself; false where what is below it cannot be looked at.
    fn own(&mut self, value: &Value, member: &'static Member, place: &Place) -> bool {
        let there = Some(value);
        if member.extra.is_some() {
            self.findings.add(place, 3, Kind::ExtraField, member.extra.as_deref(), there);
        }
        if member.types.is_empty() {
            return false;
        }
        match misfit(value, &member.types) {
            Some(Kind::NullValue) => {
                self.findings.add(place, 0, Kind::NullValue, member.null.as_deref(), there)
            }
            Some(Kind::FractionInInteger) => {
                self.findings.add(place, 2, Kind::FractionInInteger, member.fraction.as_deref(), there);
            }
            Some(kind) => self.findings.add(place, 1, kind, member.wrong.as_deref(), there),
            None => {
                for (number, check) in member.checks.iter().enumerate() {
                    if breaks(check, value, &self.invoice) {
                        self.findings.add(
                            place,
                            CHECKS_FROM + number,
                            check.kind,
                            check.id.as_deref(),
                            there,
                        );
                    }
                }
                return true;
            }
        }
        false
    }

    fn object(&mut self, object: &'a Object, place: &'static Place) {
        let mut there = 0_u128;
        for (name, value) in object.iter().take(WIDEST) {
            if let Some((number, below)) = place.child(name) {
                there |= 1 << number;
                self.value(value, below);
            } else if let Some(below) = &place.any {
                self.value(value, below);
            } else {
                self.findings.unknown(place, name, value);
            }
        }
        for (number, (_, below)) in place.children.iter().enumerate() {
            if there & (1 << number) == 0
                && let Some(member) = below.member
                && self.due(member.required)
            {
                self.findings.add(below, 4, Kind::MissingField, member.missing.as_deref(), None);
            }
        }
    }

    fn due(&self, required: Option<Required>) -> bool {
        match required {
            None => false,
            Some(Required::Always) => true,
            Some(Required::WhenPaid) => self.invoice.paid(),
            Some(Required::WhenPartial) => self.invoice.exception() == Some("paidPartial"),
            Some(Required::WhenOver) => self.invoice.exception() == Some("paidOver"),
        }
    }
}

/// How a value's type differs from all of those allowed.
fn misfit(value: &Value, types: &[Type]) -> Option<Kind> {
    let fits = types.iter().any(|allowed| match (allowed, value) {
        (Type::Null, Value::Null)
        | (Type::Boolean, Value::Bool(_))
        | (Type::Number, Value::Number(_))
        | (Type::String, Value::String(_))
        | (Type::Array, Value::Array(_))
        | (Type::Object, Value::Object(_)) => true,
        (Type::Integer, Value::Number(number)) => is_integer(number),
        _ => false,
    });
    match value {
        _ if fits => None,
        Value::Null => Some(Kind::NullValue),
        Value::Number(_) if types.contains(&Type::Integer) => Some(Kind::FractionInInteger),
        _ => Some(Kind::TypeChanged),
    }
}

fn is_integer(number: &Number) -> bool {
    number.text().bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// A member name as it may stand in a log.
pub(super) fn shown(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$' | '.');
    name.chars().take(LONGEST_NAME).map(|c| if plain(c) { c } else { '?' }).collect()
}
