//! Credentials: what names a shop. Reading them, adding them, revoking them.

use std::fmt;
use std::str::FromStr;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::{Facade, Ledger, LedgerError, sqlite};
use crate::bitid::Sin;
use crate::contract::{Era, Form};

/// Declares a closed set of texts once: how each is stored, and how it is read back.
macro_rules! texts {
    ($(#[$doc:meta])* $name:ident, $what:literal, $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// As it stands in the ledger and at the command line; never changes.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = LedgerError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text { $($text => Ok(Self::$variant),)* _ => Err(LedgerError::Unreadable($what)) }
            }
        }
    };
}

texts! {
    /// What a shop shows of itself.
    CredentialKind, "kind of credential",
    /// A token that counts with the signature of its key (and, of the pos facade, without one).
    Token = "token",
    /// A token of the pos facade that no key is known of.
    PosToken = "pos_token",
    /// An API key of the first generation, or of BTCPay's own users.
    V1Key = "v1_key",
    /// Nothing but a key; only while it waits for adoption, which makes tokens for it.
    SigningKey = "signing_key",
}

texts! {
    /// The shape in which a shop reads notifications.
    NotificationForm, "form of notifications",
    /// The invoice alone.
    Flat = "flat",
    /// `event` and `data`.
    Enveloped = "enveloped",
}

impl From<NotificationForm> for Form {
    fn from(form: NotificationForm) -> Self {
        match form {
            NotificationForm::Flat => Self::Flat,
            NotificationForm::Enveloped => Self::Enveloped,
        }
    }
}

/// Where the text of a token comes from when it has to be shown again.
#[derive(Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// payferry made it from the master secret.
    Derived {
        /// What it was derived from beside SIN, facade and epoch.
        scope: String,
        /// Counts renewals of the token.
        epoch: u32,
    },
    /// BitPay made it; sealed.
    Sealed(Vec<u8>),
    /// Nowhere: only its hash is kept.
    Hash,
}

/// What an operator fixed for one credential.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// The era whose members its shop reads.
    pub era: Option<Era>,
    /// The form in which its shop reads notifications.
    pub notification_form: Option<NotificationForm>,
    /// What the shop or the operator called it.
    pub label: Option<String>,
}

/// One credential of a shop, bound to one store.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// payferry's own id.
    pub id: String,
    /// The store it opens.
    pub store_id: String,
    /// What the shop shows.
    pub kind: CredentialKind,
    /// What it may do.
    pub facade: Facade,
    /// The key that it belongs to, where there is one.
    pub sin: Option<Sin>,
    /// Where the token can be had again.
    pub source: TokenSource,
    /// SHA-256 of the token or API key, hex.
    pub token_hash: String,
    /// What is fixed for it.
    pub overrides: Overrides,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

impl fmt::Debug for Credential {
    /// Without its hash and its sealed token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("facade", &self.facade)
            .finish_non_exhaustive()
    }
}

/// By what a credential is looked up.
#[derive(Debug, Clone, Copy)]
pub enum CredentialName<'a> {
    /// The hash of a token.
    Token(&'a str),
    /// The hash of an API key.
    V1Key(&'a str),
    /// The SINs of one key.
    Sins(&'a [Sin]),
}

const CREDENTIAL: &str = "SELECT id, store_id, kind, facade, sin, scope, epoch, token_sealed, token_hash, era, \
                          notification_form, label, created_at FROM credentials";

impl Ledger {
    /// Every credential that is not revoked, oldest first.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn credentials(&self) -> Result<Vec<Credential>, LedgerError> {
        let sql = format!("{CREDENTIAL} WHERE revoked_at IS NULL ORDER BY created_at, id");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&self.reads).await;
        rows.map_err(sqlite::error)?.iter().map(credential).collect()
    }

    /// A credential by its id, also one that was revoked: notifications of its invoices are still signed by it.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn credential(&self, id: &str) -> Result<Option<Credential>, LedgerError> {
        let sql = format!("{CREDENTIAL} WHERE id = ?");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(&self.reads).await;
        row.map_err(sqlite::error)?.as_ref().map(credential).transpose()
    }

    /// Whether some usable credential has this name: an indexed look, so that a stranger's guess costs no
    /// more than that.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn knows_credential(&self, name: CredentialName<'_>) -> Result<bool, LedgerError> {
        let token =
            "SELECT 1 FROM credentials WHERE revoked_at IS NULL AND kind <> 'v1_key' AND token_hash = ?";
        let key = "SELECT 1 FROM credentials WHERE revoked_at IS NULL AND kind = 'v1_key' AND token_hash = ?";
        let sin = "SELECT 1 FROM credentials WHERE revoked_at IS NULL AND sin = ?";
        let looks: Vec<(&'static str, &str)> = match name {
            CredentialName::Token(hash) => vec![(token, hash)],
            CredentialName::V1Key(hash) => vec![(key, hash)],
            CredentialName::Sins(sins) => sins.iter().map(|of| (sin, of.as_str())).collect(),
        };
        for (sql, text) in looks {
            let found = sqlx::query(sql).bind(text).fetch_optional(&self.reads).await;
            if found.map_err(sqlite::error)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The epoch for a token of this scope: that of the usable one, else the one after the last that was revoked.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn token_epoch(&self, scope: &str, sin: &Sin, facade: Facade) -> Result<u32, LedgerError> {
        let sql = "SELECT MAX(CASE WHEN revoked_at IS NULL THEN epoch END) AS usable, MAX(epoch) AS last \
                   FROM credentials WHERE scope = ? AND sin = ? AND facade = ?";
        let find = sqlx::query(sql).bind(scope).bind(sin.as_str()).bind(facade.as_str());
        let row = find.fetch_one(&self.reads).await.map_err(sqlite::error)?;
        let usable: Option<i64> = row.try_get("usable").map_err(sqlite::error)?;
        let last: Option<i64> = row.try_get("last").map_err(sqlite::error)?;
        u32::try_from(usable.unwrap_or_else(|| last.unwrap_or(0).saturating_add(1)))
            .map_err(|_| LedgerError::Unreadable("epoch"))
    }

    /// Adds a credential that the operator made or brought along. A token that payferry made binds its key to
    /// the store, as a pairing does; one of BitPay's opens its own store, whatever else the key has.
    ///
    /// # Errors
    /// [`LedgerError::Conflict`] where its token or key is there already, or payferry paired the key of a token
    /// that it made with another store.
    pub async fn add_credential(&self, new: Credential) -> Result<(), LedgerError> {
        let write = self.writer.write(move |connection| {
            let new = new.clone();
            Box::pin(async move {
                if new.sin.is_none() || !matches!(new.source, TokenSource::Derived { .. }) {
                    return insert(connection, &new).await;
                }
                claim(connection, &new).await?;
                keep(connection, &new).await
            })
        });
        write.await
    }

    /// Fixes other things for a usable credential. False where there is none of this id.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn fix_credential(&self, id: &str, overrides: Overrides) -> Result<bool, LedgerError> {
        let id = id.to_owned();
        let sql = "UPDATE credentials SET era = ?, notification_form = ?, label = ? \
                   WHERE id = ? AND revoked_at IS NULL";
        let write = self.writer.write(move |connection| {
            let fix = sqlx::query(sql)
                .bind(overrides.era.map(Era::as_str))
                .bind(overrides.notification_form.map(NotificationForm::as_str))
                .bind(overrides.label.clone())
                .bind(id.clone());
            Box::pin(async move {
                fix.execute(connection).await.map(|done| done.rows_affected() == 1).map_err(sqlite::error)
            })
        });
        write.await
    }

    /// Ends a credential. False where no usable one has this id.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn revoke_credential(&self, id: &str, now_ms: i64) -> Result<bool, LedgerError> {
        let id = id.to_owned();
        let sql = "UPDATE credentials SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL";
        let write = self.writer.write(move |connection| {
            let revoke = sqlx::query(sql).bind(now_ms).bind(id.clone());
            Box::pin(async move {
                revoke.execute(connection).await.map(|done| done.rows_affected() == 1).map_err(sqlite::error)
            })
        });
        write.await
    }
}

const INSERT: &str = "INSERT INTO credentials (id, store_id, kind, facade, sin, scope, epoch, token_sealed, \
                      token_hash, era, notification_form, label, created_at) \
                      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
/// A token that is derived a second time is the same token.
const KEEP: &str = " ON CONFLICT (scope, sin, facade, epoch) DO NOTHING";

/// Writes a new credential.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    credential: &Credential,
) -> Result<(), LedgerError> {
    write(connection, credential, INSERT.to_owned()).await
}

/// Binds the SIN to its store for good, and keeps the token where it is not there already.
pub(super) async fn keep(
    connection: &mut SqliteConnection,
    credential: &Credential,
) -> Result<(), LedgerError> {
    sqlx::query("INSERT INTO identities (sin, store_id) VALUES (?, ?) ON CONFLICT (sin) DO NOTHING")
        .bind(credential.sin.as_ref().map(Sin::as_str))
        .bind(&credential.store_id)
        .execute(&mut *connection)
        .await
        .map_err(sqlite::error)?;
    write(connection, credential, format!("{INSERT}{KEEP}")).await
}

/// Refuses a SIN that works for another store: whoever holds a code knows no more than the SIN, and must not
/// bring another merchant's key under his own store.
pub(super) async fn claim(
    connection: &mut SqliteConnection,
    credential: &Credential,
) -> Result<(), LedgerError> {
    let sql = "SELECT 1 FROM identities WHERE sin = ? AND store_id <> ? UNION ALL \
               SELECT 1 FROM credentials WHERE sin = ? AND store_id <> ? AND revoked_at IS NULL LIMIT 1";
    let (sin, store) = (credential.sin.as_ref().map(Sin::as_str), &credential.store_id);
    let elsewhere = sqlx::query(sql).bind(sin).bind(store).bind(sin).bind(store);
    match elsewhere.fetch_optional(&mut *connection).await.map_err(sqlite::error)? {
        Some(_) => Err(LedgerError::Conflict("the SIN belongs to another store".to_owned())),
        None => Ok(()),
    }
}

async fn write(
    connection: &mut SqliteConnection,
    credential: &Credential,
    sql: String,
) -> Result<(), LedgerError> {
    let (scope, epoch, sealed) = match &credential.source {
        TokenSource::Derived { scope, epoch } => (Some(scope), Some(i64::from(*epoch)), None),
        TokenSource::Sealed(sealed) => (None, None, Some(sealed)),
        TokenSource::Hash => (None, None, None),
    };
    let Overrides { era, notification_form, label } = &credential.overrides;
    let insert = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(&credential.id)
        .bind(&credential.store_id)
        .bind(credential.kind.as_str())
        .bind(credential.facade.as_str())
        .bind(credential.sin.as_ref().map(Sin::as_str))
        .bind(scope)
        .bind(epoch)
        .bind(sealed)
        .bind(&credential.token_hash)
        .bind(era.map(Era::as_str))
        .bind(notification_form.map(NotificationForm::as_str))
        .bind(label)
        .bind(credential.created_at);
    insert.execute(connection).await.map(drop).map_err(sqlite::error)
}

pub(super) fn credential(row: &SqliteRow) -> Result<Credential, LedgerError> {
    let text = |name: &str| row.try_get::<String, _>(name).map_err(sqlite::error);
    let maybe = |name: &str| row.try_get::<Option<String>, _>(name).map_err(sqlite::error);
    let form = maybe("notification_form")?.map(|form| form.parse()).transpose()?;
    let era = maybe("era")?.map(|era| era.parse()).transpose().map_err(|_| LedgerError::Unreadable("era"))?;
    Ok(Credential {
        id: text("id")?,
        store_id: text("store_id")?,
        kind: text("kind")?.parse()?,
        facade: text("facade")?.parse()?,
        sin: sin(maybe("sin")?)?,
        source: source(row)?,
        token_hash: text("token_hash")?,
        overrides: Overrides { era, notification_form: form, label: maybe("label")? },
        created_at: row.try_get("created_at").map_err(sqlite::error)?,
    })
}

fn source(row: &SqliteRow) -> Result<TokenSource, LedgerError> {
    let scope: Option<String> = row.try_get("scope").map_err(sqlite::error)?;
    let epoch: Option<i64> = row.try_get("epoch").map_err(sqlite::error)?;
    let sealed: Option<Vec<u8>> = row.try_get("token_sealed").map_err(sqlite::error)?;
    Ok(match (scope, epoch, sealed) {
        (Some(scope), Some(epoch), _) => {
            let epoch = u32::try_from(epoch).map_err(|_| LedgerError::Unreadable("epoch"))?;
            TokenSource::Derived { scope, epoch }
        }
        (_, _, Some(sealed)) => TokenSource::Sealed(sealed),
        _ => TokenSource::Hash,
    })
}

pub(super) fn sin(text: Option<String>) -> Result<Option<Sin>, LedgerError> {
    text.map(|text| Sin::parse(&text)).transpose().map_err(|_| LedgerError::Unreadable("SIN"))
}
