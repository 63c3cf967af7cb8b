//! Who may make which call (`contract/dialects.toml`).

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::Endpoint;

/// A way in which a shop may prove itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// None is asked for.
    Public,
    /// A signature, and one of its key's tokens.
    Signed,
    /// A signature alone.
    Key,
    /// A token of the pos facade, without signature.
    PosToken,
    /// Basic with an API key.
    V1Key,
    /// None: the invoice's id is the capability.
    Bare,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    calls: HashMap<Endpoint, Vec<Proof>>,
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| super::built_in(include_str!("../../contract/dialects.toml")));

impl Endpoint {
    /// The proofs that this call takes; none for a call without a row.
    #[must_use]
    pub fn proofs(self) -> &'static [Proof] {
        TABLE.calls.get(&self).map_or(&[], Vec::as_slice)
    }

    /// Whether this call takes that proof.
    #[must_use]
    pub fn takes(self, proof: Proof) -> bool {
        self.proofs().contains(&proof)
    }
}
