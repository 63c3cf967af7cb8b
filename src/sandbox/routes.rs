//! Which call reaches the BitPay API, and what the others get.

use super::Room;
use super::answer::{Answer, Framing, Guard};
use super::auth::{self, Identity};
use super::call::{Call, escaped};
use super::faults::Outage;
use super::{checkout, create, list, rates, read, tokens};
use crate::json::Object;

/// Answers a call.
pub fn answer(call: &Call, room: &Room, outage: Option<Outage>) -> Answer {
    if let Some(preflight) = preflight(call) {
        return preflight;
    }
    let mut answer = dispatch(call, room, outage);
    if call.wants_html() && answer.body.is_empty() && matches!(answer.status, 403 | 404 | 405 | 415) {
        answer = error_page(&answer, room);
    }
    if call.headers.contains_key("origin") && answer.status != 500 {
        answer = answer.with_header("Access-Control-Allow-Origin", "*");
    }
    answer
}

fn preflight(call: &Call) -> Option<Answer> {
    let method = call.header("access-control-request-method")?;
    if call.method != "OPTIONS" || !call.headers.contains_key("origin") {
        return None;
    }
    let mut answer = Answer { guard: Guard::None, framing: Framing::None, ..Answer::empty(204) };
    if let Some(headers) = call.header("access-control-request-headers") {
        answer = answer.with_header("Access-Control-Allow-Headers", headers);
    }
    answer = answer.with_header("Access-Control-Allow-Methods", method);
    Some(answer.with_header("Access-Control-Allow-Origin", "*"))
}

fn error_page(plain: &Answer, room: &Room) -> Answer {
    let title = match plain.status {
        403 => "403 - Denied",
        404 => "404 - Page not found",
        405 => "405 - Method Not Allowed",
        _ => "415 - Unsupported Media Type",
    };
    let mut page = Answer::page(plain.status, title, plain.guard, 1, room.random());
    page.headers.extend(plain.headers.iter().filter(|(name, _)| *name == "Allow").cloned());
    page
}

fn dispatch(call: &Call, room: &Room, outage: Option<Outage>) -> Answer {
    let lower = call.path.to_ascii_lowercase();
    let get = call.method == "GET";
    match lower.as_str() {
        "/tokens" => match call.method.as_str() {
            "POST" => tokens::post(call, room),
            "GET" => tokens::list(call, room),
            _ => wrong_method(call, "GET, POST"),
        },
        "/invoices" | "/invoices/" => invoices(call, room, outage),
        "/rates" | "/rates/" if get => rates::list(call, room),
        "/api/rates" | "/api/rates/" if get => rates::open(call, room),
        "/rates" | "/rates/" | "/api/rates" | "/api/rates/" => wrong_method(call, "GET"),
        "/invoice" | "/invoice/" if get => checkout::page(&call.parameter("id").unwrap_or_default(), room),
        "/invoice" | "/invoice/" => wrong_method(call, "GET"),
        "/invoice/status" if get => checkout::status(&call.parameter("invoiceId").unwrap_or_default(), room),
        "/api-access-request" | "/api-tokens" if get => {
            let cookie = ".AspNetCore.Mvc.CookieTempDataProvider=none; path=/; samesite=lax; httponly";
            Answer { guard: Guard::Api, ..login(call) }.with_header("Set-Cookie", cookie)
        }
        "/" | "/wallets" => Answer { guard: Guard::Api, framing: length(call), ..login(call) },
        "/docs" if get => login(call),
        "/misc/lang" | "/swagger/v1/swagger.json" if get => {
            let target = login(call).headers;
            let mut answer = unauthenticated();
            answer.headers.extend(target);
            answer
        }
        "/api/v1/server/info" if get => unauthenticated(),
        "/api/v1/health" if get => Answer::json(&Object::new().with("synchronized", true).into()),
        "/login" if get => Answer::page(200, "Sign in", Guard::Page, 1, room.random()),
        _ => deeper(call, room, &lower),
    }
}

/// Paths with an id in them.
fn deeper(call: &Call, room: &Room, lower: &str) -> Answer {
    let segments: Vec<&str> = call.path.split('/').skip(1).collect();
    let first = lower.split('/').nth(1).unwrap_or_default();
    let last = segments.get(2).map(|last| last.to_ascii_lowercase()).unwrap_or_default();
    match (first, segments.len(), last.as_str()) {
        ("rates", 2, _) | ("rates", 3, "") if call.method == "GET" => rates::of_base(call, room, segments[1]),
        ("rates", 3, _) | ("rates", 4, _) if call.method == "GET" => {
            rates::of_pair(call, room, segments[1], segments[2])
        }
        ("invoices", 2, _) | ("invoices", 3, "") => one_invoice(call, room, segments[1]),
        ("invoices", 3, "refund") if call.method == "GET" => login(call),
        ("i", 2, _) | ("i", 3, "") if call.method == "GET" => checkout::page(segments[1], room),
        ("i", 3, "btc" | "btc-chain") if call.method == "GET" => checkout::page(segments[1], room),
        ("i", 3, "status") if call.method == "GET" => checkout::status(segments[1], room),
        ("i", 3, "receipt") if call.method == "GET" => checkout::receipt(segments[1], room),
        ("i", 2, _) | ("i", 3, "") => wrong_method(call, "GET"),
        ("i", 3, _) if call.method == "GET" => Answer { guard: Guard::Checkout, ..Answer::empty(404) },
        _ => Answer::empty(404),
    }
}

fn wrong_method(call: &Call, allow: &str) -> Answer {
    Answer::wrong_method(allow, call.method == "HEAD")
}

/// An answer to HEAD has no body and no length.
fn length(call: &Call) -> Framing {
    if call.method == "HEAD" { Framing::None } else { Framing::Length }
}

/// The 401 of BTCPay's own API.
fn unauthenticated() -> Answer {
    let body = Object::new()
        .with("code", "unauthenticated")
        .with("message", "Authentication is required for accessing this endpoint");
    let mut answer = Answer { status: 401, guard: Guard::None, ..Answer::json(&body.into()) };
    answer.headers = vec![("Content-Type", "application/json".to_owned())];
    answer
}

/// 302 to the login page of the same host.
fn login(call: &Call) -> Answer {
    let target = escaped(&format!("{}{}", call.path, call.query));
    Answer { guard: Guard::None, ..Answer::empty(302) }
        .with_header("Location", format!("{}/login?ReturnUrl={target}", call.root))
}

fn is_json(call: &Call) -> bool {
    call.content_type().starts_with("application/json")
}

/// `/invoices` and `/invoices/`, which are BitPay's in lower case only.
fn invoices(call: &Call, room: &Room, outage: Option<Outage>) -> Answer {
    match call.method.as_str() {
        "GET" | "POST" => {}
        _ => return wrong_method(call, "GET, POST"),
    }
    let exact = call.path == "/invoices" || call.path == "/invoices/";
    let get = call.method == "GET";
    let named = exact && auth::is_named(call) && (get || is_json(call));
    let below = call.path.ends_with('/') && get && (is_json(call) || call.parameter("token").is_some());
    if !named && !below {
        return Answer::empty(404);
    }
    let (identity, store) = match permitted(call, room) {
        Ok(found) => found,
        Err(refusal) => return refusal,
    };
    match (get, &identity) {
        (true, Identity::Named(_)) => Answer::crash(),
        (true, _) => list::answer(call, room, &store),
        (false, _) => {
            let Some(found) = room.state().store(&store).cloned() else { return Answer::empty(403) };
            create::invoice(call, room, &found, matches!(identity, Identity::Key(_)), outage)
        }
    }
}

/// `/invoices/ID`: an API answer with a JSON content type or `?token=`, else a page for the owner.
fn one_invoice(call: &Call, room: &Room, id: &str) -> Answer {
    if call.method != "GET" {
        return wrong_method(call, "GET");
    }
    if !is_json(call) && call.parameter("token").is_none() {
        return login(call);
    }
    match permitted(call, room) {
        Ok((_, store)) => read::answer(room, &store, id),
        Err(refusal) => refusal,
    }
}

/// The caller and the store he may act for, or 401 or 403.
pub fn permitted(call: &Call, room: &Room) -> Result<(Identity, String), Answer> {
    let state = room.state();
    let identity = auth::identify(call, &state);
    match identity {
        Identity::BadSignature => Err(Answer::refused("BitId")),
        Identity::BadKey => Err(Answer::refused("ApiKey")),
        _ => match identity.store(&state) {
            Some(store) => Ok((identity, store)),
            None => Err(Answer::empty(403)),
        },
    }
}
