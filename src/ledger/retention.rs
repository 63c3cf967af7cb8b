//! Erasing what shops and buyers said, long after an invoice was final.

use sqlx::{Row, SqliteConnection};

use super::{Ledger, LedgerError, sqlite};

/// Final: nothing wakes it any more, its outcome is known, nothing changed since, and nothing waits
/// for its shop.
const FINAL: &str = "SELECT row_id FROM invoices WHERE erased_at IS NULL AND wake_at IS NULL AND presented_since < ? \
     AND updated_at < ? AND COALESCE(blind_since, 0) + ? < ? AND state <> 'pending' \
     AND NOT EXISTS (SELECT 1 FROM notifications WHERE notifications.row_id = invoices.row_id \
     AND notifications.state = 'waiting') ORDER BY presented_since LIMIT ?";

/// How much longer one is kept that was given up because BTCPay did not show it: its store may be put right.
const BLIND_FOR_MS: i64 = 30 * 24 * 3_600_000;

impl Ledger {
    /// Erases the shop's words, BTCPay's first answer and the bodies of the notifications of at most `most`
    /// invoices that have been final since before `before_ms`, milliseconds since 1970. Gives how many.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn erase_final(&self, before_ms: i64, now_ms: i64, most: u32) -> Result<usize, LedgerError> {
        let find = sqlx::query(FINAL).bind(before_ms).bind(before_ms).bind(BLIND_FOR_MS).bind(before_ms);
        let find = find.bind(i64::from(most));
        let rows = find.fetch_all(&self.reads).await.map_err(sqlite::error)?;
        let ids = rows.iter().map(|row| row.try_get("row_id").map_err(sqlite::error));
        let ids: Vec<String> = ids.collect::<Result<_, _>>()?;
        if ids.is_empty() {
            return Ok(0);
        }
        let write = self.writer.write(move |connection| {
            let ids = ids.clone();
            Box::pin(async move { erase(connection, &ids, now_ms).await })
        });
        write.await
    }
}

async fn erase(connection: &mut SqliteConnection, ids: &[String], now_ms: i64) -> Result<usize, LedgerError> {
    let mut erased = 0;
    for id in ids {
        // Somebody may have woken it since it was found.
        let words = "UPDATE invoices SET words_sealed = x'', answer_sealed = NULL, erased_at = ? \
                     WHERE row_id = ? AND wake_at IS NULL AND erased_at IS NULL AND state <> 'pending' \
                     AND NOT EXISTS (SELECT 1 FROM notifications WHERE notifications.row_id = invoices.row_id \
                     AND notifications.state = 'waiting')";
        let words = sqlx::query(words).bind(now_ms).bind(id).execute(&mut *connection).await;
        if words.map_err(sqlite::error)?.rows_affected() == 0 {
            continue;
        }
        let bodies = "UPDATE notifications SET body_sealed = x'' WHERE row_id = ?";
        sqlx::query(bodies).bind(id).execute(&mut *connection).await.map_err(sqlite::error)?;
        erased += 1;
    }
    Ok(erased)
}
