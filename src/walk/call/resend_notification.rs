//! `POST /invoices/:id/notifications`: the shop wants to hear the present state again.

use super::Call;
use crate::contract::ErrorCode;
use crate::json::Object;
use crate::walk::answer::Reply;
use crate::walk::authenticate::{Caller, Shop};
use crate::walk::refusal::Refusal;
use crate::walk::resolve::{ResolveError, resolve};

/// BitPay said `Success` when it had taken the wish down (samples of 2014 and 2021), not when the shop had heard.
const SUCCESS: &str = "Success";

pub(super) async fn resend_notification(call: &mut Call<'_>, shop: Shop) -> Result<Reply, Refusal> {
    let (walk, id) = (call.walk, call.route.id());
    call.record.invoice = Some(id.to_owned());
    call.record.store = Some(shop.store.name.clone());
    let caller = Caller::Shop(shop);
    let found = call.deadline.bound(resolve(&caller, id, &walk.ledger, &walk.directory)).await??;
    let row = found.row.ok_or(ResolveError::NotFound)?;
    let asked = walk.ledger.ask_resend(&row.row_id, call.now_ms()).await.map_err(ResolveError::Ledger)?;
    if !asked {
        // The shop's own address is at BTCPay, which cannot be asked to send again; or nobody has it any more.
        let truth =
            "the invoice was made before payferry notified shops, or its texts were erased".to_owned();
        return Err(Refusal::new(ErrorCode::EndpointNotOffered, truth));
    }
    // A full queue loses nothing: the ledger has it.
    let _ = walk.nudges.try_send(row.row_id);
    Ok(crate::json::Value::from(Object::new().with("data", SUCCESS)).into())
}
