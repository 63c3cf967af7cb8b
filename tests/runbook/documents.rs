//! Reads the project's documents: headings, entries of the runbook, code, commands, links.

use std::path::Path;

/// One `###` heading of the runbook, and its lines of the form `- **Label**: words`.
pub struct Entry {
    pub name: String,
    pub lines: Vec<(String, String)>,
}

/// The runbook's entries, each under the `#` part that it stands in.
pub struct Runbook(Vec<(String, Entry)>);

impl Runbook {
    pub fn entries<'a>(&'a self, part: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.0.iter().filter(move |(of, _)| of == part).map(|(_, entry)| entry)
    }

    pub fn all(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter().map(|(_, entry)| entry)
    }
}

pub fn runbook() -> Runbook {
    let text = std::fs::read_to_string("docs/runbook.md").expect("the runbook can be read");
    let (mut part, mut entries) = (String::new(), Vec::<(String, Entry)>::new());
    let mut open = false;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("# ") {
            (part, open) = (name.to_owned(), false);
        } else if line.starts_with("## ") {
            open = false;
        } else if let Some(name) = line.strip_prefix("### ") {
            let entry = Entry { name: name.trim_matches('`').to_owned(), lines: Vec::new() };
            entries.push((part.clone(), entry));
            open = true;
        } else if let Some((label, words)) =
            line.strip_prefix("- **").and_then(|rest| rest.split_once("**: "))
            && let Some((_, entry)) = entries.last_mut().filter(|_| open)
        {
            entry.lines.push((label.to_owned(), words.to_owned()));
        }
    }
    Runbook(entries)
}

/// README and everything under docs, by file name.
pub fn documents() -> Vec<(String, String)> {
    let mut files = vec!["README.md".into()];
    collect(Path::new("docs"), &mut files);
    files.sort();
    let read = |file: std::path::PathBuf| {
        let text = std::fs::read_to_string(&file).expect("a document can be read");
        (file.display().to_string(), text)
    };
    files.into_iter().map(read).collect()
}

fn collect(folder: &Path, into: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("docs can be listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|end| end == "md") {
            into.push(path);
        }
    }
}

/// Lines of a document, each with whether it stands inside a fenced block.
fn lines(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut fenced = false;
    text.lines().filter_map(move |line| {
        if line.starts_with("```") {
            fenced = !fenced;
            return None;
        }
        Some((fenced, line))
    })
}

pub fn headings(text: &str) -> impl Iterator<Item = &str> {
    lines(text).filter_map(|(fenced, line)| {
        let words = line.trim_start_matches('#').strip_prefix(' ')?;
        (!fenced && line.starts_with('#')).then_some(words)
    })
}

/// A heading's anchor, as GitHub makes it.
pub fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// What stands between `](` and `)`.
pub fn links(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("](").filter_map(|(at, _)| text[at + 2..].split(')').next())
}

/// What stands between single backquotes, line by line, outside of fenced blocks.
pub fn code_spans(text: &str) -> Vec<String> {
    let spans =
        |line: &str| -> Vec<String> { line.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    lines(text).filter(|(fenced, _)| !fenced).flat_map(|(_, line)| spans(line)).collect()
}

/// Every `payferry …` in code, without the first word: up to a comment, a pipe or the next command.
pub fn commands(text: &str) -> Vec<Vec<String>> {
    let fenced = lines(text).filter(|(fenced, _)| *fenced).map(|(_, line)| line.trim_start().to_owned());
    let mut found = Vec::new();
    for code in fenced.chain(code_spans(text)) {
        let Some(words) = code.strip_prefix("payferry ") else { continue };
        let end = [" #", " | ", "; ", " && "].iter().filter_map(|stop| words.find(stop)).min();
        let words = &words[..end.unwrap_or(words.len())];
        found.push(words.split_whitespace().map(str::to_owned).collect());
    }
    found
}
