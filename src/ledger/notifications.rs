//! Notifications as the operator sees them: lists, one of them, parking and replaying.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::{Ledger, LedgerError, sqlite};

/// One notification with its invoice and store.
#[derive(Clone, PartialEq, Eq)]
pub struct NotificationRow {
    /// payferry's own id of it.
    pub id: String,
    /// BTCPay's id of the invoice.
    pub invoice_id: String,
    /// payferry's own id of the invoice.
    pub row_id: String,
    /// The store's name.
    pub store: String,
    /// Its order inside the invoice, from 1.
    pub number: i64,
    /// BitPay's code.
    pub event: i64,
    /// The status in its body.
    pub status: String,
    /// `waiting`, `delivered`, `superseded` or `parked`.
    pub state: String,
    /// Tries so far.
    pub tries: i64,
    /// When it is tried next, milliseconds since 1970.
    pub next_at: Option<i64>,
    /// What became of the last try.
    pub last_result: Option<String>,
    /// When that was, milliseconds since 1970.
    pub last_at: Option<i64>,
    /// When it was written, milliseconds since 1970.
    pub created_at: i64,
    /// The body, sealed.
    pub body_sealed: Vec<u8>,
}

impl std::fmt::Debug for NotificationRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NotificationRow")
            .field("id", &self.id)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// One alarm with its invoice and store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmRow {
    /// Its word; see docs/runbook.md.
    pub alarm: String,
    /// BTCPay's id of the invoice.
    pub invoice_id: String,
    /// The store's name.
    pub store: String,
    /// Milliseconds since 1970.
    pub raised_at: i64,
}

/// What waits for shops, and what they never took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outbox {
    /// Notifications that wait.
    pub depth: i64,
    /// Since when the oldest of them waits, milliseconds since 1970.
    pub oldest: Option<i64>,
    /// Parked ones that nothing came after: their shops do not know the state of the invoice.
    pub given_up: i64,
}

/// Why a notification is not replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// It is on its way.
    Done,
    /// There is no such notification.
    Unknown,
    /// The invoice has another state by now: the shop would hear an older one after a newer one.
    Older,
    /// Its body was erased, long after the invoice was final.
    Erased,
}

const ROWS: &str = "SELECT n.*, i.invoice_id, s.name AS store FROM notifications n \
     JOIN invoices i ON i.row_id = n.row_id JOIN stores s ON s.id = i.store_id";

impl Ledger {
    /// Notifications, the newest first; of one state, where one is given.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn notifications(
        &self,
        state: Option<&str>,
        most: u32,
    ) -> Result<Vec<NotificationRow>, LedgerError> {
        let sql = format!(
            "{ROWS} WHERE (? IS NULL OR n.state = ?) ORDER BY n.created_at DESC, n.number DESC LIMIT ?"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(state).bind(state).bind(i64::from(most));
        query.fetch_all(&self.reads).await.map_err(sqlite::error)?.iter().map(notification).collect()
    }

    /// One notification by its id, or all of one invoice by BTCPay's id, in order.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn notifications_of(&self, id: &str) -> Result<Vec<NotificationRow>, LedgerError> {
        let sql = format!("{ROWS} WHERE n.id = ? OR i.invoice_id = ? ORDER BY n.number");
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).bind(id);
        query.fetch_all(&self.reads).await.map_err(sqlite::error)?.iter().map(notification).collect()
    }

    /// Alarms, the newest first.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn alarms(&self, most: u32) -> Result<Vec<AlarmRow>, LedgerError> {
        let sql = "SELECT a.alarm, a.raised_at, i.invoice_id, s.name AS store FROM alarms a \
                   JOIN invoices i ON i.row_id = a.row_id JOIN stores s ON s.id = i.store_id \
                   ORDER BY a.raised_at DESC LIMIT ?";
        let rows =
            sqlx::query(sql).bind(i64::from(most)).fetch_all(&self.reads).await.map_err(sqlite::error)?;
        rows.iter().map(alarm).collect()
    }

    /// How the outbox stands, with what was given up since then, milliseconds since 1970.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn outbox(&self, given_up_since: i64) -> Result<Outbox, LedgerError> {
        let sql =
            "SELECT COUNT(*) AS depth, MIN(created_at) AS oldest FROM notifications WHERE state = 'waiting'";
        let row = sqlx::query(sql).fetch_one(&self.reads).await.map_err(sqlite::error)?;
        let sql = "SELECT COUNT(*) AS given_up FROM notifications p WHERE p.state = 'parked' AND p.last_at >= ? \
                   AND NOT EXISTS (SELECT 1 FROM notifications n WHERE n.row_id = p.row_id AND n.number > p.number)";
        let parked =
            sqlx::query(sql).bind(given_up_since).fetch_one(&self.reads).await.map_err(sqlite::error)?;
        Ok(Outbox {
            depth: row.try_get("depth").map_err(sqlite::error)?,
            oldest: row.try_get("oldest").map_err(sqlite::error)?,
            given_up: parked.try_get("given_up").map_err(sqlite::error)?,
        })
    }

    /// Takes a waiting notification out of the way; False where it does not wait.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn park_notification(&self, id: &str) -> Result<bool, LedgerError> {
        let id = id.to_owned();
        let sql =
            "UPDATE notifications SET state = 'parked', next_at = NULL WHERE id = ? AND state = 'waiting'";
        let write = self.writer.write(move |connection| {
            let park = sqlx::query(sql).bind(id.clone());
            Box::pin(async move {
                park.execute(connection).await.map(|done| done.rows_affected() > 0).map_err(sqlite::error)
            })
        });
        write.await
    }

    /// Sends a notification once more, as it was written, where it still says what a read says.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn replay_notification(&self, id: &str, now_ms: i64) -> Result<Replay, LedgerError> {
        let id = id.to_owned();
        let write = self.writer.write(move |connection| {
            let id = id.clone();
            Box::pin(async move { replay(connection, &id, now_ms).await })
        });
        write.await
    }
}

async fn replay(connection: &mut SqliteConnection, id: &str, now_ms: i64) -> Result<Replay, LedgerError> {
    let sql = "SELECT n.row_id, n.status, length(n.body_sealed) AS length, i.presented_status FROM notifications n \
               JOIN invoices i ON i.row_id = n.row_id WHERE n.id = ?";
    let found = sqlx::query(sql).bind(id).fetch_optional(&mut *connection).await.map_err(sqlite::error)?;
    let Some(found) = found else { return Ok(Replay::Unknown) };
    let text = |name: &str| found.try_get::<String, _>(name).map_err(sqlite::error);
    if found.try_get::<i64, _>("length").map_err(sqlite::error)? == 0 {
        return Ok(Replay::Erased);
    }
    if text("status")? != text("presented_status")? {
        return Ok(Replay::Older);
    }
    let row_id = text("row_id")?;
    // At most one of an invoice waits.
    super::notify::supersede(connection, &row_id).await?;
    let sql = "UPDATE notifications SET state = 'waiting', tries = 0, next_at = ? WHERE id = ?";
    sqlx::query(sql).bind(now_ms).bind(id).execute(&mut *connection).await.map_err(sqlite::error)?;
    let sql = "UPDATE invoices SET wake_at = ?, wakes = wakes + 1 WHERE row_id = ?";
    sqlx::query(sql).bind(now_ms).bind(row_id).execute(connection).await.map_err(sqlite::error)?;
    Ok(Replay::Done)
}

fn notification(row: &SqliteRow) -> Result<NotificationRow, LedgerError> {
    Ok(NotificationRow {
        id: row.try_get("id").map_err(sqlite::error)?,
        invoice_id: row.try_get("invoice_id").map_err(sqlite::error)?,
        row_id: row.try_get("row_id").map_err(sqlite::error)?,
        store: row.try_get("store").map_err(sqlite::error)?,
        number: row.try_get("number").map_err(sqlite::error)?,
        event: row.try_get("event").map_err(sqlite::error)?,
        status: row.try_get("status").map_err(sqlite::error)?,
        state: row.try_get("state").map_err(sqlite::error)?,
        tries: row.try_get("tries").map_err(sqlite::error)?,
        next_at: row.try_get("next_at").map_err(sqlite::error)?,
        last_result: row.try_get("last_result").map_err(sqlite::error)?,
        last_at: row.try_get("last_at").map_err(sqlite::error)?,
        created_at: row.try_get("created_at").map_err(sqlite::error)?,
        body_sealed: row.try_get("body_sealed").map_err(sqlite::error)?,
    })
}

fn alarm(row: &SqliteRow) -> Result<AlarmRow, LedgerError> {
    Ok(AlarmRow {
        alarm: row.try_get("alarm").map_err(sqlite::error)?,
        invoice_id: row.try_get("invoice_id").map_err(sqlite::error)?,
        store: row.try_get("store").map_err(sqlite::error)?,
        raised_at: row.try_get("raised_at").map_err(sqlite::error)?,
    })
}
