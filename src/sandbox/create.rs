//! `POST /invoices`.

use super::Room;
use super::answer::Answer;
use super::call::Call;
use super::dates;
use super::decimal::Decimal;
use super::faults::Outage;
use super::ids;
use super::invoice::{Invoice, Method, Speed, Status};
use super::posdata;
use super::price;
use super::render::{self, Stage};
use super::request::{self, CreateRequest, Unreadable};
use super::store::{self, Store};
use crate::json::{Object, Value};

const NO_WALLET: &str = "No wallet has been linked to your BTCPay Store. See the following link for more \
                         information on how to connect your store and wallet. (https://docs.btcpayserver.org/WalletSetup/)\n";

/// Makes an invoice in `store`; `outage` is a scripted failure of the node behind the server.
pub fn invoice(call: &Call, room: &Room, store: &Store, by_key: bool, outage: Option<Outage>) -> Answer {
    let body = match body_text(call, by_key) {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let request = match request::read(&body) {
        Ok(request) => request,
        Err(Unreadable::Crash) => return Answer::crash(),
        Err(Unreadable::Invalid) => return Answer::error(400, "Invalid invoice"),
    };
    let now_ms = room.now_ms();
    match assemble(room, store, &call.root, &request, now_ms, outage) {
        Ok(invoice) => keep(room, invoice, now_ms),
        Err(answer) => answer,
    }
}

/// An invoice that is not kept yet, or the answer that refuses it.
pub fn assemble(
    room: &Room,
    store: &Store,
    root: &str,
    request: &CreateRequest,
    now_ms: i64,
    outage: Option<Outage>,
) -> Result<Invoice, Answer> {
    Maker { root, room, store, now_ms, outage }.make(request)
}

/// The body by its charset; the content type begins with `application/json`.
fn body_text(call: &Call, by_key: bool) -> Result<String, Answer> {
    let content_type = call.content_type();
    let mut parts = content_type.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    if kind != "application/json" && !(kind.starts_with("application/") && kind.ends_with("+json")) {
        return Err(Answer::empty(415));
    }
    let charset =
        parts.find_map(|part| part.to_ascii_lowercase().strip_prefix("charset=").map(str::to_owned));
    match charset.as_deref().map(|name| name.trim_matches('"')) {
        None | Some("utf-8") => match std::str::from_utf8(&call.body) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) if by_key => Err(Answer::crash()),
            Err(_) => Ok(String::new()),
        },
        Some("utf-16") => {
            let units = call.body.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
            Ok(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
        }
        Some(_) => Err(Answer::empty(415)),
    }
}

/// The create answer says `new` even of a free invoice, which is complete at once.
fn keep(room: &Room, invoice: Invoice, now_ms: i64) -> Answer {
    let data = render::invoice(&invoice, Stage::Create, room.around(now_ms));
    room.begin(&mut room.state(), invoice);
    Answer::json(&Object::new().with("facade", "pos/invoice").with("data", data).into())
}

struct Maker<'a> {
    root: &'a str,
    room: &'a Room,
    store: &'a Store,
    now_ms: i64,
    outage: Option<Outage>,
}

/// What a request and its store agree on.
struct Terms {
    price: Decimal,
    currency: String,
    expires_ms: i64,
    method: Option<Method>,
}

impl Maker<'_> {
    fn make(&self, request: &CreateRequest) -> Result<Invoice, Answer> {
        let expires_ms = self.expiration(request)?;
        let currency = self.currency(request);
        let sent = request.price;
        let free = sent.is_some_and(|price| !price.is_positive());
        let price = match sent {
            Some(price) if !free || price.is_zero() => price::shown(price, &currency),
            _ => Decimal::ZERO,
        };
        let method =
            if free { None } else { Some(self.method(request, price, &currency, sent.is_none())?) };
        let stored_nul = request.pos_data.as_deref().is_some_and(posdata::has_nul);
        if stored_nul || request.stored.iter().any(|text| text.contains('\0')) {
            return Err(Answer::crash());
        }
        Ok(self.assembled(request, Terms { price, currency, expires_ms, method }))
    }

    fn assembled(&self, request: &CreateRequest, terms: Terms) -> Invoice {
        let Terms { price, currency, expires_ms, method } = terms;
        let tax = request.tax_included.map(|tax| price::shown(tax, &currency).min(price));
        Invoice {
            id: ids::invoice(self.room.random()),
            store: self.store.id.clone(),
            root: self.root.to_owned(),
            price,
            top_up: request.price.is_none(),
            currency,
            tax_included: tax.filter(|tax| tax.is_positive()),
            order_id: request.order_id.clone(),
            item_desc: request.item_desc.clone(),
            item_code: request.item_code.clone(),
            pos_data: request.pos_data.clone(),
            buyer: std::array::from_fn(|at| {
                request.flat_buyer[at].clone().or(request.nested_buyer[at].clone())
            }),
            created_ms: self.now_ms,
            expires_ms,
            method,
            payments: Vec::new(),
            status: Status::New,
            exception: None,
            archived: false,
            speed: request
                .transaction_speed
                .as_deref()
                .and_then(Speed::of_word)
                .unwrap_or(self.store.options.speed),
            network_fee: self.store.options.network_fee,
            was_paid: false,
            tolerance_percent: self.store.options.tolerance_percent,
            monitored_until_ms: expires_ms + self.store.options.monitoring_minutes * 60_000,
            notification_url: request.notification_url.clone(),
            full_notifications: request.full_notifications,
            extended_notifications: request.extended_notifications,
            redirect_url: request.redirect_url.clone().or(self.store.options.website.clone()),
            redirect_automatically: request.redirect_automatically.unwrap_or(false),
        }
    }

    fn expiration(&self, request: &CreateRequest) -> Result<i64, Answer> {
        let created = self.now_ms.div_euclid(1000) * 1000;
        let default = created + self.store.options.expiration_minutes * 60_000;
        let expires = request.expiration_ms.unwrap_or(default);
        if expires < self.now_ms + 30_000 {
            return Err(Answer::error(400, "The expirationTime is set too soon"));
        }
        Ok(expires)
    }

    fn currency(&self, request: &CreateRequest) -> String {
        match request.currency.as_deref() {
            None | Some("") => self.store.options.default_currency.clone(),
            Some(sent) => sent.trim().to_uppercase(),
        }
    }

    fn method(
        &self,
        request: &CreateRequest,
        price: Decimal,
        currency: &str,
        top_up: bool,
    ) -> Result<Method, Answer> {
        if !self.store.options.has_wallet {
            return Err(Answer::error(400, NO_WALLET));
        }
        let mut log = Log::new(self.now_ms);
        let rate = store::rate(self.store, self.room.rates(), currency);
        log.rate(currency, rate.as_ref().map(|(text, _)| text.as_str()));
        if !wanted(request) {
            return Err(log.answer());
        }
        let Some((_, rate)) = rate else {
            return Err(log.no_rate(currency));
        };
        match self.outage {
            Some(Outage::NodeUnavailable) => return Err(log.unavailable("Full node not available")),
            Some(Outage::NbxplorerRefused) => return Err(log.refused()),
            None => {}
        }
        let satoshi = price::satoshi(price, rate).ok_or_else(Answer::crash)?;
        if satoshi < price::DUST && !top_up {
            return Err(log.unavailable(
                "Amount below the dust threshold. For amounts of this size, it is recommended to enable an \
                 off-chain (Lightning) payment method",
            ));
        }
        let address = ids::address(self.room.random());
        Ok(Method { address, rate, price: satoshi, fee_rate: self.room.fee_rate() })
    }
}

/// Whether the request leaves the only payment method, bitcoin on its chain.
fn wanted(request: &CreateRequest) -> bool {
    let is_bitcoin = |name: &str| name.eq_ignore_ascii_case("BTC") || name.eq_ignore_ascii_case("BTC-CHAIN");
    let supported = request.supported.as_deref().unwrap_or_default();
    let currencies = request.payment_currencies.as_deref().unwrap_or_default();
    (supported.is_empty() || supported.iter().any(|(name, enabled)| *enabled && is_bitcoin(name)))
        && (currencies.is_empty() || currencies.iter().any(|name| is_bitcoin(name)))
}

/// The creation log that stands in the text of a 400.
struct Log {
    time: String,
    text: String,
}

impl Log {
    fn new(now_ms: i64) -> Self {
        let time = dates::american(now_ms.div_euclid(1000));
        let mut log = Self { time, text: "Error retrieving a matching payment method or rate.\n".to_owned() };
        log.line("Info Creation of invoice starting");
        log
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(&format!("{}:{line}\n", self.time));
    }

    fn rate(&mut self, currency: &str, rate: Option<&str>) {
        match rate {
            Some(rate) => self.line(&format!("Info Rate for BTC_{currency}: {rate} = {rate} = {rate}")),
            None => {
                let missing = format!("ERR_NO_RULE_MATCH(BTC_{currency})");
                self.line(&format!("Info Rate for BTC_{currency}: {missing} = {missing} = ???"));
                self.line("Warning Rate rule error (PreprocessError)");
                self.line(&format!("Warning Unable to get rate BTC_{currency}."));
            }
        }
    }

    fn no_rate(mut self, currency: &str) -> Answer {
        self.line(&format!(
            "Error BTC-CHAIN: Unable to get rate(s) BTC_{currency}, this payment method disabled for this invoice."
        ));
        self.answer()
    }

    fn unavailable(mut self, why: &str) -> Answer {
        self.line(&format!("Error BTC-CHAIN: Payment method unavailable ({why})"));
        self.line("Info BTC-CHAIN: Payment method details creation took 2 milliseconds");
        self.answer()
    }

    /// The recorded text goes on with a stack trace of .NET, which is left out.
    fn refused(mut self) -> Answer {
        self.line(
            "Error BTC-CHAIN: Unexpected exception (System.Net.Http.HttpRequestException: Connection refused \
             (127.0.0.1:32838)\n ---> System.Net.Sockets.SocketException (111): Connection refused)",
        );
        self.answer()
    }

    fn answer(self) -> Answer {
        Answer::chunked_json(400, &Value::Object(Object::new().with("error", self.text)))
    }
}
