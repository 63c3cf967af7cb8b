//! The few facts about an invoice that payferry takes from BTCPay's answer.
//!
//! The renderer reads this struct and never BTCPay's JSON, so that another upstream
//! (BTCPay's Greenfield API) can fill it one day.

use crate::json::{Number, Object, Value};
use crate::presented::{NoSuchWord, Presented, Seen};

/// Why an answer of BTCPay is no invoice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactsError {
    /// No `data` object.
    #[error("BTCPay's answer has no data object")]
    NoData,
    /// A member that every invoice has is missing or of another type.
    #[error("BTCPay's answer lacks a usable `{0}`")]
    Member(&'static str),
}

/// An invoice as BTCPay tells it. Money is text.
#[derive(Clone, PartialEq, Eq)]
pub struct Facts {
    /// BTCPay's id, 21 or 22 base58 characters.
    pub id: String,
    /// The checkout link.
    pub url: String,
    /// `new`, `paid`, `complete`, `expired`, `invalid`.
    pub status: String,
    /// `paidPartial`, `paidOver`, `paidLater`, `marked`; None for JSON false.
    pub exception: Option<String>,
    /// What BTCPay charges, plain decimal text.
    pub price: String,
    /// Upper case.
    pub currency: String,
    /// Milliseconds since 1970, whole seconds.
    pub invoice_time: i64,
    /// Milliseconds since 1970.
    pub expiration_time: i64,
    /// Milliseconds since 1970.
    pub current_time: i64,
    /// Price of one bitcoin in `currency`, plain decimal text; None for price 0.
    pub rate: Option<String>,
    /// Bitcoin, plain decimal text.
    pub btc_price: Option<String>,
    /// Bitcoin still due, plain decimal text.
    pub btc_due: Option<String>,
    /// Bitcoin received, plain decimal text.
    pub btc_paid: Option<String>,
    /// The address to pay to.
    pub address: Option<String>,
    /// Whether BTCPay offers a way to pay it.
    pub payable: bool,
    /// `bitcoin:` link.
    pub bip21: Option<String>,
    /// Satoshi per virtual byte, plain decimal text with a fraction.
    pub satoshis_per_byte: Option<String>,
    /// Satoshi to pay without and with network fee, plain decimal text.
    pub subtotal_satoshi: Option<String>,
    /// See `subtotal_satoshi`.
    pub total_satoshi: Option<String>,
    /// Payments seen, oldest first.
    pub payments: Vec<Payment>,
    /// Texts as BTCPay tells them, only for invoices that the ledger does not know.
    pub texts: Object,
}

impl std::fmt::Debug for Facts {
    /// Without what buyers told and what is secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Facts").field("id", &self.id).field("status", &self.status).finish_non_exhaustive()
    }
}

/// One payment of an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Transaction id, or payment hash of a Lightning payment; hex.
    pub txid: String,
    /// Which output of the transaction; None for Lightning.
    pub output_index: Option<i64>,
    /// Bitcoin, plain decimal text.
    pub amount: String,
    /// As BTCPay writes it: ISO 8601 in UTC without a zone.
    pub received: String,
    /// Whether it has the confirmations that the store asks for.
    pub confirmed: bool,
}

impl Facts {
    /// Reads the `data` member of a create or read answer.
    ///
    /// # Errors
    /// [`FactsError`] where it is no invoice.
    pub fn of_answer(answer: &Value) -> Result<Self, FactsError> {
        answer.get("data").and_then(Value::as_object).ok_or(FactsError::NoData).and_then(Self::of_invoice)
    }

    /// What the machine that decides what the shop is told reads from it.
    ///
    /// # Errors
    /// [`NoSuchWord`] for a status that BTCPay is not known to have.
    pub fn seen(&self) -> Result<Seen, NoSuchWord> {
        let paid = self.btc_paid.as_deref().is_some_and(|paid| paid != "0");
        Seen::of_words(&self.status, self.exception.as_deref(), paid)
    }

    /// The invoice as the shop was told it: the same amounts, its own status and exception.
    #[must_use]
    pub fn as_told(&self, presented: &Presented) -> Self {
        let exception = presented.exception.map(|exception| exception.as_str().to_owned());
        Self { status: presented.status.as_str().to_owned(), exception, ..self.clone() }
    }

    /// Without the mark behind the shop's own item code, which tells BTCPay's invoices of payferry's rows apart.
    #[must_use]
    pub fn without_mark(mut self, mark: &str) -> Self {
        let own = |code: &str| code.strip_suffix(mark)?.strip_suffix('~').map(str::to_owned);
        self.texts = (self.texts.iter())
            .filter_map(|(name, value)| match value.as_str().and_then(own) {
                Some(own) if name == "itemCode" => (!own.is_empty()).then(|| (name, own.into())),
                _ => Some((name, value.clone())),
            })
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        self
    }

    /// Reads one invoice object, from a create or read answer or from a list.
    ///
    /// # Errors
    /// [`FactsError::Member`].
    pub fn of_invoice(data: &Object) -> Result<Self, FactsError> {
        let text = |name: &'static str| {
            data.get(name).and_then(Value::as_str).map(str::to_owned).ok_or(FactsError::Member(name))
        };
        let method = Method::of(data);
        let price = decimal(data.get("price")).ok_or(FactsError::Member("price"))?;
        let nothing = || (price == "0").then(|| "0".to_owned());
        let time = |name: &'static str| {
            data.get(name).and_then(Value::as_number).and_then(Number::as_i64).ok_or(FactsError::Member(name))
        };
        Ok(Self {
            id: text("id")?,
            url: text("url")?,
            status: text("status")?,
            exception: data.get("exceptionStatus").and_then(Value::as_str).map(str::to_owned),
            currency: text("currency")?,
            invoice_time: time("invoiceTime")?,
            expiration_time: time("expirationTime")?,
            current_time: time("currentTime")?,
            rate: decimal(data.get("rate")).filter(|rate| rate != "0").or_else(|| method.decimal("rate")),
            btc_price: decimal(data.get("btcPrice")).or_else(|| method.decimal("price")).or_else(nothing),
            btc_due: decimal(data.get("btcDue")).or_else(|| method.decimal("due")).or_else(nothing),
            btc_paid: decimal(data.get("btcPaid")).or_else(|| method.decimal("paid")).or_else(nothing),
            payable: method.0.is_some(),
            address: data.get("bitcoinAddress").and_then(Value::as_str).map(str::to_owned),
            bip21: at(data, "paymentUrls", "BIP21").and_then(Value::as_str).map(str::to_owned),
            satoshis_per_byte: bitcoin_fee(data),
            subtotal_satoshi: decimal(at(data, "paymentSubtotals", "BTC"))
                .or_else(|| method.satoshi("price")),
            total_satoshi: decimal(at(data, "paymentTotals", "BTC")).or_else(|| method.satoshi("totalDue")),
            payments: payments(data),
            texts: texts(data),
            price,
        })
    }
}

/// The way of paying in bitcoin. BTCPay leaves its bitcoin members null where the invoice has no
/// address on the chain (btc-strings-null-without-onchain), but the ways of paying have them all.
struct Method<'a>(Option<&'a Value>);

impl<'a> Method<'a> {
    fn of(data: &'a Object) -> Self {
        let methods = data.get("cryptoInfo").and_then(Value::as_array).unwrap_or_default();
        Self(methods.iter().find(|method| is_bitcoin(method)))
    }

    fn decimal(&self, name: &str) -> Option<String> {
        decimal(self.0?.get(name)).filter(|amount| name != "rate" || amount != "0")
    }

    /// Bitcoin to satoshi.
    fn satoshi(&self, name: &str) -> Option<String> {
        Number::parse(&format!("{}e8", self.decimal(name)?)).ok()?.plain().ok()
    }
}

/// BitPay's shops of payferry know bitcoin only; another coin's amounts must not be told as bitcoin.
fn is_bitcoin(method: &Value) -> bool {
    method.get("cryptoCode").and_then(Value::as_str) == Some("BTC")
}

fn at<'a>(data: &'a Object, outer: &str, inner: &str) -> Option<&'a Value> {
    data.get(outer)?.get(inner)
}

/// A number, or a text that is one, in its shortest plain spelling.
fn decimal(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Number(number) => number.plain().ok(),
        Value::String(text) => Number::parse(text).ok()?.plain().ok(),
        _ => None,
    }
}

fn bitcoin_fee(data: &Object) -> Option<String> {
    decimal(at(data, "minerFees", "BTC")?.get("satoshisPerByte"))
}

fn payments(data: &Object) -> Vec<Payment> {
    let methods = data.get("cryptoInfo").and_then(Value::as_array).unwrap_or_default();
    let bitcoin = methods.iter().filter(|method| is_bitcoin(method));
    let payments = bitcoin.filter_map(|method| method.get("payments")?.as_array()).flatten();
    payments.filter_map(payment).collect()
}

fn payment(payment: &Value) -> Option<Payment> {
    let id = payment.get("id")?.as_str()?;
    let (txid, output) = id.rsplit_once('-').map_or((id, None), |(txid, output)| (txid, Some(output)));
    Some(Payment {
        txid: txid.to_owned(),
        output_index: output.and_then(|output| output.parse().ok()),
        amount: decimal(payment.get("value"))?,
        received: payment.get("receivedDate").and_then(Value::as_str).unwrap_or_default().to_owned(),
        confirmed: payment.get("confirmed").and_then(Value::as_bool).unwrap_or(false),
    })
}

fn texts(data: &Object) -> Object {
    let mut texts = Object::new();
    for name in ["posData", "orderId", "itemDesc", "itemCode"] {
        if let Some(text) = data.get(name).and_then(Value::as_str) {
            texts.push(name, text);
        }
    }
    let buyer = data.get("buyer").and_then(Value::as_object).map(|buyer| {
        let known = buyer.iter().filter(|(_, value)| !value.is_null());
        known.map(|(name, value)| (name.to_owned(), value.clone())).collect::<Object>()
    });
    if let Some(buyer) = buyer.filter(|buyer| !buyer.is_empty()) {
        texts.push("buyer", buyer);
    }
    texts
}
