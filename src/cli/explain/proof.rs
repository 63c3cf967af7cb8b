//! Who asks, in which era, and what was looked up to know it.

use super::Trial;
use super::rehearsal::Rehearsal;
use crate::bitid::spellings;
use crate::contract::{Audience, Era, Generation, eras};
use crate::directory::Entry;
use crate::json::{Object, Value};
use crate::secrets::{short_hash, token_hash};
use crate::walk::Collected;
use crate::walk::authenticate::{Caller, Presented, Shop, authenticate, shown, signed_url};
use crate::walk::resolve::{audience, resolve};
use crate::walk::route::Route;

/// What the walk knows of whoever asks.
#[derive(Default)]
pub(super) struct Known {
    pub(super) shop: Option<Shop>,
    /// The era that is fixed for the credential.
    pub(super) era: Option<Era>,
    /// For whose eyes the answer is.
    pub(super) audience: Option<&'static str>,
}

/// Asks the steps `authenticate` and, for one invoice, `resolve`.
pub(super) async fn known(presented: &Presented<'_>, called: &Route, rehearsal: &Rehearsal) -> Known {
    let Ok(caller) = authenticate(presented, rehearsal.register()).await else { return Known::default() };
    let found = if called.id().is_empty() {
        None
    } else {
        resolve(&caller, called.id(), &rehearsal.ledger, &rehearsal.directory).await.ok()
    };
    let shop = if let Caller::Shop(shop) = caller { Some(shop) } else { None };
    let era = match &found {
        Some(found) => found.era,
        None => shop.as_ref().and_then(|shop| shop.overrides.era),
    };
    let eyes = found.map(|found| found.audience).or_else(|| shop.as_ref().map(|shop| audience(shop.facade)));
    Known { era, audience: eyes.map(words), shop }
}

fn words(audience: Audience) -> &'static str {
    match audience {
        Audience::Merchant => "the merchant: everything",
        Audience::Pos => "a POS token: everything but what only the merchant sees",
        Audience::Public => "anybody who knows the id: no buyer data and no token",
    }
}

/// In which era, and by which row of `contract/eras.toml`.
pub(super) fn era(trial: &Trial<'_>, whole: &Collected, fixed: Option<Era>) -> Object {
    let headers = trial.request.headers();
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let why = match (Generation::of_path(&whole.target), fixed, eras::of_agent(header)) {
        (Generation::V1, _, _) => "every answer under /api is flat".to_owned(),
        (_, Some(_), _) => "fixed for this credential by the operator".to_owned(),
        (_, _, Some(row)) if row.starts.is_empty() => format!("{} is there: {}", row.header, row.source),
        (_, _, Some(row)) => format!("{} begins with \"{}\": {}", row.header, row.starts, row.source),
        (_, _, None) => {
            "no row of contract/eras.toml fits what the software says of itself: all members".to_owned()
        }
    };
    Object::new().with("is", whole.era(fixed).as_str()).with("why", why)
}

/// Every credential that came along, and whether it is known.
pub(super) async fn credential(presented: &Presented<'_>, rehearsal: &Rehearsal) -> Object {
    let (came, directory) = (shown(presented), &rehearsal.directory);
    let mut found = Object::new().with("signature", signature(presented, came.token.as_deref()));
    if let Some(sins) = &came.sins {
        let entries = directory.sins(sins).await;
        let stores: Vec<Value> = entries.iter().map(|entry| named(entry).into()).collect();
        let known = if stores.is_empty() { Value::from("no store knows this key") } else { stores.into() };
        found.push("key", Object::new().with("sin", sins[0].as_str()).with("opens", known));
    }
    let opens =
        |entry: Option<Entry>| entry.map_or("nothing: not known here".to_owned(), |entry| named(&entry));
    if let Some(token) = &came.token {
        let entry = directory.token(&token_hash(token)).await;
        found.push("token", Object::new().with("hash", short_hash(token)).with("opens", opens(entry)));
    }
    if let Some(key) = &came.api_key {
        let entry = directory.v1_key(&token_hash(key)).await;
        found.push("api_key", Object::new().with("hash", short_hash(key)).with("opens", opens(entry)));
    }
    found
}

fn named(entry: &Entry) -> String {
    let Entry { credential, store } = entry;
    format!(
        "store {} ({}, facade {}, id {})",
        store.name,
        credential.kind.as_str(),
        credential.facade,
        credential.id
    )
}

/// What the signature covers, or what was tried in vain.
fn signature(presented: &Presented<'_>, token: Option<&str>) -> Value {
    let tried: Vec<String> = spellings(&presented.url).map(|url| without_token(&url, token)).collect();
    match signed_url(presented) {
        None => "none: x-identity and x-signature are not both there".into(),
        Some(Ok((_, url))) => {
            let url = without_token(&url, token);
            let place = tried.iter().position(|one| *one == url).map_or(0, |at| at + 1);
            let place = format!("spelling {place} of {}", tried.len());
            Object::new().with("good_for", url).with("found_as", place).into()
        }
        Some(Err(error)) => {
            let tried: Vec<Value> = tried.into_iter().map(Value::from).collect();
            let body = i64::try_from(presented.body.len()).unwrap_or(i64::MAX);
            Object::new()
                .with("bad", error.to_string())
                .with("tried", tried)
                .with("over_body_bytes", body)
                .into()
        }
    }
}

/// A token in a query is as secret as anywhere.
fn without_token(url: &str, token: Option<&str>) -> String {
    token
        .filter(|token| !token.is_empty())
        .map_or_else(|| url.to_owned(), |token| url.replace(token, "TOKEN"))
}
