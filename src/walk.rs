//! The walk of a request, from its head to its answer. Each step is a file under `walk/`.

pub mod answer;
pub mod authenticate;
pub mod collect;
pub mod create;
pub mod facts;
pub mod forward;
pub mod observe;
pub mod order;
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
use http_body_util::Full;

use self::authenticate::{Caller, Dialect, Presented};
use self::create::{Commission, Creates, Made};
use self::observe::{Told, Witness};
use self::refusal::Refusal;
use self::render::Invoice;
use self::resolve::audience;
use self::route::Route;
use self::upstream::Upstream;
use crate::bitid::ReceivedUrl;
use crate::contract::{Audience, Endpoint};
use crate::directory::Directory;
use crate::json::Value;
use crate::ledger::Ledger;
use crate::pairing::{PairingDesk, TokenRequest, list_tokens};
use crate::secrets::MasterSecret;
use crate::telemetry::{CreateOutcome, LoggedBody, Metrics, RequestRecord};

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
    /// Counters.
    pub metrics: Metrics,
    /// Divergences that had their event.
    pub told: Told,
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

/// A request whose body is whole.
struct Collected {
    arrival: Arrival,
    headers: HeaderMap,
    host: String,
    target: String,
    agent: String,
    body: Bytes,
    json: Option<Value>,
}

impl Walk {
    /// Walks one request through all steps; never fails, because every failure has its answer.
    pub async fn answer<B>(&self, arrival: Arrival, request: Request<B>) -> Response<LoggedBody<Full<Bytes>>>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let _in_flight = self.metrics.in_flight();
        let mut record = self.record(arrival, &request);
        let outcome = self.cross(arrival, request, &mut record).await;
        let response = answer::answer(outcome, &mut record);
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
    ) -> Result<Value, Refusal>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let routed = route::route(request.method(), request.uri().path());
        record.endpoint = routed.label;
        let route = routed.route?;
        let host = host(&request);
        let (head, body) = request.into_parts();
        let body = collect::collect(body, self.limits.body_bytes, self.limits.answer_within).await?;
        record.bytes_in = body.len() as u64;
        let collected = Collected {
            arrival,
            host,
            agent: agent(&head.headers),
            target: head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned(),
            headers: head.headers,
            json: order::parse(&body).ok().map(Value::Object),
            body,
        };
        let presented = self.presented(&route, &collected);
        record.credential = authenticate::credential_hash(&presented);
        if collected.json.is_none() && route.endpoint == Endpoint::CreateInvoice {
            // Said before "no token": the token is in the body that cannot be read.
            order::parse(&collected.body)?;
        }
        let caller = authenticate::authenticate(&presented, &self.directory).await?;
        record.dialect = caller.dialect().as_str();
        match (route.endpoint, caller) {
            (Endpoint::CreateToken, _) => self.create_token(&collected, &presented).await,
            (Endpoint::ListTokens, Caller::Key(entries)) => {
                record.store = entries.first().map(|entry| entry.store.name.clone());
                Ok(list_tokens(&self.pairing.tokens_of(&entries)))
            }
            (Endpoint::CreateInvoice, Caller::Shop(shop)) => {
                self.create_invoice(&collected, shop, record).await
            }
            (Endpoint::ReadInvoice, caller) => self.read_invoice(&route, &collected, &caller, record).await,
            (Endpoint::ListTokens | Endpoint::CreateInvoice, _) => {
                Err(authenticate::AuthenticateError::CredentialMissing.into())
            }
        }
    }

    fn presented<'a>(&'a self, route: &'a Route, collected: &'a Collected) -> Presented<'a> {
        Presented {
            endpoint: &route.endpoint,
            url: ReceivedUrl {
                tls: collected.arrival.tls,
                host: &collected.host,
                target: &collected.target,
                ports: &self.limits.url_ports,
            },
            headers: &collected.headers,
            body: &collected.body,
            json: collected.json.as_ref(),
        }
    }

    async fn create_token(&self, collected: &Collected, presented: &Presented<'_>) -> Result<Value, Refusal> {
        let body = order::parse(&collected.body)?;
        let signer = authenticate::signer(presented);
        let request = TokenRequest::read(&body, signer.as_ref(), collected.arrival.peer.ip())?;
        Ok(self.pairing.token(request, (self.clock)()).await?.to_json())
    }

    async fn create_invoice(
        &self,
        collected: &Collected,
        shop: authenticate::Shop,
        record: &mut RequestRecord,
    ) -> Result<Value, Refusal> {
        record.store = Some(shop.store.name.clone());
        let commission = Commission {
            order: order::read(order::parse(&collected.body)?)?,
            store: Arc::clone(&shop.store),
            credential_id: Some(shop.credential_id),
            dialect: shop.dialect.as_str(),
            host: collected.host.clone(),
            agent: collected.agent.clone(),
        };
        let asked_at = (self.clock)();
        let made = self.creates.make(commission, self.deadline(&collected.headers)).await;
        record.upstream_ms = Some((self.clock)() - asked_at);
        self.metrics.create(match &made {
            Ok(made) if made.repeated => CreateOutcome::Repeated,
            Ok(_) => CreateOutcome::Created,
            Err(create::CreateError::Deadline) => CreateOutcome::AfterDeadline,
            Err(error) if error.is_unknown() => CreateOutcome::Unknown,
            Err(_) => CreateOutcome::Refused,
        });
        let Made { facts, words, .. } = made.as_ref().map_err(|error| Refusal::from(error.clone()))?;
        record.invoice = Some(facts.id.clone());
        if let Ok(made) = &made {
            record.divergences =
                observe::observe_create(made, &self.witness(&shop.store.name, &collected.agent));
        }
        let token = self.secrets.invoice_token(&shop.store.id, &facts.id);
        let invoice = Invoice { facts, words: Some(words), token: &token };
        // A POS token stands in public HTML: whoever repeats another customer's order must not read his address.
        let repeated = made.as_ref().is_ok_and(|made| made.repeated);
        let audience = match shop.dialect {
            Dialect::PosToken if repeated => Audience::Public,
            _ => audience(shop.facade),
        };
        Ok(render::render(&invoice, audience))
    }

    async fn read_invoice(
        &self,
        route: &Route,
        collected: &Collected,
        caller: &Caller,
        record: &mut RequestRecord,
    ) -> Result<Value, Refusal> {
        record.invoice = Some(route.id.clone());
        let destination = resolve::resolve(caller, &route.id, &self.ledger, &self.directory).await?;
        let store = &destination.store;
        record.store = Some(store.name.clone());
        let asked_at = (self.clock)();
        let answer = self.upstream.read_invoice(store, &route.id, self.deadline(&collected.headers)).await;
        record.upstream_ms = Some((self.clock)() - asked_at);
        let answer = answer?;
        record.divergences = observe::observe_read(&answer, &self.witness(&store.name, &collected.agent));
        let facts = facts::Facts::of_answer(&answer)?;
        let words = match &destination.row {
            Some(row) => Some(create::open_words(&self.secrets, row).ok_or(create::CreateError::Sealed)?),
            None => None,
        };
        let token = self.secrets.invoice_token(&store.id, &facts.id);
        let invoice = Invoice { facts: &facts, words: words.as_ref(), token: &token };
        Ok(render::render(&invoice, destination.audience))
    }

    fn witness<'a>(&'a self, store: &'a str, agent: &'a str) -> Witness<'a> {
        Witness { store, agent, told: &self.told, metrics: &self.metrics }
    }

    /// npm bitpay-rest gives up at 5 s; it alone names neither itself nor an API version.
    fn deadline(&self, headers: &HeaderMap) -> Duration {
        let silent = ["user-agent", "x-accept-version", "x-bitpay-plugin-info"]
            .iter()
            .all(|name| !headers.contains_key(*name));
        if silent { self.limits.answer_within_short } else { self.limits.answer_within }
    }
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
