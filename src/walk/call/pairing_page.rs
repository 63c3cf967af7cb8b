//! `/api-access-request?pairingCode=…&redirect=…` and `/dashboard/merchant/api-tokens`: where shops send their
//! merchant to approve a code.

use http::StatusCode;

use super::Call;
use crate::contract::ErrorCode;
use crate::pairing::{PairingError, Standing, page, way_back};
use crate::walk::answer::Reply;
use crate::walk::refusal::Refusal;

/// Back to the shop (OpenCart's `redirect`) only for a code that the operator approved: for nobody else is this
/// address a door to another site.
pub(super) async fn pairing_page(call: &mut Call<'_>) -> Result<Reply, Refusal> {
    let now = call.now_ms();
    let (code, redirect) = (call.request.query("pairingCode"), call.request.query("redirect"));
    let look = call.walk.pairing.look(code.as_deref(), call.request.arrival.peer.ip(), now);
    let standing = call.deadline.bound(look).await?;
    if standing == Standing::Approved
        && let Some(back) = redirect.as_deref().and_then(way_back)
    {
        return Ok(Reply::Redirect(back));
    }
    note(call, &standing);
    let status = StatusCode::from_u16(standing.status()).unwrap_or(StatusCode::OK);
    let html = page(&standing, now).ok_or_else(|| {
        Refusal::new(ErrorCode::InternalError, "the pairing page could not be written".to_owned())
    })?;
    Ok(Reply::Page(status, html))
}

/// For the request log: what the merchant was told instead.
fn note(call: &mut Call<'_>, standing: &Standing) {
    let error = match standing {
        Standing::Unknown(error) => error.clone(),
        Standing::Expired => PairingError::CodeExpired,
        _ => return,
    };
    call.record.reason = error.code().name();
    call.record.side = Some(error.code().row().side);
    call.record.truth = error.to_string();
}
