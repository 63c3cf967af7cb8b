//! What a shop hears when something fails (`contract/errors.toml`).

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::Generation;
use crate::json::{Object, Value};

/// Longest detail that goes into a body, in characters.
const LONGEST_DETAIL: usize = 200;

/// Declares the enum and the list of its variants in one place.
macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Every way in which payferry does not give a shop what it asked for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
        }

        impl ErrorCode {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name in logs, metrics and the reason header; never changes.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

error_codes! {
    /// The request is not HTTP that payferry reads.
    MalformedRequest = "malformed_request",
    /// The request line and headers are larger than the limit.
    HeadTooLarge = "head_too_large",
    /// The request line and headers did not arrive in time.
    HeadTimeout = "head_timeout",
    /// The body is larger than the limit.
    BodyTooLarge = "body_too_large",
    /// The body is not JSON.
    JsonInvalid = "json_invalid",
    /// The body is nested deeper than the limit.
    JsonTooDeep = "json_too_deep",
    /// The body is JSON, but no object.
    RequestNotAnObject = "request_not_an_object",
    /// No price.
    PriceMissing = "price_missing",
    /// A price that is no plain number.
    PriceInvalid = "price_invalid",
    /// A price of zero or below.
    PriceNotPositive = "price_not_positive",
    /// No currency.
    CurrencyMissing = "currency_missing",
    /// A currency that is not three letters.
    CurrencyInvalid = "currency_invalid",
    /// An object or array where a text belongs; the detail names the member.
    TextInvalid = "text_invalid",
    /// No truth value where one belongs; the detail names the member.
    BooleanInvalid = "boolean_invalid",
    /// `x-identity` is no public key.
    IdentityInvalid = "identity_invalid",
    /// The signature does not fit the key, the URL and the body.
    SignatureInvalid = "signature_invalid",
    /// The signature is good, but nobody knows the key.
    IdentityUnknown = "identity_unknown",
    /// The token is unknown or another key's.
    TokenInvalid = "token_invalid",
    /// A private call without a token.
    TokenMissing = "token_missing",
    /// A private call without any credential.
    CredentialMissing = "credential_missing",
    /// An unknown v1 API key.
    ApiKeyUnknown = "api_key_unknown",
    /// A token whose facade may not do this; the detail names the facade.
    FacadeNotSupported = "facade_not_supported",
    /// No such invoice for this shop.
    ObjectNotFound = "object_not_found",
    /// BitPay has no such path.
    EndpointUnknown = "endpoint_unknown",
    /// BitPay has it, payferry does not.
    EndpointNotOffered = "endpoint_not_offered",
    /// BitPay has the path, with other methods.
    MethodNotAllowed = "method_not_allowed",
    /// No such pairing code.
    PairingCodeUnknown = "pairing_code_unknown",
    /// The pairing code is too old.
    PairingCodeExpired = "pairing_code_expired",
    /// The pairing code has served.
    PairingCodeUsed = "pairing_code_used",
    /// Pairing without a SIN.
    PairingIdMissing = "pairing_id_missing",
    /// The key belongs to another store.
    PairingIdentityTaken = "pairing_identity_taken",
    /// Too many pairings from one address.
    PairingRateLimited = "pairing_rate_limited",
    /// An earlier create with the same guid has not ended.
    CreateInProgress = "create_in_progress",
    /// The time for an answer is over.
    DeadlineExceeded = "deadline_exceeded",
    /// The ledger cannot be used.
    LedgerUnavailable = "ledger_unavailable",
    /// A bug.
    InternalError = "internal_error",
    /// The process is stopping.
    Draining = "draining",
    /// More work than the limits allow.
    Overloaded = "overloaded",
    /// The store has no connection to BTCPay yet.
    StoreNotPaired = "store_not_paired",
    /// The store names a BTCPay server that the configuration does not have.
    StoreServerUnknown = "store_server_unknown",
    /// The store at BTCPay has no wallet.
    StoreWithoutWallet = "store_without_wallet",
    /// BTCPay takes no connection.
    UpstreamUnreachable = "upstream_unreachable",
    /// BTCPay did not answer in time.
    UpstreamTimeout = "upstream_timeout",
    /// BTCPay closed inside an answer.
    UpstreamCut = "upstream_cut",
    /// BTCPay answered 5xx.
    UpstreamFailed = "upstream_failed",
    /// BTCPay's answer is not JSON.
    UpstreamNotJson = "upstream_not_json",
    /// BTCPay answered 401 or 403 to payferry's own key.
    UpstreamRefusedKey = "upstream_refused_key",
    /// BTCPay runs, its node or NBXplorer does not.
    UpstreamBackendDown = "upstream_backend_down",
    /// No rate or payment method for this currency.
    CurrencyUnavailable = "currency_unavailable",
    /// A query that cannot be meant; the detail names the parameter.
    ParameterInvalid = "parameter_invalid",
    /// A currency that BitPay has no rates of, or in.
    RateUnknown = "rate_unknown",
    /// BTCPay answered without a single rate.
    RatesUnavailable = "rates_unavailable",
    /// Nobody said whose rates a request without credential gets.
    RatesStoreMissing = "rates_store_missing",
    /// Below the dust limit.
    PriceTooSmall = "price_too_small",
    /// Another 400 of BTCPay's for a create.
    CreateRefused = "create_refused",
}

/// Who has to act on a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The shop's request; pages nobody.
    Shop,
    /// payferry or its configuration.
    Payferry,
    /// BTCPay or what it stands on.
    Btcpay,
    /// BitPay itself, for what is still there.
    Bitpay,
}

impl Side {
    /// Its name in logs and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Shop => "shop",
            Self::Payferry => "payferry",
            Self::Btcpay => "btcpay",
            Self::Bitpay => "bitpay",
        }
    }
}

/// One row of the table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorRow {
    /// HTTP status for v2.
    pub status: u16,
    /// HTTP status for v1: 200 unless the failure is one of HTTP itself.
    #[serde(default = "ok")]
    pub status_v1: u16,
    /// What the shop reads; `{detail}` is replaced.
    pub text: String,
    /// Replaces `{detail}` when none is given.
    pub detail: Option<String>,
    /// BitPay's six digits.
    pub code: String,
    /// `error.type` of v1.
    #[serde(rename = "type")]
    pub v1_type: String,
    /// Who has to act.
    pub side: Side,
    /// Which clients read it.
    pub needed_by: String,
    /// What the operator should do.
    pub ops: String,
}

fn ok() -> u16 {
    200
}

static ROWS: LazyLock<HashMap<ErrorCode, ErrorRow>> =
    LazyLock::new(|| super::built_in(include_str!("../../contract/errors.toml")));

impl ErrorCode {
    /// Its row.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test asserts a row for every variant")]
    pub fn row(self) -> &'static ErrorRow {
        ROWS.get(&self).expect("every error has a row")
    }

    /// The HTTP status for a generation.
    #[must_use]
    pub fn status(self, generation: Generation) -> u16 {
        match generation {
            Generation::V1 => self.row().status_v1,
            Generation::V2 => self.row().status,
        }
    }

    /// What the shop reads. A detail stands where the row has a place for it, else in brackets
    /// after the text; it is cut at 200 characters and must hold nothing secret.
    #[must_use]
    pub fn text(self, detail: Option<&str>) -> String {
        let row = self.row();
        let detail = detail.map(|text| text.chars().take(LONGEST_DETAIL).collect::<String>());
        if row.text.contains("{detail}") {
            let detail = detail.or_else(|| row.detail.clone()).unwrap_or_default();
            return row.text.replace("{detail}", &detail);
        }
        match detail {
            Some(detail) => format!("{} ({detail})", row.text),
            None => row.text.clone(),
        }
    }

    /// The JSON body. v2: one object that every client tried can read, whichever of
    /// `error` and `message` it looks at. v1: `error` is an object.
    #[must_use]
    pub fn body(self, generation: Generation, detail: Option<&str>) -> String {
        let text = self.text(detail);
        let row = self.row();
        let object = match generation {
            Generation::V1 => Object::new().with(
                "error",
                Object::new()
                    .with("type", row.v1_type.as_str())
                    .with("message", text)
                    .with("messages", Object::new()),
            ),
            Generation::V2 => Object::new()
                .with("status", "error")
                .with("code", row.code.as_str())
                .with("message", text.as_str())
                .with("error", text),
        };
        Value::from(object).to_string()
    }
}

/// How BTCPay 2.4.1 begins a 400 about rates, payment methods, dust and outages alike.
const NO_METHOD: &str = "Error retrieving a matching payment method or rate.";

/// Whether the text of a 400 tells that NBXplorer or the node is down
/// (outages/node-create-down-2, outages/nbxplorer-create-down, outages/postgresql-create-down).
#[must_use]
pub fn is_backend_outage(text: &str) -> bool {
    text.starts_with(NO_METHOD)
        && (text.contains("Full node not available") || text.contains("Unexpected exception ("))
}

/// Which error the text of BTCPay's 400 to a create is. The text itself is not for shops:
/// it carries the log of the creation and inner addresses.
#[must_use]
pub fn of_create_refusal(text: &str) -> ErrorCode {
    if is_backend_outage(text) {
        ErrorCode::UpstreamBackendDown
    } else if text.contains("Amount below the dust threshold") {
        ErrorCode::PriceTooSmall
    } else if text.starts_with(NO_METHOD) {
        ErrorCode::CurrencyUnavailable
    } else if text.starts_with("No wallet has been linked") {
        ErrorCode::StoreWithoutWallet
    } else {
        ErrorCode::CreateRefused
    }
}
