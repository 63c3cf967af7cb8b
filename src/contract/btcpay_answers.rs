//! BitPay's rules for each member of BTCPay's answers and notifications (`contract/btcpay-invoice.toml`,
//! `contract/btcpay-answers.toml`, `contract/btcpay-notification.toml`), as trees to walk beside them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::divergences::Kind;

/// The calls at BTCPay whose answers payferry reads, and what BTCPay says unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BtcpayCall {
    /// `POST /invoices`.
    CreateInvoice,
    /// `GET /invoices/:id`.
    ReadInvoice,
    /// `GET /invoices`.
    ListInvoices,
    /// `GET /rates` and `GET /rates/:base`.
    ListRates,
    /// `GET /rates/:base/:currency`.
    ReadRate,
    /// `GET /api/rates`.
    ListRatesV1,
    /// `POST /tokens`.
    CreateToken,
    /// `GET /tokens`.
    ListTokens,
    /// What BTCPay posts when an invoice has changed.
    Notification,
}

impl BtcpayCall {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::CreateInvoice,
        Self::ReadInvoice,
        Self::ListInvoices,
        Self::ListRates,
        Self::ReadRate,
        Self::ListRatesV1,
        Self::CreateToken,
        Self::ListTokens,
        Self::Notification,
    ];

    /// Its name in logs, metrics and the journal; never changes. The same as BitPay's call of that meaning.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CreateInvoice => "create_invoice",
            Self::ReadInvoice => "read_invoice",
            Self::ListInvoices => "list_invoices",
            Self::ListRates => "rates",
            Self::ReadRate => "read_rate",
            Self::ListRatesV1 => "rates_v1",
            Self::CreateToken => "create_token",
            Self::ListTokens => "list_tokens",
            Self::Notification => "notification",
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
    /// The value is none of `values`.
    NoneOf,
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
    /// No member of the object is above the one of that name in paymentSubtotals.
    AboveSubtotals,
    /// Not above btcPrice while complete without an exception.
    PaidTwice,
    /// Not below btcPrice while paid or complete without an exception.
    PaidLess,
    /// Not invalid without anybody's mark while btcPaid is above zero.
    InvalidThoughPaid,
    /// The array has one item at most.
    OneAtMost,
    /// The array has items.
    NotEmpty,
    /// The array has items with another member than `merchant`.
    OtherThanMerchant,
    /// The array has something else than one entry of bitcoin in bitcoin.
    NotBitcoinAlone,
    /// No two neighbours have the same invoiceTime.
    SecondsDiffer,
    /// Newer invoices do not come first.
    NotNewestFirst,
    /// Differs whatever the value is (a constant, or random in every answer).
    Always,
}

/// A value that [`Rule::OneOf`] or [`Rule::NoneOf`] names.
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
    /// For [`Rule::OneOf`] and [`Rule::NoneOf`].
    #[serde(default)]
    pub values: Vec<Allowed>,
}

/// One member of an answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Where it stands; `*` for an array's item and a currency.
    pub pointer: String,
    /// The calls that it is told for; none for all that have its table.
    #[serde(default)]
    pub calls: Vec<BtcpayCall>,
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

/// A place of an answer, with all that is below it.
#[derive(Debug)]
pub struct Place {
    /// Its number in the tree, from 0.
    pub index: usize,
    /// Where it stands in the answer.
    pub pointer: &'static str,
    /// Its row; none for a place that is only on the way to others.
    pub member: Option<&'static Member>,
    /// Whether an invoice begins here.
    pub is_invoice: bool,
    /// What is below it by name, sorted; at most 128.
    pub children: Vec<(&'static str, Place)>,
    /// What is below it under any other name.
    pub any: Option<Box<Place>>,
}

impl Place {
    /// The number and place of the child of that name.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<(usize, &Place)> {
        let at = self.children.binary_search_by(|(key, _)| (*key).cmp(name)).ok()?;
        self.children.get(at).map(|(_, place)| (at, place))
    }
}

/// An event of which BTCPay notifies.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Its number.
    pub code: i64,
    /// Its name.
    pub name: String,
    /// Catalogue ids of how it is not BitPay's.
    pub ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    member: Vec<Member>,
    #[serde(default)]
    event: Vec<Event>,
}

fn read(text: &str) -> Vec<Member> {
    super::built_in::<File>(text).member
}

static INVOICE: LazyLock<Vec<Member>> =
    LazyLock::new(|| read(include_str!("../../contract/btcpay-invoice.toml")));
static OTHERS: LazyLock<Vec<Member>> =
    LazyLock::new(|| read(include_str!("../../contract/btcpay-answers.toml")));
static NOTIFICATION: LazyLock<File> =
    LazyLock::new(|| super::built_in(include_str!("../../contract/btcpay-notification.toml")));
static TREES: LazyLock<BTreeMap<BtcpayCall, Place>> =
    LazyLock::new(|| BtcpayCall::ALL.into_iter().map(|call| (call, grow(call))).collect());

/// Every row of all tables.
pub fn members() -> impl Iterator<Item = &'static Member> {
    INVOICE.iter().chain(OTHERS.iter()).chain(NOTIFICATION.member.iter())
}

/// The events of which BTCPay notifies.
#[must_use]
pub fn events() -> &'static [Event] {
    &NOTIFICATION.event
}

/// The places of a call's good answer.
#[must_use]
pub fn tree(call: BtcpayCall) -> &'static Place {
    static NOTHING: Place =
        Place { index: 0, pointer: "", member: None, is_invoice: false, children: Vec::new(), any: None };
    TREES.get(&call).unwrap_or(&NOTHING)
}

/// A tree before its places are numbered.
#[derive(Default)]
struct Sprout {
    member: Option<&'static Member>,
    below: BTreeMap<&'static str, Sprout>,
}

fn grow(call: BtcpayCall) -> Place {
    let is_invoice =
        matches!(call, BtcpayCall::CreateInvoice | BtcpayCall::ReadInvoice | BtcpayCall::ListInvoices);
    let in_list = call == BtcpayCall::ListInvoices;
    let mut root = Sprout::default();
    let mut plant = |pointer: &'static str, member: &'static Member, item: bool| {
        let mut names: Vec<_> = pointer.split('/').skip(1).collect();
        if item {
            names.insert(1, "*");
        }
        let mut sprout = &mut root;
        for name in names {
            sprout = sprout.below.entry(name).or_default();
        }
        sprout.member = Some(member);
    };
    if is_invoice {
        // What an invoice has below /data, each item of a list has below /data/*.
        INVOICE.iter().filter(|member| told(member, call)).for_each(|member| {
            plant(&member.pointer, member, in_list && member.pointer.starts_with("/data"));
        });
    }
    let others = OTHERS.iter().chain(NOTIFICATION.member.iter());
    others.filter(|member| member.calls.contains(&call)).for_each(|member| {
        plant(&member.pointer, member, false);
    });
    let start = match call {
        BtcpayCall::ListInvoices => "/data/*",
        BtcpayCall::Notification => "",
        _ => "/data",
    };
    let mut next = 0;
    let mut tree = ripen(root, String::new(), &mut next);
    if is_invoice || call == BtcpayCall::Notification {
        mark(&mut tree, start);
    }
    tree
}

fn told(member: &Member, call: BtcpayCall) -> bool {
    member.calls.is_empty() || member.calls.contains(&call)
}

/// Numbers the places; their pointers live as long as the program.
fn ripen(sprout: Sprout, pointer: String, next: &mut usize) -> Place {
    let index = *next;
    *next += 1;
    let mut any = None;
    let mut children = Vec::new();
    for (name, below) in sprout.below {
        let place = ripen(below, format!("{pointer}/{name}"), next);
        if name == "*" { any = Some(Box::new(place)) } else { children.push((name, place)) }
    }
    Place { index, pointer: pointer.leak(), member: sprout.member, is_invoice: false, children, any }
}

fn mark(place: &mut Place, start: &str) {
    place.is_invoice = place.pointer == start;
    let below = place.children.iter_mut().map(|(_, below)| below).chain(place.any.as_deref_mut());
    below.for_each(|below| mark(below, start));
}
