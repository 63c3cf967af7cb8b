//! What BitPay answers to `POST /tokens` and `GET /tokens`.

use crate::bitid::Sin;
use crate::json::{Object, Value};
use crate::ledger::Facade;

/// The one element of a `POST /tokens` answer.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenAnswer {
    /// The shop's key.
    pub sin: Sin,
    /// Whether the token already works.
    pub claimed: bool,
    /// The shop's token.
    pub token: String,
    /// The facade in the shop's own spelling.
    pub facade: String,
    /// Left out where neither side gave one.
    pub label: Option<String>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970.
    pub expires_at: i64,
    /// Seven characters.
    pub code: String,
}

impl TokenAnswer {
    /// Members and order as BitPay sent them (samples v2-2021-token-pairing and v2-2017-11-token-claimed),
    /// the code always there: PyPI bitpay 2.6 reads it, and nobody minds it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let policy = Object::new()
            .with("policy", "id")
            .with("method", if self.claimed { "require" } else { "inactive" })
            .with("params", vec![Value::from(self.sin.as_str())]);
        let mut token = Object::new().with("policies", vec![Value::Object(policy)]);
        if self.claimed {
            token.push("resource", self.sin.as_str());
        }
        token.push("token", self.token.as_str());
        token.push("facade", self.facade.as_str());
        if let Some(label) = &self.label {
            token.push("label", label.as_str());
        }
        token.push("dateCreated", self.created_at);
        token.push("pairingExpiration", self.expires_at);
        token.push("pairingCode", self.code.as_str());
        Value::Object(Object::new().with("data", vec![Value::Object(token)]))
    }
}

impl std::fmt::Debug for TokenAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenAnswer")
            .field("sin", &self.sin)
            .field("claimed", &self.claimed)
            .finish_non_exhaustive()
    }
}

/// An array of objects with one member each (ruby-client reads the first key of every element).
#[must_use]
pub fn list_tokens(tokens: &[(Facade, String)]) -> Value {
    let item = |(facade, token): &(Facade, String)| {
        Value::Object(Object::new().with(facade.as_str(), token.as_str()))
    };
    Value::Object(Object::new().with("data", tokens.iter().map(item).collect::<Vec<_>>()))
}
