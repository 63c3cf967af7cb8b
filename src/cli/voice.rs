//! Where a command's words go: to people, or one line of JSON to a machine.
//!
//! Whoever reads may go before all is said (`payferry report | head`). That is no failure of the command: it
//! does what it was told to, and ends as it would have.

use std::fmt::{Arguments, Display};
use std::io::Write as _;

/// With `--json` stdout has one line of JSON and nothing else; words for people go to stderr.
#[derive(Debug, Clone, Copy)]
pub(super) struct Voice {
    json: bool,
}

impl Voice {
    /// `json` is the command's `--json`.
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// A line for people.
    pub(super) fn say(self, words: impl Display) {
        if self.json {
            err(format_args!("{words}\n"))
        } else {
            out(format_args!("{words}\n"))
        };
    }

    /// The line for machines, a JSON value; said once, at the end.
    pub(super) fn answer(self, value: &impl Display) {
        if self.json {
            out(format_args!("{value}\n"));
        }
    }
}

/// Writes to stdout; false where nobody reads any more.
pub(super) fn out(words: Arguments<'_>) -> bool {
    let mut stdout = std::io::stdout().lock();
    stdout.write_fmt(words).and_then(|()| stdout.flush()).is_ok()
}

/// The same to stderr.
pub(super) fn err(words: Arguments<'_>) -> bool {
    std::io::stderr().lock().write_fmt(words).is_ok()
}

/// `println!` that does not mind when nobody reads any more.
macro_rules! outln {
    ($($words:tt)*) => {
        {
            $crate::cli::voice::out(format_args!("{}\n", format_args!($($words)*)));
        }
    };
}

/// The same to stderr.
macro_rules! errln {
    ($($words:tt)*) => {
        {
            $crate::cli::voice::err(format_args!("{}\n", format_args!($($words)*)));
        }
    };
}

pub(super) use {errln, outln};
