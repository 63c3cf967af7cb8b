//! Which notifications BitPay sent for what a shop asked for (`contract/notifications.toml`), and what
//! stood in them (`contract/notification-fields.toml`).

use std::sync::LazyLock;

use serde::Deserialize;

use super::{Era, Field, invoice_fields};

/// How a notification is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// The invoice's members, at the top.
    Flat,
    /// `{"event":{"code":…,"name":…},"data":{…}}`.
    Enveloped,
}

/// Why a text names no form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no form; there are flat and enveloped")]
pub struct NoSuchForm(String);

impl Form {
    /// Its name in the tables, in the ledger and for the operator; never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Enveloped => "enveloped",
        }
    }
}

impl std::fmt::Display for Form {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.as_str())
    }
}

impl std::str::FromStr for Form {
    type Err = NoSuchForm;

    fn from_str(text: &str) -> Result<Self, NoSuchForm> {
        let found = [Self::Flat, Self::Enveloped].into_iter().find(|form| form.as_str() == text);
        found.ok_or_else(|| NoSuchForm(text.to_owned()))
    }
}

/// `fullNotifications` of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Full {
    /// True.
    Yes,
    /// False.
    No,
    /// Not there.
    Absent,
}

impl From<Option<bool>> for Full {
    fn from(asked: Option<bool>) -> Self {
        match asked {
            Some(true) => Self::Yes,
            Some(false) => Self::No,
            None => Self::Absent,
        }
    }
}

/// What a shop asked for when it made an invoice.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The era of the request.
    pub era: Era,
    /// `fullNotifications`.
    pub full: Full,
    /// `extendedNotifications`.
    pub extended: bool,
    /// `transactionSpeed`, lower case.
    pub speed: &'a str,
}

/// A row: who gets what.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// Whose shops.
    pub eras: Vec<Era>,
    /// `extendedNotifications`; None: either.
    pub extended: Option<bool>,
    /// `fullNotifications`; None: any.
    pub full: Option<Vec<Full>>,
    /// `transactionSpeed`; None: any.
    pub speed: Option<Vec<String>>,
    /// The form.
    pub form: Form,
    /// BitPay's numbers of the events that are told.
    pub codes: Vec<u16>,
    /// Whether `notificationEmail` goes on to BTCPay.
    pub email: bool,
    /// Where the fact comes from.
    pub source: String,
}

impl Selection {
    fn fits(&self, asked: &Asked<'_>) -> bool {
        self.eras.contains(&asked.era)
            && self.extended.is_none_or(|extended| extended == asked.extended)
            && self.full.as_ref().is_none_or(|full| full.contains(&asked.full))
            && self.speed.as_ref().is_none_or(|speeds| speeds.iter().any(|speed| speed == asked.speed))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selections {
    selection: Vec<Selection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    field: Vec<Field>,
}

static SELECTIONS: LazyLock<Selections> =
    LazyLock::new(|| super::built_in(include_str!("../../contract/notifications.toml")));

static FIELDS: LazyLock<Fields> =
    LazyLock::new(|| super::built_in(include_str!("../../contract/notification-fields.toml")));

/// Every row, in the order in which they are tried.
#[must_use]
pub fn selections() -> &'static [Selection] {
    &SELECTIONS.selection
}

/// What BitPay did for this.
#[must_use]
#[expect(clippy::expect_used, reason = "tests/notification_bodies.rs tries every request")]
pub fn selection(asked: &Asked<'_>) -> &'static Selection {
    selections().iter().find(|row| row.fits(asked)).expect("the last rows take every request")
}

/// Whether `notificationEmail` goes on to BTCPay: a shop without an address for notifications has
/// nothing but the mail.
#[must_use]
pub fn email_goes_on(asked: &Asked<'_>, has_url: bool) -> bool {
    !has_url || selection(asked).email
}

/// The members of an era's notification, in order. Under `/api` they are those of a read: the Shopify
/// gem compares the two (offsite_payments 2014 to 2019, `acknowledge`).
#[must_use]
pub fn notification_fields(era: Era) -> Vec<&'static Field> {
    match era {
        Era::V1 => invoice_fields(era).collect(),
        _ => FIELDS.field.iter().filter(|field| field.eras.contains(&era)).collect(),
    }
}
