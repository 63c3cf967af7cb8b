//! Recorded names and the sandbox's own for the same things, one to one.

use std::collections::BTreeMap;

#[derive(Default)]
pub struct Names {
    actual: BTreeMap<String, String>,
    recorded: BTreeMap<String, String>,
}

impl Names {
    /// Notes a pair. False where either is already paired with something else.
    pub fn pair(&mut self, recorded: &str, actual: &str) -> bool {
        let known = self.actual.entry(recorded.to_owned()).or_insert_with(|| actual.to_owned());
        let back = self.recorded.entry(actual.to_owned()).or_insert_with(|| recorded.to_owned());
        known == actual && back == recorded
    }

    /// The sandbox's name for a recorded one; itself where there is none.
    pub fn actual<'a>(&'a self, recorded: &'a str) -> &'a str {
        self.actual.get(recorded).map_or(recorded, String::as_str)
    }

    /// A recorded text with the sandbox's names in it.
    pub fn translate(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (recorded, actual) in &self.actual {
            if text.contains(recorded.as_str()) {
                text = text.replace(recorded.as_str(), actual);
            }
            let upper = recorded.to_uppercase();
            if recorded.starts_with("bcrt1") && text.contains(&upper) {
                text = text.replace(&upper, &actual.to_uppercase());
            }
        }
        text
    }
}
