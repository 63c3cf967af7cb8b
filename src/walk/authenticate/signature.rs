//! BitID signatures: where there is one it decides, alone.

use http::HeaderMap;

use super::{AuthenticateError, Caller, Dialect, Presented, Register, Shop, token};
use crate::adoption::Stranger;
use crate::bitid::{PublicKey, Signature, SignedText, Sin, spellings};
use crate::contract::Proof;
use crate::directory::Entry;
use crate::ledger::{CredentialKind, Facade};
use crate::secrets::{MasterSecret, token_hash};

/// Spellings that every key has tried; nearly every client signs one of the first two.
const LIKELIEST: usize = 6;

/// A longer body, in bytes, is hashed once for everybody: each spelling hashes it anew.
const LONG_BODY: usize = 32 * 1024;

/// The two headers of a signed request, as sent.
pub(super) struct Claim<'a> {
    identity: &'a str,
    signature: &'a str,
}

/// Both headers, not empty; one alone counts as unsigned (auth/id-only-create, auth/sig-only-create).
pub(super) fn claim(headers: &HeaderMap) -> Option<Claim<'_>> {
    Some(Claim { identity: identity(headers)?, signature: text(headers, "x-signature")? })
}

/// `x-identity`; `x-pubkey` of npm bitpay 0.3.1.
pub(super) fn identity(headers: &HeaderMap) -> Option<&str> {
    text(headers, "x-identity").or_else(|| text(headers, "x-pubkey"))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().filter(|text| !text.is_empty())
}

/// The SINs of the key that a request names, proved or not.
pub(super) fn sins(headers: &HeaderMap) -> Option<[Sin; 2]> {
    PublicKey::from_hex(identity(headers)?).ok().map(|key| sins_of(&key))
}

/// Over the compressed key, as nearly every client has it, and over 65 bytes (ruby-client under OpenSSL 3):
/// one identity.
fn sins_of(key: &PublicKey) -> [Sin; 2] {
    [key.sin(), key.uncompressed_sin()]
}

/// The key that signed, where there is a signature and it is good; a stale one is no error here.
#[must_use]
pub fn signer(presented: &Presented<'_>, register: Register<'_>) -> Option<PublicKey> {
    let claim = claim(presented.headers)?;
    verify(presented, &claim, |key| is_worth_more(key, presented, register)).ok().map(|(key, _)| key)
}

/// The key that signed and the spelling of the URL that it signed, or what is wrong with the signature; None
/// where there is none.
#[must_use]
pub fn signed_url(presented: &Presented<'_>) -> Option<Result<(PublicKey, String), AuthenticateError>> {
    claim(presented.headers).map(|claim| verify(presented, &claim, |_| true))
}

/// Honest keys sign in other spellings before an operator knows them, too; strangers must not buy endless
/// work with one header.
fn is_worth_more(key: &PublicKey, presented: &Presented<'_>, register: Register<'_>) -> bool {
    register.directory.holds(&sins_of(key)) || register.strangers.may_try_on(presented.address)
}

/// Tries the likeliest spellings, and the others where `more` says that the key is worth it.
fn verify(
    presented: &Presented<'_>,
    claim: &Claim<'_>,
    more: impl FnOnce(&PublicKey) -> bool,
) -> Result<(PublicKey, String), AuthenticateError> {
    let key = PublicKey::from_hex(claim.identity).map_err(|_| AuthenticateError::IdentityInvalid)?;
    let signature = Signature::from_hex(claim.signature).map_err(|_| AuthenticateError::SignatureInvalid)?;
    let covers = |url: &String| signature.is_by(&key, &SignedText::new(url, presented.body));
    let mut spellings = spellings(&presented.url);
    let likeliest = if presented.body.len() > LONG_BODY { 1 } else { LIKELIEST };
    let likely = spellings.by_ref().take(likeliest).find(covers);
    let found = likely.or_else(|| more(&key).then(|| spellings.find(covers)).flatten());
    found.map(|url| (key, url)).ok_or(AuthenticateError::SignatureInvalid)
}

/// Who signed, and for which of its stores.
pub(super) async fn judge(
    presented: &Presented<'_>,
    claim: &Claim<'_>,
    register: Register<'_>,
) -> Result<Caller, AuthenticateError> {
    let (key, _) = verify(presented, claim, |key| is_worth_more(key, presented, register))?;
    let (token, sins) = (token::of(presented), sins_of(&key));
    let entries = register.directory.sins(&sins).await;
    let alone = presented.endpoint.takes(Proof::Key);
    let found = match &token {
        Some(token) if presented.endpoint.takes(Proof::Signed) => {
            let own = by_token(&entries, token, &sins, register).await;
            own.or_else(|| of_invoice(&entries, token, presented.id, register.secrets).cloned())
        }
        None if !alone && !entries.is_empty() => return Err(AuthenticateError::TokenMissing),
        _ if alone && !entries.is_empty() => return Ok(Caller::Key(entries)),
        _ => None,
    };
    let Some(entry) = found else {
        keep(presented, &entries, token, sins, register).await;
        let known = !entries.is_empty();
        return Err(if known { AuthenticateError::TokenInvalid } else { AuthenticateError::IdentityUnknown });
    };
    if entry.is(Facade::Pos) && !presented.endpoint.takes(Proof::PosToken) {
        return Err(AuthenticateError::FacadeNotSupported);
    }
    Ok(Caller::Shop(Shop::of(&entry, Dialect::Signed)))
}

/// The token that an invoice of the key's store has in its answers: what BitPay's SDKs send with a call on that
/// invoice (npm bitpay-sdk and PyPI bitpay 8 to have it notified again, npm bitpay-rest in `invoice.get()`).
fn of_invoice<'a>(
    entries: &'a [Entry],
    token: &str,
    invoice: &str,
    secrets: &MasterSecret,
) -> Option<&'a Entry> {
    let names = |entry: &&Entry| same(&secrets.invoice_token(&entry.store.id, invoice), token);
    if invoice.is_empty() { None } else { entries.iter().find(names) }
}

/// One of the key's own tokens. Where the key was known already when another token of it was made, the
/// picture of the key is not fresh; the token itself then gets a look at the ledger.
async fn by_token(entries: &[Entry], token: &str, sins: &[Sin], register: Register<'_>) -> Option<Entry> {
    let hash = token_hash(token);
    if let Some(own) = entries.iter().find(|entry| same(&entry.credential.token_hash, &hash)) {
        return Some(own.clone());
    }
    let own = |entry: &Entry| entry.credential.sin.as_ref().is_some_and(|sin| sins.contains(sin));
    register.directory.token(&hash).await.filter(own)
}

fn same(ours: &str, theirs: &str) -> bool {
    subtle::ConstantTimeEq::ct_eq(ours.as_bytes(), theirs.as_bytes()).into()
}

/// Keeps a good signature with an unknown key or token for adoption; not a token that is another key's.
async fn keep(
    presented: &Presented<'_>,
    entries: &[Entry],
    token: Option<String>,
    [sin, _]: [Sin; 2],
    register: Register<'_>,
) {
    let holder = match &token {
        Some(token) => register.directory.token(&token_hash(token)).await,
        None => None,
    };
    let stranger = match holder {
        Some(holder) if holder.credential.kind != CredentialKind::PosToken => return,
        _ => Stranger::Signed { sin, token },
    };
    // A known key with a facade's name for a token (npm bitpay-rest) brings nothing new.
    if entries.is_empty() || stranger.has_token() {
        register.strangers.note(&stranger, presented.sight());
    }
}
