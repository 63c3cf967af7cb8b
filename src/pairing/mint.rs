//! Making the tokens of a key, and telling the text of a token again.

use crate::bitid::Sin;
use crate::ledger::{Credential, CredentialKind, Facade, Ledger, LedgerError, Overrides, TokenSource};
use crate::secrets::{MasterSecret, token_hash};

/// Makes tokens of one scope, see [`MasterSecret::token`].
#[derive(Clone, Copy)]
pub struct Mint<'a> {
    /// Knows which tokens were revoked: those never come again.
    pub ledger: &'a Ledger,
    /// Derives them.
    pub secrets: &'a MasterSecret,
    /// A store's id, or the hash of a code.
    pub scope: &'a str,
}

impl Mint<'_> {
    /// The token of a key for a facade, with its epoch.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn token(&self, sin: &Sin, facade: Facade) -> Result<(String, u32), LedgerError> {
        let epoch = self.ledger.token_epoch(self.scope, sin, facade).await?;
        Ok((self.secrets.token(self.scope, sin.as_str(), facade.as_str(), epoch), epoch))
    }

    /// The credentials of a key: as merchant both tokens, for ruby-client's default facade is pos while other
    /// shops list and read as merchant; as pos that token alone.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn credentials(
        &self,
        store_id: &str,
        sin: &Sin,
        facade: Facade,
        label: Option<String>,
        now_ms: i64,
    ) -> Result<Vec<Credential>, LedgerError> {
        let facades: &[Facade] = match facade {
            Facade::Merchant => &[Facade::Merchant, Facade::Pos],
            Facade::Pos => &[Facade::Pos],
        };
        let mut credentials = Vec::with_capacity(facades.len());
        for facade in facades {
            let (token, epoch) = self.token(sin, *facade).await?;
            let hash = token_hash(&token);
            credentials.push(Credential {
                id: hash[..16].to_owned(),
                store_id: store_id.to_owned(),
                kind: CredentialKind::Token,
                facade: *facade,
                sin: Some(sin.clone()),
                source: TokenSource::Derived { scope: self.scope.to_owned(), epoch },
                token_hash: hash,
                overrides: Overrides { label: label.clone(), ..Overrides::default() },
                created_at: now_ms,
            });
        }
        Ok(credentials)
    }
}

/// The text of a token; None for an API key, whose hash alone is kept, and where the master secret is another.
#[must_use]
pub fn token_text(secrets: &MasterSecret, credential: &Credential) -> Option<String> {
    match &credential.source {
        TokenSource::Derived { scope, epoch } => {
            let sin = credential.sin.as_ref().map_or("", Sin::as_str);
            Some(secrets.token(scope, sin, credential.facade.as_str(), *epoch))
        }
        TokenSource::Sealed(sealed) => {
            let plain = secrets.open(&token_context(&credential.id), sealed).ok()?;
            String::from_utf8(plain.to_vec()).ok()
        }
        TokenSource::Hash => None,
    }
}

/// The place of a sealed token, see [`MasterSecret::seal`].
#[must_use]
pub fn token_context(credential_id: &str) -> String {
    format!("credential-token/{credential_id}")
}
