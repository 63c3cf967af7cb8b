//! Finds out which call of BitPay's API a request is.

use http::Method;

use crate::contract::{Endpoint, EndpointRow, ErrorCode, Found, Generation, find_endpoint};

/// Why a request is no call that payferry carries out.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub enum RouteError {
    /// BitPay has it, payferry does not.
    #[error("{} {} is not offered: {}", .0.method, .0.path, .0.refuse.as_deref().unwrap_or_default())]
    NotOffered(&'static EndpointRow),
    /// BitPay has the path, with another method.
    #[error("no such method on this path")]
    OtherMethod(Generation),
    /// BitPay has no such path.
    #[error("no path of BitPay's API")]
    Unknown(Generation),
}

impl RouteError {
    /// The row of the error table.
    #[must_use]
    pub fn code(self) -> ErrorCode {
        match self {
            Self::NotOffered(_) => ErrorCode::EndpointNotOffered,
            Self::OtherMethod(_) => ErrorCode::MethodNotAllowed,
            Self::Unknown(_) => ErrorCode::EndpointUnknown,
        }
    }

    /// Which generation's error body the shop reads.
    #[must_use]
    pub fn generation(self) -> Generation {
        match self {
            Self::NotOffered(row) => row.api,
            Self::OtherMethod(generation) | Self::Unknown(generation) => generation,
        }
    }

    /// Its name in the log and in metrics.
    #[must_use]
    pub fn endpoint(self) -> &'static str {
        match self {
            Self::NotOffered(_) => "refused",
            Self::OtherMethod(_) | Self::Unknown(_) => "unknown",
        }
    }
}

/// A call that payferry carries out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Which call.
    pub endpoint: Endpoint,
    /// The id in its path; empty where the path has none.
    pub id: String,
}

/// Looks method and path up in the table of BitPay's API.
///
/// # Errors
/// [`RouteError`].
pub fn route(method: &Method, path: &str) -> Result<Route, RouteError> {
    let generation = if path.starts_with("/api/") { Generation::V1 } else { Generation::V2 };
    match find_endpoint(method.as_str(), path) {
        Found::Row(row, id) => match row.serve {
            Some(endpoint) => Ok(Route { endpoint, id: id.unwrap_or_default() }),
            None => Err(RouteError::NotOffered(row)),
        },
        Found::OtherMethod => Err(RouteError::OtherMethod(generation)),
        Found::Nothing => Err(RouteError::Unknown(generation)),
    }
}
