//! What the shop is told: one state machine per invoice.
//!
//! BTCPay's state is only an input. The machine is a table (`contract/presented-status.toml`), a
//! pure function over it ([`step`]) and the little that is stored of an invoice ([`Presented`]).
//! Who feeds it and when a step counts: `docs/decisions/presented-status.md`.

mod alarm;
mod event;
mod seen;
mod settlement;
mod step;
mod table;
mod words;

pub use alarm::{Alarm, Alarms};
pub use event::Event;
pub use seen::{PublicStatus, Reading, Seen};
pub use settlement::{Settlement, SettlementRule, Speed};
pub use step::{Presented, Settings, Step, step};
pub use table::{AlarmText, Completes, Raises, Row, When, alarm_texts, rows};
pub use words::{BtcpayStatus, Exception, NoSuchWord, Status};
