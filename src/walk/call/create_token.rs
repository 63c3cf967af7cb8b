//! `POST /tokens`: a shop enters a code, or asks for one.

use super::Call;
use crate::contract::Endpoint;
use crate::pairing::TokenRequest;
use crate::walk::answer::Reply;
use crate::walk::refusal::Refusal;
use crate::walk::{authenticate, order};

pub(super) async fn create_token(call: &Call<'_>) -> Result<Reply, Refusal> {
    let Call { walk, request, .. } = call;
    let body = order::parse(&request.body)?;
    let presented = request.presented(Endpoint::CreateToken, "", &walk.limits.url_ports);
    let signer = authenticate::signer(&presented, walk.register());
    let asked = TokenRequest::read(&body, signer.as_ref(), request.arrival.peer.ip())?;
    let token = call.deadline.bound(walk.pairing.token(asked, call.now_ms())).await??;
    Ok(token.to_json().into())
}
