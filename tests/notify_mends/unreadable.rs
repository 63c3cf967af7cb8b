//! Rows that cannot be read: they sleep, operators hear of them, and nobody waits for them.

use sqlx::{Connection, Executor, SqliteConnection};

use crate::support::listening::{Listening, Reaction};
use crate::support::notifying::{notified, order, outbox, pay};
use crate::support::process::free_address;
use crate::support::{Stage, until_async};

/// A disk, a hand or a restored backup changes the ledger behind payferry's back.
async fn damage(stage: &Stage, sql: &'static str, id: &str) {
    let url = format!("sqlite://{}", stage.config().ledger.path.display());
    let mut ledger = SqliteConnection::connect(&url).await.unwrap();
    let done = ledger.execute(sqlx::query(sql).bind(id)).await.unwrap();
    assert_eq!(done.rows_affected(), 1, "{sql}");
    ledger.close().await.unwrap();
}

async fn failures(stage: &Stage) -> u32 {
    let metrics = stage.metrics().await;
    let line = metrics.lines().find_map(|line| line.strip_prefix("payferry_attend_failures_total "));
    line.and_then(|count| count.parse().ok()).unwrap_or_default()
}

/// BTCPay notified of all of them; there are more that cannot be read than payferry attends to at a time.
#[tokio::test]
async fn invoices_that_cannot_be_read_hold_no_other_up_and_are_counted() {
    let address = free_address().to_string();
    let stage = Stage::set_with(&format!("{}attended_at_once = 2\n", notified(&address))).await;
    let shop = stage.paired_shop().await;
    let (lost, listening) = (Listening::new(None).await, Listening::new(None).await);
    let damages = [
        "UPDATE invoices SET era = 'bronze' WHERE invoice_id = ?",
        "UPDATE invoices SET alarms = 'no such alarm' WHERE invoice_id = ?",
        "UPDATE invoices SET presented_status = 'refunded' WHERE invoice_id = ?",
        // As another master secret would leave it.
        "UPDATE invoices SET words_sealed = randomblob(64) WHERE invoice_id = ?",
    ];
    for sql in damages {
        let id = order(&shop, &lost).await;
        damage(&stage, sql, &id).await;
        pay(&stage, &id);
    }
    let many = u32::try_from(damages.len()).unwrap();
    until_async("each is counted", || async { failures(&stage).await >= many }).await;
    let id = order(&shop, &listening).await;
    pay(&stage, &id);
    listening.hears(&["1003 paid"]).await;
    assert!(lost.heard().is_empty());
    let counted = failures(&stage).await;
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    assert_eq!(failures(&stage).await, counted, "they sleep; a log full of one row hides all others");
}

/// A body that cannot be opened will never be: it is parked, and the invoice's next news goes out.
#[tokio::test]
async fn a_notification_that_cannot_be_opened_is_parked_and_the_next_one_goes_out() {
    let address = free_address().to_string();
    let stage = Stage::set_with(&notified(&address)).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    listening.reacts(&[Reaction::Answers("200 OK")]);
    let id = order(&shop, &listening).await;
    pay(&stage, &id);
    listening.hears(&["1003 paid"]).await;
    let paid = outbox(&stage, &id).await[0].id.clone();
    damage(&stage, "UPDATE notifications SET body_sealed = randomblob(64) WHERE id = ?", &paid).await;
    let ledger = stage.ledger().await;
    ledger.replay_notification(&paid, payferry::app::now_ms()).await.unwrap();
    ledger.close().await;
    let state = async || {
        let row = outbox(&stage, &id).await.remove(0);
        (row.state, row.last_result.unwrap_or_default())
    };
    let parked = ("parked".to_owned(), "body_unreadable".to_owned());
    until_async("it is parked, and says why", || async { state().await == parked }).await;
    assert!(failures(&stage).await >= 1);
    stage.sandbox.owner().confirm(&id).unwrap();
    listening.hears(&["1003 paid", "1005 confirmed", "1006 complete"]).await;
}
