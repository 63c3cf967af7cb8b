//! `payferry explain`: what payferry makes of one request, and why.
//!
//! The request walks the same walk as any other, on the real ledger, but for two things: every write is
//! undone, and what would go to BTCPay ends in a trap on this machine (`rehearsal.rs`). The other files
//! ask single steps of the walk why they decided so.

mod proof;
mod rehearsal;
mod request;
mod told;
mod upstream;

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use http::Request;

use self::rehearsal::{Rehearsal, rehearse};
use super::voice::Voice;
use crate::config::Config;
use crate::json::{Object, Value};
use crate::walk::authenticate::signed_url;
use crate::walk::{Arrival, collected, route};

/// Longest input; a request that payferry takes is shorter.
const LONGEST: u64 = 4 << 20;

/// What `explain` asks.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// A file with the request as captured: head and body, lines ended by LF or CRLF. Without it: standard input.
    #[arg(long, value_name = "REQUEST")]
    file: Option<PathBuf>,
    /// The host that the shop was given, instead of the request's Host header.
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// It came over TLS. Without this and --plain: as its signature fits, else as payferry listens.
    #[arg(long, conflicts_with = "plain")]
    tls: bool,
    /// It came over plain HTTP.
    #[arg(long)]
    plain: bool,
    /// Show the texts of shop and buyer too.
    #[arg(long)]
    words: bool,
    /// For machines: one JSON object.
    #[arg(long)]
    json: bool,
}

/// One request on trial.
struct Trial<'a> {
    config: &'a Config,
    arrival: Arrival,
    /// Why it is taken for that, where nobody said how it came.
    guessed: Option<&'static str>,
    request: Request<Bytes>,
    /// Texts of shop and buyer are shown.
    words: bool,
}

pub(super) async fn run(config: &Config, args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let voice = Voice::new(args.json);
    let request = match request::read(&input(args)?, args.host.as_deref(), &config.limits)? {
        Ok(request) => request,
        Err(code) => {
            tell(voice, args, Object::new().with("answer", request::refused(code)));
            return Ok(ExitCode::SUCCESS);
        }
    };
    let (arrival, guessed) = arrival(config, args, &request);
    let trial = Trial { config, arrival, guessed, request, words: args.words };
    let rehearsal = rehearse(&trial).await?;
    let told = explain(&trial, &rehearsal).await;
    rehearsal.end().await;
    tell(voice, args, told);
    Ok(ExitCode::SUCCESS)
}

fn tell(voice: Voice, args: &ExplainArgs, told: Object) {
    if !args.json {
        told.iter().for_each(|(name, value)| section(voice, name, value));
    }
    voice.answer(&Value::Object(told));
}

/// How it came, and why that is taken for so where nobody said it: a signature fits one way only.
fn arrival(config: &Config, args: &ExplainArgs, request: &Request<Bytes>) -> (Arrival, Option<&'static str>) {
    let over = |tls| Arrival { tls, peer: ([127, 0, 0, 1], 0).into() };
    if args.tls || args.plain {
        return (over(args.tls), None);
    }
    let likely = config.shop.https.is_some();
    let refuted = |tls| signature(config, over(tls), request) == Some(false);
    match (refuted(likely), signature(config, over(!likely), request)) {
        (true, Some(true)) => (over(!likely), Some("taken for it because its signature fits no other way")),
        _ => (over(likely), Some("taken for it: --tls or --plain says which")),
    }
}

/// Whether the signature fits a request that came so; None where there is none.
fn signature(config: &Config, arrival: Arrival, request: &Request<Bytes>) -> Option<bool> {
    let whole = collected(arrival, request.clone());
    let called = route::route(request.method(), request.uri().path()).route.ok()?;
    let presented = whole.presented(called.endpoint, called.id(), &config.shop.url_ports);
    Some(signed_url(&presented)?.is_ok())
}

fn input(args: &ExplainArgs) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match &args.file {
        Some(file) => {
            let named = || format!("{}", file.display());
            File::open(file).with_context(named)?.take(LONGEST).read_to_end(&mut bytes).with_context(named)?
        }
        None => std::io::stdin().take(LONGEST).read_to_end(&mut bytes).context("standard input")?,
    };
    Ok(bytes)
}

async fn explain(trial: &Trial<'_>, rehearsal: &Rehearsal) -> Object {
    let whole = collected(trial.arrival, trial.request.clone());
    let mut all = Object::new().with("request", request::described(trial, &whole, rehearsal));
    let called = route::route(trial.request.method(), trial.request.uri().path()).route.ok();
    if let Some(called) = called {
        let presented = whole.presented(called.endpoint, called.id(), &trial.config.shop.url_ports);
        let known = proof::known(&presented, &called, rehearsal).await;
        all.push("era", proof::era(trial, &whole, known.era));
        all.push("credential", proof::credential(&presented, rehearsal).await);
        if let Some(audience) = known.audience {
            all.push("answered_for", audience);
        }
        let order = upstream::order(&called, &whole);
        all.push("sent", upstream::sent(trial, &called, rehearsal));
        if let (Some(order), Some(shop)) = (&order, &known.shop) {
            all.push("left_out", upstream::left_out(order, shop, whole.era(known.era)));
            if rehearsal.reached_btcpay() {
                all.push("notifications", told::notifications(trial, order, shop, whole.era(known.era)));
            }
        }
    }
    all.push("answer", rehearsal.answer());
    all
}

/// One part for people: a line per member, an entry per line of a list.
fn section(voice: Voice, name: &str, value: &Value) {
    voice.say(name.replace('_', " "));
    match value {
        Value::Object(members) => members.iter().for_each(|(member, value)| line(voice, 2, member, value)),
        Value::Array(entries) if entries.is_empty() => voice.say("  nothing"),
        Value::Array(entries) => entries.iter().for_each(|entry| line(voice, 2, "", entry)),
        other => voice.say(format_args!("  {}", text(other))),
    }
}

fn line(voice: Voice, indent: usize, name: &str, value: &Value) {
    let name = name.replace('_', " ");
    match value {
        Value::Object(members) if name.is_empty() => {
            members.iter().for_each(|(member, value)| line(voice, indent, member, value));
        }
        Value::Object(members) => {
            voice.say(format_args!("{:indent$}{name}", ""));
            members.iter().for_each(|(member, value)| line(voice, indent + 2, member, value));
        }
        Value::Array(entries) => entries.iter().for_each(|entry| line(voice, indent, &name, entry)),
        other => voice.say(format_args!("{:indent$}{name:<20} {}", "", text(other))),
    }
}

/// Nothing that a shop sent moves the terminal.
fn text(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
