//! A refusal on its way to the shop: the row of the error table and, for ops, the truth.

use super::authenticate::AuthenticateError;
use super::collect::CollectError;
use super::create::CreateError;
use super::deadline::Passed;
use super::facts::FactsError;
use super::filter::FilterError;
use super::listing::ListingError;
use super::order::OrderError;
use super::resolve::ResolveError;
use super::route::RouteError;
use super::upstream::UpstreamError;
use crate::contract::{ErrorCode, Generation};
use crate::pairing::PairingError;
use crate::rates::SourceError;

/// Why a request is refused.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The row of the error table.
    pub code: ErrorCode,
    /// Which generation's error body the shop reads.
    pub generation: Generation,
    /// Stands in the text of rows that have a place for it; nothing secret.
    pub detail: Option<String>,
    /// What happened, for the log; holds no secret and nothing that the shop sent.
    pub truth: String,
}

impl Refusal {
    /// A refusal in the newer generation's body; [`Refusal::for_generation`] sets the other.
    #[must_use]
    pub fn new(code: ErrorCode, truth: String) -> Self {
        Self { code, generation: Generation::V2, detail: None, truth }
    }

    /// The same for the generation that the shop speaks.
    #[must_use]
    pub fn for_generation(self, generation: Generation) -> Self {
        Self { generation, ..self }
    }
}

impl From<FilterError> for Refusal {
    fn from(error: FilterError) -> Self {
        Self { detail: Some(error.parameter.to_owned()), ..Self::new(error.code(), error.to_string()) }
    }
}

impl From<FactsError> for Refusal {
    fn from(error: FactsError) -> Self {
        Self::new(ErrorCode::UpstreamNotJson, error.to_string())
    }
}

impl From<Passed> for Refusal {
    fn from(passed: Passed) -> Self {
        Self::new(ErrorCode::DeadlineExceeded, passed.to_string())
    }
}

macro_rules! refusal_from {
    ($($step:ty),+) => {$(
        impl From<$step> for Refusal {
            fn from(error: $step) -> Self {
                Self::new(error.code(), error.to_string())
            }
        }
    )+};
}

refusal_from!(
    RouteError,
    CollectError,
    AuthenticateError,
    ResolveError,
    OrderError,
    CreateError,
    UpstreamError,
    PairingError,
    SourceError,
    ListingError
);
