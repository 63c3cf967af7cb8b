//! The error table (`contract/errors.toml`): code, side, status and text of every refusal.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::json::{Object, Value};

/// Every way in which payferry refuses; the table says what each means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "contract/errors.toml explains each, and a test holds both together")]
pub enum ErrorCode {
    MalformedRequest,
    HeadTooLarge,
    BodyTooLarge,
    JsonInvalid,
    JsonTooDeep,
    RequestNotAnObject,
    PriceMissing,
    PriceInvalid,
    PriceNotPositive,
    CurrencyMissing,
    CurrencyInvalid,
    IdentityInvalid,
    SignatureInvalid,
    IdentityUnknown,
    TokenInvalid,
    TokenMissing,
    CredentialMissing,
    ApiKeyUnknown,
    FacadeNotSupported,
    ObjectNotFound,
    EndpointUnknown,
    EndpointNotOffered,
    MethodNotAllowed,
    PairingCodeUnknown,
    PairingCodeExpired,
    PairingCodeUsed,
    PairingIdMissing,
    PairingIdentityTaken,
    PairingRateLimited,
    CreateInProgress,
    DeadlineExceeded,
    LedgerUnavailable,
    InternalError,
    Draining,
    StoreNotPaired,
    UpstreamUnreachable,
    UpstreamTimeout,
    UpstreamCut,
    UpstreamFailed,
    UpstreamNotJson,
    UpstreamRefusedKey,
    UpstreamBackendDown,
    CurrencyUnavailable,
    PriceTooSmall,
    CreateRefused,
}

/// Whose fault a refusal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// What the shop sent.
    Shop,
    /// payferry itself.
    Payferry,
    /// BTCPay Server, or the way to it.
    Btcpay,
}

impl Side {
    /// As it stands in the log and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shop => "shop",
            Self::Payferry => "payferry",
            Self::Btcpay => "btcpay",
        }
    }
}

/// Which generation of BitPay's API an answer is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Generation {
    /// `/api/…`: errors are objects, with status 200.
    V1,
    /// Everything since 2014.
    V2,
}

/// One row of the table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorRow {
    /// Which refusal.
    pub code: ErrorCode,
    /// Whose fault.
    pub side: Side,
    /// HTTP status towards v2 shops.
    pub status: u16,
    /// What the shop reads.
    pub text: String,
    /// What to do about it.
    pub advice: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    error: Vec<ErrorRow>,
}

static ROWS: LazyLock<Vec<ErrorRow>> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the table is part of the program; a test parses it")]
    let table: Table =
        toml::from_str(include_str!("../../contract/errors.toml")).expect("contract/errors.toml");
    table.error
});

/// The whole table, in its own order.
#[must_use]
pub fn error_rows() -> &'static [ErrorRow] {
    &ROWS
}

impl ErrorCode {
    /// Its row. The table has one for every code (a test holds that), in the same order.
    #[must_use]
    pub fn row(self) -> &'static ErrorRow {
        &ROWS[self as usize]
    }

    /// As it stands in the log, in metrics and in `x-payferry-reason`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MalformedRequest => "malformed_request",
            Self::HeadTooLarge => "head_too_large",
            Self::BodyTooLarge => "body_too_large",
            Self::JsonInvalid => "json_invalid",
            Self::JsonTooDeep => "json_too_deep",
            Self::RequestNotAnObject => "request_not_an_object",
            Self::PriceMissing => "price_missing",
            Self::PriceInvalid => "price_invalid",
            Self::PriceNotPositive => "price_not_positive",
            Self::CurrencyMissing => "currency_missing",
            Self::CurrencyInvalid => "currency_invalid",
            Self::IdentityInvalid => "identity_invalid",
            Self::SignatureInvalid => "signature_invalid",
            Self::IdentityUnknown => "identity_unknown",
            Self::TokenInvalid => "token_invalid",
            Self::TokenMissing => "token_missing",
            Self::CredentialMissing => "credential_missing",
            Self::ApiKeyUnknown => "api_key_unknown",
            Self::FacadeNotSupported => "facade_not_supported",
            Self::ObjectNotFound => "object_not_found",
            Self::EndpointUnknown => "endpoint_unknown",
            Self::EndpointNotOffered => "endpoint_not_offered",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::PairingCodeUnknown => "pairing_code_unknown",
            Self::PairingCodeExpired => "pairing_code_expired",
            Self::PairingCodeUsed => "pairing_code_used",
            Self::PairingIdMissing => "pairing_id_missing",
            Self::PairingIdentityTaken => "pairing_identity_taken",
            Self::PairingRateLimited => "pairing_rate_limited",
            Self::CreateInProgress => "create_in_progress",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::LedgerUnavailable => "ledger_unavailable",
            Self::InternalError => "internal_error",
            Self::Draining => "draining",
            Self::StoreNotPaired => "store_not_paired",
            Self::UpstreamUnreachable => "upstream_unreachable",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::UpstreamCut => "upstream_cut",
            Self::UpstreamFailed => "upstream_failed",
            Self::UpstreamNotJson => "upstream_not_json",
            Self::UpstreamRefusedKey => "upstream_refused_key",
            Self::UpstreamBackendDown => "upstream_backend_down",
            Self::CurrencyUnavailable => "currency_unavailable",
            Self::PriceTooSmall => "price_too_small",
            Self::CreateRefused => "create_refused",
        }
    }

    /// HTTP status for one generation.
    #[must_use]
    pub fn status(self, generation: Generation) -> u16 {
        match generation {
            Generation::V1 => 200,
            Generation::V2 => self.row().status,
        }
    }

    /// BitPay's error body.
    ///
    /// v2: one body that every client understands (PHP 2.2 and SDK 7 and 10, npm 5 and 8, PyPI 2.6 and 8, Ruby);
    /// v1: an object under `error`, as perl-client and pyBitPay want it.
    #[must_use]
    pub fn body(self, generation: Generation) -> Value {
        let text = self.row().text.as_str();
        let body = match generation {
            Generation::V1 => {
                let error = Object::new().with("type", self.as_str()).with("message", text);
                Object::new().with("error", error)
            }
            Generation::V2 => Object::new()
                .with("status", "error")
                .with("code", self.as_str())
                .with("message", text)
                .with("error", text),
        };
        Value::Object(body)
    }
}

/// Whether a 400 of BTCPay ("Error retrieving a matching payment method or rate…") means that its node or
/// NBXplorer is down. The words are those of an unknown currency; the tail betrays it
/// (outages nbxplorer-create-down, node-create-down-2).
#[must_use]
pub fn is_backend_outage(text: &str) -> bool {
    text.contains("Full node not available") || text.contains("Unexpected exception")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_row_in_the_same_order() {
        for (index, row) in error_rows().iter().enumerate() {
            assert_eq!(row.code as usize, index, "{}", row.code.as_str());
            assert_eq!(row.code.row().code, row.code);
            assert_eq!(serde_json::to_value(row.code).ok(), Some(row.code.as_str().into()));
            assert!((400..600).contains(&row.status), "{}", row.code.as_str());
            assert!(!row.advice.is_empty() && !row.text.is_empty());
        }
        assert_eq!(error_rows().len(), ErrorCode::CreateRefused as usize + 1);
    }

    #[test]
    fn bodies_are_json_without_null_in_both_generations() {
        for row in error_rows() {
            for generation in [Generation::V1, Generation::V2] {
                let body = row.code.body(generation).to_string();
                assert!(crate::json::parse(body.as_bytes()).is_ok());
                assert!(!body.contains("null"), "{body}");
            }
        }
    }
}
