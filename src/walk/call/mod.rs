//! The calls of BitPay's API, one file each: which steps they take, in which order.

mod checkout_page;
mod create_invoice;
mod create_token;
mod currencies;
mod list_invoices;
mod list_tokens;
mod pairing_page;
mod rates;
mod read_by_guid;
mod read_invoice;
mod resend_notification;
mod wallets;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::answer::Reply;
use super::authenticate::{AuthenticateError, Caller, Presented};
use super::deadline::Deadline;
use super::observe::Witness;
use super::order::{self, OrderError};
use super::refusal::Refusal;
use super::route::Route;
use super::{Arrival, Walk};
use crate::bitid::ReceivedUrl;
use crate::contract::{Endpoint, Era, Generation};
use crate::divergence::request::ShopRequest;
use crate::journal::{noted_agent, proves};
use crate::json::{Object, Value};
use crate::telemetry::RequestRecord;

/// A request whose body is whole.
pub(crate) struct Collected {
    pub(crate) arrival: Arrival,
    pub(crate) headers: HeaderMap,
    /// Host header, or the authority of an absolute target.
    pub(crate) host: String,
    /// Path and query, as sent.
    pub(crate) target: String,
    /// How the shop's software names itself.
    pub(crate) agent: String,
    pub(crate) body: Bytes,
    /// The members of the body, where it can be read.
    pub(crate) json: Option<Value>,
}

impl Collected {
    /// The request as the contract check looks at it.
    pub(super) fn as_sent<'a>(&'a self, method: &'a str) -> ShopRequest<'a> {
        ShopRequest {
            method,
            target: &self.target,
            headers: &self.headers,
            body: &self.body,
            json: self.json.as_ref().and_then(Value::as_object),
        }
    }

    /// The request as far as it matters for its sender; `id` is that of its path, empty for none.
    pub(crate) fn presented<'a>(
        &'a self,
        endpoint: Endpoint,
        id: &'a str,
        url_ports: &'a [u16],
    ) -> Presented<'a> {
        Presented {
            endpoint,
            id,
            url: ReceivedUrl {
                tls: self.arrival.tls,
                host: &self.host,
                target: &self.target,
                ports: url_ports,
            },
            headers: &self.headers,
            body: &self.body,
            json: self.json.as_ref(),
            agent: &self.agent,
            address: self.arrival.peer.ip(),
        }
    }

    /// The members of the body: JSON; under `/api` also a form, as bitpay-node, PyPI bitpay-client and PHP send it.
    pub(crate) fn members(&self) -> Result<Object, OrderError> {
        let content_type = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        match Generation::of_path(&self.target) {
            Generation::V1 => order::parse_as(content_type, &self.body),
            Generation::V2 => order::parse(&self.body),
        }
    }

    /// The first parameter of that name in the query, decoded, where it is not empty; clients spell `storeID`
    /// and `storeId`, so letter case does not matter.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        let query = self.target.split_once('?')?.1;
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        let value = pairs.find(|(key, _)| key.eq_ignore_ascii_case(name))?.1;
        Some(value.into_owned()).filter(|value| !value.is_empty())
    }

    /// The era of BitPay's API that the shop was written for.
    pub(crate) fn era(&self, fixed: Option<Era>) -> Era {
        self.era_of(fixed, None)
    }

    /// The same for an answer about an invoice that was made in that era.
    pub(crate) fn era_of(&self, fixed: Option<Era>, made_in: Option<Era>) -> Era {
        let header = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok());
        Era::choose(Generation::of_path(&self.target), fixed, made_in, header)
    }
}

/// One call on its way.
pub(super) struct Call<'a> {
    pub(super) walk: &'a Walk,
    pub(super) route: &'a Route,
    pub(super) request: &'a Collected,
    pub(super) deadline: Deadline,
    pub(super) record: &'a mut RequestRecord,
}

impl Call<'_> {
    /// Carries the call out for whoever asks.
    pub(super) async fn carry_out(mut self, caller: Caller) -> Result<Reply, Refusal> {
        match (self.route.endpoint, caller) {
            (Endpoint::CreateToken, _) => create_token::create_token(&self).await,
            (Endpoint::PairingPage, _) => pairing_page::pairing_page(&mut self).await,
            (Endpoint::ListTokens, Caller::Key(entries)) => Ok(list_tokens::list_tokens(&mut self, &entries)),
            (Endpoint::CreateInvoice | Endpoint::V1CreateInvoice, Caller::Shop(shop)) => {
                create_invoice::create_invoice(&mut self, shop).await
            }
            (Endpoint::ReadInvoice | Endpoint::V1ReadInvoice, caller) => {
                read_invoice::read_invoice(&mut self, &caller).await
            }
            (Endpoint::ListInvoices, Caller::Shop(shop)) => {
                list_invoices::list_invoices(&mut self, &shop).await
            }
            (Endpoint::ReadByGuid, Caller::Shop(shop)) => read_by_guid::read_by_guid(&mut self, &shop).await,
            (Endpoint::ResendNotification, Caller::Shop(shop)) => {
                resend_notification::resend_notification(&mut self, shop).await
            }
            (Endpoint::Rates, Caller::Visitor(store)) => rates::rates(&mut self, store).await,
            (Endpoint::Currencies, _) => Ok(currencies::list(&self).into()),
            (Endpoint::SupportedWallets, _) => Ok(wallets::list().into()),
            (Endpoint::CheckoutPage, _) => checkout_page::checkout_page(&mut self).await,
            (
                Endpoint::ListTokens
                | Endpoint::CreateInvoice
                | Endpoint::V1CreateInvoice
                | Endpoint::ListInvoices
                | Endpoint::ReadByGuid
                | Endpoint::ResendNotification
                | Endpoint::Rates,
                _,
            ) => Err(AuthenticateError::CredentialMissing.into()),
        }
    }

    /// Who was answered, for the journal.
    fn witness<'a>(&'a self, store: &'a str) -> Witness<'a> {
        Witness { store, agent: self.noted_agent(), journal: &self.walk.journal }
    }

    /// The shop's software, as far as it is noted: a buyer's browser reads too.
    fn noted_agent(&self) -> &str {
        noted_agent(&self.request.agent, proves(self.record.dialect))
    }

    /// Milliseconds since 1970.
    fn now_ms(&self) -> i64 {
        (self.walk.clock)()
    }
}
