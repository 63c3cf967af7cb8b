//! What `check` found, hop by hop, for people and for machines.

use serde::Serialize;

use super::super::voice::Voice;

/// How a hop stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// As it should be.
    Ok,
    /// Worth knowing, nothing to mend.
    Note,
    /// It was tried in vain: nobody knows.
    Unknown,
    /// Will be wrong one day, or is in some cases.
    Warn,
    /// Must be mended.
    Wrong,
}

/// One thing that was tried.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Finding {
    /// Where: `configuration`, `shop.https`, `btcpay.main`, `store.shop` ...
    pub(super) hop: String,
    /// How it stands.
    pub(super) verdict: Verdict,
    /// What was tried.
    pub(super) tried: String,
    /// What came back.
    pub(super) came: String,
    /// What to change, where something is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) change: Option<String>,
}

impl Finding {
    fn new(verdict: Verdict, hop: &str, tried: impl Into<String>, came: impl Into<String>) -> Self {
        Self { hop: hop.to_owned(), verdict, tried: tried.into(), came: came.into(), change: None }
    }

    pub(super) fn ok(hop: &str, tried: impl Into<String>, came: impl Into<String>) -> Self {
        Self::new(Verdict::Ok, hop, tried, came)
    }

    pub(super) fn note(hop: &str, tried: impl Into<String>, came: impl Into<String>) -> Self {
        Self::new(Verdict::Note, hop, tried, came)
    }

    pub(super) fn unknown(hop: &str, tried: impl Into<String>, came: impl Into<String>) -> Self {
        Self::new(Verdict::Unknown, hop, tried, came)
    }

    pub(super) fn warn(hop: &str, tried: impl Into<String>, came: impl Into<String>) -> Self {
        Self::new(Verdict::Warn, hop, tried, came)
    }

    pub(super) fn wrong(hop: &str, tried: impl Into<String>, came: impl Into<String>) -> Self {
        Self::new(Verdict::Wrong, hop, tried, came)
    }

    /// What to change.
    pub(super) fn change(mut self, words: impl Into<String>) -> Self {
        self.change = Some(words.into());
        self
    }
}

/// All findings, in the order of the hops.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Finding>);

impl Report {
    pub(super) fn add(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    pub(super) fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.0.extend(findings);
    }

    pub(super) fn is_fine(&self) -> bool {
        self.0.iter().all(|finding| finding.verdict != Verdict::Wrong)
    }

    /// Everything, and `cannot_see` behind it.
    pub(super) fn tell(&self, voice: Voice, cannot_see: &[&str]) {
        for finding in &self.0 {
            tell(finding, voice);
        }
        voice.say("\nWhat cannot be seen from here:");
        for line in cannot_see {
            voice.say(format_args!("  {line}"));
        }
        let wrong = self.0.iter().filter(|finding| finding.verdict == Verdict::Wrong).count();
        voice.say(match wrong {
            0 => "\nNothing is wrong.".to_owned(),
            1 => "\n1 thing is wrong.".to_owned(),
            more => format!("\n{more} things are wrong."),
        });
        let unknown = self.0.iter().filter(|finding| finding.verdict == Verdict::Unknown).count();
        if unknown > 0 {
            voice.say(format_args!("Not found out: {unknown} (marked with ?)."));
        }
        voice.answer(&serde_json::json!({ "ok": wrong == 0, "findings": self.0, "cannot_see": cannot_see }));
    }
}

fn tell(finding: &Finding, voice: Voice) {
    let Finding { hop, verdict, tried, came, change } = finding;
    let mark = match verdict {
        Verdict::Ok => "ok",
        Verdict::Note => "note",
        Verdict::Unknown => "?",
        Verdict::Warn => "warn",
        Verdict::Wrong => "WRONG",
    };
    voice.say(format_args!("{mark:<6} {hop:<20} {tried}"));
    voice.say(format_args!("{:<27} came: {came}", ""));
    if let Some(change) = change {
        voice.say(format_args!("{:<27} change: {change}", ""));
    }
}
