//! Tells what an answer of BTCPay means: an invoice, "there is none", a refusal, or nothing usable.

use super::forward::UpstreamAnswer;
use crate::contract::ErrorCode;
use crate::contract::errors::of_create_refusal;
use crate::json::{self, Value};

/// Why BTCPay's answer is not what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misunderstood {
    /// 404: no such invoice in that store.
    #[error("BTCPay knows no such invoice")]
    NotFound,
    /// 401 or 403: payferry's own key is not (or no longer) paired with the store.
    #[error("BTCPay refused payferry's key ({0})")]
    KeyRefused(u16),
    /// 400: BTCPay made nothing; the row of the error table says why.
    #[error("BTCPay refused the create: {}", .0.name())]
    Refused(ErrorCode),
    /// 5xx (always an empty body at BTCPay 2.4.1), or a status that makes no sense here.
    #[error("BTCPay failed with status {0}")]
    Failed(u16),
    /// Good status, but HTML or broken JSON: a login page, an error page of something in between.
    #[error("BTCPay's answer is not JSON")]
    NotJson,
}

impl Misunderstood {
    /// The row of the error table.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound => ErrorCode::ObjectNotFound,
            Self::KeyRefused(_) => ErrorCode::UpstreamRefusedKey,
            Self::Refused(code) => *code,
            Self::Failed(_) => ErrorCode::UpstreamFailed,
            Self::NotJson => ErrorCode::UpstreamNotJson,
        }
    }

    /// Whether BTCPay said for certain that it made no invoice.
    #[must_use]
    pub fn nothing_was_made(&self) -> bool {
        !matches!(self, Self::Failed(_) | Self::NotJson)
    }
}

/// Reads the JSON of a good answer.
///
/// # Errors
/// [`Misunderstood`], by status and text.
pub fn understand(answer: &UpstreamAnswer) -> Result<Value, Misunderstood> {
    match answer.status {
        200 | 201 => json::parse(&answer.body).map_err(|_| Misunderstood::NotJson),
        400 => Err(refusal(&answer.body)),
        401 | 403 => Err(Misunderstood::KeyRefused(answer.status)),
        404 if answer.content_type.starts_with("application/json") => Err(Misunderstood::NotFound),
        other => Err(Misunderstood::Failed(other)),
    }
}

/// The text itself is for nobody: it carries BTCPay's log with inner addresses.
fn refusal(body: &[u8]) -> Misunderstood {
    let body = json::parse(body);
    let text = body.as_ref().ok().and_then(|body| body.get("error")).and_then(Value::as_str);
    Misunderstood::Refused(of_create_refusal(text.unwrap_or_default()))
}
