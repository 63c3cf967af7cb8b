//! What a shop is sent: written with the step that it tells, delivered as it was written.

use std::sync::LazyLock;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::attend::{Case, Turn};
use super::look::Looked;
use super::schedule::next_try;
use super::{Notifier, Wants, body, selected, signature};
use crate::contract::Form;
use crate::delivery::{DeliveryError, Roots, Target};
use crate::directory::Entry;
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
    let row = &case.invoice.row;
    let era = case.invoice.era;
    let fixed = notifier.credential(case).and_then(|entry| entry.credential.overrides.notification_form);
    let form = selected(&Wants::of_words(case.words, era, Speed::Medium, fixed.map(Form::from)), event)?;
    let facts = looked.facts.as_told(&step.then);
    let token = notifier.secrets.invoice_token(&row.store_id, &facts.id);
    let invoice =
        Invoice { facts: &facts, words: Some(case.words), token: &token, merchant: &case.store.name };
    let body = body(form, event, &invoice, era);
    let id = notifier.name();
    let mut nonce = [0; 24];
    (notifier.random)(&mut nonce);
    let body_sealed = notifier.secrets.seal(&context(&id), nonce, body.as_bytes());
    let status = step.then.status.as_str().to_owned();
    Some(NewNotification { id, event: event.code(), status, body_sealed })
}

impl Notifier {
    /// Tries once; keeps what became of it before anything else is done for the invoice.
    pub(super) async fn deliver(&self, case: &Case<'_>, waiting: &Waiting) -> Result<Turn, LedgerError> {
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
            let (id, tries) = (&waiting.id, waiting.tries);
            self.ledger.settle_notification(id, tries, Settled::Parked, "body_unreadable", now_ms).await?;
            return Err(LedgerError::Unreadable("notification body"));
        };
        let pinned = case.store.shop_ca_pem.as_ref().and_then(|pem| Roots::only(pem.as_bytes()).ok());
        let headers = self.headers(case, &body);
        let body = Bytes::copy_from_slice(&body);
        let outcome = self.deliveries.post(&target, pinned.as_ref(), headers, body).await;
        drop(place);
        self.settle(case, waiting, &outcome).await?;
        Ok(Turn::Again)
    }

    fn headers(&self, case: &Case<'_>, body: &[u8]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, AGENT.clone());
        let token = self.credential(case).and_then(|entry| token_text(&self.secrets, &entry.credential));
        let signature = token.and_then(|token| HeaderValue::from_str(&signature(&token, body)).ok());
        if let Some(signature) = signature {
            headers.insert(SIGNATURE.clone(), signature);
        }
        headers
    }

    /// The credential that made the invoice, where it is still there.
    fn credential(&self, case: &Case<'_>) -> Option<Entry> {
        self.directory.credential(case.invoice.credential_id.as_deref()?)
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
        self.ledger.settle_notification(&waiting.id, waiting.tries, settled, result, now_ms).await?;
        self.metrics.delivery(&case.store.name, result);
        if let Err(error) = outcome {
            let (invoice, store) = (case.invoice.row.invoice_id.as_deref(), &case.store.name);
            let (event, tries) = (waiting.event, waiting.tries + 1);
            let next_at_ms = if let Settled::Again(at) = settled { Some(at) } else { None };
            tracing::warn!(target: "notification", invoice, store, event, tries, result, next_at_ms, %error, "not delivered");
        }
        Ok(())
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
