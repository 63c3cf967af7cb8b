//! Finds out who asks, in the order of precedence: a signature alone decides; else a POS token;
//! else, for reading one invoice, nobody in particular.

use std::sync::Arc;

use http::HeaderMap;

use super::order::token_of;
use crate::bitid::{PublicKey, ReceivedUrl, Signature, SignedText, spellings};
use crate::contract::{Endpoint, ErrorCode};
use crate::directory::{Directory, Entry};
use crate::json::Value;
use crate::ledger::{Facade, Store};
use crate::secrets::{short_hash, token_hash};

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
    /// A private call with neither signature nor token.
    #[error("no credential was sent")]
    CredentialMissing,
    /// A v1 API key; none is known here.
    #[error("the API key is not known")]
    ApiKeyUnknown,
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
}

/// Who asks.
#[derive(Debug, Clone)]
pub enum Caller {
    /// A shop that proved itself.
    Shop(Shop),
    /// Every credential of a key, for `GET /tokens`.
    Key(Vec<Entry>),
    /// Nobody in particular: the invoice id is the capability.
    Nobody,
}

impl Caller {
    /// As it stands in the request log.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Shop(shop) => shop.dialect,
            Self::Key(_) => Dialect::Signed,
            Self::Nobody => Dialect::Bare,
        }
    }
}

/// A request as far as it matters for its sender.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    /// What is asked for.
    pub endpoint: Endpoint,
    /// URL as it arrived.
    pub url: ReceivedUrl<'a>,
    /// Headers as they arrived.
    pub headers: &'a HeaderMap,
    /// The whole body, empty for none.
    pub body: &'a [u8],
    /// The body as JSON, where it is.
    pub json: Option<&'a Value>,
}

impl Presented<'_> {
    /// The token of body or query.
    fn token(&self) -> Option<String> {
        if let Some(token) = self.json.and_then(token_of) {
            return Some(token.to_owned());
        }
        let query = self.url.target.split_once('?')?.1;
        let token = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "token")?.1;
        Some(token.into_owned()).filter(|token| !token.is_empty())
    }
}

/// Decides who asks.
///
/// # Errors
/// [`AuthenticateError`].
pub async fn authenticate(
    presented: &Presented<'_>,
    directory: &Directory,
) -> Result<Caller, AuthenticateError> {
    match presented.endpoint {
        // Whatever signature comes along is no reason to refuse a public call.
        Endpoint::CreateToken => Ok(Caller::Nobody),
        Endpoint::ListTokens => {
            signed(presented, directory).await?.map(Caller::Key).ok_or(missing(presented))
        }
        Endpoint::CreateInvoice => match signed(presented, directory).await? {
            Some(entries) => {
                let token = presented.token().ok_or(AuthenticateError::TokenMissing)?;
                by_token(entries, &token, directory).await
            }
            None => unsigned_create(presented, directory).await,
        },
        Endpoint::ReadInvoice => match (signed(presented, directory).await?, presented.token()) {
            (Some(entries), Some(token)) => by_token(entries, &token, directory).await,
            // NBitpayClient reads without a token; the signature names the store all the same.
            (Some(entries), None) => {
                entries.into_iter().next().map(shop).ok_or(AuthenticateError::IdentityUnknown)
            }
            (None, Some(token)) => Ok(pos(&token, directory).await.unwrap_or(Caller::Nobody)),
            (None, None) => Ok(Caller::Nobody),
        },
    }
}

/// The key that signed, where there is a signature and it is good; a stale one is no error here.
#[must_use]
pub fn signer(presented: &Presented<'_>) -> Option<PublicKey> {
    let (key, signature) = credentials(presented.headers)?;
    verify(presented, &key.ok()?, signature).ok()
}

async fn signed(
    presented: &Presented<'_>,
    directory: &Directory,
) -> Result<Option<Vec<Entry>>, AuthenticateError> {
    let Some((key, signature)) = credentials(presented.headers) else { return Ok(None) };
    let key = key?;
    let entries = directory.sins(&[key.sin(), key.uncompressed_sin()]).await;
    if entries.is_empty() {
        return Err(AuthenticateError::IdentityUnknown);
    }
    verify(presented, &key, signature)?;
    Ok(Some(entries))
}

/// Both headers, not empty; one alone counts as unsigned (auth/id-only-create, auth/sig-only-create).
fn credentials(headers: &HeaderMap) -> Option<(Result<PublicKey, AuthenticateError>, &str)> {
    let text = |name: &str| headers.get(name)?.to_str().ok().filter(|text| !text.is_empty());
    let identity = text("x-identity").or_else(|| text("x-pubkey"))?;
    let signature = text("x-signature")?;
    Some((PublicKey::from_hex(identity).map_err(|_| AuthenticateError::IdentityInvalid), signature))
}

fn verify(
    presented: &Presented<'_>,
    key: &PublicKey,
    signature: &str,
) -> Result<PublicKey, AuthenticateError> {
    let signature = Signature::from_hex(signature).map_err(|_| AuthenticateError::SignatureInvalid)?;
    spellings(&presented.url)
        .any(|url| signature.is_by(key, &SignedText::new(&url, presented.body)))
        .then_some(*key)
        .ok_or(AuthenticateError::SignatureInvalid)
}

/// One of the key's own tokens. Where the key was known already when another token of it was made,
/// the picture of the key is not fresh; the token itself then gets a look at the ledger.
async fn by_token(
    entries: Vec<Entry>,
    token: &str,
    directory: &Directory,
) -> Result<Caller, AuthenticateError> {
    let hash = token_hash(token);
    let sin = entries.first().map(|entry| entry.credential.sin.clone());
    let own = entries.into_iter().find(|entry| same(&entry.credential.token_hash, &hash));
    let own = match own {
        Some(own) => Some(own),
        None => directory.token(&hash).await.filter(|entry| Some(&entry.credential.sin) == sin.as_ref()),
    };
    own.map(shop).ok_or(AuthenticateError::TokenInvalid)
}

fn shop(entry: Entry) -> Caller {
    Caller::Shop(Shop {
        credential_id: entry.credential.id.clone(),
        facade: entry.credential.facade,
        store: entry.store,
        dialect: Dialect::Signed,
    })
}

fn same(ours: &str, theirs: &str) -> bool {
    subtle::ConstantTimeEq::ct_eq(ours.as_bytes(), theirs.as_bytes()).into()
}

async fn unsigned_create(
    presented: &Presented<'_>,
    directory: &Directory,
) -> Result<Caller, AuthenticateError> {
    let token = presented.token().ok_or_else(|| missing(presented))?;
    pos(&token, directory).await.ok_or(AuthenticateError::TokenInvalid)
}

/// A POS token opens creating and public reading; a merchant token without signature opens nothing.
async fn pos(token: &str, directory: &Directory) -> Option<Caller> {
    let entry = directory.token(&token_hash(token)).await.filter(|entry| entry.is(Facade::Pos))?;
    Some(Caller::Shop(Shop {
        credential_id: entry.credential.id.clone(),
        facade: Facade::Pos,
        store: entry.store,
        dialect: Dialect::PosToken,
    }))
}

fn missing(presented: &Presented<'_>) -> AuthenticateError {
    if presented.headers.contains_key(http::header::AUTHORIZATION) {
        AuthenticateError::ApiKeyUnknown
    } else {
        AuthenticateError::CredentialMissing
    }
}

/// What the request log may show of whatever credential came: the first eight digits of a hash.
#[must_use]
pub fn credential_hash(presented: &Presented<'_>) -> Option<String> {
    let identity =
        ["x-identity", "x-pubkey"].iter().find_map(|name| presented.headers.get(*name)?.to_str().ok());
    identity.map(short_hash).or_else(|| presented.token().as_deref().map(short_hash))
}
