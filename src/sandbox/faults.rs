//! Scripted misbehaviour and a journal, for tests of what stands in front of the server.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

/// What is gone behind the server, while the server itself answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// The node is gone, and BTCPay has noticed: 400 "Full node not available".
    NodeUnavailable,
    /// NBXplorer is gone, and BTCPay has not noticed: 400 with a connection refused in its log.
    NbxplorerRefused,
}

/// One way to misbehave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Carries the request out after this time.
    Delay(Duration),
    /// Does nothing, then closes the connection after this time without a byte.
    Hang(Duration),
    /// Carries the request out, then hangs and closes without a byte.
    HangAfter(Duration),
    /// Carries the request out and closes after so many bytes of the answer, its head included.
    Cut(usize),
    /// An empty 500; the request is not carried out.
    Empty500,
    /// An empty 500 although the request was carried out.
    Empty500After,
    /// A web page with this status, as a front proxy would send; not carried out.
    Page(u16),
    /// Creates are refused with the recorded text; other requests are answered as always.
    Refuse(Outage),
}

/// Which requests a fault is for.
#[derive(Debug, Clone, Default)]
pub struct Matching {
    /// Upper case; None for every method.
    pub method: Option<String>,
    /// Beginning of the request target; None for every target.
    pub target: Option<String>,
}

impl Matching {
    /// Every request.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// A method and the beginning of a target, `("POST", "/invoices")`.
    #[must_use]
    pub fn on(method: &str, target: &str) -> Self {
        Self { method: Some(method.to_owned()), target: Some(target.to_owned()) }
    }

    fn takes(&self, method: &str, target: &str) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted == method)
            && self.target.as_deref().is_none_or(|wanted| target.starts_with(wanted))
    }
}

/// One request that arrived, and the status of its answer.
#[derive(Debug, Clone)]
pub struct Received {
    /// As sent.
    pub method: String,
    /// As sent, with its query.
    pub target: String,
    /// In order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// As sent, chunks joined.
    pub body: Bytes,
    /// 0 where no answer was sent (yet).
    pub status: u16,
}

impl Received {
    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct Script {
    waiting: VecDeque<(Matching, usize, Fault)>,
    journal: Vec<Received>,
}

/// Handle on the script and the journal; clones share them.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Script>>);

impl Faults {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next `times` matching requests meet this fault. Of several that match, the first scripted one counts.
    pub fn next(&self, matching: Matching, times: usize, fault: Fault) {
        self.script().waiting.push_back((matching, times, fault));
    }

    /// Every matching request meets this fault, until [`Faults::clear`].
    pub fn always(&self, matching: Matching, fault: Fault) {
        self.next(matching, usize::MAX, fault);
    }

    /// Forgets all faults that wait; the journal stays.
    pub fn clear(&self) {
        self.script().waiting.clear();
    }

    /// Every request on the API's port since the beginning or the last [`Faults::forget_requests`].
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.script().journal.clone()
    }

    /// Empties the journal.
    pub fn forget_requests(&self) {
        self.script().journal.clear();
    }

    /// Takes the fault for a request, where one waits.
    pub(super) fn take(&self, method: &str, target: &str) -> Option<Fault> {
        let mut script = self.script();
        let place = script.waiting.iter().position(|(matching, _, _)| matching.takes(method, target))?;
        let (_, times, fault) = &mut script.waiting[place];
        let fault = fault.clone();
        *times = times.saturating_sub(usize::from(*times != usize::MAX));
        if *times == 0 {
            script.waiting.remove(place);
        }
        Some(fault)
    }

    /// Notes a request; the number is for [`Faults::answered`].
    pub(super) fn note(&self, received: Received) -> usize {
        let mut script = self.script();
        script.journal.push(received);
        script.journal.len() - 1
    }

    /// Notes the status of an answer.
    pub(super) fn answered(&self, number: usize, status: u16) {
        if let Some(received) = self.script().journal.get_mut(number) {
            received.status = status;
        }
    }
}
