//! What real shop software sent to bitpay.com, byte for byte, sent to payferry over a real socket: before any
//! of its credentials is known, and after the operator adopted what it showed.
//!
//! The table of all of it is `tests/captures/table.txt`; after a wanted change write it anew with
//! `WRITE_TABLE=1 cargo test --features failpoints --test captures` and read its difference.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod capture;
mod log;
#[path = "../support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use capture::{Capture, Seen};
use log::Log;
use payferry::adoption::{Adoption, Origin, adopt};
use payferry::app::{Rooms, now_ms, random};
use payferry::json::{self, Value};
use support::Stage;

const TABLE: &str = "tests/captures/table.txt";
const HEADING: &str = "\
# What each captured request is to payferry. Columns:
#   request, as sent (tokens and nonces shortened)
#   before: what it got while no credential of its shop was known
#   dialect, era: as payferry logged them after the adoption
#   after: what it got then; `ok` or the reason of a refusal
#   upstream: what BTCPay was sent for it, with the members of the body
# Invoice K8D2gBq3uNQyRfP1tNQv3w of the captures is none of BTCPay's: reads of it end in object_not_found.
";

/// What payferry answered: `ok`, or the reason of the refusal.
fn ask(payferry: SocketAddr, bytes: &[u8]) -> (String, Option<Value>) {
    let mut socket = TcpStream::connect(payferry).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.write_all(bytes).unwrap();
    let mut answer = BufReader::new(socket);
    let (mut length, mut reason, mut line) = (0, "ok".to_owned(), String::new());
    loop {
        line.clear();
        assert!(answer.read_line(&mut line).unwrap() > 0, "the answer broke off");
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            if line.trim_end().is_empty() {
                break;
            }
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "x-payferry-reason" => value.clone_into(&mut reason),
            "content-type" => assert!(value.starts_with("application/json"), "{value}"),
            "transfer-encoding" => return (reason, None),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    answer.read_exact(&mut body).unwrap();
    (reason, Some(json::parse(&body).expect("JSON, always")))
}

async fn adopt_all(stage: &Stage) {
    let rooms = Rooms::open(&stage.config()).await.unwrap();
    // The ledger hears of strangers a moment later; the last of them is written with all before.
    tokio::time::sleep(Duration::from_millis(400)).await;
    let store = rooms.ledger.stores().await.unwrap().remove(0);
    loop {
        let mut waiting = rooms.ledger.pending_adoptions(now_ms()).await.unwrap();
        // Tokens first: a key that has one needs none of payferry's own.
        waiting.sort_by_key(|one| one.token_hash.is_none());
        let Some(one) = waiting.first() else { break };
        let origin = Origin { ledger: &rooms.ledger, secrets: &rooms.secrets, now_ms: now_ms(), random };
        adopt(origin, &one.id, &store, Adoption::default())
            .await
            .unwrap_or_else(|error| panic!("{waiting:?}: {error}"));
    }
    rooms.ledger.close().await;
}

/// Members of a body, without what differs from run to run.
fn upstream(stage: &Stage) -> String {
    let sent = stage.sandbox.faults().requests();
    let one = |request: &payferry::sandbox::Received| {
        let members = json::parse(&request.body).ok();
        let members: Vec<_> = members
            .as_ref()
            .and_then(Value::as_object)
            .map(|body| body.iter().map(|(name, _)| name.to_owned()).collect())
            .unwrap_or_default();
        let target = capture::shorten(&request.target);
        if members.is_empty() {
            format!("{} {target}", request.method)
        } else {
            format!("{} {target} {{{}}}", request.method, members.join(" "))
        }
    };
    let lines: Vec<_> = sent.iter().map(one).collect();
    if lines.is_empty() { "nothing".to_owned() } else { lines.join(" + ") }
}

async fn replay(capture: &Capture, log: &Log) -> String {
    let stage = Stage::set().await;
    let mut before = Vec::new();
    for seen in &capture.requests {
        before.push(ask(stage.payferry(), &seen.bytes).0);
    }
    let creates = stage.creates_upstream();
    assert!(creates.is_empty(), "{}: strangers made invoices: {creates:?}", capture.name);
    adopt_all(&stage).await;
    let mut table = format!("\n{}\n", capture.name);
    for (seen, before) in capture.requests.iter().zip(before) {
        stage.sandbox.faults().forget_requests();
        let lines = log.lines();
        let (after, body) = ask(stage.payferry(), &seen.bytes);
        let line = log.line_after(lines).await;
        judge(capture, seen, &after, body.as_ref(), &line["dialect"]);
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let (dialect, era) = (text("dialect"), text("era"));
        writeln!(
            table,
            "  {}\n    before {before}\n    {} {} -> {after}\n    upstream {}",
            capture::shorten(&seen.request),
            if dialect.is_empty() { "-" } else { &dialect },
            if era.is_empty() { "-" } else { &era },
            upstream(&stage)
        )
        .unwrap();
    }
    table
}

/// What must hold of every capture, whatever the table says.
fn judge(capture: &Capture, seen: &Seen, after: &str, body: Option<&Value>, dialect: &serde_json::Value) {
    let what = format!("{}: {}", capture.name, seen.request);
    if seen.names_a_facade() {
        assert_eq!(after, "token_invalid", "{what}: a facade's name is no token, as at BitPay");
    } else if seen.is_create() {
        assert_eq!(after, "ok", "{what}: every captured order is taken once its shop is adopted");
        let invoice = body.map(|body| body.get("data").unwrap_or(body)).and_then(|data| data.get("url"));
        assert!(invoice.is_some(), "{what}: {body:?}");
    }
    assert_ne!(after, "signature_invalid", "{what}: all of these are genuine");
    if seen.key.is_some() && !seen.is_public() && after != "endpoint_not_offered" {
        assert_eq!(dialect, "signed", "{what}");
    }
    if seen.key.is_none() {
        assert_ne!(dialect, "signed", "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_captured_request_is_what_the_table_says() {
    let log = Log::start();
    let captures = capture::read(Path::new("tests/data/captures"));
    assert_eq!(captures.len(), 32, "31 files, one of them with two keys");
    let asked: usize = captures.iter().map(|capture| capture.requests.len()).sum();
    assert!(asked >= 150, "{asked}");
    let mut table = HEADING.to_owned();
    for capture in &captures {
        table += &replay(capture, &log).await;
    }
    if std::env::var_os("WRITE_TABLE").is_some() {
        std::fs::write(TABLE, &table).unwrap();
    }
    let expected = std::fs::read_to_string(TABLE).unwrap_or_default();
    let other = table.lines().zip(expected.lines()).find(|(is, should)| is != should);
    assert!(table == expected, "{TABLE} differs, first (is, should be): {other:?}");
}
