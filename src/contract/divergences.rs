//! The catalogue of known differences between BTCPay and BitPay (`contract/divergences.json`).

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::endpoints::{self, Found};

/// The ways in which BTCPay can differ from BitPay.
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
    /// A header that BitPay does not ask for, or does.
    HeaderRequired,
    /// Other rules of who may do what.
    AuthSemantics,
    /// A call that BTCPay does not have.
    MissingEndpoint,
}

impl Severity {
    /// Its name in reports; never changes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Breaks => "breaks",
            Self::Degrades => "degrades",
            Self::Harmless => "harmless",
        }
    }
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
            Self::HeaderRequired => "header_required",
            Self::AuthSemantics => "auth_semantics",
            Self::MissingEndpoint => "missing_endpoint",
        }
    }
}

/// How bad a difference is for a shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A shop fails, loses an order's state, or books a wrong amount.
    Breaks,
    /// A feature is lost, or a careful shop copes.
    Degrades,
    /// No effect expected.
    Harmless,
}

/// Where a difference is felt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// What a shop sends.
    Request,
    /// What a shop reads.
    Answer,
    /// What a shop is told unasked.
    Notification,
    /// Money and states.
    Behaviour,
    /// The payment page.
    Browser,
    /// What the operator must set or know.
    Ops,
}

/// Whether payferry keeps a difference from the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repaired {
    /// The shop does not see it.
    Yes,
    /// It is softened, or kept away in some cases.
    Partly,
    /// The shop sees it, or is refused.
    No,
    /// Nobody minds.
    NotNeeded,
}

impl Repaired {
    /// Its name in reports and in the journal; never changes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Partly => "partly",
            Self::No => "no",
            Self::NotNeeded => "not_needed",
        }
    }
}

/// Whether BTCPay notifies payferry, and payferry the shop. Until then the repairs that need
/// `notifications` are not there.
pub const NOTIFICATIONS_ARE_RELAYED: bool = true;

/// One known difference of BTCPay Server 2.4.1.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// Its id; never changes.
    pub id: String,
    /// The family it belongs to.
    pub group: String,
    /// The calls it is seen on.
    pub endpoint: String,
    /// The members it is seen at, where it has any.
    pub pointer: Option<String>,
    /// What sort of difference.
    pub kind: Kind,
    /// How bad it is for a shop.
    pub severity: Severity,
    /// Where it is felt.
    pub reaches: Reach,
    /// What BitPay does.
    pub bitpay: String,
    /// What BTCPay does.
    pub btcpay: String,
    /// What it would break, and for whom.
    pub breaks: String,
    /// Whether payferry repairs it, once it has what the repair needs; see [`Known::repaired`].
    repaired: Repaired,
    /// How.
    how: String,
    /// What is left for the operator to do.
    pub advice: String,
    /// What payferry must serve before the repair is there: a call like `GET /rates`, or `notifications`.
    needs: Option<String>,
    /// The exchanges that show it, `file/name`; `life/name` for a life story.
    pub recordings: Vec<String>,
}

impl Known {
    /// Whether payferry repairs it today.
    #[must_use]
    pub fn repaired(&self) -> Repaired {
        if self.has_its_needs() { self.repaired } else { Repaired::No }
    }

    /// How it does, or why not.
    #[must_use]
    pub fn how(&self) -> &str {
        match (self.has_its_needs(), self.needs.as_deref()) {
            (true, _) => &self.how,
            (false, Some("notifications")) => "Not yet: BTCPay notifies the shop itself.",
            (false, _) => "Not yet: refused with BitPay's error.",
        }
    }

    fn has_its_needs(&self) -> bool {
        match self.needs.as_deref() {
            None => true,
            Some("notifications") => NOTIFICATIONS_ARE_RELAYED,
            Some(call) => {
                let (method, path) = call.split_once(' ').unwrap_or(("GET", call));
                matches!(endpoints::find(method, path), Found::Served(..))
            }
        }
    }
}

#[derive(Deserialize)]
struct File {
    divergences: Vec<Known>,
}

static ALL: LazyLock<Vec<Known>> = LazyLock::new(read);
static BY_ID: LazyLock<HashMap<&'static str, &'static Known>> =
    LazyLock::new(|| all().iter().map(|known| (known.id.as_str(), known)).collect());

#[expect(clippy::expect_used, reason = "the file is built in, and a test reads it")]
fn read() -> Vec<Known> {
    let file: File = serde_json::from_str(include_str!("../../contract/divergences.json"))
        .expect("the catalogue is good JSON");
    file.divergences
}

/// The whole catalogue.
#[must_use]
pub fn all() -> &'static [Known] {
    &ALL
}

/// One entry by its id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Known> {
    BY_ID.get(id).copied()
}
