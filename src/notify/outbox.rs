//! What a shop is sent: written with the step that it tells, delivered as it was written.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::attend::{Case, Turn};
use super::look::Looked;
use super::schedule::next_try;
use super::{Notifier, Wants, body, selected, signature};
use crate::contract::Form;
use crate::delivery::{DeliveryError, Roots, Target};
use crate::json::Value;
use crate::ledger::{LedgerError, NewNotification, Settled, Waiting};
use crate::pairing::token_text;
use crate::presented::{Event, Speed, Step};
use crate::walk::render::Invoice;

/// When a delivery finds no free place at its shop, it asks again after so many ms, and longer the more find none.
const NO_PLACE_MS: i64 = 500;
const NO_PLACE_MOST_MS: i64 = 30_000;

static SIGNATURE: HeaderName = HeaderName::from_static("x-signature");
static AGENT: LazyLock<HeaderValue> = LazyLock::new(|| HeaderValue::from_static("BitPay-IPN"));

/// The notification of one step, where the shop asked for it and gave an address.
pub(super) fn written(
    notifier: &Notifier,
    case: &Case<'_>,
    looked: &Looked,
    step: &Step,
    event: Event,
) -> Option<NewNotification> {
    let form = notifier.form(case, event)?;
    Some(notification(notifier, case, looked, step, (notifier.name(), event, form)))
}

/// The one that waits, written anew for a step that is not told: a shop that is sent it later must hear what a
/// read says by then, and must hear it, for nothing else tells it. BitPay's notifications, too, showed the
/// status of the moment in which they were sent.
pub(super) fn rewritten(
    notifier: &Notifier,
    case: &Case<'_>,
    looked: &Looked,
    step: &Step,
) -> Option<NewNotification> {
    let (waiting, presented) = (case.invoice.waiting.as_ref()?, &case.invoice.row.presented);
    let was = Event::of_code(waiting.event).ok()?;
    let event = match step.then.status == presented.status {
        true if step.then.exception == presented.exception => return None,
        true => was,
        false => Event::telling(step.then.status)?,
    };
    // Every shop that is told anything is told a repeat, in the form of all that it is told.
    let form = notifier.form(case, Event::ManuallyNotified)?;
    Some(notification(notifier, case, looked, step, (waiting.id.clone(), event, form)))
}

fn notification(
    notifier: &Notifier,
    case: &Case<'_>,
    looked: &Looked,
    step: &Step,
    (id, event, form): (String, Event, Form),
) -> NewNotification {
    let row = &case.invoice.row;
    let facts = looked.facts.as_told(&step.then);
    let token = notifier.secrets.invoice_token(&row.store_id, &facts.id);
    let invoice =
        Invoice { facts: &facts, words: Some(case.words), token: &token, merchant: &case.store.name };
    let body = body(form, event, &invoice, case.invoice.row.era);
    let mut nonce = [0; 24];
    (notifier.random)(&mut nonce);
    let body_sealed = notifier.secrets.seal(&context(&id), nonce, body.as_bytes());
    let status = step.then.status.as_str().to_owned();
    NewNotification { id, event: event.code(), status, body_sealed }
}

/// Outcomes of deliveries that the ledger could not keep yet, by the notification's id. A shop that took a
/// notification must not get it again because a disk is full.
#[derive(Default)]
pub(super) struct Unkept(Mutex<HashMap<String, Outcome>>);

/// What became of one try.
#[derive(Clone)]
struct Outcome {
    /// Tries before it, and when it was due: a replay begins again with no tries and another time.
    tried: (u32, i64),
    settled: Settled,
    result: &'static str,
}

impl Unkept {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Outcome>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of this try; that of another one is out of date.
    fn of(&self, waiting: &Waiting) -> Option<Outcome> {
        self.all()
            .get(&waiting.id)
            .filter(|outcome| outcome.tried == (waiting.tries, waiting.next_at))
            .cloned()
    }
}

impl Notifier {
    /// Tries once; keeps what became of it before anything else is done for the invoice.
    pub(super) async fn deliver(&self, case: &Case<'_>, waiting: &Waiting) -> Result<Turn, LedgerError> {
        if let Some(outcome) = self.unkept.of(waiting) {
            self.keep(waiting, &outcome).await?;
            return Ok(Turn::Again);
        }
        let target = match Target::parse(address(case).unwrap_or_default()) {
            Ok(target) => target,
            Err(error) => {
                let outcome = Err(DeliveryError::Target(error));
                return self.settle(case, waiting, &outcome).await.map(|()| Turn::Again);
            }
        };
        let place = match self.hosts.take(target.authority()) {
            Ok(place) => place,
            Err(refused) => {
                let ms = NO_PLACE_MS.saturating_mul(1 + refused).min(NO_PLACE_MOST_MS);
                return Ok(Turn::Sleep(Some((self.clock)() + ms)));
            }
        };
        let Ok(body) = self.secrets.open(&context(&waiting.id), &waiting.body_sealed) else {
            // It will never be readable; what the invoice has to tell next must not wait for it.
            let now_ms = (self.clock)();
            self.ledger.settle_notification(waiting, Settled::Parked, "body_unreadable", now_ms).await?;
            return Err(LedgerError::Unreadable("notification body"));
        };
        let pinned = case.store.shop_ca_pem.as_ref().and_then(|pem| Roots::only(pem.as_bytes()).ok());
        let headers = self.headers(case, &body);
        let body = Bytes::copy_from_slice(&body);
        let outcome = self.deliveries.post(&target, pinned.as_ref(), headers, body).await;
        place.end(outcome.is_ok());
        self.settle(case, waiting, &outcome).await?;
        Ok(Turn::Again)
    }

    fn headers(&self, case: &Case<'_>, body: &[u8]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, AGENT.clone());
        let token = case.credential.and_then(|credential| token_text(&self.secrets, credential));
        let signature = token.and_then(|token| HeaderValue::from_str(&signature(&token, body)).ok());
        if let Some(signature) = signature {
            headers.insert(SIGNATURE.clone(), signature);
        }
        headers
    }

    async fn settle(
        &self,
        case: &Case<'_>,
        waiting: &Waiting,
        outcome: &Result<u16, DeliveryError>,
    ) -> Result<(), LedgerError> {
        let now_ms = (self.clock)();
        let (settled, result) = match outcome {
            Ok(_) => (Settled::Delivered, "delivered"),
            Err(error) if error.is_final() => (Settled::Parked, error.code()),
            Err(error) => (self.again(waiting, now_ms), error.code()),
        };
        self.metrics.delivery(&case.store.name, result);
        if let Err(error) = outcome {
            let (invoice, store) = (case.invoice.row.invoice_id.as_deref(), &case.store.name);
            let (event, tries) = (waiting.event, waiting.tries + 1);
            match settled {
                Settled::Again(next_at_ms) => {
                    tracing::warn!(target: "notification", invoice, store, event, tries, result, next_at_ms, %error, "not delivered");
                }
                _ => {
                    tracing::warn!(target: "notification", invoice, store, event, tries, result, %error, "notification_given_up");
                }
            }
        }
        self.keep(waiting, &Outcome { tried: (waiting.tries, waiting.next_at), settled, result }).await
    }

    /// Keeps what became of a try, in memory until the ledger has it.
    async fn keep(&self, waiting: &Waiting, outcome: &Outcome) -> Result<(), LedgerError> {
        let (id, now_ms) = (&waiting.id, (self.clock)());
        let Outcome { settled, result, .. } = outcome.clone();
        let kept = self.ledger.settle_notification(waiting, settled, result, now_ms).await;
        match &kept {
            Ok(()) => self.unkept.all().remove(id),
            Err(_) => self.unkept.all().insert(id.clone(), outcome.clone()),
        };
        kept
    }

    /// The form in which this event goes to the shop of the invoice; None where BitPay would not have sent it.
    pub(super) fn form(&self, case: &Case<'_>, event: Event) -> Option<Form> {
        let fixed = case.credential.and_then(|credential| credential.overrides.notification_form);
        selected(
            &Wants::of_words(case.words, case.invoice.row.era, Speed::Medium, fixed.map(Form::from)),
            event,
        )
    }

    fn again(&self, waiting: &Waiting, now_ms: i64) -> Settled {
        let after: Vec<i64> = self
            .config
            .retry_after_seconds
            .iter()
            .map(|seconds| i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX))
            .collect();
        next_try(waiting.tries + 1, &after, now_ms).map_or(Settled::Parked, Settled::Again)
    }
}

/// The address that the shop gave.
fn address<'a>(case: &Case<'a>) -> Option<&'a str> {
    case.words.get("notificationURL").and_then(Value::as_str).filter(|url| !url.trim().is_empty())
}

/// Associated data under which a notification's body is sealed.
#[must_use]
pub fn context(notification_id: &str) -> String {
    format!("notification-body/{notification_id}")
}
