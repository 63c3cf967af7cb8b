//! When each invoice is looked at next, and what came of the last look.
//!
//! `wake_at` is the one clock of an invoice: a notification of BTCPay, a poll, a pause that ends and a
//! retry all set it. Whoever puts an invoice back to sleep says how many wakes he has seen, so that one
//! that came meanwhile is not lost.

use sqlx::{Row, SqliteConnection};

use super::{Attended, Ledger, LedgerError, sqlite};

/// BTCPay's notifications have an invoice looked at no more often than this, in ms: whoever knows its address
/// must not keep a signed read going.
pub const URGENT_EVERY_MS: i64 = 1_000;
/// What an operator changes at a store is known to every payferry within this time, in ms.
const CHANGE_KNOWN_MS: i64 = 1_500;

/// What a look came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glance {
    /// Nobody looked, or the whole server is down: nothing is known of this invoice.
    None,
    /// It was seen.
    Seen,
    /// It could not be read for a reason that may pass; a notification of it still stands.
    Failed,
    /// BTCPay answered, and will say the same again until somebody changes something.
    Refused,
}

/// How an invoice is put back to sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    /// Milliseconds since 1970; None: nothing more will come.
    pub until_ms: Option<i64>,
    /// What the look before it came to.
    pub glance: Glance,
}

impl Rest {
    /// Without having looked.
    #[must_use]
    pub fn until(until_ms: Option<i64>) -> Self {
        Self { until_ms, glance: Glance::None }
    }
}

/// Times that nothing has where the clock was right, milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Beyond {
    /// Of the last look.
    pub looked_at: i64,
    /// Of the next look.
    pub wake_at: i64,
    /// Of the first look.
    pub first_wake_at: i64,
}

const NOTIFIED: &str = "UPDATE invoices SET urgent = 1, wakes = wakes + 1, \
     wake_at = CASE WHEN looked_at <= ? AND looked_at > ? THEN looked_at + ? ELSE ? END \
     WHERE notification_id = ? AND relayed = 1 RETURNING row_id";

/// Those that only their owner can still move sleep for long, so their sleep is cut short in proportion: they
/// do not all come at once before the open ones.
const OPEN: &str = "UPDATE invoices SET wakes = wakes + 1, wake_at = CASE \
     WHEN presented_status IN ('new', 'paid', 'confirmed') THEN ? ELSE ? + (wake_at - ?) / 24 END \
     WHERE state = 'created' AND relayed = 1 AND wake_at > ? AND presented_status <> 'complete' \
     AND store_id IN (SELECT id FROM stores WHERE server = ?)";

const REST: &str = "UPDATE invoices SET \
     wake_at = CASE WHEN wakes = ? THEN ? WHEN urgent = 1 AND ? AND wake_at < ? THEN ? ELSE wake_at END, \
     urgent = CASE WHEN wakes = ? AND ? THEN 0 ELSE urgent END, \
     looked_at = CASE WHEN ? THEN ? ELSE looked_at END, \
     blind_looks = CASE WHEN ? THEN 0 WHEN ? THEN blind_looks + 1 ELSE blind_looks END, \
     blind_since = CASE WHEN ? THEN NULL WHEN ? THEN COALESCE(blind_since, ?) ELSE blind_since END \
     WHERE row_id = ?";

impl Ledger {
    /// BTCPay notified: the invoice of that address is looked at now, but not more than once a second.
    /// Gives payferry's own id of the invoice; None for an address that was never given.
    ///
    /// # Errors
    /// [`LedgerError`]; BTCPay must not hear a yes then.
    pub async fn wake_notified(
        &self,
        notification_id: &str,
        now_ms: i64,
    ) -> Result<Option<String>, LedgerError> {
        let id = notification_id.to_owned();
        let write = self.writer.write(move |connection| {
            let wake = sqlx::query_scalar(NOTIFIED)
                .bind(now_ms)
                .bind(now_ms.saturating_sub(URGENT_EVERY_MS))
                .bind(URGENT_EVERY_MS)
                .bind(now_ms)
                .bind(id.clone());
            Box::pin(async move { wake.fetch_optional(connection).await.map_err(sqlite::error) })
        });
        write.await
    }

    /// Lets every invoice that money or its owner can still move be looked at from `now_ms` on: after an
    /// outage. Those of which only the owner knows more come within a twenty-fourth of their sleep.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn wake_open(&self, server: &str, now_ms: i64) -> Result<u64, LedgerError> {
        let server = server.to_owned();
        let write = self.writer.write(move |connection| {
            let times = (0..4).fold(sqlx::query(OPEN), |wake, _| wake.bind(now_ms));
            let wake = times.bind(server.clone());
            Box::pin(async move {
                wake.execute(connection).await.map(|done| done.rows_affected()).map_err(sqlite::error)
            })
        });
        write.await
    }

    /// Lets every invoice be looked at that could not be seen of late and that nobody has given up: at the
    /// start, as the configuration may be another.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn wake_blind(&self, now_ms: i64) -> Result<(), LedgerError> {
        let sql = "UPDATE invoices SET wake_at = ?, wakes = wakes + 1 WHERE blind_looks > 0 AND wake_at > ?";
        let write = self.writer.write(move |connection| {
            let wake = sqlx::query(sql).bind(now_ms).bind(now_ms);
            Box::pin(async move { wake.execute(connection).await.map(drop).map_err(sqlite::error) })
        });
        write.await
    }

    /// Lets every invoice be looked at now that sleeps longer than anything sleeps: the clock was set back.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn wake_beyond(&self, longest_ms: i64, now_ms: i64) -> Result<(), LedgerError> {
        let there = sqlx::query("SELECT 1 FROM invoices WHERE wake_at > ? LIMIT 1").bind(longest_ms);
        if there.fetch_optional(&self.reads).await.map_err(sqlite::error)?.is_none() {
            return Ok(());
        }
        let sql = "UPDATE invoices SET wake_at = ?, wakes = wakes + 1 WHERE wake_at > ?";
        let write = self.writer.write(move |connection| {
            let wake = sqlx::query(sql).bind(now_ms).bind(longest_ms);
            Box::pin(async move { wake.execute(connection).await.map(drop).map_err(sqlite::error) })
        });
        write.await
    }

    /// Lets every invoice be looked at now that was put to sleep by a clock that was ahead, as its times show.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn wake_wrongly_asleep(&self, beyond: Beyond, now_ms: i64) -> Result<(), LedgerError> {
        let sql = "UPDATE invoices SET wake_at = ?, wakes = wakes + 1 WHERE wake_at > ? \
                   AND (looked_at > ? OR wake_at > ? OR (looked_at = 0 AND wake_at > ?))";
        let write = self.writer.write(move |connection| {
            let wake = sqlx::query(sql)
                .bind(now_ms)
                .bind(now_ms)
                .bind(beyond.looked_at)
                .bind(beyond.wake_at)
                .bind(beyond.first_wake_at);
            Box::pin(async move { wake.execute(connection).await.map(drop).map_err(sqlite::error) })
        });
        write.await
    }

    /// Has an invoice looked at by then at the latest, if its texts are still there.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn wake_by(&self, invoice: &Attended, at_ms: i64) -> Result<(), LedgerError> {
        if invoice.wake_at.is_some_and(|wake_at| wake_at <= at_ms) {
            return Ok(());
        }
        let row_id = invoice.row.row_id.clone();
        let sql = "UPDATE invoices SET wake_at = ?, wakes = wakes + 1 WHERE row_id = ? AND relayed = 1 \
                   AND state = 'created' AND erased_at IS NULL AND (wake_at IS NULL OR wake_at > ?)";
        let write = self.writer.write(move |connection| {
            let wake = sqlx::query(sql).bind(at_ms).bind(row_id.clone()).bind(at_ms);
            Box::pin(async move { wake.execute(connection).await.map(drop).map_err(sqlite::error) })
        });
        write.await
    }

    /// Invoices whose time has come: those that BTCPay has notified of, then the longest waiting first. And
    /// when the next one's comes.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn due(&self, now_ms: i64, most: u32) -> Result<(Vec<String>, Option<i64>), LedgerError> {
        const URGENT: &str = "SELECT row_id, wake_at FROM invoices WHERE urgent = 1 AND wake_at IS NOT NULL \
             ORDER BY wake_at LIMIT ?";
        const OTHERS: &str = "SELECT row_id, wake_at FROM invoices WHERE wake_at IS NOT NULL AND urgent = 0 \
             ORDER BY wake_at LIMIT ?";
        let (mut due, mut next) = (Vec::new(), None);
        for sql in [URGENT, OTHERS] {
            let left = i64::from(most).saturating_sub(i64::try_from(due.len()).unwrap_or(i64::MAX));
            let rows = sqlx::query(sql).bind(left).fetch_all(&self.reads).await.map_err(sqlite::error)?;
            for row in &rows {
                let at: i64 = row.try_get("wake_at").map_err(sqlite::error)?;
                if at > now_ms {
                    next = next.into_iter().chain([at]).min();
                    break;
                }
                due.push(row.try_get("row_id").map_err(sqlite::error)?);
            }
        }
        Ok((due, next))
    }

    /// Since when the longest waiting of those waits that are only polled, milliseconds since 1970.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn oldest_poll(&self) -> Result<Option<i64>, LedgerError> {
        let sql =
            "SELECT wake_at FROM invoices WHERE wake_at IS NOT NULL AND urgent = 0 ORDER BY wake_at LIMIT 1";
        let oldest = sqlx::query_scalar(sql).fetch_optional(&self.reads).await;
        oldest.map_err(sqlite::error)
    }

    /// Puts an invoice to sleep that cannot even be read, whoever woke it.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn defer(&self, row_id: &str, until_ms: i64) -> Result<(), LedgerError> {
        let row_id = row_id.to_owned();
        let write = self.writer.write(move |connection| {
            let defer = sqlx::query("UPDATE invoices SET wake_at = ? WHERE row_id = ?");
            let defer = defer.bind(until_ms).bind(row_id.clone());
            Box::pin(async move { defer.execute(connection).await.map(drop).map_err(sqlite::error) })
        });
        write.await
    }

    /// Puts an invoice to sleep, unless somebody woke it since `wakes`, and keeps what the look came to.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn rest(&self, row_id: &str, wakes: i64, rest: Rest, now_ms: i64) -> Result<(), LedgerError> {
        let row_id = row_id.to_owned();
        let looked = rest.glance != Glance::None;
        let seen = rest.glance == Glance::Seen;
        let answered = matches!(rest.glance, Glance::Seen | Glance::Refused);
        let blind = looked && !seen;
        let soonest = now_ms.saturating_add(URGENT_EVERY_MS);
        let write = self.writer.write(move |connection| {
            let rest = sqlx::query(REST)
                .bind(wakes)
                .bind(rest.until_ms)
                .bind(looked)
                .bind(soonest)
                .bind(soonest)
                .bind(wakes)
                .bind(answered)
                .bind(looked)
                .bind(now_ms)
                .bind(seen)
                .bind(blind)
                .bind(seen)
                .bind(blind)
                .bind(now_ms)
                .bind(row_id.clone());
            Box::pin(async move { rest.execute(connection).await.map(drop).map_err(sqlite::error) })
        });
        write.await
    }
}

/// Something of the store is other than it was: its invoices that could not be seen are looked at again, also
/// those that were given up. Not at once: every payferry must know of the change by then.
pub(super) async fn wake_store(
    connection: &mut SqliteConnection,
    store_id: &str,
    now_ms: i64,
) -> Result<(), LedgerError> {
    let sql = "UPDATE invoices SET wake_at = ?, wakes = wakes + 1, blind_looks = 0, blind_since = NULL \
               WHERE store_id = ? AND blind_looks > 0 AND state = 'created' AND relayed = 1 AND erased_at IS NULL";
    let wake = sqlx::query(sql).bind(now_ms.saturating_add(CHANGE_KNOWN_MS)).bind(store_id);
    wake.execute(connection).await.map(drop).map_err(sqlite::error)
}
