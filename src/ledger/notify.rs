//! What shops are told of their invoices: the state per invoice, the notification that waits, the alarms.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::{InvoiceRow, Ledger, LedgerError, invoices, sqlite};
use crate::presented::{Presented, Settlement};

/// Everything that is needed to attend to one invoice.
#[derive(Debug, Clone)]
pub struct Attended {
    /// The row, with what the shop was told.
    pub row: InvoiceRow,
    /// The credential that made it.
    pub credential_id: Option<String>,
    /// Dialect of the create.
    pub dialect: String,
    /// Agent of the create.
    pub agent: String,
    /// The store's settlement at the create; None for one that was made before this was kept.
    pub settlement: Option<Settlement>,
    /// When BTCPay's id was bound, milliseconds since 1970.
    pub bound_at: i64,
    /// Wakes so far.
    pub wakes: i64,
    /// The shop or the operator asked to hear the state again.
    pub resend: bool,
    /// BTCPay has notified of it: it is looked at before those that are only polled.
    pub urgent: bool,
    /// When it is looked at next, milliseconds since 1970.
    pub wake_at: Option<i64>,
    /// When a look at it ended last, milliseconds since 1970; 0: never.
    pub looked_at: i64,
    /// Looks in a row that did not show it.
    pub blind_looks: u32,
    /// When the first of them was, milliseconds since 1970.
    pub blind_since: Option<i64>,
    /// The notification that waits for its shop.
    pub waiting: Option<Waiting>,
}

/// A notification that its shop has not taken yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Random.
    pub id: String,
    /// BitPay's code.
    pub event: u16,
    /// The body as it is sent, sealed.
    pub body_sealed: Vec<u8>,
    /// Tries so far.
    pub tries: u32,
    /// When it is due, milliseconds since 1970.
    pub next_at: i64,
    /// When it was written, milliseconds since 1970.
    pub created_at: i64,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting")
            .field("event", &self.event)
            .field("tries", &self.tries)
            .finish_non_exhaustive()
    }
}

/// A notification to be written.
#[derive(Clone)]
pub struct NewNotification {
    /// Random.
    pub id: String,
    /// BitPay's code.
    pub event: u16,
    /// The status in its body.
    pub status: String,
    /// The body, sealed.
    pub body_sealed: Vec<u8>,
}

/// One step of an invoice, as it is committed.
#[derive(Clone)]
pub struct Told {
    /// Which invoice.
    pub row_id: String,
    /// What reads show from now on.
    pub presented: Presented,
    /// What the shop is sent; whatever waited is superseded by it.
    pub notification: Option<NewNotification>,
    /// The one that waits, written anew under its own id: it must say what a read says.
    pub rewritten: Option<NewNotification>,
    /// What the operator is told: a word and a random id.
    pub alarm: Option<(String, String)>,
    /// The asked-for repeat is done with it.
    pub resent: bool,
}

/// What became of one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The shop took it.
    Delivered,
    /// It is tried again then, milliseconds since 1970.
    Again(i64),
    /// It is not tried again by itself.
    Parked,
}

const ATTENDED: &str = "SELECT invoices.*, notifications.id AS n_id, notifications.event AS n_event, \
     notifications.body_sealed AS n_body, notifications.tries AS n_tries, notifications.next_at AS n_next_at, \
     notifications.created_at AS n_created_at FROM invoices LEFT JOIN notifications \
     ON notifications.row_id = invoices.row_id AND notifications.state = 'waiting' WHERE invoices.row_id = ?";

impl Ledger {
    /// Asks that the shop hears the present state again. False for an invoice that payferry does not notify of,
    /// or whose texts were erased.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn ask_resend(&self, row_id: &str, now_ms: i64) -> Result<bool, LedgerError> {
        let row_id = row_id.to_owned();
        let sql = "UPDATE invoices SET resend = 1, wake_at = ?, wakes = wakes + 1 \
                   WHERE row_id = ? AND relayed = 1 AND state = 'created' AND erased_at IS NULL";
        let write = self.writer.write(move |connection| {
            let ask = sqlx::query(sql).bind(now_ms).bind(row_id.clone());
            Box::pin(async move {
                ask.execute(connection).await.map(|done| done.rows_affected() > 0).map_err(sqlite::error)
            })
        });
        write.await
    }

    /// One invoice with all that is needed to attend to it.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn attended(&self, row_id: &str) -> Result<Option<Attended>, LedgerError> {
        let found = sqlx::query(ATTENDED).bind(row_id).fetch_optional(&self.reads).await;
        found.map_err(sqlite::error)?.as_ref().map(attended).transpose()
    }

    /// Commits one step: what reads show, what the shop is sent, what the operator is told, together.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn tell(&self, told: Told, now_ms: i64) -> Result<(), LedgerError> {
        let write = self.writer.write(move |connection| {
            let told = told.clone();
            Box::pin(async move { tell(connection, &told, now_ms).await })
        });
        write.await
    }

    /// Whether the shop has taken this event of the invoice.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn has_taken(&self, row_id: &str, event: u16) -> Result<bool, LedgerError> {
        let sql =
            "SELECT 1 FROM notifications WHERE row_id = ? AND event = ? AND state = 'delivered' LIMIT 1";
        let find = sqlx::query(sql).bind(row_id).bind(i64::from(event)).fetch_optional(&self.reads);
        find.await.map(|found| found.is_some()).map_err(sqlite::error)
    }

    /// Keeps what became of a try; `result` is a word for the operator. Nothing is kept of a try that a replay
    /// overtook: that one begins again with no tries and a time of its own.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn settle_notification(
        &self,
        tried: &Waiting,
        settled: Settled,
        result: &str,
        now_ms: i64,
    ) -> Result<(), LedgerError> {
        let (tried, result) = (tried.clone(), result.to_owned());
        let (state, next_at) = match settled {
            Settled::Delivered => ("delivered", None),
            Settled::Again(at) => ("waiting", Some(at)),
            Settled::Parked => ("parked", None),
        };
        let sql = "UPDATE notifications SET state = ?, next_at = ?, tries = tries + 1, last_result = ?, last_at = ? \
                   WHERE id = ? AND state = 'waiting' AND tries = ? AND next_at = ?";
        let write = self.writer.write(move |connection| {
            let settle = sqlx::query(sql)
                .bind(state)
                .bind(next_at)
                .bind(result.clone())
                .bind(now_ms)
                .bind(tried.id.clone())
                .bind(i64::from(tried.tries))
                .bind(tried.next_at);
            Box::pin(async move { settle.execute(connection).await.map(drop).map_err(sqlite::error) })
        });
        write.await
    }
}

fn attended(row: &SqliteRow) -> Result<Attended, LedgerError> {
    let get = |name: &str| row.try_get::<i64, _>(name).map_err(sqlite::error);
    Ok(Attended {
        row: invoices::invoice(row)?,
        credential_id: row.try_get("credential_id").map_err(sqlite::error)?,
        dialect: row.try_get("dialect").map_err(sqlite::error)?,
        agent: row.try_get("agent").map_err(sqlite::error)?,
        settlement: settlement(row)?,
        bound_at: get("updated_at")?,
        wakes: get("wakes")?,
        resend: get("resend")? != 0,
        urgent: get("urgent")? != 0,
        wake_at: row.try_get("wake_at").map_err(sqlite::error)?,
        looked_at: get("looked_at")?,
        blind_looks: u32::try_from(get("blind_looks")?)
            .map_err(|_| LedgerError::Unreadable("blind_looks"))?,
        blind_since: row.try_get("blind_since").map_err(sqlite::error)?,
        waiting: waiting(row)?,
    })
}

pub(super) fn settlement(row: &SqliteRow) -> Result<Option<Settlement>, LedgerError> {
    let word: Option<String> = row.try_get("settlement").map_err(sqlite::error)?;
    word.map(|word| word.parse()).transpose().map_err(|_| LedgerError::Unreadable("settlement"))
}

fn waiting(row: &SqliteRow) -> Result<Option<Waiting>, LedgerError> {
    let id: Option<String> = row.try_get("n_id").map_err(sqlite::error)?;
    let Some(id) = id else { return Ok(None) };
    let get = |name: &str| row.try_get::<i64, _>(name).map_err(sqlite::error);
    Ok(Some(Waiting {
        id,
        event: u16::try_from(get("n_event")?).map_err(|_| LedgerError::Unreadable("event"))?,
        body_sealed: row.try_get("n_body").map_err(sqlite::error)?,
        tries: u32::try_from(get("n_tries")?).map_err(|_| LedgerError::Unreadable("tries"))?,
        next_at: row.try_get::<Option<i64>, _>("n_next_at").map_err(sqlite::error)?.unwrap_or_default(),
        created_at: get("n_created_at")?,
    }))
}

async fn tell(connection: &mut SqliteConnection, told: &Told, now_ms: i64) -> Result<(), LedgerError> {
    let Presented { status, exception, since_ms, unpaid_since_ms, alarms } = &told.presented;
    let sql = "UPDATE invoices SET presented_status = ?, presented_exception = ?, presented_since = ?, \
               unpaid_since = ?, alarms = ?, resend = CASE WHEN ? THEN 0 ELSE resend END WHERE row_id = ?";
    sqlx::query(sql)
        .bind(status.as_str())
        .bind(exception.map(crate::presented::Exception::as_str))
        .bind(since_ms)
        .bind(unpaid_since_ms)
        .bind(alarms.to_string())
        .bind(told.resent)
        .bind(&told.row_id)
        .execute(&mut *connection)
        .await
        .map_err(sqlite::error)?;
    if let Some((alarm, id)) = &told.alarm {
        let sql = "INSERT INTO alarms (id, row_id, alarm, raised_at) VALUES (?, ?, ?, ?)";
        let raise = sqlx::query(sql).bind(id).bind(&told.row_id).bind(alarm).bind(now_ms);
        raise.execute(&mut *connection).await.map_err(sqlite::error)?;
    }
    if let Some(anew) = &told.rewritten {
        rewrite(connection, anew).await?;
    }
    match &told.notification {
        Some(new) => enqueue(connection, &told.row_id, new, now_ms).await,
        None => Ok(()),
    }
}

async fn rewrite(connection: &mut SqliteConnection, anew: &NewNotification) -> Result<(), LedgerError> {
    let sql =
        "UPDATE notifications SET event = ?, status = ?, body_sealed = ? WHERE id = ? AND state = 'waiting'";
    let NewNotification { id, event, status, body_sealed } = anew;
    let rewrite = sqlx::query(sql).bind(i64::from(*event)).bind(status).bind(body_sealed).bind(id);
    rewrite.execute(connection).await.map(drop).map_err(sqlite::error)
}

/// What waits is not sent any more.
pub(super) async fn supersede(connection: &mut SqliteConnection, row_id: &str) -> Result<(), LedgerError> {
    let sql = "UPDATE notifications SET state = 'superseded', next_at = NULL WHERE row_id = ? AND state = 'waiting'";
    sqlx::query(sql).bind(row_id).execute(connection).await.map(drop).map_err(sqlite::error)
}

async fn enqueue(
    connection: &mut SqliteConnection,
    row_id: &str,
    new: &NewNotification,
    now_ms: i64,
) -> Result<(), LedgerError> {
    supersede(connection, row_id).await?;
    let sql = "INSERT INTO notifications (id, row_id, number, event, status, body_sealed, state, next_at, created_at) \
               SELECT ?, ?, COALESCE(MAX(number), 0) + 1, ?, ?, ?, 'waiting', ?, ? FROM notifications WHERE row_id = ?";
    sqlx::query(sql)
        .bind(&new.id)
        .bind(row_id)
        .bind(i64::from(new.event))
        .bind(&new.status)
        .bind(&new.body_sealed)
        .bind(now_ms)
        .bind(now_ms)
        .bind(row_id)
        .execute(connection)
        .await
        .map(drop)
        .map_err(sqlite::error)
}
