//! Invoices: reserved before BTCPay hears of them, bound to its id before the shop does.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::{Ledger, LedgerError, sqlite};
use crate::contract::Era;
use crate::presented::{Presented, Settlement};

/// How far an invoice has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvoiceState {
    /// On its way, or its outcome is unknown.
    Pending,
    /// BTCPay made it; its id is known.
    Created,
    /// BTCPay said that it made nothing.
    Refused,
    /// Nothing was sent.
    Failed,
}

impl InvoiceState {
    /// As it stands in the ledger.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Created => "created",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    fn parse(text: &str) -> Result<Self, LedgerError> {
        [Self::Pending, Self::Created, Self::Refused, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(LedgerError::Unreadable("invoice state"))
    }
}

/// A row to be written before the create goes out.
#[derive(Debug, Clone)]
pub struct NewInvoice {
    /// Random; also the mark that BTCPay keeps.
    pub row_id: String,
    /// The store that gets it.
    pub store_id: String,
    /// The credential that asked.
    pub credential_id: Option<String>,
    /// The shop's guid, where it sent one.
    pub guid: Option<String>,
    /// Of price, currency and orderId.
    pub fingerprint: String,
    /// The shop's own words, sealed.
    pub words_sealed: Vec<u8>,
    /// Dialect of the request.
    pub dialect: String,
    /// Host header of the request.
    pub host: String,
    /// Agent of the request.
    pub agent: String,
    /// Era of the request.
    pub era: Era,
    /// The store's settlement when it was asked for.
    pub settlement: Settlement,
    /// Unguessable name under which BTCPay will notify payferry.
    pub notification_id: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// The life of the process that sends it.
    pub sent_by: String,
}

/// A row as the ledger holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceRow {
    /// payferry's own id, and the mark.
    pub row_id: String,
    /// The store that has it.
    pub store_id: String,
    /// Unguessable name under which BTCPay notifies payferry.
    pub notification_id: String,
    /// How far it has come.
    pub state: InvoiceState,
    /// BTCPay's id, once known.
    pub invoice_id: Option<String>,
    /// The shop's own words, sealed; empty once they were erased.
    pub words_sealed: Vec<u8>,
    /// BTCPay's create answer, sealed, once known.
    pub answer_sealed: Option<Vec<u8>>,
    /// The life of the process that sent it last.
    pub sent_by: String,
    /// Whether payferry notifies the shop; False where the shop's own address was given to BTCPay.
    pub relayed: bool,
    /// Era of the create.
    pub era: Era,
    /// What the shop was told.
    pub presented: Presented,
}

/// What became of a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reservation {
    /// The row is new and durable.
    New {
        /// As written.
        row: InvoiceRow,
        /// The same credential used the same guid for another order before.
        same_guid_other_body: bool,
    },
    /// The same credential, guid and order came before.
    Existing(InvoiceRow),
}

pub(super) const COLUMNS: &str = "SELECT row_id, store_id, notification_id, state, invoice_id, words_sealed, answer_sealed, sent_by, relayed, era, \
     presented_status, presented_exception, presented_since, unpaid_since, alarms FROM invoices";

pub(super) fn invoice(row: &SqliteRow) -> Result<InvoiceRow, LedgerError> {
    let state: String = row.try_get("state").map_err(sqlite::error)?;
    Ok(InvoiceRow {
        row_id: row.try_get("row_id").map_err(sqlite::error)?,
        store_id: row.try_get("store_id").map_err(sqlite::error)?,
        notification_id: row.try_get("notification_id").map_err(sqlite::error)?,
        state: InvoiceState::parse(&state)?,
        invoice_id: row.try_get("invoice_id").map_err(sqlite::error)?,
        words_sealed: row.try_get("words_sealed").map_err(sqlite::error)?,
        answer_sealed: row.try_get("answer_sealed").map_err(sqlite::error)?,
        sent_by: row.try_get("sent_by").map_err(sqlite::error)?,
        relayed: row.try_get::<i64, _>("relayed").map_err(sqlite::error)? != 0,
        era: era(row)?,
        presented: presented(row)?,
    })
}

pub(super) fn era(row: &SqliteRow) -> Result<Era, LedgerError> {
    let era: String = row.try_get("era").map_err(sqlite::error)?;
    era.parse().map_err(|_| LedgerError::Unreadable("era"))
}

fn presented(row: &SqliteRow) -> Result<Presented, LedgerError> {
    let status: String = row.try_get("presented_status").map_err(sqlite::error)?;
    let exception: Option<String> = row.try_get("presented_exception").map_err(sqlite::error)?;
    let alarms: String = row.try_get("alarms").map_err(sqlite::error)?;
    let unreadable = |_| LedgerError::Unreadable("presented status");
    Ok(Presented {
        status: status.parse().map_err(unreadable)?,
        exception: exception.map(|word| word.parse().map_err(unreadable)).transpose()?,
        since_ms: row.try_get("presented_since").map_err(sqlite::error)?,
        unpaid_since_ms: row.try_get("unpaid_since").map_err(sqlite::error)?,
        alarms: alarms.parse().map_err(unreadable)?,
    })
}

impl Ledger {
    /// Writes the row, or finds the one of the same credential, guid and order.
    ///
    /// # Errors
    /// [`LedgerError`]; nothing may be sent then.
    pub async fn reserve_invoice(&self, new: NewInvoice) -> Result<Reservation, LedgerError> {
        let write = self.writer.write(move |connection| {
            let new = new.clone();
            Box::pin(async move { reserve(connection, new).await })
        });
        write.await
    }

    /// Keeps BTCPay's id and its answer, and when the invoice is looked at first.
    ///
    /// # Errors
    /// [`LedgerError::Conflict`] where there is no such row, where it has another id already, or where
    /// another row has this id; else [`LedgerError`].
    pub async fn bind_invoice(
        &self,
        row_id: &str,
        invoice_id: &str,
        answer_sealed: Vec<u8>,
        now_ms: i64,
        first_look_at: i64,
    ) -> Result<(), LedgerError> {
        let (row_id, invoice_id) = (row_id.to_owned(), invoice_id.to_owned());
        let sql = "UPDATE invoices SET state = 'created', invoice_id = ?, answer_sealed = ?, updated_at = ?, \
                   presented_since = CASE WHEN invoice_id IS NULL THEN ? ELSE presented_since END, \
                   wake_at = CASE WHEN relayed = 1 THEN ? END, wakes = wakes + 1 \
                   WHERE row_id = ? AND (invoice_id IS NULL OR invoice_id = ?)";
        let write = self.writer.write(move |connection| {
            let bind = sqlx::query(sql)
                .bind(invoice_id.clone())
                .bind(answer_sealed.clone())
                .bind(now_ms)
                .bind(now_ms)
                .bind(first_look_at)
                .bind(row_id.clone())
                .bind(invoice_id.clone());
            Box::pin(async move {
                match bind.execute(connection).await.map_err(sqlite::error)?.rows_affected() {
                    0 => Err(LedgerError::Conflict("the row is missing or has another invoice".to_owned())),
                    _ => Ok(()),
                }
            })
        });
        write.await
    }

    /// Notes that BTCPay refused ([`InvoiceState::Refused`]) or never heard ([`InvoiceState::Failed`]).
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn settle_invoice(
        &self,
        row_id: &str,
        state: InvoiceState,
        now_ms: i64,
    ) -> Result<(), LedgerError> {
        let row_id = row_id.to_owned();
        let sql = "UPDATE invoices SET state = ?, updated_at = ? WHERE row_id = ? AND state = 'pending'";
        let write = self.writer.write(move |connection| {
            let settle = sqlx::query(sql).bind(state.as_str()).bind(now_ms).bind(row_id.clone());
            Box::pin(async move { settle.execute(connection).await.map(drop).map_err(sqlite::error) })
        });
        write.await
    }

    /// Takes a row that made nothing back to pending, for one more send by the process life `by`, of these
    /// words. False where another did so first, or where the invoice exists.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn reopen_invoice(
        &self,
        row: &InvoiceRow,
        by: &str,
        words_sealed: Vec<u8>,
        settlement: Settlement,
        now_ms: i64,
    ) -> Result<bool, LedgerError> {
        let (row, by) = (row.clone(), by.to_owned());
        let sql = "UPDATE invoices SET state = 'pending', sent_by = ?, words_sealed = ?, settlement = ?, updated_at = ?, erased_at = NULL \
                   WHERE row_id = ? AND state = ? AND sent_by = ? AND invoice_id IS NULL";
        let write = self.writer.write(move |connection| {
            let reopen = sqlx::query(sql)
                .bind(by.clone())
                .bind(words_sealed.clone())
                .bind(settlement.as_str())
                .bind(now_ms)
                .bind(row.row_id.clone())
                .bind(row.state.as_str())
                .bind(row.sent_by.clone());
            Box::pin(async move {
                reopen.execute(connection).await.map(|done| done.rows_affected() == 1).map_err(sqlite::error)
            })
        });
        write.await
    }

    /// The invoice that BTCPay knows by this id.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn find_invoice(&self, invoice_id: &str) -> Result<Option<InvoiceRow>, LedgerError> {
        let sql = format!("{COLUMNS} WHERE invoice_id = ?");
        let find = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(invoice_id).fetch_optional(&self.reads);
        find.await.map_err(sqlite::error)?.as_ref().map(invoice).transpose()
    }
}

async fn reserve(connection: &mut SqliteConnection, new: NewInvoice) -> Result<Reservation, LedgerError> {
    let guid_seen = guid_seen(connection, &new).await?;
    if let Some(row) = if guid_seen { same_order(connection, &new).await? } else { None } {
        return Ok(Reservation::Existing(row));
    }
    let sql = "INSERT INTO invoices (row_id, store_id, credential_id, guid, fingerprint, state, words_sealed, \
               dialect, host, agent, notification_id, sent_by, created_at, updated_at, era, settlement, relayed) \
               VALUES (?, ?, ?, ?, ?, 'pending', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)";
    sqlx::query(sql)
        .bind(&new.row_id)
        .bind(&new.store_id)
        .bind(&new.credential_id)
        .bind(&new.guid)
        .bind(&new.fingerprint)
        .bind(&new.words_sealed)
        .bind(&new.dialect)
        .bind(&new.host)
        .bind(&new.agent)
        .bind(&new.notification_id)
        .bind(&new.sent_by)
        .bind(new.created_at)
        .bind(new.created_at)
        .bind(new.era.as_str())
        .bind(new.settlement.as_str())
        .execute(connection)
        .await
        .map_err(sqlite::error)?;
    let row = InvoiceRow {
        row_id: new.row_id,
        store_id: new.store_id,
        notification_id: new.notification_id,
        state: InvoiceState::Pending,
        invoice_id: None,
        words_sealed: new.words_sealed,
        answer_sealed: None,
        sent_by: new.sent_by,
        relayed: true,
        era: new.era,
        presented: Presented::new(new.created_at),
    };
    Ok(Reservation::New { row, same_guid_other_body: guid_seen })
}

async fn guid_seen(connection: &mut SqliteConnection, new: &NewInvoice) -> Result<bool, LedgerError> {
    let sql = "SELECT 1 FROM invoices WHERE store_id = ? AND credential_id = ? AND guid = ? LIMIT 1";
    let find = sqlx::query(sql).bind(&new.store_id).bind(&new.credential_id).bind(&new.guid);
    find.fetch_optional(connection).await.map(|row| row.is_some()).map_err(sqlite::error)
}

async fn same_order(
    connection: &mut SqliteConnection,
    new: &NewInvoice,
) -> Result<Option<InvoiceRow>, LedgerError> {
    let sql = format!("{COLUMNS} WHERE store_id = ? AND credential_id = ? AND guid = ? AND fingerprint = ?");
    let find = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(&new.store_id)
        .bind(&new.credential_id)
        .bind(&new.guid)
        .bind(&new.fingerprint);
    find.fetch_optional(connection).await.map_err(sqlite::error)?.as_ref().map(invoice).transpose()
}
