//! Which BTCPay servers are down, told from how looks end.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::walk::forward::ForwardError;
use crate::walk::understand::Misunderstood;
use crate::walk::upstream::UpstreamError;

/// While BTCPay is down one invoice after the other asks whether it is back, this far apart, in ms.
const KNOCK_EVERY_MS: i64 = 2_000;
/// So many looks in a row that fail make an outage: one may be slow, or one invoice be broken.
const FAILED_IN_A_ROW: usize = 3;

/// What the end of a look says of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// BTCPay itself has answered.
    Answers,
    /// No connection: it is down.
    Unreachable,
    /// No answer, or one of what stands before BTCPay: an error page, a redirect, a maintenance page.
    Silent,
    /// BTCPay failed (500, always with an empty body): perhaps at this invoice only.
    Fails,
    /// It was not asked.
    NotAsked,
}

impl Sign {
    pub(super) fn of<T>(answer: &Result<T, UpstreamError>) -> Self {
        let Err(error) = answer else { return Self::Answers };
        match error {
            UpstreamError::Sealed | UpstreamError::NotPaired => Self::NotAsked,
            UpstreamError::Forward(ForwardError::ServerUnknown | ForwardError::NotWritable) => Self::NotAsked,
            UpstreamError::Forward(ForwardError::Unreachable) => Self::Unreachable,
            UpstreamError::Forward(ForwardError::TimedOut | ForwardError::Cut) => Self::Silent,
            UpstreamError::Forward(ForwardError::TooLong) => Self::Fails,
            UpstreamError::Misunderstood(answer) => match answer {
                Misunderstood::NotFound | Misunderstood::KeyRefused(_) | Misunderstood::Refused(_) => {
                    Self::Answers
                }
                Misunderstood::NotJson => Self::Silent,
                // What only fronts say: bad gateway, unavailable, gateway timeout, Cloudflare's 520 to 530.
                Misunderstood::Failed(502..=504 | 520..=530) => Self::Silent,
                Misunderstood::Failed(500..) => Self::Fails,
                Misunderstood::Failed(_) => Self::Silent,
            },
        }
    }
}

/// What a look changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// The server is down now.
    Down,
    /// It was down and is back.
    Back,
}

#[derive(Default)]
struct Server {
    /// While it is down: when it is asked next, milliseconds since 1970.
    knock_at: Option<i64>,
    /// Looks in a row that nobody answered.
    silent: usize,
    /// Invoices in a row at which BTCPay failed.
    failing: HashSet<String>,
}

/// Every server's state, by its name in the configuration.
#[derive(Default)]
pub(super) struct Outages(Mutex<HashMap<String, Server>>);

impl Outages {
    fn servers(&self) -> MutexGuard<'_, HashMap<String, Server>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the server may be asked now.
    pub(super) fn may_ask(&self, server: &str, now_ms: i64) -> bool {
        let mut servers = self.servers();
        match servers.get_mut(server).and_then(|server| server.knock_at.as_mut()) {
            // Further ahead than a knock: the clock was set back.
            Some(next) if *next > now_ms && *next <= now_ms + KNOCK_EVERY_MS => false,
            Some(next) => {
                *next = now_ms + KNOCK_EVERY_MS;
                true
            }
            None => true,
        }
    }

    pub(super) fn is_down(&self, server: &str) -> bool {
        self.servers().get(server).is_some_and(|server| server.knock_at.is_some())
    }

    /// Takes the sign of one look. `known_bad`: this invoice has failed so often that it says nothing of others.
    pub(super) fn note(
        &self,
        server: &str,
        row_id: &str,
        sign: Sign,
        known_bad: bool,
        now_ms: i64,
    ) -> Change {
        let mut servers = self.servers();
        let server = servers.entry(server.to_owned()).or_default();
        match sign {
            Sign::NotAsked => return Change::None,
            Sign::Answers => {
                let was_down = server.knock_at.is_some();
                *server = Server::default();
                return if was_down { Change::Back } else { Change::None };
            }
            Sign::Silent => server.silent += 1,
            Sign::Fails if known_bad => return Change::None,
            Sign::Fails => drop(server.failing.insert(row_id.to_owned())),
            Sign::Unreachable => {}
        }
        let down = sign == Sign::Unreachable || server.silent + server.failing.len() >= FAILED_IN_A_ROW;
        let news = down && server.knock_at.is_none();
        if down {
            server.knock_at = Some(now_ms + KNOCK_EVERY_MS);
            server.failing.clear();
        }
        if news { Change::Down } else { Change::None }
    }

    /// What was to be done when it came back failed: it counts as down, so that the next answer tries again.
    pub(super) fn not_yet_back(&self, server: &str, now_ms: i64) {
        self.servers().entry(server.to_owned()).or_default().knock_at = Some(now_ms + KNOCK_EVERY_MS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: Result<(), UpstreamError> = Err(UpstreamError::Misunderstood(Misunderstood::Failed(500)));

    fn note(outages: &Outages, row: &str, sign: Sign) -> Change {
        outages.note("main", row, sign, false, 0)
    }

    #[test]
    fn one_slow_answer_is_no_outage_and_three_in_a_row_are() {
        let outages = Outages::default();
        for _ in 0..5 {
            assert_eq!(note(&outages, "a", Sign::Silent), Change::None);
            assert_eq!(note(&outages, "b", Sign::Silent), Change::None);
            assert_eq!(note(&outages, "c", Sign::Answers), Change::None);
        }
        let three = [0; 3].map(|_| note(&outages, "a", Sign::Silent));
        assert_eq!(three, [Change::None, Change::None, Change::Down]);
        assert!(outages.is_down("main") && !outages.is_down("other"));
        assert_eq!(note(&outages, "a", Sign::Silent), Change::None, "it is known");
        assert_eq!(note(&outages, "a", Sign::Answers), Change::Back);
        assert_eq!(note(&outages, "a", Sign::Unreachable), Change::Down, "nobody listens there");
    }

    #[test]
    fn an_invoice_that_btcpay_cannot_write_is_no_outage_and_several_are() {
        assert_eq!(Sign::of(&FAILED), Sign::Fails);
        let outages = Outages::default();
        for _ in 0..10 {
            assert_eq!(note(&outages, "a", Sign::Fails), Change::None);
        }
        assert_eq!(note(&outages, "b", Sign::Fails), Change::None);
        assert_eq!(outages.note("main", "z", Sign::Fails, true, 0), Change::None, "it has failed for long");
        assert_eq!(note(&outages, "c", Sign::Fails), Change::Down);
    }

    #[test]
    fn whatever_is_no_answer_of_btcpay_is_silence() {
        for status in [301, 302, 404, 429, 502, 503, 504, 520, 525, 530] {
            let answer: Result<(), UpstreamError> = Err(Misunderstood::Failed(status).into());
            assert_eq!(Sign::of(&answer), Sign::Silent, "{status}");
        }
        let page: Result<(), UpstreamError> = Err(Misunderstood::NotJson.into());
        assert_eq!(Sign::of(&page), Sign::Silent);
        let refused: Result<(), UpstreamError> = Err(Misunderstood::KeyRefused(401).into());
        assert_eq!(Sign::of(&refused), Sign::Answers);
    }

    #[test]
    fn it_is_asked_every_two_seconds_while_it_is_down() {
        let outages = Outages::default();
        outages.note("main", "a", Sign::Unreachable, false, 1_000);
        assert!(!outages.may_ask("main", 1_500));
        assert!(outages.may_ask("main", 3_000));
        assert!(!outages.may_ask("main", 3_001), "one at a time");
        assert!(outages.may_ask("main", -60_000), "the clock was set back");
        assert!(outages.may_ask("other", 0));
    }
}
