//! A refusal on its way to the shop: the row of the error table and, for ops, the truth.

use super::authenticate::AuthenticateError;
use super::collect::CollectError;
use super::create::CreateError;
use super::facts::FactsError;
use super::order::OrderError;
use super::resolve::ResolveError;
use super::route::RouteError;
use super::upstream::UpstreamError;
use crate::contract::{ErrorCode, Generation};
use crate::pairing::PairingError;

/// Why a request is refused.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The row of the error table.
    pub code: ErrorCode,
    /// Which generation's error body the shop reads.
    pub generation: Generation,
    /// What happened, for the log; holds no secret and nothing that the shop sent.
    pub truth: String,
}

impl From<RouteError> for Refusal {
    fn from(error: RouteError) -> Self {
        Self { code: error.code(), generation: error.generation(), truth: error.to_string() }
    }
}

impl From<FactsError> for Refusal {
    fn from(error: FactsError) -> Self {
        Self { code: ErrorCode::UpstreamNotJson, generation: Generation::V2, truth: error.to_string() }
    }
}

macro_rules! refusal_from {
    ($($step:ty),+) => {$(
        impl From<$step> for Refusal {
            fn from(error: $step) -> Self {
                Self { code: error.code(), generation: Generation::V2, truth: error.to_string() }
            }
        }
    )+};
}

refusal_from!(
    CollectError,
    AuthenticateError,
    ResolveError,
    OrderError,
    CreateError,
    UpstreamError,
    PairingError
);
