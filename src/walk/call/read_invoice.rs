//! `GET /invoices/:id`, signed, by POS token, by API key or bare; `GET /api/invoice/:id` before it.

use super::Call;
use crate::contract::Audience;
use crate::walk::answer::Reply;
use crate::walk::authenticate::Caller;
use crate::walk::create::{CreateError, open_words};
use crate::walk::facts::Facts;
use crate::walk::observe;
use crate::walk::present::present;
use crate::walk::refusal::Refusal;
use crate::walk::render::{self, Invoice};
use crate::walk::resolve::{Destination, ResolveError, resolve};

pub(super) async fn read_invoice(call: &mut Call<'_>, caller: &Caller) -> Result<Reply, Refusal> {
    let (walk, id) = (call.walk, call.route.id());
    call.record.invoice = Some(id.to_owned());
    let found = call.deadline.bound(resolve(caller, id, &walk.ledger, &walk.directory)).await?;
    let found = found.map_err(|error| refusal(call, caller, error))?;
    show(call, &found, id).await
}

/// Reads the invoice at BTCPay and writes it for whoever may see it.
pub(super) async fn show(call: &mut Call<'_>, found: &Destination, id: &str) -> Result<Reply, Refusal> {
    let (walk, store) = (call.walk, &found.store);
    call.record.store = Some(store.name.clone());
    let asked_at = call.now_ms();
    let answer = walk.upstream.read_invoice(store, id, call.deadline.left()).await;
    call.record.upstream_ms = Some(call.now_ms() - asked_at);
    let answer = answer?;
    let words = match &found.row {
        Some(row) => open_words(&walk.secrets, row).map_err(CreateError::Sealed)?,
        None => None,
    };
    let link = walk.upstream.public_url(store);
    call.record.divergences =
        observe::observe_read(&answer, words.as_ref(), &link, &call.witness(&store.name));
    let mut facts = Facts::of_answer(&answer)?;
    if let Some(row) = &found.row {
        walk.nudge(row, &facts);
        facts = present(facts, row);
    }
    let token = walk.secrets.invoice_token(&store.id, &facts.id);
    let invoice = Invoice { facts: &facts, words: words.as_ref(), token: &token, merchant: &store.name };
    let made_in = found.row.as_ref().filter(|_| found.audience == Audience::Public).map(|row| row.era);
    Ok(render::render(&invoice, found.audience, call.request.era_of(found.era, made_in)).into())
}

/// An id that opens nothing, with a credential that opens nothing: the credential is what is wrong. BitPay's
/// plugins try a POS token so: `GET /invoices/1?token=…` finds no invoice with a good one, and no token else.
fn refusal(call: &Call<'_>, caller: &Caller, error: ResolveError) -> Refusal {
    let Caller::Nobody(unknown) = caller else { return error.into() };
    let presented = call.request.presented(call.route.endpoint, call.route.id(), &call.walk.limits.url_ports);
    match error {
        ResolveError::NotFound => {
            let refused = unknown.refused(&call.walk.strangers, presented.sight());
            refused.map_or_else(|| error.into(), Refusal::from)
        }
        ResolveError::Ledger(_) => error.into(),
    }
}
