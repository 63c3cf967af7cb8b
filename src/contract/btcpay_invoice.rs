//! BitPay's rules for each member of BTCPay's invoice answer (`contract/btcpay-invoice.toml`).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// The ways in which an answer can differ from BitPay's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `null`, which BitPay does not write.
    NullValue,
    /// A member that BitPay writes is not there.
    MissingField,
    /// A member that BitPay does not have.
    ExtraField,
    /// Another JSON type.
    TypeChanged,
    /// A decimal point where BitPay writes none.
    FractionInInteger,
    /// The right type, a value that BitPay does not use.
    ValueDomain,
    /// The right shape, another meaning.
    Semantics,
    /// An error body that is not BitPay's.
    ErrorShape,
    /// A status that BitPay does not use there.
    HttpStatus,
}

impl Kind {
    /// Its name in logs and metrics; never changes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NullValue => "null_value",
            Self::MissingField => "missing_field",
            Self::ExtraField => "extra_field",
            Self::TypeChanged => "type_changed",
            Self::FractionInInteger => "fraction_in_integer",
            Self::ValueDomain => "value_domain",
            Self::Semantics => "semantics",
            Self::ErrorShape => "error_shape",
            Self::HttpStatus => "http_status",
        }
    }
}

/// A JSON type as the table names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// `null`; only where payferry relies on BTCPay's own shape.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number written with digits only.
    Integer,
    /// Any number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// When BitPay writes a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Required {
    /// In every answer.
    Always,
    /// Once money has arrived.
    WhenPaid,
    /// With exceptionStatus `paidPartial`.
    WhenPartial,
    /// With exceptionStatus `paidOver`.
    WhenOver,
}

/// What a value is checked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The value is one of `values`.
    OneOf,
    /// The number is above zero.
    AboveZero,
    /// The number has no needless zeros: `10`, not `10.0`.
    PlainNumber,
    /// The number has at most two decimals that are not zero.
    TwoDecimals,
    /// The text is a decimal of at most six places.
    SixDecimals,
    /// The time is finer than whole seconds.
    Milliseconds,
    /// The keys of the object are currency codes.
    CurrencyKeys,
    /// No member of the object is null.
    NoNullMembers,
    /// Not zero while btcPaid is above zero.
    ZeroThoughPaid,
    /// Not above zero while the status is complete.
    DueThoughComplete,
    /// Not new while btcPaid is above zero and btcDue is not.
    NewThoughPaid,
    /// Differs whatever the value is (a constant, or random in every answer).
    Always,
}

/// A value that [`Rule::OneOf`] allows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Allowed {
    /// `true` or `false`.
    Boolean(bool),
    /// A string.
    Text(String),
}

/// A rule and what its breach is called.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What is looked at.
    pub rule: Rule,
    /// The kind that is reported.
    pub kind: Kind,
    /// Its id in the catalogue.
    pub id: Option<String>,
    /// For [`Rule::OneOf`].
    #[serde(default)]
    pub values: Vec<Allowed>,
}

/// One member of the answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Where it stands; `*` for an array's item and a currency.
    pub pointer: String,
    /// The types that BitPay writes; none for a member that only BTCPay has.
    #[serde(default)]
    pub types: Vec<Type>,
    /// When BitPay writes it; left out where that depends on what the shop sent.
    pub required: Option<Required>,
    /// Catalogue id of null.
    pub null: Option<String>,
    /// Catalogue id of another type.
    pub wrong: Option<String>,
    /// Catalogue id of a fraction in an integer.
    pub fraction: Option<String>,
    /// Catalogue id of its being there.
    pub extra: Option<String>,
    /// Catalogue id of its absence.
    pub missing: Option<String>,
    /// Rules for the value.
    #[serde(default)]
    pub checks: Vec<Check>,
}

/// The members as a tree, for walking beside an answer.
#[derive(Debug, Default)]
pub struct Node {
    /// The row of this place; none for the root.
    pub member: Option<&'static Member>,
    /// What is below it, by name or `*`.
    pub children: BTreeMap<&'static str, Node>,
}

impl Node {
    /// The child of that name, or the one for any name.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<(&'static str, &Node)> {
        self.children.get_key_value(name).or_else(|| self.children.get_key_value("*")).map(|(k, v)| (*k, v))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    member: Vec<Member>,
}

static MEMBERS: LazyLock<Vec<Member>> =
    LazyLock::new(|| super::built_in::<File>(include_str!("../../contract/btcpay-invoice.toml")).member);

static TREE: LazyLock<Node> = LazyLock::new(|| {
    let mut root = Node::default();
    for member in members() {
        let mut node = &mut root;
        for name in member.pointer.split('/').skip(1) {
            node = node.children.entry(name).or_default();
        }
        node.member = Some(member);
    }
    root
});

/// Every row.
#[must_use]
pub fn members() -> &'static [Member] {
    &MEMBERS
}

/// The same as a tree.
#[must_use]
pub fn tree() -> &'static Node {
    &TREE
}
