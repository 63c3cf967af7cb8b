//! Finds out who asks. A signature decides alone; else a POS token that is known; else an API key; else, for
//! reading one invoice, nobody in particular. Which of them a call takes: `contract/dialects.toml`.

mod api_key;
mod refused;
mod signature;
mod token;

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;

use crate::adoption::{Sight, Stranger, Strangers};
use crate::bitid::{ReceivedUrl, Sin};
use crate::contract::{Endpoint, Era, ErrorCode, Proof};
use crate::directory::{Directory, Entry};
use crate::json::Value;
use crate::ledger::{Facade, Overrides, Store};
use crate::secrets::{MasterSecret, short_hash, token_hash};

pub use refused::claimed_store;
pub use signature::{signed_url, signer};

/// Why the caller is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticateError {
    /// `x-identity` is no public key.
    #[error("x-identity is no public key")]
    IdentityInvalid,
    /// The signature is none, or covers no spelling of this URL with this body.
    #[error("the signature does not fit the key, the URL and the body")]
    SignatureInvalid,
    /// A key that no store knows.
    #[error("no store knows this key")]
    IdentityUnknown,
    /// A token that is not this key's, or that nobody holds.
    #[error("the token is not one of this key")]
    TokenInvalid,
    /// A private call without a token.
    #[error("no token was sent")]
    TokenMissing,
    /// A private call with neither signature nor token nor API key.
    #[error("no credential was sent")]
    CredentialMissing,
    /// An API key that no store knows.
    #[error("the API key is not known")]
    ApiKeyUnknown,
    /// The token is good, but of the pos facade.
    #[error("the pos facade may not make this call")]
    FacadeNotSupported,
}

impl AuthenticateError {
    /// The row of the error table.
    #[must_use]
    pub fn code(self) -> ErrorCode {
        match self {
            Self::IdentityInvalid => ErrorCode::IdentityInvalid,
            Self::SignatureInvalid => ErrorCode::SignatureInvalid,
            Self::IdentityUnknown => ErrorCode::IdentityUnknown,
            Self::TokenInvalid => ErrorCode::TokenInvalid,
            Self::TokenMissing => ErrorCode::TokenMissing,
            Self::CredentialMissing => ErrorCode::CredentialMissing,
            Self::ApiKeyUnknown => ErrorCode::ApiKeyUnknown,
            Self::FacadeNotSupported => ErrorCode::FacadeNotSupported,
        }
    }
}

/// Which generation of the API a request speaks, by what it proves itself with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// A BitID signature.
    Signed,
    /// A POS token without signature.
    PosToken,
    /// Basic with an API key.
    V1Key,
    /// Nothing.
    Bare,
}

impl Dialect {
    /// As it stands in the log and the ledger.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::PosToken => "pos_token",
            Self::V1Key => "v1_key",
            Self::Bare => "bare",
        }
    }
}

/// A shop that proved itself.
#[derive(Debug, Clone)]
pub struct Shop {
    /// Its store.
    pub store: Arc<Store>,
    /// Its credential, by payferry's id.
    pub credential_id: String,
    /// What it may do.
    pub facade: Facade,
    /// How it proved itself.
    pub dialect: Dialect,
    /// What the operator fixed for the credential.
    pub overrides: Overrides,
}

impl Shop {
    /// The shop of a credential that proved itself in this dialect.
    #[must_use]
    pub fn of(entry: &Entry, dialect: Dialect) -> Self {
        Self {
            store: Arc::clone(&entry.store),
            credential_id: entry.credential.id.clone(),
            facade: entry.credential.facade,
            dialect,
            overrides: entry.credential.overrides.clone(),
        }
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub enum Caller {
    /// A shop that proved itself.
    Shop(Shop),
    /// A key that signed and sent no token: all of its credentials, perhaps of several stores.
    Key(Vec<Entry>),
    /// Somebody on a public call; the store, where what came along names one. Nothing is proved.
    Visitor(Option<Arc<Store>>),
    /// Nobody in particular: the invoice id is the capability.
    Nobody(Unknown),
}

impl Caller {
    /// As it stands in the request log.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Shop(shop) => shop.dialect,
            Self::Key(_) => Dialect::Signed,
            Self::Visitor(_) | Self::Nobody(_) => Dialect::Bare,
        }
    }

    /// The era that the operator fixed for the credential.
    #[must_use]
    pub fn fixed_era(&self) -> Option<Era> {
        if let Self::Shop(shop) = self { shop.overrides.era } else { None }
    }
}

/// What came along with a bare read and opened nothing: it counts only where the id opens nothing either.
#[derive(Debug, Clone, Default)]
pub struct Unknown(Vec<Stranger>);

impl Unknown {
    /// Keeps what was shown, and says what is wrong with it; None where nothing was shown.
    #[must_use]
    pub fn refused(&self, strangers: &Strangers, sight: Sight<'_>) -> Option<AuthenticateError> {
        self.0.iter().for_each(|stranger| strangers.note(stranger, sight));
        self.0.first().map(|stranger| match stranger {
            Stranger::V1Key(_) => AuthenticateError::ApiKeyUnknown,
            _ => AuthenticateError::TokenInvalid,
        })
    }
}

/// A request as far as it matters for its sender.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    /// What is asked for.
    pub endpoint: Endpoint,
    /// The id in its path; empty where it has none.
    pub id: &'a str,
    /// URL as it arrived.
    pub url: ReceivedUrl<'a>,
    /// Headers as they arrived.
    pub headers: &'a HeaderMap,
    /// The whole body, empty for none.
    pub body: &'a [u8],
    /// The members of the body, where it has any.
    pub json: Option<&'a Value>,
    /// How the shop's software names itself.
    pub agent: &'a str,
    /// Where it came from.
    pub address: IpAddr,
}

impl std::fmt::Debug for Presented<'_> {
    /// Without what buyers told and what is secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Presented").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl<'a> Presented<'a> {
    /// Where and how it came.
    #[must_use]
    pub fn sight(&self) -> Sight<'a> {
        Sight { agent: self.agent, address: self.address, host: self.url.host }
    }
}

/// Where callers are known, and where unknown ones are kept.
#[derive(Clone, Copy)]
pub struct Register<'a> {
    /// Stores and credentials.
    pub directory: &'a Directory,
    /// Who may be adopted.
    pub strangers: &'a Strangers,
    /// What payferry's own tokens derive from.
    pub secrets: &'a MasterSecret,
}

/// Decides who asks. A credential that is good but unknown is kept for adoption.
///
/// # Errors
/// [`AuthenticateError`].
pub async fn authenticate(
    presented: &Presented<'_>,
    register: Register<'_>,
) -> Result<Caller, AuthenticateError> {
    if presented.endpoint.takes(Proof::Public) {
        return Ok(Caller::Visitor(visitor(presented, register.directory).await));
    }
    if let Some(claim) = signature::claim(presented.headers) {
        return signature::judge(presented, &claim, register).await;
    }
    let (token, key) = (token::of(presented), api_key::of(presented.headers));
    if let Some(caller) = unsigned(presented, token.as_deref(), key.as_deref(), register.directory).await? {
        return Ok(caller);
    }
    let unknown = unknown(presented, token, key, register.directory).await;
    if presented.endpoint.takes(Proof::Bare) {
        return Ok(Caller::Nobody(unknown));
    }
    let refused = unknown.refused(register.strangers, presented.sight());
    Err(refused.unwrap_or_else(|| missing(presented)))
}

/// A POS token that is known, else an API key that is.
async fn unsigned(
    presented: &Presented<'_>,
    token: Option<&str>,
    key: Option<&str>,
    directory: &Directory,
) -> Result<Option<Caller>, AuthenticateError> {
    let endpoint = presented.endpoint;
    if let Some(entry) = token::pos(token, directory).await {
        let allowed = endpoint.takes(Proof::PosToken);
        return if allowed {
            Ok(shop(&entry, Dialect::PosToken))
        } else {
            Err(AuthenticateError::FacadeNotSupported)
        };
    }
    match key {
        Some(key) if endpoint.takes(Proof::V1Key) => {
            let entry = directory.v1_key(&token_hash(key)).await;
            Ok(entry.and_then(|entry| shop(&entry, Dialect::V1Key)))
        }
        _ => Ok(None),
    }
}

fn shop(entry: &Entry, dialect: Dialect) -> Option<Caller> {
    Some(Caller::Shop(Shop::of(entry, dialect)))
}

/// What could be adopted of all that came without a signature, what the call is made with first: the API key
/// in `/api`, elsewhere the token, for a Basic beside it may be useless (Zen Cart).
async fn unknown(
    presented: &Presented<'_>,
    token: Option<String>,
    key: Option<String>,
    directory: &Directory,
) -> Unknown {
    let known = match &token {
        // A merchant token is known, only its signature is missing: there is nothing to adopt.
        Some(token) => directory.token(&token_hash(token)).await.is_some(),
        None => false,
    };
    // An API key that comes as token, too (offsite_payments), is a key: only its hash may be kept.
    let known = known || token.is_some() && token == key;
    let stranger = |proof: &Proof| match proof {
        Proof::PosToken if !known => token.clone().map(Stranger::PosToken),
        Proof::V1Key => key.clone().map(Stranger::V1Key),
        _ => None,
    };
    Unknown(presented.endpoint.proofs().iter().filter_map(stranger).collect())
}

/// The store of a public call, by whatever came along: nothing is verified, because nothing private is told.
async fn visitor(presented: &Presented<'_>, directory: &Directory) -> Option<Arc<Store>> {
    if let Some(sins) = signature::sins(presented.headers)
        && let Some(entry) = directory.sins(&sins).await.into_iter().next()
    {
        return Some(entry.store);
    }
    if let Some(token) = token::of(presented)
        && let Some(entry) = directory.token(&token_hash(&token)).await
    {
        return Some(entry.store);
    }
    let key = api_key::of(presented.headers)?;
    directory.v1_key(&token_hash(&key)).await.map(|entry| entry.store)
}

fn missing(presented: &Presented<'_>) -> AuthenticateError {
    if token::of(presented).is_some() {
        AuthenticateError::TokenInvalid
    } else if presented.headers.contains_key(http::header::AUTHORIZATION) {
        AuthenticateError::ApiKeyUnknown
    } else {
        AuthenticateError::CredentialMissing
    }
}

/// How the request means to prove itself; for the log, where it is refused.
#[must_use]
pub fn claimed(presented: &Presented<'_>) -> Dialect {
    if presented.endpoint.takes(Proof::Public) {
        Dialect::Bare
    } else if signature::claim(presented.headers).is_some() {
        Dialect::Signed
    } else if token::of(presented).is_some() {
        Dialect::PosToken
    } else if api_key::of(presented.headers).is_some() {
        Dialect::V1Key
    } else {
        Dialect::Bare
    }
}

/// What came along to tell who asks, known or not; all of it but the SINs is secret.
pub struct Shown {
    /// The two SINs of the key that is named, proved or not.
    pub sins: Option<[Sin; 2]>,
    /// The token of body or query.
    pub token: Option<String>,
    /// The API key.
    pub api_key: Option<String>,
}

/// Finds it where [`authenticate`] looks for it.
#[must_use]
pub fn shown(presented: &Presented<'_>) -> Shown {
    let Presented { headers, .. } = presented;
    Shown { sins: signature::sins(headers), token: token::of(presented), api_key: api_key::of(headers) }
}

/// What the request log may show of whatever credential came: the first eight digits of a hash.
#[must_use]
pub fn credential_hash(presented: &Presented<'_>) -> Option<String> {
    let identity = signature::identity(presented.headers).map(str::to_owned);
    let text = identity.or_else(|| token::of(presented)).or_else(|| api_key::of(presented.headers))?;
    Some(short_hash(&text))
}
