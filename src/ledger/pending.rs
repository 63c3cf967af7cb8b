//! Pending adoptions: credentials that proved something but that no store knows, until the operator binds
//! them or a day has passed since their last use.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::credentials::{claim, insert, keep, sin};
use super::{Credential, CredentialKind, Facade, Ledger, LedgerError, NotificationForm, Overrides, sqlite};
use crate::bitid::Sin;
use crate::contract::Era;

/// How long a credential waits after its last use.
pub const PENDING_LIVES_MS: i64 = 24 * 3_600_000;

/// A credential that waits for adoption.
#[derive(Clone, PartialEq, Eq)]
pub struct PendingAdoption {
    /// Names it to the operator; the same for the same credential.
    pub id: String,
    /// What the shop shows.
    pub kind: CredentialKind,
    /// The key that signed, where one did.
    pub sin: Option<Sin>,
    /// SHA-256 of the token or API key, hex; None for a key alone.
    pub token_hash: Option<String>,
    /// The token, sealed: an adopted one is listed again. API keys are not kept.
    pub token_sealed: Option<Vec<u8>>,
    /// How the shop's software named itself last.
    pub agent: String,
    /// Where it came from last.
    pub address: String,
    /// The Host header it sent last.
    pub host: String,
    /// Milliseconds since 1970.
    pub first_seen: i64,
    /// Milliseconds since 1970.
    pub last_seen: i64,
    /// How often it was refused; in a write, how often since the last one.
    pub count: i64,
}

impl std::fmt::Debug for PendingAdoption {
    /// Without the hash and the sealed token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PendingAdoption")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

/// Those that wait still: used within a day, and not bound meanwhile.
const WAITING: &str = "SELECT id, kind, sin, token_hash, token_sealed, agent, address, host, first_seen, \
    last_seen, count FROM pending_adoptions AS pending WHERE last_seen > ? AND NOT EXISTS ( \
    SELECT 1 FROM credentials AS bound WHERE bound.revoked_at IS NULL AND CASE pending.kind \
    WHEN 'v1_key' THEN bound.kind = 'v1_key' AND bound.token_hash = pending.token_hash \
    WHEN 'pos_token' THEN bound.kind <> 'v1_key' AND bound.token_hash = pending.token_hash \
    WHEN 'token' THEN bound.sin = pending.sin AND bound.token_hash = pending.token_hash \
    ELSE bound.sin = pending.sin END)";

impl Ledger {
    /// Adds what was refused since the last time, drops what is older than a day, and of the rest keeps the
    /// `most` that were used last.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn note_pending(
        &self,
        refused: Vec<PendingAdoption>,
        most: u32,
        now_ms: i64,
    ) -> Result<(), LedgerError> {
        let write = self.writer.write(move |connection| {
            let refused = refused.clone();
            Box::pin(async move { note(connection, &refused, most, now_ms).await })
        });
        write.await
    }

    /// What waits, the latest first.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn pending_adoptions(&self, now_ms: i64) -> Result<Vec<PendingAdoption>, LedgerError> {
        let sql = format!("{WAITING} ORDER BY last_seen DESC, id");
        let since = now_ms.saturating_sub(PENDING_LIVES_MS);
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(since).fetch_all(&self.reads).await;
        rows.map_err(sqlite::error)?.iter().map(pending).collect()
    }

    /// Binds what waits under this id, in one commit, and gives it as it is kept. None where it waits no more.
    ///
    /// A POS token whose key was not known gets the key that now signed with it, and what else is said of it;
    /// it keeps its facade unless `facade` says another.
    ///
    /// # Errors
    /// [`LedgerError::Conflict`] where the token is bound already, or the key was paired with another store.
    pub async fn adopt(
        &self,
        pending_id: &str,
        credentials: Vec<Credential>,
        facade: Option<Facade>,
    ) -> Result<Option<Vec<Credential>>, LedgerError> {
        let id = pending_id.to_owned();
        let write = self.writer.write(move |connection| {
            let (id, credentials) = (id.clone(), credentials.clone());
            Box::pin(async move { adopt(connection, &id, &credentials, facade).await })
        });
        write.await
    }
}

async fn note(
    connection: &mut SqliteConnection,
    refused: &[PendingAdoption],
    most: u32,
    now_ms: i64,
) -> Result<(), LedgerError> {
    let sql = "INSERT INTO pending_adoptions (id, kind, sin, token_hash, token_sealed, agent, address, host, \
               first_seen, last_seen, count) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
               ON CONFLICT (id) DO UPDATE SET agent = excluded.agent, address = excluded.address, \
               host = excluded.host, last_seen = excluded.last_seen, \
               count = pending_adoptions.count + excluded.count";
    for row in refused {
        let add = sqlx::query(sql)
            .bind(&row.id)
            .bind(row.kind.as_str())
            .bind(row.sin.as_ref().map(Sin::as_str))
            .bind(&row.token_hash)
            .bind(&row.token_sealed)
            .bind(&row.agent)
            .bind(&row.address)
            .bind(&row.host)
            .bind(row.first_seen)
            .bind(row.last_seen)
            .bind(row.count);
        add.execute(&mut *connection).await.map_err(sqlite::error)?;
    }
    let old = "DELETE FROM pending_adoptions WHERE last_seen <= ? OR id NOT IN \
               (SELECT id FROM pending_adoptions ORDER BY last_seen DESC, id LIMIT ?)";
    let old = sqlx::query(old).bind(now_ms.saturating_sub(PENDING_LIVES_MS)).bind(i64::from(most));
    old.execute(connection).await.map(drop).map_err(sqlite::error)
}

async fn adopt(
    connection: &mut SqliteConnection,
    id: &str,
    credentials: &[Credential],
    facade: Option<Facade>,
) -> Result<Option<Vec<Credential>>, LedgerError> {
    let gone = sqlx::query("DELETE FROM pending_adoptions WHERE id = ?").bind(id);
    if gone.execute(&mut *connection).await.map_err(sqlite::error)?.rows_affected() == 0 {
        return Ok(None);
    }
    let mut bound = Vec::with_capacity(credentials.len());
    for credential in credentials {
        bound.push(bind(connection, credential, facade).await?);
    }
    Ok(Some(bound))
}

async fn bind(
    connection: &mut SqliteConnection,
    credential: &Credential,
    facade: Option<Facade>,
) -> Result<Credential, LedgerError> {
    if matches!(credential.source, super::TokenSource::Derived { .. }) {
        claim(connection, credential).await?;
        keep(connection, credential).await?;
        return Ok(credential.clone());
    }
    if let Some(known) = signed_now(connection, credential, facade).await? {
        return Ok(known);
    }
    insert(connection, credential).await?;
    Ok(credential.clone())
}

/// A token that was bound as a POS token, and whose key is known now.
async fn signed_now(
    connection: &mut SqliteConnection,
    credential: &Credential,
    facade: Option<Facade>,
) -> Result<Option<Credential>, LedgerError> {
    let Some(sin) = &credential.sin else { return Ok(None) };
    let Overrides { era, notification_form, label } = &credential.overrides;
    let sql = "UPDATE credentials SET sin = ?, kind = 'token', facade = COALESCE(?, facade), era = COALESCE(?, era), \
               notification_form = COALESCE(?, notification_form), label = COALESCE(?, label) \
               WHERE token_hash = ? AND store_id = ? AND kind = 'pos_token' AND revoked_at IS NULL RETURNING *";
    let update = sqlx::query(sql)
        .bind(sin.as_str())
        .bind(facade.map(Facade::as_str))
        .bind(era.map(Era::as_str))
        .bind(notification_form.map(NotificationForm::as_str))
        .bind(label)
        .bind(&credential.token_hash)
        .bind(&credential.store_id);
    let known = update.fetch_optional(connection).await.map_err(sqlite::error)?;
    known.as_ref().map(super::credentials::credential).transpose()
}

fn pending(row: &SqliteRow) -> Result<PendingAdoption, LedgerError> {
    let text = |name: &str| row.try_get::<String, _>(name).map_err(sqlite::error);
    let number = |name: &str| row.try_get::<i64, _>(name).map_err(sqlite::error);
    Ok(PendingAdoption {
        id: text("id")?,
        kind: text("kind")?.parse()?,
        sin: sin(row.try_get("sin").map_err(sqlite::error)?)?,
        token_hash: row.try_get("token_hash").map_err(sqlite::error)?,
        token_sealed: row.try_get("token_sealed").map_err(sqlite::error)?,
        agent: text("agent")?,
        address: text("address")?,
        host: text("host")?,
        first_seen: number("first_seen")?,
        last_seen: number("last_seen")?,
        count: number("count")?,
    })
}
