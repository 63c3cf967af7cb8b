//! `GET /invoices` at BTCPay, one invoice at a time.

use std::time::Duration;

use http::Method;

use super::{Upstream, UpstreamError, to_btcpay, understand};
use crate::divergence::BtcpayCall;
use crate::json::{Splitter, Step, Value};
use crate::ledger::Store;
use crate::telemetry::{Metrics, UpstreamResult};
use crate::walk::forward::{ForwardError, UpstreamStream};
use crate::walk::understand::Misunderstood;

/// Longest silence inside a list.
const IDLE: Duration = Duration::from_secs(5);

/// What BTCPay may filter by: it reads these three as BitPay meant them (rates/list-*).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// First day, MM/dd/yyyy in UTC; every other spelling gives the whole store (rates/list-date-iso-range).
    pub first_day: String,
    /// Last day, with midnight after it; None for no end.
    pub last_day: Option<String>,
    /// The exact orderId, case-sensitive.
    pub order_id: Option<String>,
}

impl ListQuery {
    fn target(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("dateStart", &self.first_day);
        if let Some(last) = &self.last_day {
            query.append_pair("dateEnd", last);
        }
        if let Some(order) = &self.order_id {
            query.append_pair("orderId", order);
        }
        format!("/invoices?{}", query.finish().replace('+', "%20"))
    }
}

/// A list on its way: newest second first, in no order inside a second (rates/list-same-second-*).
pub struct InvoiceList {
    stream: UpstreamStream,
    splitter: Splitter,
    metrics: Metrics,
    server: String,
}

impl InvoiceList {
    /// The next invoice; None at the end. A wait that is given up loses nothing.
    ///
    /// # Errors
    /// [`UpstreamError`]: silence for 5 s, a cut, or something that is no list.
    pub async fn next(&mut self) -> Result<Option<Value>, UpstreamError> {
        let next = self.advance().await;
        let result = match &next {
            Ok(Some(_)) => return next,
            Ok(None) => UpstreamResult::Answered,
            Err(UpstreamError::Forward(ForwardError::TimedOut)) => UpstreamResult::TimedOut,
            Err(UpstreamError::Forward(_)) => UpstreamResult::Cut,
            Err(_) => UpstreamResult::Nonsense,
        };
        self.metrics.upstream(&self.server, result);
        next
    }

    async fn advance(&mut self) -> Result<Option<Value>, UpstreamError> {
        loop {
            match self.splitter.next().map_err(|_| Misunderstood::NotJson)? {
                Step::Item(item) => return Ok(Some(item)),
                Step::End => return Ok(None),
                Step::NeedsMore => match self.stream.next().await? {
                    Some(bytes) => self.splitter.feed(&bytes),
                    None => self.splitter.end(),
                },
            }
        }
    }
}

impl Upstream {
    /// `GET /invoices`, open-ended; its head takes at most `within`.
    ///
    /// # Errors
    /// [`UpstreamError`].
    pub async fn list_invoices(
        &self,
        store: &Store,
        query: &ListQuery,
        within: Duration,
    ) -> Result<InvoiceList, UpstreamError> {
        super::paired(store)?;
        let (auth, server) = (self.auth(store)?, self.servers.get(&store.server)?);
        let request = to_btcpay::sign(&server.address, &auth, Method::GET, &query.target(), None);
        let stream = match server.open(request, within, IDLE).await {
            Ok(stream) if stream.status == 200 => stream,
            Ok(stream) => {
                let answer = stream.whole().await;
                self.metrics.upstream(&store.server, super::result(&answer));
                let answer = answer?;
                self.observe(BtcpayCall::ListInvoices, store, &answer);
                return Err(understand(&answer).err().unwrap_or(Misunderstood::NotJson).into());
            }
            Err(error) => {
                self.metrics.upstream(&store.server, super::result(&Err(error)));
                return Err(error.into());
            }
        };
        let (metrics, server) = (self.metrics.clone(), store.server.clone());
        Ok(InvoiceList { stream, splitter: Splitter::new("data"), metrics, server })
    }
}
