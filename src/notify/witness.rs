//! Notes how BTCPay's notifications, and what it says of an invoice when nobody asked, are not BitPay's.
//! A shop that is told does not read, so that money that went another way is seen here alone.

use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;
use tokio::sync::Semaphore;

use super::Notifier;
use super::attend::Case;
use crate::divergence::{
    BtcpayCall, Divergence, Notification, Sequence, created_before_answer, inspect_change,
    inspect_notification, inspect_public_status,
};
use crate::journal::{Sighting, noted_agent, proves};
use crate::json::{Number, Value};
use crate::ledger::Notified;
use crate::walk::observe::{Witness, observe_read};
use crate::walk::understand::Misunderstood;
use crate::walk::upstream::UpstreamError;

/// Notifications that are looked at together; more are counted as dropped.
const AT_ONCE: usize = 32;
/// A new invoice.
const CREATED: i64 = 1001;

/// A notification that came in.
pub(super) struct Arrived {
    /// The unguessable name of its invoice.
    pub(super) id: String,
    pub(super) headers: HeaderMap,
    /// Whether its body has more than one line.
    pub(super) many_lines: bool,
    pub(super) members: Value,
}

/// What is known of the notifications that came before.
pub(super) struct Notifications {
    room: Arc<Semaphore>,
    sequence: Mutex<Sequence>,
}

impl Default for Notifications {
    fn default() -> Self {
        Self { room: Arc::new(Semaphore::new(AT_ONCE)), sequence: Mutex::default() }
    }
}

impl Notifier {
    /// Notes what BTCPay says of an invoice, with the shop that made it.
    pub(super) fn observe_look(&self, case: &Case<'_>, answer: &Value) {
        let (invoice, store) = (case.invoice, case.store);
        let agent = noted_agent(&invoice.agent, proves(&invoice.dialect));
        let witness = Witness { store: &store.name, agent, journal: &self.journal };
        observe_read(answer, Some(case.words), &self.upstream.public_url(store), &witness);
        let back = inspect_change(invoice.row.presented.status.as_str(), answer);
        self.witnessed(BtcpayCall::ReadInvoice, (&store.name, agent), back.into_iter().collect());
    }

    /// Notes what the checkout shows to anybody.
    pub(super) fn observe_public(&self, case: &Case<'_>, answer: Result<&Value, &UpstreamError>) {
        let found = match answer {
            Ok(answer) => inspect_public_status(Some(answer)),
            Err(UpstreamError::Misunderstood(Misunderstood::NotFound | Misunderstood::Failed(404))) => {
                inspect_public_status(None)
            }
            Err(_) => None,
        };
        let agent = noted_agent(&case.invoice.agent, proves(&case.invoice.dialect));
        let found = found.into_iter().collect();
        self.witnessed(BtcpayCall::ReadInvoice, (&case.store.name, agent), found);
    }

    /// Looks at a notification beside its intake, which never waits for it.
    pub(super) fn observe_notification(self: &Arc<Self>, arrived: Arrived) {
        let Ok(place) = Arc::clone(&self.notifications.room).try_acquire_owned() else {
            return self.metrics.divergences_dropped(1);
        };
        let notifier = Arc::clone(self);
        tokio::spawn(async move {
            // Nobody is believed who does not know the name of an invoice.
            if let Ok(Some(notified)) = notifier.ledger.notified(&arrived.id).await {
                let found = notifier.inspect(&arrived, &notified);
                let agent = noted_agent(&notified.agent, proves(&notified.dialect));
                notifier.witnessed(BtcpayCall::Notification, (&notified.store, agent), found);
            }
            drop(place);
        });
    }

    fn inspect(&self, arrived: &Arrived, notified: &Notified) -> Vec<Divergence> {
        let Arrived { id, headers, many_lines, members } = arrived;
        let mut found =
            inspect_notification(&Notification { headers, many_lines: *many_lines, body: members });
        let code = members.get("event").and_then(|event| event.get("code")).and_then(Value::as_number);
        if code.and_then(Number::as_i64) == Some(CREATED) && !notified.answered {
            found.extend(created_before_answer());
        }
        let mut sequence = self.notifications.sequence.lock().unwrap_or_else(PoisonError::into_inner);
        found.extend(sequence.inspect(id, members, (self.clock)()));
        found
    }

    fn witnessed(&self, call: BtcpayCall, (store, agent): (&str, &str), found: Vec<Divergence>) {
        self.journal.note(&Sighting { endpoint: call.name(), store, agent }, found);
    }
}
