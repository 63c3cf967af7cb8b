//! What a buyer sees: short pages in place of BTCPay's, and the public status.

use super::Room;
use super::answer::{Answer, Framing, Guard};
use super::dates;
use super::decimal::Decimal;
use super::invoice::{Invoice, Method, Status};
use super::price::{bitcoin, bitcoin_due};
use super::render::number;
use crate::json::{Object, Value};

const NOT_FOUND: &str = "404 - Page not found";

fn found<T>(id: &str, room: &Room, look: impl FnOnce(&Invoice) -> T) -> Option<T> {
    room.state().invoice_mut(id).map(|invoice| look(invoice))
}

/// `/invoice?id=ID` and `/i/ID`; free and archived ones lead to the receipt.
pub fn page(id: &str, room: &Room) -> Answer {
    match found(id, room, |invoice| invoice.archived || invoice.method.is_none()) {
        None => Answer { guard: Guard::Checkout, ..Answer::empty(404) },
        Some(true) => Answer { guard: Guard::Checkout, ..Answer::empty(302) }
            .with_header("Location", format!("/i/{id}/receipt")),
        Some(false) => {
            let cookie = ".AspNetCore.Antiforgery.Mk-_zf2J-V0=none; path=/; samesite=strict; httponly";
            Answer::page(200, "BTCPay Invoice", Guard::Checkout, 7, room.random())
                .with_header("Cache-Control", "no-cache, no-store")
                .with_header("Pragma", "no-cache")
                .with_header("Set-Cookie", cookie)
        }
    }
}

/// `/i/ID/receipt`.
pub fn receipt(id: &str, room: &Room) -> Answer {
    let shown = |invoice: &Invoice| (!invoice.archived).then(|| (invoice.store.clone(), invoice.status));
    match found(id, room, shown).flatten() {
        None => Answer::page(404, NOT_FOUND, Guard::Receipt, 1, room.random()),
        Some((store, status)) => {
            let nonces = if matches!(status, Status::New | Status::Paid) { 3 } else { 2 };
            let name = room.state().store(&store).map(|store| store.options.name.clone()).unwrap_or_default();
            let title = format!("Receipt from {}", super::owner_page::escaped(&name));
            let cookie = ".AspNetCore.Mvc.CookieTempDataProvider=; expires=Thu, 01 Jan 1970 00:00:00 GMT; path=/; \
                          samesite=lax; httponly";
            Answer::page(200, &title, Guard::Receipt, nonces, room.random()).with_header("Set-Cookie", cookie)
        }
    }
}

/// `/i/ID/status`: JSON for anybody; 404 for free, archived and unknown ones.
pub fn status(id: &str, room: &Room) -> Answer {
    let now_ms = room.now_ms();
    let invoice = found(id, room, Invoice::clone).filter(|invoice| !invoice.archived);
    let shown = invoice.and_then(|invoice| {
        let state = room.state();
        let store = state.store(&invoice.store)?;
        let method = invoice.method.as_ref()?;
        let view = View { invoice: &invoice, method, name: &store.options.name, now_ms };
        Some(view.value())
    });
    match shown {
        Some(value) => Answer { framing: Framing::Chunked, ..Answer::json(&value) },
        None => Answer::empty(404),
    }
}

struct View<'a> {
    invoice: &'a Invoice,
    method: &'a Method,
    name: &'a str,
    now_ms: i64,
}

impl View<'_> {
    fn value(&self) -> Value {
        let mut object = Object::new().with("checkoutBodyComponentName", "BitcoinCheckoutBody");
        let brand = Object::new()
            .with("brandColor", Value::Null)
            .with("applyBrandColorToBackend", false)
            .with("logoUrl", Value::Null)
            .with("cssUrl", Value::Null);
        object.push("storeBranding", brand);
        for name in ["paymentSoundUrl", "nfcReadSoundUrl", "errorSoundUrl", "brandColor"] {
            object.push(name, Value::Null);
        }
        self.look(&mut object);
        self.amounts(&mut object);
        self.money(&mut object);
        self.end(&mut object);
        object.into()
    }

    fn look(&self, object: &mut Object) {
        let method = Object::new()
            .with("paymentMethodId", "BTC-CHAIN")
            .with("displayed", true)
            .with("paymentMethodName", "Bitcoin")
            .with("order", 0);
        object.push("htmlTitle", "BTCPay Invoice");
        object.push("defaultLang", "en");
        object.push("showPayInWalletButton", true);
        object.push("showStoreHeader", true);
        object.push("availablePaymentMethods", vec![method.into()]);
        object.push("isModal", false);
        object.push("isUnsetTopUp", self.invoice.is_unset_top_up());
        object.push("onChainWithLnInvoiceFallback", false);
        object.push("celebratePayment", true);
        object.push("paymentMethodCurrency", "BTC");
        object.push("invoiceId", self.invoice.id.as_str());
        object.push("address", self.method.address.as_str());
    }

    fn amounts(&self, object: &mut Object) {
        let left = ((self.invoice.expires_ms - self.now_ms) / 1000).max(0);
        let whole = (self.invoice.expires_ms - self.invoice.created_ms.div_euclid(1000) * 1000) / 1000;
        let email = self.invoice.buyer[8].as_deref();
        object.push("due", eight(self.invoice.due()));
        object.push("customerEmail", email.map_or(Value::Null, Value::from));
        object.push("showRecommendedFee", true);
        object.push("feeRate", number(&self.method.fee_rate));
        object.push("expirationSeconds", left);
        object.push("displayExpirationTimer", 300);
        object.push("status", self.invoice.status.own_word());
        object.push("merchantRefLink", self.link());
        object.push("maxTimeSeconds", whole);
        object.push("storeName", self.name);
        object.push("itemDesc", self.invoice.item_desc.as_deref().map_or(Value::Null, Value::from));
        object.push("timeLeft", format!("{:02}:{:02}", left / 60, left % 60));
    }

    fn money(&self, object: &mut Object) {
        let due = self.invoice.due();
        let amount = if due == 0 { String::new() } else { format!("?amount={}", bitcoin(due)) };
        let currency = &self.invoice.currency;
        let tax = self.invoice.tax_included;
        let tax_shown = tax.map_or(Value::Null, |tax| money(tax, currency).into());
        let tax = Object::new()
            .with("value", number(tax.unwrap_or(Decimal::ZERO).json()))
            .with("formatted", tax_shown);
        object.push("rate", money(self.method.rate, currency));
        let (total, fee) = (self.invoice.total(), self.invoice.next_fee());
        let below = if total < fee { "-" } else { "" };
        object.push("orderAmount", format!("{below}{}", eight(total.abs_diff(fee))));
        object.push("orderAmountFiat", money(self.invoice.price, currency));
        object.push("taxIncluded", tax);
        object.push("invoiceBitcoinUrl", format!("bitcoin:{}{amount}", self.method.address));
        object.push("invoiceBitcoinUrlQR", format!("bitcoin:{}{amount}", self.method.address.to_uppercase()));
        let (needed, charged) = self.invoice.payment_counts();
        object.push("txCount", needed);
        object.push("txCountForFee", charged);
        object.push("paid", eight(self.invoice.paid()));
        object.push("storeSupportUrl", Value::Null);
        object.push("checkoutText", Value::Null);
        object.push("orderId", self.invoice.order_id.as_deref().map_or(Value::Null, Value::from));
        object.push("networkFee", number(bitcoin_due(self.invoice.next_fee())));
    }

    fn end(&self, object: &mut Object) {
        let whole = (self.invoice.expires_ms - self.invoice.created_ms.div_euclid(1000) * 1000) / 1000;
        object.push("maxTimeMinutes", whole / 60);
        object.push("paymentMethodId", "BTC-CHAIN");
        object.push("paymentMethodName", "Bitcoin");
        object.push("cryptoImage", "/imlegacy/bitcoin.svg");
        object.push("storeId", self.invoice.store.as_str());
        object.push("peerInfo", Value::Null);
        object.push("rootPath", "/");
        object.push("redirectAutomatically", self.invoice.redirect_automatically);
        object.push("activated", true);
        object.push("invoiceCurrency", self.invoice.currency.as_str());
        object.push("receiptLink", self.receipt());
        let (required, received) = self.confirmations();
        object.push("requiredConfirmations", required);
        object.push("receivedConfirmations", received);
    }

    fn receipt(&self) -> String {
        format!("{}/i/{}/receipt", self.invoice.root, self.invoice.id)
    }

    fn link(&self) -> String {
        let Some(url) = self.invoice.redirect_url.as_deref().filter(|url| !url.is_empty()) else {
            return self.receipt();
        };
        let order = self.invoice.order_id.as_deref().unwrap_or_default();
        url.replace("{InvoiceId}", &self.invoice.id)
            .replace("{OrderId}", &super::call::escaped(order).replace("%20", "+"))
    }

    fn confirmations(&self) -> (Value, Value) {
        let least = self.invoice.payments.iter().min_by_key(|payment| payment.confirmations);
        least.map_or((Value::Null, Value::Null), |payment| {
            (i64::from(payment.needed).into(), i64::from(payment.confirmations).into())
        })
    }
}

fn eight(satoshi: u128) -> String {
    Decimal::new(satoshi, 8).map(Decimal::text).unwrap_or_default()
}

/// `$12.50`; other currencies keep their code.
fn money(amount: Decimal, currency: &str) -> String {
    let text = amount.round(2).text();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match currency {
        "USD" => format!("${grouped}.{fraction:0<2}"),
        "EUR" => format!("€{grouped}.{fraction:0<2}"),
        _ => format!("{grouped}.{fraction:0<2} {currency}"),
    }
}

/// The moment of a payment, for the owner's page.
#[must_use]
pub fn when(ms: i64) -> String {
    dates::plain_iso(ms)
}
