//! `POST /invoices`, and `POST /api/invoice` before it: an order becomes an invoice at BTCPay, exactly once.

use std::sync::Arc;

use super::Call;
use crate::contract::{Audience, ErrorCode};
use crate::telemetry::CreateOutcome;
use crate::walk::answer::Reply;
use crate::walk::authenticate::{Dialect, Shop};
use crate::walk::create::{Commission, CreateError, Made};
use crate::walk::refusal::Refusal;
use crate::walk::render::{self, Invoice};
use crate::walk::resolve::audience;
use crate::walk::{observe, order};

/// Longest order that a POS token may place, in bytes: anybody has the token, and the ledger keeps the texts.
const LONGEST_POS_BODY: usize = 64 * 1024;

pub(super) async fn create_invoice(call: &mut Call<'_>, shop: Shop) -> Result<Reply, Refusal> {
    let (walk, request) = (call.walk, call.request);
    call.record.store = Some(shop.store.name.clone());
    if shop.dialect == Dialect::PosToken && request.body.len() > LONGEST_POS_BODY {
        return Err(Refusal::new(
            ErrorCode::BodyTooLarge,
            format!("an order with a POS token has at most {LONGEST_POS_BODY} bytes"),
        ));
    }
    let commission = Commission {
        order: order::read(request.members()?)?,
        store: Arc::clone(&shop.store),
        credential_id: Some(shop.credential_id.clone()),
        dialect: shop.dialect.as_str(),
        host: request.host.clone(),
        agent: request.agent.clone(),
        era: request.era(shop.overrides.era),
    };
    let asked_at = call.now_ms();
    let made = walk.creates.make(commission, call.deadline).await;
    call.record.upstream_ms = Some(call.now_ms() - asked_at);
    walk.metrics.create(outcome(&made));
    let made = made?;
    call.record.invoice = Some(made.facts.id.clone());
    let link = walk.upstream.public_url(&shop.store);
    call.record.divergences = observe::observe_create(&made, &link, &call.witness(&shop.store.name));
    let token = walk.secrets.invoice_token(&shop.store.id, &made.facts.id);
    let (facts, words, merchant) = (&*made.facts, Some(&*made.words), &*shop.store.name);
    let invoice = Invoice { facts, words, token: &token, merchant };
    Ok(render::render(&invoice, eyes(&shop, made.repeated), request.era(shop.overrides.era)).into())
}

fn outcome(made: &Result<Made, CreateError>) -> CreateOutcome {
    match made {
        Ok(made) if made.found => CreateOutcome::Found,
        Ok(made) if made.repeated => CreateOutcome::Repeated,
        Ok(_) => CreateOutcome::Created,
        Err(CreateError::Deadline) => CreateOutcome::AfterDeadline,
        Err(error) if error.is_unknown() => CreateOutcome::Unknown,
        Err(_) => CreateOutcome::Refused,
    }
}

/// A POS token stands in public HTML: whoever repeats another customer's order must not read his address.
fn eyes(shop: &Shop, repeated: bool) -> Audience {
    match shop.dialect {
        Dialect::PosToken if repeated => Audience::Public,
        _ => audience(shop.facade),
    }
}
