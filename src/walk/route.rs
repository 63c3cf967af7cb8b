//! Finds out which call of BitPay's API a request is.

use http::Method;

use crate::contract::endpoints::{self, Params, Row};
use crate::contract::{Endpoint, ErrorCode, Found};

/// Why a request is no call that payferry carries out.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub enum RouteError {
    /// BitPay has it, payferry does not.
    #[error("{} {} is not offered: {}", .0.method, .0.path, .0.refuse.as_deref().unwrap_or_default())]
    NotOffered(&'static Row),
    /// BitPay has the path, with another method.
    #[error("no such method on this path")]
    OtherMethod,
    /// BitPay has no such path.
    #[error("no path of BitPay's API")]
    Unknown,
}

impl RouteError {
    /// The row of the error table.
    #[must_use]
    pub fn code(self) -> ErrorCode {
        match self {
            Self::NotOffered(_) => ErrorCode::EndpointNotOffered,
            Self::OtherMethod => ErrorCode::MethodNotAllowed,
            Self::Unknown => ErrorCode::EndpointUnknown,
        }
    }
}

/// A call that payferry carries out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Which call.
    pub endpoint: Endpoint,
    /// What its path carried.
    pub params: Params,
}

impl Route {
    /// The id in its path; empty where the path has none.
    #[must_use]
    pub fn id(&self) -> &str {
        self.params.id.as_deref().unwrap_or_default()
    }
}

/// What a request is, and its name in the log and in metrics.
#[derive(Debug)]
pub struct Routed {
    /// One of few names, never a path.
    pub label: &'static str,
    /// The call, or why it is none.
    pub route: Result<Route, RouteError>,
}

/// Looks method and path up in the table of BitPay's API.
#[must_use]
pub fn route(method: &Method, path: &str) -> Routed {
    let found = endpoints::find(method.as_str(), path);
    let label = found.label();
    let route = match found {
        Found::Served(endpoint, params) => Ok(Route { endpoint, params }),
        Found::Refused(row) => Err(RouteError::NotOffered(row)),
        Found::MethodNotAllowed => Err(RouteError::OtherMethod),
        Found::Unknown => Err(RouteError::Unknown),
    };
    Routed { label, route }
}
