//! Walks an invoice answer beside the table of its members.

use super::rules::{Answer, breaks};
use super::{Divergence, Kind};
use crate::contract::Endpoint;
use crate::contract::btcpay_invoice::{Member, Node, Required, Type, tree};
use crate::json::{Number, Object, Value};

/// Most divergences that one answer can have; the rest is not looked at.
pub const MOST: usize = 160;
/// Most members or items looked at in one object or array.
const WIDEST: usize = 100;
/// Longest member name that is repeated in a pointer.
const LONGEST_NAME: usize = 40;

/// Compares a good answer of BTCPay's with BitPay's contract.
///
/// Each place and kind is named once, in the order of the answer; what is missing comes after what is there.
/// Only invoice answers have a table; for other endpoints there is nothing to find.
#[must_use]
pub fn inspect(endpoint: Endpoint, answer: &Value) -> Vec<Divergence> {
    let mut walk = Walk { found: Vec::new(), answer: Answer::of(answer) };
    if matches!(endpoint, Endpoint::CreateInvoice | Endpoint::ReadInvoice) {
        match answer {
            Value::Object(object) => walk.object(object, tree(), ""),
            _ => walk.add("", Kind::TypeChanged, None),
        }
    }
    walk.found
}

struct Walk<'a> {
    found: Vec<Divergence>,
    answer: Answer<'a>,
}

impl Walk<'_> {
    fn add(&mut self, pointer: &str, kind: Kind, id: Option<&'static str>) {
        let divergence = Divergence { pointer: pointer.to_owned(), kind, id };
        if self.found.len() < MOST && !self.found.contains(&divergence) {
            self.found.push(divergence);
        }
    }

    fn value(&mut self, value: &Value, node: &Node, pointer: &str) {
        if let Some(member) = node.member
            && !self.own(value, member, pointer)
        {
            return;
        }
        match value {
            Value::Object(object) => self.object(object, node, pointer),
            Value::Array(items) => {
                let Some((_, below)) = node.child("*") else { return };
                for item in items.iter().take(WIDEST) {
                    self.value(item, below, &format!("{pointer}/*"));
                }
            }
            _ => {}
        }
    }

    /// The place itself; false where what is below it cannot be looked at.
    fn own(&mut self, value: &Value, member: &'static Member, pointer: &str) -> bool {
        if member.extra.is_some() {
            self.add(pointer, Kind::ExtraField, member.extra.as_deref());
        }
        if member.types.is_empty() {
            return false;
        }
        match misfit(value, &member.types) {
            Some(Kind::NullValue) => self.add(pointer, Kind::NullValue, member.null.as_deref()),
            Some(Kind::FractionInInteger) => {
                self.add(pointer, Kind::FractionInInteger, member.fraction.as_deref());
            }
            Some(kind) => self.add(pointer, kind, member.wrong.as_deref()),
            None => {
                for check in &member.checks {
                    if breaks(check, value, &self.answer) {
                        self.add(pointer, check.kind, check.id.as_deref());
                    }
                }
                return true;
            }
        }
        false
    }

    fn object(&mut self, object: &Object, node: &Node, pointer: &str) {
        for (name, value) in object.iter().take(WIDEST) {
            match node.child(name) {
                Some((key, below)) => self.value(value, below, &format!("{pointer}/{key}")),
                None => self.add(&format!("{pointer}/{}", shown(name)), Kind::ExtraField, None),
            }
        }
        for (name, below) in &node.children {
            if let Some(member) = below.member
                && object.get(name).is_none()
                && *name != "*"
                && self.due(member.required)
            {
                self.add(&member.pointer, Kind::MissingField, member.missing.as_deref());
            }
        }
    }

    fn due(&self, required: Option<Required>) -> bool {
        match required {
            None => false,
            Some(Required::Always) => true,
            Some(Required::WhenPaid) => self.answer.paid(),
            Some(Required::WhenPartial) => self.answer.exception() == Some("paidPartial"),
            Some(Required::WhenOver) => self.answer.exception() == Some("paidOver"),
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
fn shown(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$' | '.');
    name.chars().take(LONGEST_NAME).map(|c| if plain(c) { c } else { '?' }).collect()
}
