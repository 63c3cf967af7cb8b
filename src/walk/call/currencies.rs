//! `GET /currencies`: what a shop may price in. BTCPay has no such call; old clients read it while they start.

use super::Call;
use crate::contract::currencies;
use crate::json::Value;

pub(super) fn list(call: &Call<'_>) -> Value {
    currencies(call.request.era(None))
}
