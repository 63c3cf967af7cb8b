//! Finds in the sources what payferry warns of.

use std::collections::BTreeSet;
use std::path::Path;

/// The messages of every `tracing::warn!` and `tracing::error!` under `src`.
pub fn warnings() -> BTreeSet<String> {
    let mut messages = BTreeSet::new();
    visit(Path::new("src"), &mut messages);
    messages
}

fn visit(folder: &Path, messages: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("src can be listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            visit(&path, messages);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source can be read");
            for message in messages_of(&text) {
                let message =
                    message.unwrap_or_else(|| panic!("a warning without words: {}", path.display()));
                messages.insert(message);
            }
        }
    }
}

/// The last text of each macro call is its message.
fn messages_of(text: &str) -> Vec<Option<String>> {
    let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    let text = &text[..end];
    let calls = ["warn!(", "error!("].into_iter().flat_map(|name| text.match_indices(name));
    calls.map(|(at, name)| last_text(&text[at + name.len()..])).collect()
}

/// The last string literal before the closing bracket.
fn last_text(call: &str) -> Option<String> {
    let (mut depth, mut last, mut chars) = (1, None, call.chars());
    while let Some(c) = chars.next() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '"' => last = Some(chars.by_ref().take_while(|c| *c != '"').collect()),
            _ => {}
        }
        if depth == 0 {
            return last;
        }
    }
    None
}

#[test]
fn messages_are_found_in_every_form_of_the_call() {
    let text = r#"
        tracing::warn!(target: "alarm", alarm = name(x), "see (it)");
        tracing::error!("alone");
        warn!(
            %error,
            "over lines"
        );
        tracing::info!("no warning");
    "#;
    let found: Vec<_> = messages_of(text).into_iter().flatten().collect();
    assert_eq!(found, ["see (it)", "over lines", "alone"]);
    assert_eq!(messages_of("tracing::warn!(store, code)"), [None]);
}
