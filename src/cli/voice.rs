//! Where a command's words go: to people, or one line of JSON to a machine.

use std::fmt::Display;

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
        if self.json { eprintln!("{words}") } else { println!("{words}") }
    }

    /// The line for machines, a JSON value; said once, at the end.
    pub(super) fn answer(self, value: &impl Display) {
        if self.json {
            println!("{value}");
        }
    }
}
