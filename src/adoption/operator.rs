//! The operator's side: binding what waits, and bringing a credential along.

use super::strangers::pending_context;
use crate::bitid::Sin;
use crate::ledger::{
    Credential, CredentialKind, Facade, Ledger, LedgerError, Overrides, PendingAdoption, Store, TokenSource,
};
use crate::pairing::{Mint, token_context};
use crate::secrets::{MasterSecret, token_hash};

/// Why nothing is adopted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdoptError {
    /// Nothing of that id, or more than a day old.
    #[error("nothing waits under that id; `payferry credential pending` shows what does")]
    Unknown,
    /// The token is bound already, or payferry paired the key with another store.
    #[error("it cannot be bound: the token is bound already, or the key was paired with another store")]
    Taken,
    /// Sealed with another master secret.
    #[error("the token was sealed with another master secret")]
    Sealed,
    /// The ledger did not answer.
    #[error(transparent)]
    Ledger(LedgerError),
}

impl From<LedgerError> for AdoptError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Conflict(_) => Self::Taken,
            other => Self::Ledger(other),
        }
    }
}

/// Where the operator's own randomness, time and secrets come from.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    /// Where it is kept.
    pub ledger: &'a Ledger,
    /// Seals and derives.
    pub secrets: &'a MasterSecret,
    /// Milliseconds since 1970.
    pub now_ms: i64,
    /// Fills with random bytes.
    pub random: fn(&mut [u8]),
}

impl Origin<'_> {
    fn name(&self) -> String {
        let mut bytes = [0; 8];
        (self.random)(&mut bytes);
        hex::encode(bytes)
    }

    fn seal(&self, context: &str, text: &str) -> Vec<u8> {
        let mut nonce = [0; 24];
        (self.random)(&mut nonce);
        self.secrets.seal(context, nonce, text.as_bytes())
    }
}

/// What the operator says about the credential that waits.
#[derive(Debug, Clone, Default)]
pub struct Adoption {
    /// What it may do; as its kind has it where nothing is said.
    pub facade: Option<Facade>,
    /// What is fixed for it.
    pub overrides: Overrides,
}

/// Binds exactly the credential that waits under this id to the store; its next request succeeds.
///
/// A key that came without a token gets payferry's own tokens, which `GET /tokens` lists.
///
/// # Errors
/// [`AdoptError`].
pub async fn adopt(
    origin: Origin<'_>,
    id: &str,
    store: &Store,
    adoption: Adoption,
) -> Result<Vec<Credential>, AdoptError> {
    let waiting = origin.ledger.pending_adoptions(origin.now_ms).await?;
    let waiting = waiting.into_iter().find(|row| row.id == id).ok_or(AdoptError::Unknown)?;
    let facade = adoption.facade.unwrap_or(match waiting.kind {
        CredentialKind::PosToken => Facade::Pos,
        _ => Facade::Merchant,
    });
    let credentials = match (&waiting.sin, &waiting.token_hash) {
        (Some(sin), None) => {
            let mint = Mint { ledger: origin.ledger, secrets: origin.secrets, scope: &store.id };
            let label = adoption.overrides.label.clone();
            let mut made = mint.credentials(&store.id, sin, facade, label, origin.now_ms).await?;
            made.iter_mut().for_each(|credential| credential.overrides = adoption.overrides.clone());
            made
        }
        (_, Some(_)) => vec![foreign(origin, &waiting, store, facade, adoption.overrides.clone())?],
        (None, None) => return Err(AdoptError::Unknown),
    };
    origin.ledger.adopt(id, credentials, adoption.facade).await?.ok_or(AdoptError::Unknown)
}

fn foreign(
    origin: Origin<'_>,
    waiting: &PendingAdoption,
    store: &Store,
    facade: Facade,
    overrides: Overrides,
) -> Result<Credential, AdoptError> {
    let id = origin.name();
    let source = match &waiting.token_sealed {
        None => TokenSource::Hash,
        Some(sealed) => {
            let token = origin.secrets.open(&pending_context(&waiting.id), sealed);
            let token = token.map_err(|_| AdoptError::Sealed)?;
            let token = std::str::from_utf8(&token).map_err(|_| AdoptError::Sealed)?;
            TokenSource::Sealed(origin.seal(&token_context(&id), token))
        }
    };
    Ok(Credential {
        id,
        store_id: store.id.clone(),
        kind: waiting.kind,
        facade: if waiting.kind == CredentialKind::PosToken { Facade::Pos } else { facade },
        sin: waiting.sin.clone(),
        source,
        token_hash: waiting.token_hash.clone().unwrap_or_default(),
        overrides,
        created_at: origin.now_ms,
    })
}

/// Why a credential is not added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// A token without its key, where it needs one.
    #[error("a token counts with its key alone: say whose with --sin")]
    SinMissing,
    /// A key where none belongs.
    #[error("only a token has a key: leave --sin out")]
    SinNeedless,
    /// A text that no shop could send as a credential.
    #[error("a credential has 8 to 256 printable characters and no blanks")]
    Implausible,
    /// It is there already, or payferry paired the key of a new token with another store.
    #[error(
        "that credential is bound already, or its key was paired with another store; see `payferry credential list`"
    )]
    Taken,
    /// The ledger did not answer.
    #[error(transparent)]
    Ledger(LedgerError),
}

impl From<LedgerError> for AddError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Conflict(_) => Self::Taken,
            other => Self::Ledger(other),
        }
    }
}

/// A credential that the operator wants.
#[derive(Clone)]
pub struct NewCredential {
    /// A token, a POS token or an API key.
    pub kind: CredentialKind,
    /// What a token may do.
    pub facade: Facade,
    /// The key that a token belongs to.
    pub sin: Option<Sin>,
    /// The one that the shop has already; None makes one.
    pub text: Option<String>,
    /// What is fixed for it.
    pub overrides: Overrides,
}

/// Adds it; with the text of one that was made, which an API key shows this once.
///
/// # Errors
/// [`AddError`].
pub async fn add(
    origin: Origin<'_>,
    store: &Store,
    new: NewCredential,
) -> Result<(Credential, Option<String>), AddError> {
    match (new.kind, &new.sin) {
        (CredentialKind::Token, None) => return Err(AddError::SinMissing),
        (CredentialKind::PosToken | CredentialKind::V1Key, Some(_)) => return Err(AddError::SinNeedless),
        _ => {}
    }
    let brought =
        |text: &String| (8..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if new.text.as_ref().is_some_and(|text| !brought(text)) {
        return Err(AddError::Implausible);
    }
    let made = new.text.is_none();
    let (credential, text) = credential(origin, store, new);
    origin.ledger.add_credential(credential.clone()).await?;
    Ok((credential, made.then_some(text)))
}

fn credential(origin: Origin<'_>, store: &Store, new: NewCredential) -> (Credential, String) {
    let id = origin.name();
    let facade = if new.kind == CredentialKind::PosToken { Facade::Pos } else { new.facade };
    let sin = new.sin.as_ref().map_or("", Sin::as_str);
    let (text, source) = match (new.kind, new.text) {
        (CredentialKind::V1Key, text) => {
            (text.unwrap_or_else(|| random_key(origin.random)), TokenSource::Hash)
        }
        (_, Some(text)) => {
            let sealed = origin.seal(&token_context(&id), &text);
            (text, TokenSource::Sealed(sealed))
        }
        // The credential's own id as scope: each token is another one.
        (_, None) => (
            origin.secrets.token(&id, sin, facade.as_str(), 1),
            TokenSource::Derived { scope: id.clone(), epoch: 1 },
        ),
    };
    let credential = Credential {
        id,
        store_id: store.id.clone(),
        kind: new.kind,
        facade,
        sin: new.sin,
        source,
        token_hash: token_hash(&text),
        overrides: new.overrides,
        created_at: origin.now_ms,
    };
    (credential, text)
}

/// 32 random bytes in base58: as long as BitPay's own keys, or longer.
fn random_key(random: fn(&mut [u8])) -> String {
    let mut bytes = [0; 32];
    random(&mut bytes);
    bs58::encode(bytes).into_string()
}
