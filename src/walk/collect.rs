//! Collects a request's body, bounded: a signature covers all of it, and its header came first.

use bytes::Bytes;
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::deadline::Deadline;
use crate::contract::ErrorCode;

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CollectError {
    /// Longer than the limit.
    #[error("the body is longer than the limit")]
    TooLong,
    /// Not whole within the time that a shop waits for its answer.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The shop went away, or sent broken chunks.
    #[error("the body ended before its end")]
    Cut,
}

impl CollectError {
    /// The row of the error table.
    #[must_use]
    pub fn code(self) -> ErrorCode {
        match self {
            Self::TooLong => ErrorCode::BodyTooLarge,
            Self::TooSlow | Self::Cut => ErrorCode::MalformedRequest,
        }
    }
}

/// Reads the body to its end.
///
/// # Errors
/// [`CollectError`]; an announced length beyond the limit is refused before a byte is read.
pub async fn collect<B>(body: B, limit: usize, deadline: Deadline) -> Result<Bytes, CollectError>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if body.size_hint().lower() > limit as u64 {
        return Err(CollectError::TooLong);
    }
    let Ok(whole) = deadline.bound(Limited::new(body, limit).collect()).await else {
        return Err(CollectError::TooSlow);
    };
    match whole {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(CollectError::TooLong),
        Err(_) => Err(CollectError::Cut),
    }
}
