//! Pairing: how a shop's key gets a token, both ways round, without BTCPay hearing of it.
//!
//! The operator makes a code and the shop claims it, or the shop asks for a code and the operator
//! approves it. BTCPay only ever sees payferry's own keys.

mod answer;
mod limits;
mod mint;
mod operator;
mod page;

use std::net::IpAddr;
use std::sync::Arc;

use crate::bitid::{PublicKey, Sin};
use crate::contract::ErrorCode;
use crate::directory::{Directory, Entry};
use crate::json::{Object, Value};
use crate::ledger::{Facade, Ledger, LedgerError, NewPairing, Pairing};
use crate::secrets::{MasterSecret, token_hash};

use limits::Limits;

pub use answer::{TokenAnswer, list_tokens};
pub use limits::{network, passes};
pub use mint::{Mint, token_context, token_text};
pub use operator::{OperatorError, approve, new_code};
pub use page::{Standing, page, way_back};

/// Codes live for a day (BitPay's own: samples v2-2021-token-pairing; BTCPay gives 15 minutes).
pub const CODE_LIVES_MS: i64 = 24 * 3_600_000;
/// Letters and digits of a code: base58, because BTCPay's and BitPay's codes look so and npm btcpay wants `\w{7}`.
const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const CODE_LENGTH: usize = 7;

/// Why no token is given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PairingError {
    /// No usable SIN in `id`.
    #[error("the request names no SIN")]
    IdMissing,
    /// No such code (letter case counts), or another SIN's.
    #[error("no such pairing code")]
    CodeUnknown,
    /// Older than a day.
    #[error("the pairing code has expired")]
    CodeExpired,
    /// Bound another SIN before.
    #[error("the pairing code was used before")]
    CodeUsed,
    /// The SIN belongs to another store.
    #[error("the key belongs to another store")]
    IdentityTaken,
    /// Too many codes asked for, or tried, from one network.
    #[error("too many pairing codes were asked for or tried")]
    RateLimited,
    /// The ledger did not answer.
    #[error(transparent)]
    Ledger(LedgerError),
}

impl PairingError {
    /// The row of the error table.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::IdMissing => ErrorCode::PairingIdMissing,
            Self::CodeUnknown => ErrorCode::PairingCodeUnknown,
            Self::CodeExpired => ErrorCode::PairingCodeExpired,
            Self::CodeUsed => ErrorCode::PairingCodeUsed,
            Self::IdentityTaken => ErrorCode::PairingIdentityTaken,
            Self::RateLimited => ErrorCode::PairingRateLimited,
            Self::Ledger(_) => ErrorCode::LedgerUnavailable,
        }
    }
}

impl From<LedgerError> for PairingError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Conflict(_) => Self::IdentityTaken,
            other => Self::Ledger(other),
        }
    }
}

/// What a shop asks of `POST /tokens`.
#[derive(Clone)]
pub struct TokenRequest {
    /// The shop's key.
    pub sin: Sin,
    /// A code that the operator gave; None asks for one.
    pub code: Option<String>,
    /// The facade as the shop wrote it, given back as it is.
    pub facade: Option<String>,
    /// What the shop calls itself.
    pub label: Option<String>,
    /// Where it asks from.
    pub address: IpAddr,
}

impl std::fmt::Debug for TokenRequest {
    /// Without the code.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenRequest").field("sin", &self.sin).finish_non_exhaustive()
    }
}

impl TokenRequest {
    /// Reads the body. Where a good signature and the body name different keys, the one that signed counts
    /// (tokens/server-init-signed-no-id, tokens/server-init-signed-other-id).
    ///
    /// # Errors
    /// [`PairingError::IdMissing`].
    pub fn read(body: &Object, signed_by: Option<&PublicKey>, address: IpAddr) -> Result<Self, PairingError> {
        let text = |name| body.last_any_case(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let sin = match (text("id").map(Sin::parse), signed_by) {
            (Some(Ok(sin)), Some(key)) if sin != key.uncompressed_sin() => key.sin(),
            (Some(Ok(sin)), _) => sin,
            (None, Some(key)) => key.sin(),
            _ => return Err(PairingError::IdMissing),
        };
        Ok(Self {
            sin,
            code: text("pairingCode").map(str::to_owned),
            facade: text("facade").map(str::to_owned),
            label: text("label").map(|label| label.chars().take(200).collect()),
            address,
        })
    }
}

/// The shop's side of pairing.
pub struct PairingDesk {
    ledger: Ledger,
    directory: Arc<Directory>,
    secrets: Arc<MasterSecret>,
    random: fn(&mut [u8]),
    limits: Limits,
}

impl PairingDesk {
    /// Ready.
    #[must_use]
    pub fn new(
        ledger: Ledger,
        directory: Arc<Directory>,
        secrets: Arc<MasterSecret>,
        random: fn(&mut [u8]),
    ) -> Self {
        Self { ledger, directory, secrets, random, limits: Limits::new() }
    }

    /// Answers `POST /tokens`.
    ///
    /// # Errors
    /// [`PairingError`].
    pub async fn token(&self, request: TokenRequest, now_ms: i64) -> Result<TokenAnswer, PairingError> {
        match request.code.clone() {
            Some(code) => self.claim(request, &code, now_ms).await,
            None => self.ask(request, now_ms).await,
        }
    }

    /// What a merchant's browser may see of a code. Looks are counted: the page must be no way to guess.
    pub async fn look(&self, code: Option<&str>, address: IpAddr, now_ms: i64) -> Standing {
        let Some(code) = code else { return Standing::Nothing };
        if !self.limits.may_look(address) {
            return Standing::Unknown(PairingError::RateLimited);
        }
        if !page::is_code(code) {
            return Standing::Unknown(PairingError::CodeUnknown);
        }
        match self.ledger.find_pairing(&token_hash(code)).await {
            Ok(Some(pairing)) => Standing::of(pairing, now_ms),
            Ok(None) => Standing::Unknown(PairingError::CodeUnknown),
            Err(error) => Standing::Unknown(error.into()),
        }
    }

    /// The tokens that a known key may use, for `GET /tokens`: payferry's own and those of BitPay.
    #[must_use]
    pub fn tokens_of(&self, entries: &[Entry]) -> Vec<(Facade, String)> {
        let token =
            |entry: &Entry| Some((entry.credential.facade, token_text(&self.secrets, &entry.credential)?));
        entries.iter().filter_map(token).collect()
    }

    /// The shop holds a code that the operator made, or the one that it asked for itself.
    async fn claim(
        &self,
        request: TokenRequest,
        code: &str,
        now_ms: i64,
    ) -> Result<TokenAnswer, PairingError> {
        if !self.limits.may_try(request.address) {
            return Err(PairingError::RateLimited);
        }
        let hash = token_hash(code);
        let pairing = self.ledger.find_pairing(&hash).await?.ok_or(PairingError::CodeUnknown)?;
        let own = pairing.sin.as_deref() == Some(request.sin.as_str());
        if pairing.sin.is_some() && !own && pairing.code.is_some() {
            return Err(PairingError::CodeUnknown);
        }
        let expired = pairing.expires_at <= now_ms;
        let store_id = match (&pairing.store_id, pairing.done_at) {
            // The shop that it bound may have lost the answer; it is told again as long as the code would live.
            (_, Some(_)) if !own || expired => return Err(PairingError::CodeUsed),
            (_, None) if expired => return Err(PairingError::CodeExpired),
            (Some(store_id), _) => store_id,
            // Its own code, not approved yet: the answer it had before.
            (None, _) => return self.answer(&request, code, &pairing, false).await,
        };
        if pairing.done_at.is_some() {
            let answer = self.answer(&request, code, &pairing, true).await?;
            // Revoked meanwhile: no answer of success with a token that opens nothing.
            let lives = self.directory.token(&token_hash(&answer.token)).await.is_some();
            return if lives { Ok(answer) } else { Err(PairingError::CodeUsed) };
        }
        let mint = Mint { ledger: &self.ledger, secrets: &self.secrets, scope: scope(&pairing) };
        let label = pairing.label.clone();
        let credentials = mint.credentials(store_id, &request.sin, pairing.facade, label, now_ms).await?;
        if !self.ledger.complete_pairing(&hash, credentials, now_ms).await? {
            // A second request of the same shop came in between: it is told the same.
            let now = self.ledger.find_pairing(&hash).await?;
            let same =
                |now: &Pairing| now.done_at.is_some() && now.sin.as_deref() == Some(request.sin.as_str());
            if !now.as_ref().is_some_and(same) {
                return Err(PairingError::CodeUsed);
            }
        }
        self.directory.refresh().await?;
        self.answer(&request, code, &pairing, true).await
    }

    /// The shop asks for a code that the operator will approve.
    async fn ask(&self, request: TokenRequest, now_ms: i64) -> Result<TokenAnswer, PairingError> {
        if !self.limits.may_ask(request.address) {
            return Err(PairingError::RateLimited);
        }
        let code = random_code(self.random);
        let pairing = NewPairing {
            code_hash: token_hash(&code),
            code: Some(code.clone()),
            store_id: None,
            sin: Some(request.sin.clone()),
            facade: facade_of(request.facade.as_deref()),
            label: request.label.clone(),
            created_at: now_ms,
            expires_at: now_ms + CODE_LIVES_MS,
        };
        let kept = Pairing {
            code_hash: pairing.code_hash.clone(),
            code: pairing.code.clone(),
            store_id: None,
            sin: Some(request.sin.as_str().to_owned()),
            facade: pairing.facade,
            label: pairing.label.clone(),
            created_at: pairing.created_at,
            expires_at: pairing.expires_at,
            done_at: None,
        };
        self.ledger.add_pairing(pairing).await?;
        let label = request.label.as_deref().unwrap_or_default().escape_debug().to_string();
        tracing::info!(
            sin = request.sin.as_str(),
            label,
            address = %request.address,
            approve = format!("payferry pairing approve {code} --store STORE"),
            "pairing_asked_for"
        );
        self.answer(&request, &code, &kept, false).await
    }

    async fn answer(
        &self,
        request: &TokenRequest,
        code: &str,
        pairing: &Pairing,
        claimed: bool,
    ) -> Result<TokenAnswer, PairingError> {
        // A merchant pairing has both tokens.
        let facade = match request.facade.as_deref() {
            Some("pos") => Facade::Pos,
            _ => pairing.facade,
        };
        let mint = Mint { ledger: &self.ledger, secrets: &self.secrets, scope: scope(pairing) };
        Ok(TokenAnswer {
            sin: request.sin.clone(),
            claimed,
            token: mint.token(&request.sin, facade).await?.0,
            facade: request.facade.clone().unwrap_or_else(|| facade.as_str().to_owned()),
            label: pairing.label.clone().or_else(|| request.label.clone()),
            created_at: pairing.created_at,
            expires_at: pairing.expires_at,
            code: code.to_owned(),
        })
    }
}

/// The store, where the operator made the code; else the code itself, see [`MasterSecret::token`].
fn scope(pairing: &Pairing) -> &str {
    match (&pairing.code, &pairing.store_id) {
        (None, Some(store_id)) => store_id,
        _ => &pairing.code_hash,
    }
}

/// Anything but `pos` is paired as merchant, as BTCPay and the older SDKs' `public` and `user` have it.
fn facade_of(asked: Option<&str>) -> Facade {
    if asked == Some("pos") { Facade::Pos } else { Facade::Merchant }
}

/// Seven characters out of 58, without bias.
fn random_code(random: fn(&mut [u8])) -> String {
    let mut code = String::with_capacity(CODE_LENGTH);
    let mut byte = [0u8; 1];
    while code.len() < CODE_LENGTH {
        random(&mut byte);
        if let Some(letter) = ALPHABET.get(usize::from(byte[0] >> 2)) {
            code.push(char::from(*letter));
        }
    }
    code
}
