//! The calls that payferry makes at BTCPay, each for one store and signed with that store's key.

mod lists;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Method;

pub use self::lists::{InvoiceList, ListQuery};
use super::forward::{ForwardError, Server, Servers, UpstreamAnswer};
use super::to_btcpay::{self, StoreAuth, UpstreamRequest};
use super::understand::{Misunderstood, understand};
use crate::contract::ErrorCode;
use crate::divergence::{BtcpayCall, Divergence, FailedAnswer, inspect, inspect_failure};
use crate::journal::{Journal, Sighting};
use crate::json::{Object, Value};
use crate::ledger::{Store, StoreCredentials};
use crate::secrets::MasterSecret;
use crate::telemetry::{Metrics, UpstreamResult};

/// Why a call at BTCPay gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// No whole answer.
    #[error(transparent)]
    Forward(#[from] ForwardError),
    /// An answer of another meaning.
    #[error(transparent)]
    Misunderstood(#[from] Misunderstood),
    /// The store's BTCPay API key cannot be opened: another master secret.
    #[error("the store's BTCPay API key cannot be opened with this master secret")]
    Sealed,
    /// The store was added but never paired with BTCPay.
    #[error("the store is not paired with BTCPay")]
    NotPaired,
}

impl UpstreamError {
    /// The row of the error table.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Forward(error) => error.code(),
            Self::Misunderstood(error) => error.code(),
            Self::Sealed => ErrorCode::InternalError,
            Self::NotPaired => ErrorCode::StoreNotPaired,
        }
    }
}

/// The way to every BTCPay server, with one key per store.
pub struct Upstream {
    servers: Servers,
    secrets: Arc<MasterSecret>,
    metrics: Metrics,
    journal: Option<Journal>,
    keys: Mutex<HashMap<(String, u32), Arc<StoreAuth>>>,
}

impl Upstream {
    /// Ready; no connection is opened yet.
    #[must_use]
    pub fn new(servers: Servers, secrets: Arc<MasterSecret>, metrics: Metrics) -> Self {
        Self { servers, secrets, metrics, journal: None, keys: Mutex::default() }
    }

    /// The same, with every failed answer noted in the journal.
    #[must_use]
    pub fn noted_in(self, journal: Journal) -> Self {
        Self { journal: Some(journal), ..self }
    }

    /// `POST /invoices`: the raw answer, because what follows depends on how it failed.
    ///
    /// # Errors
    /// [`UpstreamError`]; never `Misunderstood`.
    pub async fn create_invoice(
        &self,
        store: &Store,
        body: &Object,
        within: Duration,
    ) -> Result<UpstreamAnswer, UpstreamError> {
        paired(store)?;
        self.call(store, Method::POST, "/invoices", Some(body), within).await
    }

    /// `GET /invoices/ID`.
    ///
    /// # Errors
    /// [`UpstreamError`].
    pub async fn read_invoice(
        &self,
        store: &Store,
        id: &str,
        within: Duration,
    ) -> Result<Value, UpstreamError> {
        paired(store)?;
        let answer = self.call(store, Method::GET, &format!("/invoices/{id}"), None, within).await?;
        Ok(understand(&answer)?)
    }

    /// `GET /invoices?itemCode=…`: an exact filter (rates/list-itemcode-*). The newest match.
    ///
    /// # Errors
    /// [`UpstreamError`]; an empty list is no error.
    pub async fn find_by_item_code(
        &self,
        store: &Store,
        item_code: &str,
        within: Duration,
    ) -> Result<Option<Object>, UpstreamError> {
        let query =
            form_urlencoded::byte_serialize(item_code.as_bytes()).collect::<String>().replace('+', "%20");
        let target = format!("/invoices?itemCode={query}");
        let answer = understand(&self.call(store, Method::GET, &target, None, within).await?)?;
        let items = answer.get("data").and_then(Value::as_array).ok_or(Misunderstood::NotJson)?;
        let exact = |item: &&Value| item.get("itemCode").and_then(Value::as_str) == Some(item_code);
        Ok(items.iter().find(exact).and_then(Value::as_object).cloned())
    }

    /// `GET /invoices?status=…`: a store's invoices in one of BTCPay's states, at most 100
    /// (rates/list-status-*, rates/list-limit-*).
    ///
    /// # Errors
    /// [`UpstreamError`].
    pub async fn invoices_with_status(
        &self,
        store: &Store,
        status: &str,
        within: Duration,
    ) -> Result<Vec<Value>, UpstreamError> {
        let target = format!("/invoices?status={status}&limit=100");
        let answer = understand(&self.call(store, Method::GET, &target, None, within).await?)?;
        Ok(answer.get("data").and_then(Value::as_array).ok_or(Misunderstood::NotJson)?.to_vec())
    }

    /// `GET /i/ID/status`: what the checkout page shows, without credentials; cheap, and it counts blocks.
    ///
    /// # Errors
    /// [`UpstreamError`].
    pub async fn public_status(
        &self,
        store: &Store,
        id: &str,
        within: Duration,
    ) -> Result<Value, UpstreamError> {
        let server = self.servers.get(&store.server)?;
        let request = to_btcpay::unsigned_read(&server.address, &format!("/i/{id}/status"));
        Ok(understand(&self.send(server, &store.server, request, within).await?)?)
    }

    /// `GET /tokens`: whether BTCPay knows this store's key, and by which token.
    ///
    /// # Errors
    /// [`UpstreamError`].
    pub async fn tokens(&self, store: &Store, within: Duration) -> Result<Value, UpstreamError> {
        Ok(understand(&self.call(store, Method::GET, "/tokens", None, within).await?)?)
    }

    /// `GET /rates?currencyPairs=…`: one bitcoin in each of these currencies (rates/pairs-*).
    ///
    /// # Errors
    /// [`UpstreamError`].
    pub async fn rates(
        &self,
        store: &Store,
        currencies: impl Iterator<Item = &str>,
        within: Duration,
    ) -> Result<Value, UpstreamError> {
        paired(store)?;
        let pairs: Vec<_> = currencies.map(|currency| format!("BTC_{currency}")).collect();
        let target = format!("/rates?currencyPairs={}", pairs.join(","));
        let rates = understand(&self.call(store, Method::GET, &target, None, within).await?)?;
        self.note(BtcpayCall::ListRates, store, inspect(BtcpayCall::ListRates, &rates));
        Ok(rates)
    }

    /// `POST /tokens` for the key that the store has (or will have, once it is paired).
    ///
    /// # Errors
    /// [`UpstreamError`].
    pub async fn pair(
        &self,
        store: &Store,
        code: Option<&str>,
        within: Duration,
    ) -> Result<Value, UpstreamError> {
        let server = self.servers.get(&store.server)?;
        let key = self.secrets.store_key(&store.id, store.epoch);
        let mut body = Object::new().with("id", key.public().sin().as_str());
        if let Some(code) = code {
            body.push("pairingCode", code);
        }
        // The owner must tell an old key from a new one.
        let key_number = if store.epoch > 1 { format!(", key {}", store.epoch) } else { String::new() };
        body.push("label", format!("payferry: {}{key_number}", store.name));
        body.push("facade", "merchant");
        let request = to_btcpay::unsigned(&server.address, Method::POST, "/tokens", &body);
        Ok(understand(&self.send(server, &store.server, request, within).await?)?)
    }

    /// The page on which the owner approves a pairing code.
    ///
    /// # Errors
    /// [`ForwardError::ServerUnknown`].
    pub fn approval_link(&self, store: &Store, code: &str) -> Result<String, ForwardError> {
        let address = &self.servers.get(&store.server)?.address;
        let to_btcpay::PublicAddress { scheme, authority, path } = address;
        Ok(format!("{scheme}://{authority}{path}/api-access-request?pairingCode={code}"))
    }

    /// The page on which an invoice is paid.
    ///
    /// # Errors
    /// [`ForwardError::ServerUnknown`].
    pub fn checkout_link(&self, store: &Store, invoice_id: &str) -> Result<String, ForwardError> {
        let to_btcpay::PublicAddress { scheme, authority, path } = &self.servers.get(&store.server)?.address;
        Ok(format!("{scheme}://{authority}{path}/invoice?id={invoice_id}"))
    }

    /// Where BTCPay's public address is: scheme, authority and path, without a slash at the end.
    #[must_use]
    pub fn public_url(&self, store: &Store) -> String {
        match self.servers.get(&store.server) {
            Ok(Server { address, .. }) => {
                format!("{}://{}{}", address.scheme, address.authority, address.path)
            }
            Err(_) => String::new(),
        }
    }

    async fn call(
        &self,
        store: &Store,
        method: Method,
        target: &str,
        body: Option<&Object>,
        within: Duration,
    ) -> Result<UpstreamAnswer, UpstreamError> {
        let auth = self.auth(store)?;
        let server = self.servers.get(&store.server)?;
        let call = call_of(&method, target);
        let request = to_btcpay::sign(&server.address, &auth, method, target, body);
        let answer = self.send(server, &store.server, request, within).await?;
        self.observe(call, store, &answer);
        Ok(answer)
    }

    /// Notes how a failed answer is not BitPay's.
    fn observe(&self, call: BtcpayCall, store: &Store, answer: &UpstreamAnswer) {
        if answer.status >= 300 || !answer.content_type.starts_with("application/json") {
            let failed = FailedAnswer { call, status: answer.status, body: &answer.body };
            self.note(call, store, inspect_failure(&failed));
        }
    }

    /// These are payferry's own requests, so no agent is named.
    fn note(&self, call: BtcpayCall, store: &Store, found: Vec<Divergence>) {
        if let Some(journal) = &self.journal {
            journal.note(&Sighting { endpoint: call.name(), store: &store.name, agent: "" }, found);
        }
    }

    async fn send(
        &self,
        server: &Server,
        name: &str,
        request: UpstreamRequest,
        within: Duration,
    ) -> Result<UpstreamAnswer, ForwardError> {
        let answer = server.send(request, within).await;
        self.metrics.upstream(name, result(&answer));
        answer
    }

    fn auth(&self, store: &Store) -> Result<Arc<StoreAuth>, UpstreamError> {
        if let StoreCredentials::ApiKey(sealed) = &store.credentials {
            let key =
                self.secrets.open(&api_key_context(&store.id), sealed).map_err(|_| UpstreamError::Sealed)?;
            let key = String::from_utf8(key.to_vec()).map_err(|_| UpstreamError::Sealed)?;
            return Ok(Arc::new(StoreAuth::ApiKey(key.into())));
        }
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let derive = || Arc::new(StoreAuth::Key(self.secrets.store_key(&store.id, store.epoch)));
        Ok(Arc::clone(keys.entry((store.id.clone(), store.epoch)).or_insert_with(derive)))
    }
}

/// A store that was only added has a key that BTCPay would refuse.
fn paired(store: &Store) -> Result<(), UpstreamError> {
    store.paired_at.map(drop).ok_or(UpstreamError::NotPaired)
}

/// What a request asks for, for the journal.
fn call_of(method: &Method, target: &str) -> BtcpayCall {
    let path = target.split('?').next().unwrap_or_default();
    match (method == Method::POST, path) {
        (true, "/invoices") => BtcpayCall::CreateInvoice,
        (true, _) => BtcpayCall::CreateToken,
        (false, "/invoices") => BtcpayCall::ListInvoices,
        (false, "/tokens") => BtcpayCall::ListTokens,
        (false, path) if path.starts_with("/rates") => BtcpayCall::ListRates,
        (false, _) => BtcpayCall::ReadInvoice,
    }
}

/// As it is counted.
fn result(answer: &Result<UpstreamAnswer, ForwardError>) -> UpstreamResult {
    match answer {
        Ok(answer) if answer.status < 400 && !answer.content_type.starts_with("application/json") => {
            UpstreamResult::Nonsense
        }
        Ok(answer) if answer.status < 400 => UpstreamResult::Answered,
        Ok(answer) if answer.status < 500 => UpstreamResult::Refused,
        Ok(_) => UpstreamResult::Failed,
        Err(ForwardError::TimedOut) => UpstreamResult::TimedOut,
        Err(ForwardError::Cut) => UpstreamResult::Cut,
        Err(ForwardError::TooLong) => UpstreamResult::Nonsense,
        Err(ForwardError::Unreachable | ForwardError::ServerUnknown | ForwardError::NotWritable) => {
            UpstreamResult::Unreachable
        }
    }
}

/// Associated data under which a store's BTCPay API key is sealed.
#[must_use]
pub fn api_key_context(store_id: &str) -> String {
    format!("store-api-key/{store_id}")
}
