//! `GET /supportedWallets`: a stored list that a shop only shows; BTCPay has no such call.

use crate::contract::supported_wallets;
use crate::json::Value;

pub(super) fn list() -> Value {
    supported_wallets()
}
