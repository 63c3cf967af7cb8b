//! Stories of defects that a critical reading of the money paths found: each fails where its mend is taken out.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod clock;
mod drain;
mod outage;
mod queue;
mod replay;
mod settlement;
#[path = "../support/mod.rs"]
mod support;
mod unreadable;
