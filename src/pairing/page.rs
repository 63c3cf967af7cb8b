//! The page on which a merchant sees what became of a code: BitPay's `/api-access-request?pairingCode=…`.
//!
//! It shows what the shop said of itself and how the operator approves it. It approves nothing, and no token,
//! store or key of payferry's stands on it.

use askama::Template;

use super::{CODE_LENGTH, PairingError};
use crate::ledger::{Facade, Pairing};

const MINUTE_MS: i64 = 60_000;

/// What is known of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// No code was named.
    Nothing,
    /// No such code, or too many were tried.
    Unknown(PairingError),
    /// The operator made it; the shop has only to enter it.
    Operators,
    /// A shop asked for it, and waits.
    Waiting(Pairing),
    /// It bound its shop.
    Approved,
    /// Older than a day.
    Expired,
}

impl Standing {
    /// What the ledger's row means at `now_ms`. Where an approved code would have run out, it is history: no
    /// browser is sent anywhere for its sake.
    pub(super) fn of(pairing: Pairing, now_ms: i64) -> Self {
        let open = pairing.expires_at > now_ms;
        match (pairing.done_at, &pairing.sin) {
            _ if !open => Self::Expired,
            (Some(_), _) => Self::Approved,
            (None, Some(_)) if pairing.code.is_some() => Self::Waiting(pairing),
            (None, _) => Self::Operators,
        }
    }

    /// HTTP status of its page.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Unknown(PairingError::RateLimited) => 429,
            Self::Unknown(PairingError::Ledger(_)) => 503,
            Self::Unknown(_) | Self::Expired => 404,
            _ => 200,
        }
    }
}

struct Asked<'a> {
    code: &'a str,
    label: &'a str,
    sin: &'a str,
    may: &'a str,
    age: String,
    until: String,
}

#[derive(Template)]
#[template(path = "pairing.html")]
struct Page<'a> {
    title: &'a str,
    state: &'a str,
    words: &'a str,
    waiting: Option<Asked<'a>>,
    form: bool,
}

/// The page, its texts escaped; None where it cannot be written.
#[must_use]
pub fn page(standing: &Standing, now_ms: i64) -> Option<String> {
    let (title, state, words) = texts(standing);
    let waiting = if let Standing::Waiting(pairing) = standing { Some(asked(pairing, now_ms)) } else { None };
    let form = matches!(standing, Standing::Nothing | Standing::Unknown(_) | Standing::Expired);
    Page { title, state, words, waiting, form }.render().ok()
}

fn texts(standing: &Standing) -> (&'static str, &'static str, &'static str) {
    match standing {
        Standing::Nothing => (
            "Pair a shop",
            "no code yet",
            "Your shop shows a code of seven letters and digits. Enter it here to see what is asked for.",
        ),
        Standing::Unknown(PairingError::RateLimited) => (
            "Too many codes were tried",
            "try again later",
            "From your network came more codes than shops need. Try again in some minutes.",
        ),
        Standing::Unknown(PairingError::Ledger(_)) => {
            ("This cannot be looked up now", "try again later", "Nothing was lost. Try again in a minute.")
        }
        Standing::Unknown(_) => (
            "This code is not known",
            "not found",
            "Letter case counts, and a code ends after a day. Let the shop ask for a new one.",
        ),
        Standing::Operators => (
            "Enter this code in your shop",
            "waits for the shop",
            "It was made by whoever runs payferry. There is nothing to approve: the first shop that enters it is paired.",
        ),
        Standing::Waiting(_) => (
            "A shop asks to be paired",
            "waits for approval",
            "Until it is approved, its token opens nothing.",
        ),
        Standing::Approved => (
            "The shop is paired",
            "approved",
            "Its token works. You can close this page and go back to your shop.",
        ),
        Standing::Expired => {
            ("This code has expired", "expired", "A code is good for a day. Let the shop ask for a new one.")
        }
    }
}

fn asked(pairing: &Pairing, now_ms: i64) -> Asked<'_> {
    let until = jiff::Timestamp::from_millisecond(pairing.expires_at).unwrap_or_default();
    Asked {
        code: pairing.code.as_deref().unwrap_or_default(),
        label: pairing.label.as_deref().unwrap_or("(no name)"),
        sin: pairing.sin.as_deref().unwrap_or_default(),
        may: match pairing.facade {
            Facade::Merchant => "make invoices, read and list all of them (merchant)",
            Facade::Pos => "make invoices, read what anybody may see (pos)",
        },
        age: age((now_ms - pairing.created_at).max(0) / MINUTE_MS),
        until: until.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    }
}

fn age(minutes: i64) -> String {
    match (minutes / 60, minutes) {
        (0, 0) => "less than a minute".to_owned(),
        (0, 1) => "1 minute".to_owned(),
        (0, minutes) => format!("{minutes} minutes"),
        (1, _) => "1 hour".to_owned(),
        (hours, _) => format!("{hours} hours"),
    }
}

/// A text that could be a code: nothing else is looked up.
pub(super) fn is_code(text: &str) -> bool {
    text.len() == CODE_LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// An address that a merchant's browser may be sent back to: http or https with a host, no user before it
/// (`https://bitpay.com@elsewhere/`), nothing that ends a header.
#[must_use]
pub fn way_back(redirect: &str) -> Option<String> {
    let url = url::Url::parse(redirect).ok()?;
    let web = matches!(url.scheme(), "http" | "https") && url.has_host();
    let plain = url.username().is_empty() && url.password().is_none();
    (web && plain && redirect.len() <= 2048).then(|| url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_web_addresses_lead_back() {
        for good in ["https://shop.example/admin?route=x&user_token=1", "http://127.0.0.1:8080/"] {
            assert_eq!(way_back(good).as_deref(), Some(good));
        }
        for bad in [
            "javascript:alert(1)",
            "data:text/html,x",
            "//evil.example/",
            "/local",
            "https://bitpay.com@evil.example/",
            "https://user:word@evil.example/",
            "ftp://evil.example/",
            "https://",
            "",
        ] {
            assert_eq!(way_back(bad), None, "{bad}");
        }
        let lines = way_back("https://shop.example/a\r\nSet-Cookie: x");
        assert!(!lines.is_some_and(|url| url.contains(['\r', '\n'])));
    }

    #[test]
    fn what_a_shop_calls_itself_is_text() {
        let pairing = Pairing {
            code_hash: String::new(),
            code: Some("aBc1234".to_owned()),
            store_id: None,
            sin: Some("TfSin".to_owned()),
            facade: Facade::Merchant,
            label: Some("<script>alert('x')</script>\"&".to_owned()),
            created_at: 0,
            expires_at: 86_400_000,
            done_at: None,
        };
        let html = page(&Standing::of(pairing, 3 * MINUTE_MS), 3 * MINUTE_MS).unwrap_or_default();
        assert!(
            html.contains("payferry pairing approve aBc1234 <span>--store STORE")
                && html.contains("3 minutes ago")
        );
        assert!(html.contains("1970-01-02 00:00 UTC"), "{html}");
        assert!(!html.contains("<script") && !html.contains("'x'"), "{html}");
    }
}
