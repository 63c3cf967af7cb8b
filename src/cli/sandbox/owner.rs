//! `payferry sandbox pay|confirm|expire|invalidate`: what happens to an invoice, on a running sandbox.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use clap::{Args, Subcommand};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use crate::cli::voice::outln;
use crate::json::{self, Object, Value};

const WITHIN: Duration = Duration::from_secs(10);

/// What can happen to an invoice.
#[derive(Debug, Subcommand)]
pub(super) enum OwnerCommand {
    /// Let a payment arrive; all that is due unless an amount is given.
    Pay {
        #[command(flatten)]
        which: Which,
        /// Bitcoin, with at most 8 digits after the point (0.0001).
        #[arg(long, value_name = "BITCOIN")]
        amount: Option<String>,
    },
    /// Find enough blocks for the payments of an invoice.
    Confirm(Which),
    /// Let the time of an unpaid invoice be over.
    Expire(Which),
    /// Mark an invoice as invalid, as its owner can by hand.
    Invalidate(Which),
}

/// An invoice of a running sandbox.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// The invoice's id.
    invoice: String,
    /// The owner's page of the running sandbox.
    #[arg(long, default_value = "http://127.0.0.1:23001", value_name = "URL")]
    sandbox: String,
    /// For machines: one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(command: OwnerCommand) -> anyhow::Result<ExitCode> {
    let (which, act, fields) = match command {
        OwnerCommand::Pay { which, amount } => {
            let fields = amount.map(|amount| Object::new().with("bitcoin", amount)).unwrap_or_default();
            (which, "pay", fields)
        }
        OwnerCommand::Confirm(which) => (which, "confirm", Object::new()),
        OwnerCommand::Expire(which) => (which, "expire", Object::new()),
        OwnerCommand::Invalidate(which) => (which, "mark-invalid", Object::new()),
    };
    let invoice = post(&which, act, fields).await?;
    if which.json {
        outln!("{invoice}");
    } else {
        outln!("{}", told(&invoice));
    }
    Ok(ExitCode::SUCCESS)
}

/// `complete, paid 0.00025 of 0.00025 BTC`
fn told(invoice: &Value) -> String {
    let text = |name| invoice.get(name).and_then(Value::as_str).unwrap_or("?");
    let exception = invoice.get("exceptionStatus").and_then(Value::as_str);
    let exception = exception.map(|word| format!(" ({word})")).unwrap_or_default();
    format!("{}{exception}, paid {} of {} BTC", text("status"), text("paid"), text("total"))
}

async fn post(which: &Which, act: &str, fields: Object) -> anyhow::Result<Value> {
    let url = format!("{}/invoices/{}/{act}", which.sandbox.trim_end_matches('/'), which.invoice);
    let request = Request::post(&url)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(Value::Object(fields).to_string())))
        .with_context(|| format!("{url} is no address"))?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let exchange = async {
        let answer = client.request(request).await?;
        let status = answer.status();
        anyhow::Ok((status, answer.into_body().collect().await?.to_bytes()))
    };
    let (status, body) = tokio::time::timeout(WITHIN, exchange)
        .await
        .with_context(|| format!("no answer from {}", which.sandbox))?
        .with_context(|| format!("is a sandbox running? Its owner's page is not at {}", which.sandbox))?;
    let answer = json::parse(&body).with_context(|| format!("{} is no sandbox ({status})", which.sandbox))?;
    if let Some(error) = answer.get("error").and_then(Value::as_str) {
        bail!("{error}");
    }
    Ok(answer)
}
