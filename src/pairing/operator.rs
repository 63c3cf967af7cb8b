//! The operator's side of pairing: making codes and approving those that shops asked for.

use super::{CODE_LIVES_MS, Mint, random_code, scope};
use crate::bitid::Sin;
use crate::ledger::{Facade, Ledger, LedgerError, NewPairing, Store};
use crate::secrets::{MasterSecret, token_hash};

/// Why a code is not made or not approved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OperatorError {
    /// No open code of that spelling.
    #[error("no open pairing code of that spelling; `payferry pairing list` shows them")]
    CodeUnknown,
    /// It was approved before.
    #[error("that pairing code was approved before")]
    CodeUsed,
    /// Older than a day.
    #[error("that pairing code has expired; let the shop ask for a new one")]
    CodeExpired,
    /// The code came from the operator: the shop claims it by itself.
    #[error("that code was made here; the shop only has to enter it, there is nothing to approve")]
    NothingToApprove,
    /// The SIN belongs to another store.
    #[error("the shop's key belongs to another store already; one key opens one store")]
    IdentityTaken,
    /// The ledger did not answer.
    #[error(transparent)]
    Ledger(LedgerError),
}

impl From<LedgerError> for OperatorError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Conflict(_) => Self::IdentityTaken,
            other => Self::Ledger(other),
        }
    }
}

/// Makes a code that the first shop to enter it is bound by.
///
/// # Errors
/// [`OperatorError::Ledger`].
pub async fn new_code(
    ledger: &Ledger,
    store: &Store,
    facade: Facade,
    label: Option<String>,
    now_ms: i64,
    random: fn(&mut [u8]),
) -> Result<String, OperatorError> {
    let code = random_code(random);
    let pairing = NewPairing {
        code_hash: token_hash(&code),
        code: None,
        store_id: Some(store.id.clone()),
        sin: None,
        facade,
        label,
        created_at: now_ms,
        expires_at: now_ms + CODE_LIVES_MS,
    };
    ledger.add_pairing(pairing).await?;
    Ok(code)
}

/// Binds the SIN that asked for the code to the store; its token works from then on.
///
/// # Errors
/// [`OperatorError`].
pub async fn approve(
    ledger: &Ledger,
    secrets: &MasterSecret,
    code: &str,
    store: &Store,
    now_ms: i64,
) -> Result<Sin, OperatorError> {
    let hash = token_hash(code);
    let pairing = ledger.find_pairing(&hash).await?.ok_or(OperatorError::CodeUnknown)?;
    let Some(sin) = pairing.sin.as_deref().and_then(|sin| Sin::parse(sin).ok()) else {
        return Err(OperatorError::NothingToApprove);
    };
    if pairing.done_at.is_some() {
        return Err(OperatorError::CodeUsed);
    }
    if pairing.expires_at <= now_ms {
        return Err(OperatorError::CodeExpired);
    }
    let mint = Mint { ledger, secrets, scope: scope(&pairing) };
    let credentials =
        mint.credentials(&store.id, &sin, pairing.facade, pairing.label.clone(), now_ms).await?;
    if !ledger.complete_pairing(&hash, credentials, now_ms).await? {
        return Err(OperatorError::CodeUsed);
    }
    Ok(sin)
}
