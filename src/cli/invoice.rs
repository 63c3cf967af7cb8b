//! `payferry invoice show`: what the ledger, BTCPay and the shop each have of one invoice.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::voice::{Voice, errln};
use crate::app::{Opening, Rooms};
use crate::config::Config;
use crate::contract::Audience;
use crate::json::{Object, Value};
use crate::ledger::{InvoiceRecord, NotificationRow, Store};
use crate::walk::create::{open_answer, open_words};
use crate::walk::facts::{Facts, Payment};
use crate::walk::present::present;
use crate::walk::render::{self, Invoice};
use crate::walk::to_btcpay;

const CALL_WITHIN: Duration = Duration::from_secs(15);

/// Members of a shop's answer that say nothing of the buyer, the shop's texts or a credential.
/// Whatever else an answer has is hidden, also what comes to be one day.
const PLAIN: [&str; 24] = [
    "id",
    "url",
    "status",
    "exceptionStatus",
    "price",
    "currency",
    "btcPrice",
    "btcDue",
    "btcPaid",
    "rate",
    "invoiceTime",
    "expirationTime",
    "currentTime",
    "amountPaid",
    "displayAmountPaid",
    "underpaidAmount",
    "overpaidAmount",
    "transactionCurrency",
    "transactionSpeed",
    "targetConfirmations",
    "lowFeeDetected",
    "paymentTotals",
    "paymentSubtotals",
    "isCancelled",
];

/// What can be done with invoices.
#[derive(Debug, Subcommand)]
pub(super) enum InvoiceCommand {
    /// Show the ledger's row, what BTCPay says now, and what the shop is told.
    Show(ShowArgs),
}

/// What `invoice show` asks.
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// BTCPay's id of the invoice, or the id of the ledger's row (the mark behind `~` in BTCPay's item code).
    id: String,
    /// Show the texts of shop and buyer too.
    #[arg(long)]
    words: bool,
    /// For machines: one JSON object.
    #[arg(long)]
    json: bool,
}

/// The same invoice from three sides.
struct Sides {
    record: InvoiceRecord,
    store: Store,
    words: Option<Object>,
    /// BTCPay's answer now, or why there is none.
    now: Result<Facts, String>,
    notifications: Vec<NotificationRow>,
}

pub(super) async fn run(config: &Config, command: InvoiceCommand) -> anyhow::Result<ExitCode> {
    let InvoiceCommand::Show(args) = command;
    let rooms = Rooms::open_as(config, Opening::ToRead).await?;
    let shown = show(&rooms, &args).await;
    rooms.ledger.close().await;
    shown
}

async fn show(rooms: &Rooms, args: &ShowArgs) -> anyhow::Result<ExitCode> {
    let record = rooms.ledger.invoice_record(&args.id).await?;
    let record = record.with_context(|| {
        format!(
            "the ledger has no invoice {}: letter case counts, and BTCPay may have others of its own",
            args.id
        )
    })?;
    let sides = look(rooms, record).await?;
    let told_at_first = open_answer(&rooms.secrets, &sides.record.row)
        .and_then(|answer| Facts::of_answer(&answer).ok())
        .map(|facts| told(rooms, &sides, &facts, args.words));
    let told_now = sides.now.clone().ok().map(|facts| present(facts, &sides.record.row));
    let told_now = told_now.map(|facts| told(rooms, &sides, &facts, args.words));
    let mut shop = presented(&sides);
    for (when, told) in [("at_creation", told_at_first), ("now", told_now)] {
        shop.push(when, told.map_or(Value::Null, Value::Object));
    }
    let mut all =
        Object::new().with("row", row(&sides)).with("btcpay", btcpay(&sides.now)).with("shop", shop);
    if args.words {
        all.push("words", sides.words.clone().map_or(Value::Null, Value::Object));
    }
    let voice = Voice::new(args.json);
    if !args.json {
        all.iter().for_each(|(name, value)| section(voice, name, value));
    }
    voice.answer(&Value::Object(all));
    if let Err(why) = &sides.now {
        errln!("What BTCPay has now is not known: {why}");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

async fn look(rooms: &Rooms, record: InvoiceRecord) -> anyhow::Result<Sides> {
    let stores = rooms.ledger.stores().await?;
    let store = stores.into_iter().find(|store| store.id == record.row.store_id);
    let store = store.context("the ledger has lost the invoice's store")?;
    let words = open_words(&rooms.secrets, &record.row).ok().flatten();
    let now = now(rooms, &record, &store, words.as_ref()).await;
    let notifications =
        rooms.ledger.notifications_of(record.row.invoice_id.as_deref().unwrap_or_default()).await?;
    Ok(Sides { record, store, words, now, notifications })
}

/// By BTCPay's id; where that is not known, by the mark.
async fn now(
    rooms: &Rooms,
    record: &InvoiceRecord,
    store: &Store,
    words: Option<&Object>,
) -> Result<Facts, String> {
    let answer = match &record.row.invoice_id {
        Some(id) => {
            rooms.upstream.read_invoice(store, id, CALL_WITHIN).await.map_err(|error| error.to_string())?
        }
        None => {
            let words = words.ok_or("the shop's words were sealed with another master secret")?;
            let code = to_btcpay::item_code_of(words, &record.row.row_id);
            let found = rooms.upstream.find_by_item_code(store, &code, CALL_WITHIN).await;
            let found = found.map_err(|error| error.to_string())?;
            Object::new().with("data", found.ok_or("BTCPay has no invoice with this row's mark")?).into()
        }
    };
    Facts::of_answer(&answer).map_err(|error| error.to_string())
}

/// What a shop with a merchant token reads, without its token; without `words` the plain members alone.
fn told(rooms: &Rooms, sides: &Sides, facts: &Facts, words: bool) -> Object {
    let token = rooms.secrets.invoice_token(&sides.store.id, &facts.id);
    let invoice = Invoice { facts, words: sides.words.as_ref(), token: &token, merchant: &sides.store.name };
    let answer = render::render(&invoice, Audience::Merchant, sides.record.row.era);
    let data = answer.get("data").unwrap_or(&answer).as_object().cloned().unwrap_or_default();
    let mut hidden = Vec::new();
    let mut shown = Object::new();
    for (name, value) in data.iter() {
        if name != "token" && (words || PLAIN.contains(&name)) {
            shown.push(name, value.clone());
        } else {
            hidden.push(Value::from(name));
        }
    }
    shown.with("hidden", hidden)
}

fn row(sides: &Sides) -> Object {
    let InvoiceRecord {
        row,
        credential_id,
        dialect,
        host,
        agent,
        created_at,
        updated_at,
        erased_at,
        settlement,
    } = &sides.record;
    let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::from);
    Object::new()
        .with("row_id", row.row_id.as_str())
        .with("state", row.state.as_str())
        .with("invoice_id", text(&row.invoice_id))
        .with("store", sides.store.name.as_str())
        .with("credential", text(credential_id))
        .with("dialect", dialect.as_str())
        .with("era", row.era.as_str())
        .with("settlement", settlement.unwrap_or(sides.store.settlement).as_str())
        .with("host", host.as_str())
        .with("agent", agent.as_str())
        .with("created_at", *created_at)
        .with("updated_at", *updated_at)
        .with("erased_at", erased_at.map_or(Value::Null, Value::from))
}

/// What the shop was told of the state, and by which notifications.
fn presented(sides: &Sides) -> Object {
    let row = &sides.record.row;
    let one = |sent: &NotificationRow| -> Value {
        Object::new()
            .with("id", sent.id.as_str())
            .with("event", sent.event)
            .with("status", sent.status.as_str())
            .with("state", sent.state.as_str())
            .with("tries", sent.tries)
            .into()
    };
    let exception = row.presented.exception.map_or(Value::Null, |word| word.as_str().into());
    Object::new()
        .with("told_by_payferry", row.relayed)
        .with("status", row.presented.status.as_str())
        .with("exception", exception)
        .with("since", row.presented.since_ms)
        .with("alarms", row.presented.alarms.to_string())
        .with("notifications", sides.notifications.iter().map(one).collect::<Vec<Value>>())
}

fn btcpay(now: &Result<Facts, String>) -> Object {
    let facts = match now {
        Ok(facts) => facts,
        Err(why) => return Object::new().with("error", why.as_str()),
    };
    let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::from);
    let payment = |payment: &Payment| {
        Object::new()
            .with("txid", payment.txid.as_str())
            .with("btc", payment.amount.as_str())
            .with("received", payment.received.as_str())
            .with("confirmed", payment.confirmed)
            .into()
    };
    Object::new()
        .with("id", facts.id.as_str())
        .with("status", facts.status.as_str())
        .with("exception", text(&facts.exception))
        .with("price", facts.price.as_str())
        .with("currency", facts.currency.as_str())
        .with("btc_due", text(&facts.btc_due))
        .with("btc_paid", text(&facts.btc_paid))
        .with("invoice_time", facts.invoice_time)
        .with("expiration_time", facts.expiration_time)
        .with("checkout", facts.url.as_str())
        .with("payments", facts.payments.iter().map(payment).collect::<Vec<Value>>())
}

/// One part for people: a line per member.
fn section(voice: Voice, name: &str, value: &Value) {
    let Some(members) = value.as_object() else { return voice.say(format_args!("{name}: {value}")) };
    voice.say(name);
    for (member, value) in members.iter() {
        match value.as_object().filter(|_| name == "shop") {
            Some(_) => section(voice, &format!("shop, {member}"), value),
            None => match value.as_str() {
                Some(text) => voice.say(format_args!("  {member:<20} {}", text.escape_debug())),
                None => voice.say(format_args!("  {member:<20} {value}")),
            },
        }
    }
}
