//! The answer of `GET /supportedWallets`: a stored list (`contract/wallets.json`), because BTCPay
//! has none and a shop only shows it.

use std::sync::LazyLock;

use super::built_in_json;
use crate::json::{Object, Value};

static TABLE: LazyLock<Value> = LazyLock::new(|| built_in_json(include_str!("../../contract/wallets.json")));

/// `{"data":[…]}`, BitPay's list of 2022 as its SDKs hold it.
#[must_use]
pub fn supported_wallets() -> Value {
    let data = TABLE.get("data").cloned().unwrap_or_else(|| Vec::new().into());
    Object::new().with("data", data).into()
}
