//! The members of `POST /invoices` that BTCPay knows, read as its model binder reads them.

use super::decimal::Decimal;
use super::lenient::{self, Lenient};
use super::price;

/// Deepest nesting that the model binder reads.
const DEEPEST: usize = 32;

/// What the binder makes of the body.
#[derive(Debug, Default, Clone)]
pub struct CreateRequest {
    /// None for a top-up.
    pub price: Option<Decimal>,
    /// As sent, not yet trimmed.
    pub currency: Option<String>,
    /// Free texts, kept as sent.
    pub order_id: Option<String>,
    /// Free text.
    pub item_desc: Option<String>,
    /// Free text; payferry finds its invoices by it.
    pub item_code: Option<String>,
    /// Free text, or a JSON object as text.
    pub pos_data: Option<String>,
    /// Where the buyer goes afterwards.
    pub redirect_url: Option<String>,
    /// Whether he goes without a click.
    pub redirect_automatically: Option<bool>,
    /// Epoch milliseconds.
    pub expiration_ms: Option<i64>,
    /// `high`, `medium`, `low-medium`, `low` or any other word.
    pub transaction_speed: Option<String>,
    /// Part of the price; shown only when not zero.
    pub tax_included: Option<Decimal>,
    /// `supportedTransactionCurrencies`: name and whether it is enabled.
    pub supported: Option<Vec<(String, bool)>>,
    /// `paymentCurrencies`.
    pub payment_currencies: Option<Vec<String>>,
    /// name, address1, address2, city, state, zip, country, phone, email: flat ones.
    pub flat_buyer: [Option<String>; 9],
    /// The same, nested in `buyer`.
    pub nested_buyer: [Option<String>; 9],
    /// Where notifications go.
    pub notification_url: Option<String>,
    /// Whether all notifications are wanted.
    pub full_notifications: bool,
    /// Whether notifications in an envelope are wanted.
    pub extended_notifications: bool,
    /// All texts that are stored, to look for a NUL.
    pub stored: Vec<String>,
}

/// Names of the buyer's members, in the order of the answer.
pub const BUYER: [&str; 9] =
    ["name", "address1", "address2", "city", "state", "zip", "country", "phone", "email"];

/// Why the body is no invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// 400 `Invalid invoice`.
    #[error("the body is not readable as an invoice")]
    Invalid,
    /// 500: the server stumbles over it.
    #[error("the server stumbles over the body")]
    Crash,
}

use Unreadable::{Crash, Invalid};

/// Reads a body. Names count in any letter case, the last repeat wins, unknown ones are skipped.
///
/// # Errors
/// [`Unreadable`], a stumble before a refusal.
pub fn read(body: &str) -> Result<CreateRequest, Unreadable> {
    let (value, _) = lenient::read(body, DEEPEST).map_err(|_| Invalid)?;
    let Lenient::Object(members) = value else { return Err(Invalid) };
    let mut request = CreateRequest::default();
    let mut refused = false;
    for (name, value) in &members {
        match request.take(&name.to_ascii_lowercase(), value) {
            Ok(()) => {}
            Err(Crash) => return Err(Crash),
            Err(Invalid) => refused = true,
        }
    }
    if refused { Err(Invalid) } else { Ok(request) }
}

impl CreateRequest {
    fn take(&mut self, name: &str, value: &Lenient) -> Result<(), Unreadable> {
        match name {
            "price" => self.price = decimal(value)?,
            "taxincluded" => self.tax_included = decimal(value)?,
            "currency" => self.currency = text(value)?,
            "orderid" => self.order_id = self.stored_text(value)?,
            "itemdesc" => self.item_desc = self.stored_text(value)?,
            "itemcode" => self.item_code = self.stored_text(value)?,
            "posdata" => self.pos_data = self.stored_text(value)?,
            "redirecturl" => self.redirect_url = self.stored_text(value)?,
            "notificationurl" => self.notification_url = self.stored_text(value)?,
            "notificationemail" | "defaultpaymentmethod" => {
                self.stored_text(value)?;
            }
            "token" | "guid" => {
                text(value)?;
            }
            "transactionspeed" => self.transaction_speed = text(value)?,
            "expirationtime" => self.expiration_ms = milliseconds(value)?,
            "nonce" => integer(value)?,
            "fullnotifications" => self.full_notifications = boolean(value)?.ok_or(Invalid)?,
            "extendednotifications" => self.extended_notifications = boolean(value)?.ok_or(Invalid)?,
            "physical" | "refundable" => {
                boolean(value)?.ok_or(Invalid)?;
            }
            "redirectautomatically" => self.redirect_automatically = boolean(value)?,
            "supportedtransactioncurrencies" => self.supported = supported(value)?,
            "paymentcurrencies" => self.payment_currencies = texts(value)?,
            "minerfees" => miner_fees(value)?,
            "exchangerates" => exchange_rates(value)?,
            "buyer" => self.buyer(value)?,
            _ => self.flat(name, value)?,
        }
        Ok(())
    }

    fn stored_text(&mut self, value: &Lenient) -> Result<Option<String>, Unreadable> {
        let text = text(value)?;
        self.stored.extend(text.clone());
        Ok(text)
    }

    fn flat(&mut self, name: &str, value: &Lenient) -> Result<(), Unreadable> {
        let place = name.strip_prefix("buyer").and_then(|rest| BUYER.iter().position(|known| *known == rest));
        if let Some(place) = place {
            self.flat_buyer[place] = self.stored_text(value)?;
        }
        Ok(())
    }

    fn buyer(&mut self, value: &Lenient) -> Result<(), Unreadable> {
        self.nested_buyer = Default::default();
        let members = match value {
            Lenient::Null => return Ok(()),
            Lenient::Object(members) => members,
            _ => return Err(Invalid),
        };
        for (name, value) in members {
            if let Some(place) = BUYER.iter().position(|known| name.eq_ignore_ascii_case(known)) {
                self.nested_buyer[place] = self.stored_text(value)?;
            }
        }
        Ok(())
    }
}

fn text(value: &Lenient) -> Result<Option<String>, Unreadable> {
    match value {
        Lenient::Null => Ok(None),
        Lenient::String(text) | Lenient::Number(text) => Ok(Some(text.clone())),
        Lenient::Bool(value) => Ok(Some(value.to_string())),
        _ => Err(Invalid),
    }
}

fn texts(value: &Lenient) -> Result<Option<Vec<String>>, Unreadable> {
    match value {
        Lenient::Null => Ok(None),
        Lenient::Array(items) => {
            items.iter().map(|item| text(item)?.ok_or(Crash)).collect::<Result<_, _>>().map(Some)
        }
        _ => Err(Invalid),
    }
}

fn decimal(value: &Lenient) -> Result<Option<Decimal>, Unreadable> {
    price::decimal(value).map_err(|_| Invalid)
}

/// None for null and "".
fn boolean(value: &Lenient) -> Result<Option<bool>, Unreadable> {
    match value {
        Lenient::Null => Ok(None),
        Lenient::Bool(value) => Ok(Some(*value)),
        Lenient::String(text) if text.is_empty() => Ok(None),
        Lenient::String(text) if text.trim().eq_ignore_ascii_case("true") => Ok(Some(true)),
        Lenient::String(text) if text.trim().eq_ignore_ascii_case("false") => Ok(Some(false)),
        Lenient::Number(_) => Ok(decimal(value)?.map(|number| !number.is_zero())),
        _ => Err(Invalid),
    }
}

/// 64 bits; fractions are rounded, texts must be digits.
fn integer(value: &Lenient) -> Result<(), Unreadable> {
    let good = match value {
        Lenient::Bool(_) => true,
        Lenient::String(text) => text.trim().parse::<i64>().is_ok(),
        Lenient::Number(_) => {
            decimal(value)?.is_some_and(|number| number.round(0).text().parse::<i64>().is_ok())
        }
        _ => false,
    };
    if good { Ok(()) } else { Err(Invalid) }
}

/// Milliseconds up to the year 9999; texts and fractions make the server stumble.
fn milliseconds(value: &Lenient) -> Result<Option<i64>, Unreadable> {
    const LAST: i64 = 253_402_300_799_999;
    match value {
        Lenient::Null => Ok(None),
        Lenient::Number(text) => {
            let plain = lenient::plain_number(text).ok_or(Crash)?;
            let ms: i64 = plain.parse().map_err(|_| Crash)?;
            match ms {
                ..0 => Err(Invalid),
                0..=LAST => Ok(Some(ms)),
                _ => Err(Crash),
            }
        }
        _ => Err(Crash),
    }
}

fn supported(value: &Lenient) -> Result<Option<Vec<(String, bool)>>, Unreadable> {
    let members = match value {
        Lenient::Null => return Ok(None),
        Lenient::Object(members) => members,
        _ => return Err(Invalid),
    };
    let mut list = Vec::new();
    for (name, value) in members {
        let Lenient::Object(inner) = value else {
            return Err(if *value == Lenient::Null { Crash } else { Invalid });
        };
        let mut enabled = false;
        for (name, value) in inner {
            if name.eq_ignore_ascii_case("enabled") {
                enabled = boolean(value)?.ok_or(Invalid)?;
            } else if name.eq_ignore_ascii_case("reason") {
                text(value)?;
            }
        }
        list.push((name.clone(), enabled));
    }
    Ok(Some(list))
}

fn miner_fees(value: &Lenient) -> Result<(), Unreadable> {
    each(value, |fees| each(fees, |value| decimal(value)?.map(|_| ()).ok_or(Invalid)))
}

fn exchange_rates(value: &Lenient) -> Result<(), Unreadable> {
    each(value, |rates| each(rates, |value| decimal(value)?.map(|_| ()).ok_or(Invalid)))
}

fn each(value: &Lenient, check: impl Fn(&Lenient) -> Result<(), Unreadable>) -> Result<(), Unreadable> {
    match value {
        Lenient::Null => Ok(()),
        Lenient::Object(members) => members.iter().try_for_each(|(_, value)| check(value)),
        _ => Err(Invalid),
    }
}
