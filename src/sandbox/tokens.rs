//! `POST /tokens` and `GET /tokens`: pairing both ways.

use super::Room;
use super::answer::{Answer, Framing};
use super::auth::{self, Identity};
use super::call::Call;
use super::ids;
use super::lenient::{self, Lenient};
use super::store::{PairingCode, PairingError};
use crate::bitid::Sin;
use crate::json::{Object, Value};

/// Milliseconds that a pairing code lives.
pub const CODE_LIFE_MS: i64 = 900_000;

/// `GET /tokens`: the first token of the signing identity, or an empty list.
pub fn list(call: &Call, room: &Room) -> Answer {
    let state = room.state();
    let found = match auth::identify(call, &state) {
        Identity::BadSignature => return Answer::refused("BitId"),
        Identity::BadKey => return Answer::refused("ApiKey"),
        Identity::Signed(sin) => state.token_of(&sin).map(|token| token.value.clone()),
        _ => None,
    };
    let items: Vec<Value> =
        found.into_iter().map(|token| Object::new().with("merchant", token).into()).collect();
    let body = Value::Object(Object::new().with("data", items));
    let mut answer = Answer { framing: Framing::Chunked, ..Answer::json(&body) };
    answer.headers = vec![("Content-Type", "application/json".to_owned())];
    answer
}

/// `POST /tokens`: a new code, or the claim of one. Credentials are not needed.
pub fn post(call: &Call, room: &Room) -> Answer {
    if !is_json(&call.content_type()) {
        return Answer::empty(415);
    }
    let text = call.body_text();
    let body = lenient::read(&text, 32);
    let Ok((Lenient::Object(members), _)) = body else {
        return Answer::error(400, "The request body is missing");
    };
    let member = |name: &str| {
        let found = members.iter().rev().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        match &found.1 {
            Lenient::String(text) | Lenient::Number(text) => Some(text.clone()),
            Lenient::Bool(value) => Some(value.to_string()),
            _ => None,
        }
    };
    let sin = member("id").filter(|id| Sin::parse(id.trim()).is_ok());
    match member("pairingCode").filter(|code| !code.is_empty()) {
        Some(code) => claim(call, room, &code, sin, member("label")),
        None => match sin {
            Some(sin) => create(room, sin, member("label")),
            None => Answer::error(400, "'id' property is required"),
        },
    }
}

/// JSON by any of its names, in any letter case.
fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json"
        || kind == "text/json"
        || kind.starts_with("application/") && kind.ends_with("+json")
}

fn create(room: &Room, sin: String, label: Option<String>) -> Answer {
    let now_ms = room.now_ms();
    let code = PairingCode {
        code: ids::pairing_code(room.random()),
        token: ids::long(room.random()),
        label,
        created_ms: now_ms,
        expires_ms: now_ms + CODE_LIFE_MS,
        sin: Some(sin),
        store: None,
    };
    let answer = announce(&code);
    room.state().codes.push(code);
    answer
}

fn claim(call: &Call, room: &Room, code: &str, sin: Option<String>, label: Option<String>) -> Answer {
    let mut state = room.state();
    let signer = match auth::identify(call, &state) {
        Identity::Signed(sin) => Some(sin),
        _ => None,
    };
    let Some(sin) = signer.or(sin) else {
        return Answer::error(400, "'id' property is required, alternatively, use BitId");
    };
    let Some(known) = state.codes.iter_mut().find(|known| known.code == code) else {
        return Answer::error(404, "The specified pairingCode is not found");
    };
    if known.expires_ms <= room.now_ms() {
        return Answer::error(400, "Error while pairing (Expired)");
    }
    known.sin = Some(sin);
    if known.label.as_ref().is_none_or(String::is_empty) {
        known.label = label;
    }
    let known = known.clone();
    let Some(store) = &known.store else { return announce(&known) };
    match state.pair(code, store, room.now_ms()) {
        Ok(_) => announce(&known),
        Err(PairingError::NotFound) => Answer::error(404, "The specified pairingCode is not found"),
        Err(error) => Answer::error(400, &format!("Error while pairing ({error})")),
    }
}

fn announce(code: &PairingCode) -> Answer {
    let item = Object::new()
        .with("policies", Vec::new())
        .with("pairingCode", code.code.as_str())
        .with("pairingExpiration", code.expires_ms)
        .with("dateCreated", code.created_ms)
        .with("facade", "merchant")
        .with("token", code.token.as_str())
        .with("label", code.label.as_deref().map_or(Value::Null, Value::from));
    Answer::json(&Object::new().with("data", vec![item.into()]).into())
}
