//! What the owner did before an exchange, as data in `owner-actions.json`.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use payferry::sandbox::{Mark, NetworkFee, Speed, StoreOptions};
use serde::Deserialize;
use serde_json::Value;

use crate::keys::secret;
use crate::names::Names;
use crate::recording;
use crate::wire::{Bench, Raw};

#[derive(Deserialize)]
pub struct Actions {
    before: BTreeMap<String, Vec<Action>>,
    /// Exchanges whose key the recording hides: the store, and the text around its key.
    authorization: BTreeMap<String, Masked>,
}

#[derive(Deserialize)]
struct Masked {
    key: String,
    text: String,
}

#[derive(Deserialize, Clone)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
enum Action {
    /// A store comes into being.
    Store {
        store: String,
        #[serde(default)]
        settings: Settings,
    },
    /// An identity is paired with a store, its token known as recorded.
    Pair {
        sin: String,
        store: String,
        token: Option<String>,
    },
    /// A new legacy API key.
    LegacyKey {
        store: String,
        key: String,
    },
    /// A pairing code made by the owner.
    Code {
        store: String,
        code: String,
        label: String,
    },
    /// Approval; `fails` is what the owner's page said.
    Approve {
        code: String,
        store: String,
        fails: Option<String>,
    },
    ExpireCode {
        code: String,
    },
    Revoke {
        token: String,
    },
    /// An invoice that was made outside of the recordings, with its time.
    Invoice {
        id: String,
        by: Option<String>,
        store: Option<String>,
        at: i64,
        body: Value,
    },
    Pay {
        id: String,
        bitcoin: String,
        at: i64,
    },
    Confirm {
        id: String,
    },
    Mark {
        id: String,
        settled: bool,
    },
    Archive {
        id: String,
    },
    /// The time of creation is moved, by hand in the database.
    Backdate {
        id: String,
        created: i64,
    },
}

#[derive(Deserialize, Clone, Default)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    name: Option<String>,
    network_fee: Option<String>,
    speed: Option<String>,
    no_wallet: bool,
    open: bool,
    website: Option<String>,
    expiration_minutes: Option<i64>,
    rates: Option<BTreeMap<String, String>>,
    default_pairs: String,
}

impl Settings {
    fn options(&self) -> StoreOptions {
        let defaults = StoreOptions::default();
        StoreOptions {
            name: self.name.clone().unwrap_or_else(|| defaults.name.clone()),
            has_wallet: !self.no_wallet,
            anyone_can_create: self.open,
            website: self.website.clone(),
            expiration_minutes: self.expiration_minutes.unwrap_or(defaults.expiration_minutes),
            network_fee: match self.network_fee.as_deref() {
                Some("never") => NetworkFee::Never,
                Some("always") => NetworkFee::Always,
                _ => NetworkFee::AfterFirst,
            },
            speed: self.speed.as_deref().map_or(defaults.speed, |word| Speed::of_word(word).unwrap()),
            default_pairs: self.default_pairs.clone(),
            rates: self.rates.clone().map(|rates| rates.into_iter().collect()),
            ..defaults
        }
    }
}

impl Actions {
    pub fn read() -> Self {
        recording::json("owner-actions.json")
    }

    /// Ids of exchanges that something is said about.
    pub fn exchanges(&self) -> impl Iterator<Item = &String> {
        self.before.keys().chain(self.authorization.keys())
    }

    /// Carries out what came before an exchange.
    pub async fn before(&self, exchange: &str, bench: &Bench, names: &mut Names) {
        for action in self.before.get(exchange).into_iter().flatten() {
            carry_out(action, bench, names).await;
        }
    }

    /// The Authorization header with the sandbox's keys, in the spelling of the recorded one.
    pub fn authorization(&self, exchange: &str, recorded: &str, names: &Names) -> String {
        if let Some(masked) = self.authorization.get(exchange) {
            return format!(
                "Basic {}",
                STANDARD.encode(masked.text.replace("KEY", names.actual(&masked.key)))
            );
        }
        let Some((scheme, rest)) = recorded.split_once(' ') else { return recorded.to_owned() };
        let text = rest.trim();
        let padding = "=".repeat((4 - text.len() % 4) % 4);
        let decoded =
            STANDARD.decode(format!("{text}{padding}")).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let known = decoded.map(|plain| (names.translate(&plain), plain)).filter(|(new, old)| new != old);
        match known {
            Some((new, _)) => {
                let encoded = STANDARD.encode(new);
                let encoded =
                    if padding.is_empty() { encoded } else { encoded.trim_end_matches('=').to_owned() };
                format!("{scheme} {}{encoded}", &rest[..rest.len() - rest.trim_start().len()])
            }
            None => names.translate(recorded),
        }
    }
}

async fn carry_out(action: &Action, bench: &Bench, names: &mut Names) {
    let owner = bench.owner();
    let own = |names: &Names, recorded: &str| names.actual(recorded).to_owned();
    match action {
        Action::Store { store, settings } => {
            assert!(names.pair(store, &owner.create_store(settings.options())))
        }
        Action::LegacyKey { store, key } => {
            assert!(names.pair(key, &owner.legacy_api_key(&own(names, store)).unwrap()));
        }
        Action::Code { store, code, label } => {
            assert!(names.pair(code, &owner.new_pairing_code(&own(names, store), label).unwrap()));
        }
        Action::Approve { code, store, fails } => {
            let outcome =
                owner.approve(&own(names, code), &own(names, store)).err().map(|error| error.to_string());
            assert_eq!(outcome, *fails);
        }
        Action::ExpireCode { code } => owner.expire_code(&own(names, code)),
        Action::Revoke { token } => owner.revoke(&own(names, token)),
        Action::Confirm { id } => owner.confirm(&own(names, id)).unwrap(),
        Action::Archive { id } => owner.archive(&own(names, id), true).unwrap(),
        Action::Backdate { id, created } => owner.backdate(&own(names, id), *created).unwrap(),
        Action::Mark { id, settled } => {
            owner.mark(&own(names, id), if *settled { Mark::Settled } else { Mark::Invalid }).unwrap();
        }
        Action::Pay { id, bitcoin, at } => {
            bench.set_time(*at);
            owner.pay(&own(names, id), bitcoin).unwrap();
        }
        Action::Pair { sin, store, token } => pair(bench, names, sin, store, token.as_deref()).await,
        Action::Invoice { id, by, store, at, body } => {
            bench.set_time(*at);
            let made = make(bench, names, by.as_deref(), store.as_deref(), body).await;
            assert!(names.pair(id, &made));
        }
    }
}

async fn pair(bench: &Bench, names: &mut Names, sin: &str, store: &str, token: Option<&str>) {
    let code = bench.owner().new_pairing_code(names.actual(store), "").unwrap();
    let body = format!(r#"{{"pairingCode":"{code}","id":"{}"}}"#, secret(sin).public().sin());
    let answer = bench.play(&post("/tokens", body.as_bytes())).await;
    let answer: Value = serde_json::from_slice(&answer.body).unwrap();
    if let Some(token) = token {
        assert!(names.pair(token, answer["data"][0]["token"].as_str().unwrap()));
    }
}

pub fn post(target: &str, body: &[u8]) -> Raw {
    let headers = [("Host", "127.0.0.1:14142".to_owned()), ("Content-Type", "application/json".to_owned())];
    let mut headers: Vec<(String, String)> = headers.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
    headers.push(("Content-Length".to_owned(), body.len().to_string()));
    Raw { method: "POST".to_owned(), target: target.to_owned(), version: None, headers, body: body.to_vec() }
}

/// The same with a signature.
pub fn signed(mut request: Raw, name: &str) -> Raw {
    let key = secret(name);
    let url = format!("http://127.0.0.1:14142{}", request.target);
    request.headers.push(("X-Identity".to_owned(), key.public().to_hex()));
    request.headers.push(("X-Signature".to_owned(), key.sign(&url, &request.body)));
    request
}

async fn make(bench: &Bench, names: &Names, by: Option<&str>, store: Option<&str>, body: &Value) -> String {
    let body = body.to_string();
    let request = match (by, store) {
        (Some(by), _) => signed(post("/invoices", body.as_bytes()), by),
        (None, Some(store)) => post(&format!("/invoices?storeId={}", names.actual(store)), body.as_bytes()),
        (None, None) => unreachable!("an invoice needs a maker or a store"),
    };
    let answer = bench.play(&request).await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    let answer: Value = serde_json::from_slice(&answer.body).unwrap();
    answer["data"]["id"].as_str().unwrap().to_owned()
}
