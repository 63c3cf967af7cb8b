//! The owner's port: a page for people, a few JSON calls for other programs.
//!
//! It has no login; it belongs on a loopback address only. All calls are POSTs of a JSON object of
//! texts (or of a form, which leads back to the page):
//!
//! | path | members |
//! |---|---|
//! | `/stores` | `name` |
//! | `/stores/S/pairing-codes`, `/stores/S/legacy-api-key` | `label` |
//! | `/stores/S/invoices` | `count`, `body` of the request they are like, `everyMs` |
//! | `/approve` | `code`, `store` |
//! | `/invoices/ID/pay` | `bitcoin`; without it all that is due |
//! | `/invoices/ID/confirm`, `expire`, `mark-settled`, `mark-invalid`, `refund`, `archive` | |
//! | `/blocks` | `count` |
//! | `/restart` | BTCPay is started again: waiting notifications are forgotten |

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Request, Response};

use super::answer::{Answer, Framing, Guard};
use super::bulk::Bulk;
use super::checkout::when;
use super::invoice::Invoice;
use super::owner::{Owner, OwnerError};
use super::owner_money::Mark;
use super::price::bitcoin;
use super::server::{self, Body};
use super::store::StoreOptions;
use crate::json::{self, Object, Value};

/// Answers one request on the owner's port.
pub async fn answer(owner: Owner, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let form = parts
        .headers
        .get("content-type")
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www"));
    let foreign = parts.headers.get("origin").is_some_and(|origin| {
        let host = parts.headers.get("host").map(|host| [b"http://", host.as_bytes()].concat());
        host.as_deref() != Some(origin.as_bytes())
    });
    if foreign {
        return server::response(Answer::empty(403));
    }
    let fields = Fields::read(&body, form);
    let path = parts.uri.path();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let made = match (parts.method.as_str(), segments.as_slice()) {
        ("GET", [""]) => return server::response(page(&owner)),
        ("POST", _) => act(&owner, &segments, &fields),
        _ => None,
    };
    server::response(match made {
        None => Answer::empty(404),
        Some(Err(text)) => Answer::error(400, &text),
        Some(Ok(_)) if form => {
            Answer { guard: Guard::Api, ..Answer::empty(303) }.with_header("Location", "/")
        }
        Some(Ok(value)) => Answer::json(&value),
    })
}

fn act(owner: &Owner, segments: &[&str], fields: &Fields) -> Option<Result<Value, String>> {
    let said = |error: OwnerError| error.to_string();
    Some(match segments {
        ["stores"] => {
            let defaults = StoreOptions::default();
            let name = fields.get("name").unwrap_or_else(|| defaults.name.clone());
            let id = owner.create_store(StoreOptions { name, ..defaults });
            Ok(Object::new().with("id", id).into())
        }
        ["stores", store, "pairing-codes"] => {
            let code = owner.new_pairing_code(store, &fields.get("label").unwrap_or_default());
            code.map(|code| Object::new().with("code", code).into()).map_err(said)
        }
        ["stores", store, "legacy-api-key"] => {
            owner.legacy_api_key(store).map(|key| Object::new().with("key", key).into()).map_err(said)
        }
        ["stores", store, "invoices"] => {
            done(fields.bulk().and_then(|bulk| owner.create_invoices(store, &bulk)))
        }
        ["blocks"] => {
            owner.mine(fields.get("count").and_then(|count| count.parse().ok()).unwrap_or(1));
            done(Ok(()))
        }
        ["restart"] => {
            owner.restart();
            done(Ok(()))
        }
        ["approve"] => {
            let (code, store) =
                (fields.get("code").unwrap_or_default(), fields.get("store").unwrap_or_default());
            done(owner.approve(&code, &store).map_err(|error| format!("Pairing failed: {error}")))
        }
        ["invoices", id, act] => return on_invoice(owner, id, act, fields),
        _ => return None,
    })
}

/// What happened to an invoice, and how it stands then.
fn on_invoice(owner: &Owner, id: &str, act: &str, fields: &Fields) -> Option<Result<Value, String>> {
    let outcome = match (act, fields.get("bitcoin").filter(|bitcoin| !bitcoin.is_empty())) {
        ("pay", Some(bitcoin)) => owner.pay(id, &bitcoin),
        ("pay", None) => owner.pay_rest(id),
        ("confirm", _) => owner.confirm(id),
        ("expire", _) => owner.expire(id),
        ("archive", _) => owner.archive(id, true),
        ("refund", _) => owner.refund(id),
        ("mark-settled", _) => owner.mark(id, Mark::Settled),
        ("mark-invalid", _) => owner.mark(id, Mark::Invalid),
        _ => return None,
    };
    let shown = outcome.and_then(|()| owner.invoice(id)).map(|invoice| summary(&invoice));
    Some(shown.map_err(|error| error.to_string()))
}

fn summary(invoice: &Invoice) -> Value {
    Object::new()
        .with("id", invoice.id.as_str())
        .with("status", invoice.status.word())
        .with("exceptionStatus", invoice.exception.map_or(Value::Bool(false), Value::from))
        .with("paid", bitcoin(invoice.paid()))
        .with("total", bitcoin(invoice.total()))
        .into()
}

fn done(result: Result<(), String>) -> Result<Value, String> {
    result.map(|()| Object::new().with("done", true).into())
}

/// The fields of a JSON body or of a form.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn read(body: &Bytes, form: bool) -> Self {
        if form {
            return Self(form_urlencoded::parse(body).into_owned().collect());
        }
        let Ok(Value::Object(object)) = json::parse(body) else { return Self(Vec::new()) };
        let text = |(name, value): (&str, &Value)| Some((name.to_owned(), value.as_str()?.to_owned()));
        Self(object.iter().filter_map(text).collect())
    }

    /// `count` invoices like `body`, one every `everyMs` milliseconds.
    fn bulk(&self) -> Result<Bulk, String> {
        let body = self.get("body").unwrap_or_else(|| r#"{"price":5,"currency":"USD"}"#.to_owned());
        let count = self.get("count").and_then(|count| count.parse().ok()).ok_or("how many? (count)")?;
        let every_ms = self.get("everyMs").and_then(|every| every.parse().ok()).unwrap_or(1000);
        Ok(Bulk { body, count, every_ms })
    }

    fn get(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }
}

fn page(owner: &Owner) -> Answer {
    let body = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>payferry sandbox</title></head>\n\
         <body><h1>payferry sandbox</h1>\n<h2>Stores</h2>\n<ul>{}</ul>\n{}\n<h2>Waiting for approval</h2>\n<ul>{}</ul>\n\
         <h2>Invoices</h2>\n<table>{}</table>\n<h2>Notifications</h2>\n<ul>{}</ul>\n</body></html>\n",
        stores(owner),
        form("/stores", "<input name=\"name\" placeholder=\"name\">", "Make a store"),
        codes(owner),
        invoices(owner),
        notifications(owner),
    );
    let mut answer = Answer { framing: Framing::Length, guard: Guard::Api, ..Answer::empty(200) };
    answer.body = Bytes::from(body);
    answer.with_header("Content-Type", "text/html; charset=utf-8")
}

fn form(action: &str, inputs: &str, button: &str) -> String {
    format!("<form method=\"post\" action=\"{action}\">{inputs}<button>{button}</button></form>")
}

fn stores(owner: &Owner) -> String {
    let item = |(id, name): (String, String)| format!("<li>{} <code>{id}</code></li>\n", escaped(&name));
    owner.stores().into_iter().map(item).collect()
}

fn codes(owner: &Owner) -> String {
    let options: String = owner
        .stores()
        .into_iter()
        .map(|(id, name)| format!("<option value=\"{id}\">{}</option>", escaped(&name)))
        .collect();
    let mut list = String::new();
    for code in owner.waiting_codes().into_iter().filter(|code| code.store.is_none()) {
        let label = escaped(code.label.as_deref().unwrap_or_default());
        let hidden = format!("<input type=\"hidden\" name=\"code\" value=\"{}\">", escaped(&code.code));
        let inputs = format!("{hidden}<select name=\"store\">{options}</select>");
        list.push_str(&format!(
            "<li>{label} <code>{}</code> {}</li>\n",
            code.code,
            form("/approve", &inputs, "Approve")
        ));
    }
    list
}

fn invoices(owner: &Owner) -> String {
    let mut rows = String::new();
    for invoice in owner.invoices().into_iter().rev().take(100) {
        let order = escaped(invoice.order_id.as_deref().unwrap_or_default());
        let exception = invoice.exception.unwrap_or_default();
        rows.push_str(&format!(
            "<tr><td>{}</td><td><code>{}</code></td><td>{order}</td><td>{} {}</td><td>{} {exception}</td><td>{}</td></tr>\n",
            when(invoice.created_ms),
            invoice.id,
            invoice.price.json(),
            escaped(&invoice.currency),
            invoice.status.word(),
            buttons(&invoice.id),
        ));
    }
    rows
}

/// What can happen to an invoice.
fn buttons(id: &str) -> String {
    let acts = [("pay", "Pay"), ("confirm", "Confirm"), ("expire", "Expire"), ("mark-invalid", "Invalidate")];
    acts.iter().map(|(act, word)| form(&format!("/invoices/{id}/{act}"), "", word)).collect()
}

fn notifications(owner: &Owner) -> String {
    let log = owner.notification_log();
    log.iter().rev().take(50).map(|line| format!("<li>{}</li>\n", escaped(line))).collect()
}

/// Text for HTML.
#[must_use]
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
