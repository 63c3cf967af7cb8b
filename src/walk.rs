//! The walk of a request, from its head to its answer. Each step is a file under `walk/`; which
//! steps a call of BitPay's API takes is in `walk/call/`.

pub mod answer;
pub mod authenticate;
mod call;
pub mod collect;
pub mod cors;
pub mod create;
pub mod deadline;
pub mod facts;
pub mod filter;
pub mod forward;
pub mod listing;
pub mod observe;
pub mod order;
pub mod present;
pub mod refusal;
pub mod render;
pub mod resolve;
pub mod route;
pub mod to_btcpay;
pub mod understand;
pub mod upstream;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use tokio::sync::mpsc;

use self::answer::{Body, Reply};
use self::authenticate::Register;
use self::call::Call;
pub(crate) use self::call::Collected;
use self::cors::Sharing;
use self::create::Creates;
use self::deadline::Deadline;
use self::facts::Facts;
use self::observe::{Witness, observe_request};
use self::refusal::Refusal;
use self::route::Route;
use self::upstream::{Upstream, UpstreamError};
use crate::adoption::Strangers;
use crate::contract::{Endpoint, Generation};
use crate::directory::Directory;
use crate::divergence::request::ShopRequest;
use crate::journal::{Journal, noted_agent, proves};
use crate::json::Value;
use crate::ledger::{InvoiceRow, Ledger};
use crate::pairing::PairingDesk;
use crate::rates::{RateCache, RateSource};
use crate::secrets::MasterSecret;
use crate::telemetry::{LoggedBody, Metrics, RequestRecord};

/// What the walk needs; made once at the start.
pub struct Walk {
    /// Stores, credentials, pairings, invoices.
    pub ledger: Ledger,
    /// Stores and credentials in memory.
    pub directory: Arc<Directory>,
    /// Derives tokens, seals words.
    pub secrets: Arc<MasterSecret>,
    /// The way to BTCPay.
    pub upstream: Arc<Upstream>,
    /// Creates under way.
    pub creates: Arc<Creates>,
    /// Hands out tokens.
    pub pairing: PairingDesk,
    /// Who may be adopted.
    pub strangers: Arc<Strangers>,
    /// Rates of the last minute.
    pub rates: RateCache<UpstreamError>,
    /// Whose rates a request without a store gets.
    pub rate_source: RateSource,
    /// Counters.
    pub metrics: Metrics,
    /// Takes the row ids of invoices that BTCPay has moved on, as a read saw.
    pub nudges: mpsc::Sender<String>,
    /// Where divergences are noted.
    pub journal: Journal,
    /// Milliseconds since 1970.
    pub clock: fn() -> i64,
    /// Fills with random bytes.
    pub random: fn(&mut [u8]),
    /// Sizes and times.
    pub limits: Limits,
}

/// Sizes and times that bound one request.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest body, in bytes.
    pub body_bytes: usize,
    /// How long a shop waits at most.
    pub answer_within: Duration,
    /// The same for agents that give up at 5 s.
    pub answer_within_short: Duration,
    /// Ports that shops may have in their own URL.
    pub url_ports: Vec<u16>,
}

/// Where a request came in.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// Whether TLS ended here.
    pub tls: bool,
    /// Who asks.
    pub peer: SocketAddr,
}

impl Walk {
    /// Walks one request through all steps; never fails, because every failure has its answer.
    pub async fn answer<B>(&self, arrival: Arrival, request: Request<B>) -> Response<LoggedBody<Body>>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let _in_flight = self.metrics.in_flight();
        let mut record = self.record(arrival, &request);
        let generation = Generation::of_path(request.uri().path());
        let mut sharing = Sharing::of(request.headers());
        let outcome = self.cross(arrival, request, &mut record, &mut sharing).await;
        let outcome = outcome.map_err(|refusal| refusal.for_generation(generation));
        let refused = outcome.is_err();
        let mut response = answer::answer(outcome, &mut record);
        sharing.mark(refused, response.headers_mut());
        response.map(|body| LoggedBody::new(body, record, self.clock, Some(self.metrics.clone())))
    }

    fn record<B>(&self, arrival: Arrival, request: &Request<B>) -> RequestRecord {
        let mut id = [0; 8];
        (self.random)(&mut id);
        let mut record = RequestRecord::new(hex::encode(id), (self.clock)(), arrival.peer, arrival.tls);
        record.method = request.method().as_str().to_owned();
        record.host = host(request);
        record.agent = Some(agent(request.headers())).filter(|agent| !agent.is_empty());
        record
    }

    async fn cross<B>(
        &self,
        arrival: Arrival,
        request: Request<B>,
        record: &mut RequestRecord,
        sharing: &mut Sharing,
    ) -> Result<Reply, Refusal>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let deadline = self.deadline(request.headers());
        if let Some(preflight) = cors::preflight(request.method(), request.uri().path(), request.headers()) {
            record.endpoint = "preflight";
            return Ok(Reply::Preflight(preflight));
        }
        let routed = route::route(request.method(), request.uri().path());
        record.endpoint = routed.label;
        let route = match routed.route {
            Ok(route) => route,
            Err(error) => {
                record.divergences += self.observe_unserved(&request, routed.label);
                return Err(error.into());
            }
        };
        sharing.expect(route.endpoint, request.headers());
        let request = self.collect(arrival, request, deadline).await?;
        record.bytes_in = request.body.len() as u64;
        let outcome = self.carry_out(&route, &request, deadline, record, sharing).await;
        record.divergences += self.observe(&request, record);
        outcome
    }

    async fn carry_out(
        &self,
        route: &Route,
        request: &Collected,
        deadline: Deadline,
        record: &mut RequestRecord,
        sharing: &mut Sharing,
    ) -> Result<Reply, Refusal> {
        let presented = request.presented(route.endpoint, route.id(), &self.limits.url_ports);
        record.credential = authenticate::credential_hash(&presented);
        record.dialect = authenticate::claimed(&presented).as_str();
        if request.json.is_none() && route.endpoint == Endpoint::CreateInvoice {
            // Said before "no token": the token is in the body that cannot be read.
            request.members()?;
        }
        let caller = deadline.bound(authenticate::authenticate(&presented, self.register())).await??;
        record.dialect = caller.dialect().as_str();
        record.era = request.era(caller.fixed_era()).as_str();
        sharing.allow(route.endpoint, &caller);
        let call = Call { walk: self, route, request, deadline, record };
        call.carry_out(caller).await
    }

    /// Where callers are known.
    pub(crate) fn register(&self) -> Register<'_> {
        Register { directory: &self.directory, strangers: &self.strangers, secrets: &self.secrets }
    }

    /// Notes what BTCPay would have made of a request. Where no store is known nothing was proved: anybody may
    /// send anything.
    fn observe(&self, request: &Collected, record: &RequestRecord) -> u32 {
        let store = record.store.as_deref().unwrap_or_default();
        let agent = noted_agent(&request.agent, !store.is_empty() && proves(record.dialect));
        let witness = Witness { store, agent, journal: &self.journal };
        observe_request(&request.as_sent(&record.method), record.endpoint, &witness)
    }

    /// The same for a call of BitPay's that payferry does not serve. Nothing of it is verified, so the store is
    /// the one that the caller claims, and only where it is a known one.
    fn observe_unserved<B>(&self, request: &Request<B>, endpoint: &'static str) -> u32 {
        if !endpoint.starts_with("refused") {
            return 0;
        }
        let target = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let store = authenticate::claimed_store(request.headers(), target, &self.directory);
        let agent = agent(request.headers());
        let witness = Witness {
            store: store.as_ref().map_or("", |store| &store.name),
            agent: noted_agent(&agent, false),
            journal: &self.journal,
        };
        let (method, headers) = (request.method().as_str(), request.headers());
        let sent = ShopRequest { method, target, headers, body: &[], json: None };
        observe_request(&sent, endpoint, &witness)
    }

    async fn collect<B>(
        &self,
        arrival: Arrival,
        request: Request<B>,
        deadline: Deadline,
    ) -> Result<Collected, Refusal>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let body = collect::collect(body, self.limits.body_bytes, deadline).await?;
        Ok(collected(arrival, Request::from_parts(head, body)))
    }

    /// A read never changes what the shop is told, but where BTCPay has moved on it asks for a look. Polls
    /// stand behind it, so a full queue loses nothing.
    fn nudge(&self, row: &InvoiceRow, facts: &Facts) {
        if present::differs(facts, row) {
            let _ = self.nudges.try_send(row.row_id.clone());
        }
    }

    /// npm bitpay-rest gives up at 5 s; it alone names neither itself nor an API version.
    fn deadline(&self, headers: &HeaderMap) -> Deadline {
        let silent = ["user-agent", "x-accept-version", "x-bitpay-plugin-info"]
            .iter()
            .all(|name| !headers.contains_key(*name));
        let Limits { answer_within, answer_within_short, .. } = self.limits;
        Deadline::within(if silent { answer_within_short } else { answer_within })
    }
}

/// A request that is whole, as the steps see it.
pub(crate) fn collected(arrival: Arrival, request: Request<Bytes>) -> Collected {
    let host = host(&request);
    let (head, body) = request.into_parts();
    let mut collected = Collected {
        arrival,
        host,
        agent: agent(&head.headers),
        target: head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned(),
        headers: head.headers,
        json: None,
        body,
    };
    collected.json = collected.members().ok().map(Value::Object);
    collected
}

/// The Host header as sent, or the authority of an absolute target.
fn host<B>(request: &Request<B>) -> String {
    let header = request.headers().get(http::header::HOST).and_then(|host| host.to_str().ok());
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    header.or(authority).unwrap_or_default().chars().take(255).collect()
}

/// How the shop's software names itself: BitPay's plugin header, else the user agent.
fn agent(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let agent = text("x-bitpay-plugin-info").or_else(|| text("user-agent")).unwrap_or_default();
    agent.chars().take(120).collect()
}
