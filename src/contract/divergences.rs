//! The catalogue of known differences between BTCPay and BitPay (`contract/divergences.json`).

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// Which part of the work a difference belongs to.
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
    /// What sort of difference, in the catalogue's words.
    pub kind: String,
    /// How bad it is for a shop.
    pub severity: Severity,
    /// Where it is felt.
    pub reaches: Reach,
    /// The exchanges that show it, `file/name`.
    pub recordings: Vec<String>,
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
