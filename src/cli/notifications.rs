//! `payferry notifications list|show|replay|resend|park`

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Subcommand;

use crate::app::{Opening, Rooms, now_ms};
use crate::cli::voice::outln;
use crate::config::Config;
use crate::json::Value;
use crate::ledger::{AlarmRow, Ledger, NotificationRow, Replay};
use crate::notify::body_context;
use crate::walk::create::open_words;

/// By what texts end.
const ERASED: &str = "`ledger.retention_days` after the invoice was final";

/// What can be done with notifications.
#[derive(Debug, Subcommand)]
pub(super) enum NotificationsCommand {
    /// List notifications and alarms, the newest first.
    List {
        /// Only those in this state.
        #[arg(long, value_parser = ["waiting", "delivered", "superseded", "parked"])]
        state: Option<String>,
        /// At most so many of each.
        #[arg(long, default_value_t = 50)]
        most: u32,
        /// For machines: one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Show what was sent: one notification by its id, or all of an invoice by BTCPay's id.
    Show {
        /// Id of a notification or of an invoice.
        id: String,
        /// Print the bodies too; they hold what the buyer told.
        #[arg(long)]
        body: bool,
        /// For machines: one JSON array.
        #[arg(long)]
        json: bool,
    },
    /// Send the newest notification of an invoice once more, as it was written.
    Replay {
        /// Id of the notification.
        id: String,
    },
    /// Tell a shop the present state of an invoice again.
    Resend {
        /// BTCPay's id of the invoice.
        invoice: String,
    },
    /// Stop trying to deliver a notification.
    Park {
        /// Id of the notification.
        id: String,
    },
}

pub(super) async fn run(config: &Config, command: NotificationsCommand) -> anyhow::Result<ExitCode> {
    let looks = matches!(command, NotificationsCommand::List { .. } | NotificationsCommand::Show { .. });
    let rooms = Rooms::open_as(config, if looks { Opening::ToRead } else { Opening::Existing }).await?;
    let ledger = &rooms.ledger;
    let done = match command {
        NotificationsCommand::List { state, most, json } => list(ledger, state.as_deref(), most, json).await,
        NotificationsCommand::Show { id, body, json } => show(&rooms, &id, body, json).await,
        NotificationsCommand::Replay { id } => replay(ledger, &id).await,
        NotificationsCommand::Resend { invoice } => resend(&rooms, &invoice).await,
        NotificationsCommand::Park { id } => park(ledger, &id).await,
    };
    rooms.ledger.close().await;
    done.map(|()| ExitCode::SUCCESS)
}

async fn list(ledger: &Ledger, state: Option<&str>, most: u32, json: bool) -> anyhow::Result<()> {
    let (rows, alarms) = (ledger.notifications(state, most).await?, ledger.alarms(most).await?);
    if json {
        let rows: Vec<_> = rows.iter().map(as_json).collect();
        let alarms: Vec<_> = alarms.iter().map(alarm_json).collect();
        outln!("{}", serde_json::json!({ "notifications": rows, "alarms": alarms }));
        return Ok(());
    }
    outln!(
        "{:<22} {:<22} {:<12} {:<5} {:<9} {:<10} {:>5}  LAST",
        "NOTIFICATION",
        "INVOICE",
        "STORE",
        "EVENT",
        "STATUS",
        "STATE",
        "TRIES"
    );
    for row in &rows {
        let NotificationRow { id, invoice_id, store, event, status, state, tries, .. } = row;
        let last = row.last_result.as_deref().unwrap_or("-");
        outln!("{id:<22} {invoice_id:<22} {store:<12} {event:<5} {status:<9} {state:<10} {tries:>5}  {last}");
    }
    if !alarms.is_empty() {
        outln!("\n{:<24} {:<22} {:<12} ALARM (what to do: docs/runbook.md)", "RAISED", "INVOICE", "STORE");
        for alarm in &alarms {
            outln!(
                "{:<24} {:<22} {:<12} {}",
                time(alarm.raised_at),
                alarm.invoice_id,
                alarm.store,
                alarm.alarm
            );
        }
    }
    Ok(())
}

async fn show(rooms: &Rooms, id: &str, body: bool, json: bool) -> anyhow::Result<()> {
    let rows = rooms.ledger.notifications_of(id).await?;
    if rows.is_empty() {
        bail!(
            "no notification {id}, and none of an invoice of that id; `payferry notifications list` shows them"
        );
    }
    let mut shown = Vec::new();
    for row in &rows {
        let mut one = as_json(row);
        if body && row.body_sealed.is_empty() {
            one["body"] = "erased (ledger.retention_days)".into();
        } else if body {
            let opened = rooms.secrets.open(&body_context(&row.id), &row.body_sealed);
            let text = opened.ok().and_then(|body| String::from_utf8(body.to_vec()).ok());
            one["body"] = text.context("the body cannot be opened with this master secret")?.into();
        }
        shown.push(one);
    }
    if json {
        outln!("{}", serde_json::Value::Array(shown));
        return Ok(());
    }
    for one in shown {
        for (name, value) in one.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            outln!("{name:<13} {text}");
        }
        outln!("");
    }
    Ok(())
}

async fn replay(ledger: &Ledger, id: &str) -> anyhow::Result<()> {
    match ledger.replay_notification(id, now_ms()).await? {
        Replay::Done => outln!("It is sent again now; see `payferry notifications show {id}`."),
        Replay::Unknown => bail!("no notification {id}; `payferry notifications list` shows them"),
        Replay::Erased => bail!("its body was erased {ERASED}"),
        Replay::Older => bail!(
            "the invoice has another state by now, and the shop would hear an older one after a newer one; \
             `payferry notifications resend INVOICE` tells it the present one"
        ),
    }
    Ok(())
}

async fn resend(rooms: &Rooms, invoice: &str) -> anyhow::Result<()> {
    let ledger = &rooms.ledger;
    let row = ledger
        .find_invoice(invoice)
        .await?
        .with_context(|| format!("the ledger has no invoice {invoice}"))?;
    let Some(words) = open_words(&rooms.secrets, &row)? else {
        bail!("the texts of {invoice}, and the shop's address with them, were erased {ERASED}");
    };
    let address = words.get("notificationURL").and_then(Value::as_str).unwrap_or_default();
    if address.trim().is_empty() {
        bail!("the shop gave no notificationURL when it made {invoice}: there is nobody to tell");
    }
    if !ledger.ask_resend(&row.row_id, now_ms()).await? {
        bail!(
            "{invoice} was made with the shop's own notification address at BTCPay: payferry does not notify of it"
        );
    }
    outln!("The shop is told the present state of {invoice}.");
    Ok(())
}

async fn park(ledger: &Ledger, id: &str) -> anyhow::Result<()> {
    if !ledger.park_notification(id).await? {
        bail!("{id} does not wait; `payferry notifications list --state waiting` shows those that do");
    }
    outln!("{id} is not tried any more; `payferry notifications replay {id}` takes it up again.");
    Ok(())
}

fn as_json(row: &NotificationRow) -> serde_json::Value {
    serde_json::json!({
        "id": row.id, "invoice": row.invoice_id, "store": row.store, "number": row.number, "event": row.event,
        "status": row.status, "state": row.state, "tries": row.tries, "next_at_ms": row.next_at,
        "last_result": row.last_result, "last_at_ms": row.last_at, "created_at_ms": row.created_at,
    })
}

fn alarm_json(alarm: &AlarmRow) -> serde_json::Value {
    serde_json::json!({
        "alarm": alarm.alarm, "invoice": alarm.invoice_id, "store": alarm.store, "raised_at_ms": alarm.raised_at,
    })
}

fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |at| format!("{at:.0}"))
}
