//! The table of the machine (`contract/presented-status.toml`).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::{Alarm, Exception, Reading, Settlement, SettlementRule, Speed, Status};

/// What `complete` waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Completes {
    /// The store's `complete_after`, counted from `confirmed`.
    AfterPause,
    /// BTCPay's own word.
    WhenSettled,
}

/// When a row's alarm is raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// In any case.
    Always,
    /// `btcPaid` is zero.
    NothingPaid,
    /// `btcPaid` is above zero.
    AnythingPaid,
    /// BTCPay says paidPartial.
    PaidPartial,
    /// BTCPay says paidLater or paidOver.
    PaidInFull,
}

/// An alarm of a row.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raises {
    /// Its code.
    pub alarm: Alarm,
    /// When.
    pub when: When,
}

/// One row: what the shop was told, what BTCPay says, what follows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What the shop was told.
    pub presented: Vec<Status>,
    /// What BTCPay says, read by the store's settlement.
    pub btcpay: Vec<Reading>,
    /// Whether the owner set it by hand; None: either.
    pub by_hand: Option<bool>,
    /// Steps from here, in order.
    pub next: Vec<Status>,
    /// The step that follows when nothing has changed until `invalid_after` or the end of monitoring.
    pub overdue: Option<Status>,
    /// Whether the exception follows BTCPay's; else it stays.
    pub exception_follows: bool,
    /// At most one of them fits.
    #[serde(default)]
    pub raises: Vec<Raises>,
    /// Where it is seen.
    pub source: String,
}

/// An alarm in words.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmText {
    /// Its code.
    pub alarm: Alarm,
    /// What has happened.
    pub means: String,
    /// What the operator does.
    pub todo: String,
    /// Whether it is raised by a look that shows nothing, and by no row.
    #[serde(default)]
    pub by_looks: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    row: Vec<Row>,
    exceptions: BTreeMap<Status, Vec<Exception>>,
    settlement: Vec<SettlementRule>,
    alarm: Vec<AlarmText>,
}

static TABLE: LazyLock<Table> = LazyLock::new(read);

#[expect(clippy::expect_used, reason = "the file is built in, and a test reads it")]
fn read() -> Table {
    toml::from_str(include_str!("../../contract/presented-status.toml")).expect("a built-in table is good")
}

/// All rows.
#[must_use]
pub fn rows() -> &'static [Row] {
    &TABLE.row
}

/// Every alarm in words.
#[must_use]
pub fn alarm_texts() -> &'static [AlarmText] {
    &TABLE.alarm
}

impl Row {
    /// Whether it is about this.
    #[must_use]
    pub fn fits(&self, presented: Status, reading: Reading, by_hand: bool) -> bool {
        let hand = self.by_hand.is_none_or(|wanted| wanted == by_hand);
        hand && self.presented.contains(&presented) && self.btcpay.contains(&reading)
    }
}

/// The one row that fits.
#[expect(clippy::expect_used, reason = "tests/presented.rs tries every combination")]
pub(super) fn row(presented: Status, reading: Reading, by_hand: bool) -> &'static Row {
    rows().iter().find(|row| row.fits(presented, reading, by_hand)).expect("every combination has a row")
}

/// What a shop can be told beside a status.
pub(super) fn exception(status: Status, seen: Option<Exception>) -> Option<Exception> {
    seen.filter(|seen| TABLE.exceptions.get(&status).is_some_and(|known| known.contains(seen)))
}

#[expect(clippy::expect_used, reason = "tests/presented.rs tries every combination")]
pub(super) fn settlement_rules(settlement: Settlement, speed: Speed) -> &'static SettlementRule {
    let fits = |rule: &&SettlementRule| rule.settlement == settlement && rule.speed == speed;
    TABLE.settlement.iter().find(fits).expect("every settlement has a rule for every speed")
}
