//! `GET /invoices/guid/:guid`: an invoice by the name that the shop gave it. BTCPay forgets it, the ledger does not.

use super::Call;
use super::read_invoice::show;
use crate::walk::answer::Reply;
use crate::walk::authenticate::Shop;
use crate::walk::refusal::Refusal;
use crate::walk::resolve::by_guid;

pub(super) async fn read_by_guid(call: &mut Call<'_>, shop: &Shop) -> Result<Reply, Refusal> {
    let guid = call.route.params.guid.as_deref().unwrap_or_default();
    call.record.store = Some(shop.store.name.clone());
    let (found, id) = call.deadline.bound(by_guid(shop, guid, &call.walk.ledger)).await??;
    call.record.invoice = Some(id.clone());
    show(call, &found, &id).await
}
