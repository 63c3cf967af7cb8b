//! Who is calling: a BitID signature, a legacy API key, `?storeId=`, or nobody.

use base64::Engine;

use super::call::Call;
use super::store::State;
use crate::bitid::{PublicKey, Signature, SignedText};

/// The credentials of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// None at all.
    Anonymous,
    /// Credentials without effect: an empty signature or Authorization header.
    Empty,
    /// A good signature of this SIN, paired or not.
    Signed(String),
    /// A good API key of this store.
    Key(String),
    /// `?storeId=` without other credentials.
    Named(String),
    /// A bad signature.
    BadSignature,
    /// A bad key, or an unknown scheme.
    BadKey,
}

impl Identity {
    /// The store that the call may act for.
    #[must_use]
    pub fn store(&self, state: &State) -> Option<String> {
        match self {
            Self::Signed(sin) => state.token_of(sin).map(|token| token.store.clone()),
            Self::Key(store) => Some(store.clone()),
            Self::Named(id) => {
                state.store(id).filter(|store| store.options.anyone_can_create).map(|store| store.id.clone())
            }
            _ => None,
        }
    }
}

/// Whether the headers or the query name somebody, so that the API and not the web pages are meant.
#[must_use]
pub fn is_named(call: &Call) -> bool {
    call.headers.contains_key("x-identity") && call.headers.contains_key("x-signature")
        || call.headers.contains_key("authorization")
        || call.parameter("storeId").is_some()
}

/// Finds out who calls. A signature decides over a key, both over `?storeId=`.
#[must_use]
pub fn identify(call: &Call, state: &State) -> Identity {
    let signature = call.header("x-signature");
    let identity = call.header("x-identity");
    if let (Some(signature), Some(identity)) = (signature, identity) {
        if signature.is_empty() || identity.is_empty() {
            return Identity::Empty;
        }
        return signed(call, &identity, &signature).map_or(Identity::BadSignature, Identity::Signed);
    }
    match call.header("authorization") {
        Some(value) if value.is_empty() => Identity::Empty,
        Some(value) => key(&value, state).map_or(Identity::BadKey, Identity::Key),
        None => call.parameter("storeId").map_or(Identity::Anonymous, Identity::Named),
    }
}

/// The SIN of a good signature. The 65-byte spelling of a key is another identity.
fn signed(call: &Call, identity: &str, signature: &str) -> Option<String> {
    let key = PublicKey::from_hex(identity).ok()?;
    let text = SignedText::new(&call.signed_url()?, call.body_text().as_bytes());
    let good = Signature::from_hex(signature).ok()?.is_by(&key, &text);
    let sin = if identity.len() == 130 { key.uncompressed_sin() } else { key.sin() };
    good.then(|| sin.as_str().to_owned())
}

fn key(value: &str, state: &State) -> Option<String> {
    let (scheme, rest) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = base64::engine::general_purpose::STANDARD.decode(rest.trim()).ok()?;
    let key = String::from_utf8(bytes).ok()?;
    state.stores.iter().find(|store| store.legacy_key.as_ref() == Some(&key)).map(|store| store.id.clone())
}
