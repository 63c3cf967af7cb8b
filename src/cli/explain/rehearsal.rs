//! Walks a request for nothing: the ledger undoes each write, and a trap stands where BTCPay is.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::Trial;
use crate::adoption::Strangers;
use crate::app::{self, Ends, Opening, Rooms, now_ms, random};
use crate::config::Config;
use crate::contract::Side;
use crate::directory::Directory;
use crate::journal::Journal;
use crate::json::{self, Object, Value};
use crate::ledger::Ledger;
use crate::lifecycle::Lifecycle;
use crate::secrets::MasterSecret;
use crate::telemetry::{Metrics, RequestRecord};
use crate::walk::authenticate::Register;

/// A request that BTCPay would have got.
pub(super) struct Sent {
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What came of it.
pub(super) struct Rehearsal {
    pub(super) record: RequestRecord,
    pub(super) sent: Vec<Sent>,
    pub(super) directory: Arc<Directory>,
    pub(super) ledger: Ledger,
    strangers: Arc<Strangers>,
    secrets: Arc<MasterSecret>,
    status: StatusCode,
    body: Bytes,
    lifecycle: Lifecycle,
}

/// Walks the request once.
pub(super) async fn rehearse(trial: &Trial<'_>) -> anyhow::Result<Rehearsal> {
    let (address, seen) = trap().await?;
    let rooms = rooms(trial.config, address).await?;
    let (ledger, secrets) = (rooms.ledger.clone(), Arc::clone(&rooms.secrets));
    let directory = Directory::load(ledger.clone()).await?;
    let (lifecycle, (nudges, _)) = (Lifecycle::new(), mpsc::channel(1));
    // Its keeper is dropped: nothing is written.
    let (journal, _) = Journal::new(Metrics::new(), now_ms);
    let ends = Ends { nudges, journal };
    let walk = app::walk(trial.config, rooms, Arc::clone(&directory), Metrics::new(), ends, &lifecycle);
    let answer = walk.answer(trial.arrival, trial.request.clone().map(Full::new)).await;
    let record = answer.body().record().cloned().context("a browser's preflight: no call is made for it")?;
    let status = answer.status();
    let body = answer.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let sent = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    let strangers = Strangers::new(Arc::clone(&secrets), now_ms, random);
    Ok(Rehearsal { record, sent, directory, ledger, strangers, secrets, status, body, lifecycle })
}

/// The real rooms, with a ledger that undoes and every server replaced by the trap.
async fn rooms(config: &Config, trap: SocketAddr) -> anyhow::Result<Rooms> {
    let mut config = config.clone();
    let trap = format!("http://{trap}").parse().map_err(|why: &str| anyhow::anyhow!("the trap {why}"))?;
    for server in config.btcpay.values_mut() {
        (server.connect, server.ca_file) = (Some(Clone::clone(&trap)), None);
    }
    Rooms::open_as(&config, Opening::ToRehearse).await
}

type Seen = Arc<Mutex<Vec<Sent>>>;

/// Listens on loopback, keeps what comes, and says that nothing was made.
async fn trap() -> anyhow::Result<(SocketAddr, Seen)> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("a free port on this machine")?;
    let (address, seen) = (listener.local_addr()?, Seen::default());
    let caught = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let caught = Arc::clone(&caught);
            let service = service_fn(move |request| caught_by(Arc::clone(&caught), request));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok((address, seen))
}

async fn caught_by(seen: Seen, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let target = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
    let status = if head.method == Method::GET { StatusCode::NOT_FOUND } else { StatusCode::BAD_REQUEST };
    let sent = Sent { method: head.method, target, headers: head.headers, body };
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
    let mut response = Response::new(Full::from(r#"{"error":"a rehearsal"}"#));
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    Ok(response)
}

impl Rehearsal {
    /// Whether the request got as far as BTCPay.
    pub(super) fn reached_btcpay(&self) -> bool {
        !self.sent.is_empty()
    }

    /// Where callers are known; strangers are noted nowhere.
    pub(super) fn register(&self) -> Register<'_> {
        Register { directory: &self.directory, strangers: &self.strangers, secrets: &self.secrets }
    }

    /// What the shop would get.
    pub(super) fn answer(&self) -> Object {
        let Self { record, status, body, .. } = self;
        if self.reached_btcpay() {
            return Object::new().with("is", "what follows from BTCPay's own answer");
        }
        let answer = Object::new().with("status", i64::from(status.as_u16()));
        if record.reason.is_empty() {
            return answer.with("is", "given by payferry alone, without BTCPay");
        }
        let heading = format!("docs/runbook.md, \"{}\"", record.reason);
        answer
            .with("refused", record.reason)
            .with("side", record.side.map_or("", Side::name))
            .with("why", record.truth.as_str())
            .with("body", json::parse(body).unwrap_or(Value::Null))
            .with("what_to_do", heading)
    }

    /// Gives everything back.
    pub(super) async fn end(self) {
        self.lifecycle.drain();
        self.ledger.close().await;
    }
}
