//! Stories of pairing: who gets a token, which one, and who must not.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::net::IpAddr;
use std::sync::Arc;

use payferry::bitid::{PublicKey, SecretKey, Sin};
use payferry::directory::Directory;
use payferry::json::{Object, Value};
use payferry::ledger::{Credential, CredentialKind, Facade, Ledger, Overrides, Store, TokenSource};
use payferry::pairing::{
    CODE_LIVES_MS, OperatorError, PairingDesk, PairingError, TokenAnswer, TokenRequest, approve, list_tokens,
    new_code,
};
use payferry::secrets::{MasterSecret, token_hash};
use tempfile::TempDir;
use tokio::task::JoinSet;

const NOW: i64 = 1_700_000_000_000;

fn random(bytes: &mut [u8]) {
    getrandom::fill(bytes).unwrap();
}

struct Town {
    ledger: Ledger,
    directory: Arc<Directory>,
    secrets: Arc<MasterSecret>,
    desk: Arc<PairingDesk>,
    _home: TempDir,
}

impl Town {
    async fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&home.path().join("ledger.db")).await.unwrap();
        for name in ["one", "two"] {
            ledger.add_store(&format!("id-{name}"), name, "main", NOW).await.unwrap();
        }
        let directory = Directory::load(ledger.clone()).await.unwrap();
        let secrets = Arc::new(MasterSecret::from_bytes([5; 32]));
        let desk = PairingDesk::new(ledger.clone(), Arc::clone(&directory), Arc::clone(&secrets), random);
        Self { ledger, directory, secrets, desk: Arc::new(desk), _home: home }
    }

    async fn store(&self, name: &str) -> Store {
        self.ledger.stores().await.unwrap().into_iter().find(|store| store.name == name).unwrap()
    }

    async fn code(&self, store: &str, facade: Facade) -> String {
        new_code(&self.ledger, &self.store(store).await, facade, None, NOW, random).await.unwrap()
    }

    async fn post(&self, shop: u8, members: &[(&str, &str)]) -> Result<TokenAnswer, PairingError> {
        self.post_from("192.0.2.1", NOW, shop, members).await
    }

    async fn post_from(
        &self,
        address: &str,
        now: i64,
        shop: u8,
        members: &[(&str, &str)],
    ) -> Result<TokenAnswer, PairingError> {
        let mut body = Object::new().with("id", sin(shop).as_str());
        members.iter().for_each(|(name, value)| body.push(*name, *value));
        let request = TokenRequest::read(&body, None, address.parse::<IpAddr>().unwrap()).unwrap();
        self.desk.token(request, now).await
    }

    async fn approve(&self, code: &str, store: &str) -> Result<Sin, OperatorError> {
        let approved = approve(&self.ledger, &self.secrets, code, &self.store(store).await, NOW).await;
        self.directory.refresh().await.unwrap();
        approved
    }

    async fn works(&self, token: &str) -> Option<Facade> {
        self.directory.token(&token_hash(token)).await.map(|entry| entry.credential.facade)
    }

    async fn listed(&self, shop: u8) -> Vec<(Facade, String)> {
        self.desk.tokens_of(&self.directory.sins(&[sin(shop)]).await)
    }
}

fn key(shop: u8) -> PublicKey {
    SecretKey::from_bytes([shop; 32]).unwrap().public()
}

fn sin(shop: u8) -> Sin {
    key(shop).sin()
}

fn names(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().iter().map(|(name, _)| name).collect()
}

/// A SIN is no secret. Were a code enough to bring it under one's own store, the shop's next orders would be
/// paid to a stranger: BitPay's Ruby and Node clients take the last token that `GET /tokens` lists.
#[tokio::test]
async fn a_code_does_not_bring_a_key_that_another_store_was_given() {
    let town = Town::new().await;
    let (file, store) = (b"sealed".to_vec(), town.store("two").await.id.clone());
    let adopted = Credential {
        id: "adopted".to_owned(),
        store_id: store,
        kind: CredentialKind::Token,
        facade: Facade::Merchant,
        sin: Some(sin(1)),
        source: TokenSource::Sealed(file),
        token_hash: token_hash("a-token-of-bitpay"),
        overrides: Overrides::default(),
        created_at: NOW,
    };
    town.ledger.add_credential(adopted).await.unwrap();
    town.directory.refresh().await.unwrap();
    let code = town.code("one", Facade::Merchant).await;
    let refused = town.post(1, &[("pairingCode", &code)]).await;
    assert_eq!(refused.unwrap_err(), PairingError::IdentityTaken);
    assert_eq!(town.directory.sins(&[sin(1)]).await.len(), 1);
    let code = town.code("two", Facade::Merchant).await;
    town.post(1, &[("pairingCode", &code)]).await.unwrap();
    assert_eq!(town.directory.sins(&[sin(1)]).await.len(), 3, "its own store it may");
}

/// The second SIN of a key, over its 65 bytes, can be paired by whoever knows the key.
#[tokio::test]
async fn a_keys_second_sin_opens_no_store_that_its_first_does_not() {
    let town = Town::new().await;
    let code = town.code("two", Facade::Merchant).await;
    town.post(1, &[("pairingCode", &code)]).await.unwrap();
    let code = town.code("one", Facade::Merchant).await;
    let second = key(1).uncompressed_sin();
    let body = Object::new().with("id", second.as_str()).with("pairingCode", code.as_str());
    let request = TokenRequest::read(&body, None, "192.0.2.9".parse::<IpAddr>().unwrap()).unwrap();
    town.desk.token(request, NOW + 1).await.unwrap();
    let opens = town.directory.sins(&[sin(1), second]).await;
    assert!(opens.iter().all(|entry| entry.store.name == "two"), "{opens:?}");
}

/// A client that asks twice at once is one shop; both hear of its token.
#[tokio::test]
async fn two_requests_at_once_with_one_code_get_one_token() {
    let town = Town::new().await;
    let code = town.code("one", Facade::Merchant).await;
    let members = [("pairingCode", code.as_str())];
    let both = tokio::join!(town.post(1, &members), town.post(1, &members));
    assert_eq!(both.0.unwrap().token, both.1.unwrap().token);
}

#[tokio::test]
async fn a_shop_with_the_operators_code_is_paired_at_once() {
    let town = Town::new().await;
    let code = town.code("one", Facade::Merchant).await;
    assert!(code.len() == 7 && code.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{code}");
    let answer = town.post(1, &[("pairingCode", &code), ("label", "my shop")]).await.unwrap();
    assert_eq!(town.works(&answer.token).await, Some(Facade::Merchant));
    let listed = town.listed(1).await;
    assert_eq!(listed.iter().map(|(facade, _)| *facade).collect::<Vec<_>>(), [Facade::Merchant, Facade::Pos]);
    assert_eq!(listed[0].1, answer.token);
    assert_eq!(town.works(&listed[1].1).await, Some(Facade::Pos));
    let json = answer.to_json();
    let [token] = json.get("data").and_then(Value::as_array).unwrap() else { panic!("one element") };
    assert_eq!(
        names(token),
        [
            "policies",
            "resource",
            "token",
            "facade",
            "label",
            "dateCreated",
            "pairingExpiration",
            "pairingCode"
        ]
    );
    assert_eq!(token.get("label").and_then(Value::as_str), Some("my shop"));
    assert!(!json.to_string().contains("null"));
    for token in list_tokens(&listed).get("data").and_then(Value::as_array).unwrap() {
        assert_eq!(names(token).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_shops_with_one_code_and_one_is_paired() {
    let town = Arc::new(Town::new().await);
    let code = town.code("one", Facade::Merchant).await;
    let mut claims = JoinSet::new();
    for shop in 1..=50 {
        let (town, code) = (Arc::clone(&town), code.clone());
        claims.spawn(async move { (shop, town.post(shop, &[("pairingCode", &code)]).await) });
    }
    let outcomes = claims.join_all().await;
    let won: Vec<_> = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).collect();
    assert_eq!(won.len(), 1);
    for (shop, outcome) in &outcomes {
        match outcome {
            Ok(_) => assert_eq!(town.listed(*shop).await.len(), 2),
            Err(error) => {
                assert_eq!(*error, PairingError::CodeUsed);
                assert!(town.listed(*shop).await.is_empty());
            }
        }
    }
}

#[tokio::test]
async fn an_announced_token_works_after_approval_and_not_before() {
    let town = Town::new().await;
    let asked = town.post(1, &[("facade", "merchant"), ("label", "my shop")]).await.unwrap();
    assert!(!asked.claimed);
    assert_eq!(town.works(&asked.token).await, None);
    let again = town.post(1, &[("pairingCode", &asked.code)]).await.unwrap();
    assert_eq!((again.claimed, &again.token), (false, &asked.token));
    assert_eq!(town.approve(&asked.code, "one").await.unwrap(), sin(1));
    assert_eq!(town.works(&asked.token).await, Some(Facade::Merchant));
    assert!(town.listed(1).await.contains(&(Facade::Merchant, asked.token.clone())));
    assert_eq!(town.approve(&asked.code, "one").await, Err(OperatorError::CodeUsed));
    let json = asked.to_json();
    let [token] = json.get("data").and_then(Value::as_array).unwrap() else { panic!("one element") };
    assert_eq!(
        names(token),
        ["policies", "token", "facade", "label", "dateCreated", "pairingExpiration", "pairingCode"]
    );
}

/// A SIN is no secret, and `POST /tokens` needs no signature.
#[tokio::test]
async fn naming_anothers_sin_shows_no_token_that_works() {
    let town = Town::new().await;
    let code = town.code("one", Facade::Merchant).await;
    town.post(1, &[("pairingCode", &code)]).await.unwrap();
    for facade in ["merchant", "pos", "public"] {
        let asked = town.post(1, &[("facade", facade)]).await.unwrap();
        assert_eq!(town.works(&asked.token).await, None, "{facade}");
    }
}

#[tokio::test]
async fn a_second_approved_request_of_a_shop_gives_a_second_token() {
    let town = Town::new().await;
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let asked = town.post(1, &[]).await.unwrap();
        town.approve(&asked.code, "one").await.unwrap();
        tokens.push(asked.token);
    }
    assert_ne!(tokens[0], tokens[1]);
    for token in &tokens {
        assert_eq!(town.works(token).await, Some(Facade::Merchant));
        assert!(
            town.listed(1).await.contains(&(Facade::Merchant, token.clone())),
            "a stored token is listed"
        );
    }
}

#[tokio::test]
async fn a_code_is_never_taken_over() {
    let town = Town::new().await;
    let asked = town.post(1, &[]).await.unwrap();
    assert_eq!(town.post(2, &[("pairingCode", &asked.code)]).await.unwrap_err(), PairingError::CodeUnknown);
    town.approve(&asked.code, "one").await.unwrap();
    assert!(town.post(2, &[("pairingCode", &asked.code)]).await.is_err());
    assert!(town.listed(2).await.is_empty());
    assert_eq!(town.listed(1).await.len(), 2);
}

#[tokio::test]
async fn codes_end_after_a_day_and_letter_case_counts() {
    let town = Town::new().await;
    let code = town.code("one", Facade::Merchant).await;
    let flipped: String =
        code.chars()
            .map(|letter| {
                if letter.is_uppercase() { letter.to_ascii_lowercase() } else { letter.to_ascii_uppercase() }
            })
            .collect();
    if flipped != code {
        assert_eq!(town.post(1, &[("pairingCode", &flipped)]).await.unwrap_err(), PairingError::CodeUnknown);
    }
    let asked = town.post(2, &[]).await.unwrap();
    let late = NOW + CODE_LIVES_MS;
    for (shop, code) in [(1, &code), (2, &asked.code)] {
        let refused = town.post_from("192.0.2.1", late, shop, &[("pairingCode", code)]).await;
        assert_eq!(refused.unwrap_err(), PairingError::CodeExpired, "shop {shop}");
    }
    let store = town.store("one").await;
    let refused = approve(&town.ledger, &town.secrets, &asked.code, &store, late).await;
    assert_eq!(refused, Err(OperatorError::CodeExpired));
}

#[tokio::test]
async fn a_key_opens_one_store() {
    let town = Town::new().await;
    let code = town.code("one", Facade::Merchant).await;
    town.post(1, &[("pairingCode", &code)]).await.unwrap();
    let other = town.code("two", Facade::Merchant).await;
    assert_eq!(town.post(1, &[("pairingCode", &other)]).await.unwrap_err(), PairingError::IdentityTaken);
    let asked = town.post(1, &[]).await.unwrap();
    assert_eq!(town.approve(&asked.code, "two").await, Err(OperatorError::IdentityTaken));
    town.post(2, &[("pairingCode", &other)]).await.unwrap();
}

#[tokio::test]
async fn the_token_is_of_the_facade_that_was_asked_for() {
    let town = Town::new().await;
    for (shop, granted, asked, expected) in [
        (1, Facade::Merchant, Some("pos"), Facade::Pos),
        (2, Facade::Merchant, Some("payout"), Facade::Merchant),
        (3, Facade::Merchant, None, Facade::Merchant),
        (4, Facade::Pos, None, Facade::Pos),
        (5, Facade::Pos, Some("merchant"), Facade::Pos),
    ] {
        let code = town.code("one", granted).await;
        let mut members = vec![("pairingCode", code.as_str())];
        members.extend(asked.map(|facade| ("facade", facade)));
        let answer = town.post(shop, &members).await.unwrap();
        assert_eq!(town.works(&answer.token).await, Some(expected), "shop {shop}");
        assert_eq!(answer.facade, asked.unwrap_or(expected.as_str()), "shop {shop}");
        let both = if granted == Facade::Pos { 1 } else { 2 };
        assert_eq!(town.listed(shop).await.len(), both, "shop {shop}");
    }
}

#[tokio::test]
async fn the_key_that_signs_names_the_shop() {
    let address = "192.0.2.1".parse().unwrap();
    let read = |id: Option<&str>, signer: Option<u8>| {
        let body = id.map_or_else(Object::new, |id| Object::new().with("id", id));
        TokenRequest::read(&body, signer.map(key).as_ref(), address).map(|request| request.sin)
    };
    let long = key(1).uncompressed_sin();
    assert_eq!(read(None, Some(1)).unwrap(), sin(1));
    assert_eq!(read(Some(long.as_str()), Some(1)).unwrap(), long, "ruby-client under OpenSSL 3");
    assert_eq!(read(Some(sin(2).as_str()), Some(1)).unwrap(), sin(1), "tokens/server-init-signed-other-id");
    assert_eq!(read(Some(sin(2).as_str()), None).unwrap(), sin(2));
    for bad in [None, Some(""), Some("Tf2"), Some(" Tf2yXsY49iFyDfxt3b2kf9VPRMwPxxAyCRW")] {
        assert_eq!(read(bad, None), Err(PairingError::IdMissing));
    }
}

#[tokio::test]
async fn one_address_asks_for_twenty_codes_an_hour_and_cannot_guess() {
    let town = Town::new().await;
    for _ in 0..20 {
        town.post(1, &[]).await.unwrap();
    }
    assert_eq!(town.post(1, &[]).await.unwrap_err(), PairingError::RateLimited);
    town.post_from("192.0.2.2", NOW, 1, &[]).await.unwrap();
    for at in 0..40 {
        let asked = town.post_from(&format!("2001:db8::{at:x}"), NOW, 1, &[]).await;
        assert_eq!(asked.is_ok(), at < 20, "one network counts as one address");
    }
    let mut guesses = 0;
    while town.post_from("192.0.2.9", NOW, 1, &[("pairingCode", "aaaaaaa")]).await
        == Err(PairingError::CodeUnknown)
    {
        guesses += 1;
        assert!(guesses < 5000, "guessing is not bounded");
    }
    assert!(guesses >= 100, "a harness that pairs often is not a guesser");
    let code = town.code("one", Facade::Merchant).await;
    let refused = town.post_from("192.0.2.9", NOW, 1, &[("pairingCode", &code)]).await;
    assert_eq!(refused.unwrap_err(), PairingError::RateLimited, "a right guess is no better");
    town.post(1, &[("pairingCode", &code)]).await.unwrap();
}

#[tokio::test]
async fn a_pairing_by_another_process_is_seen_at_the_first_request() {
    let town = Town::new().await;
    let file = town._home.path().join("ledger.db");
    let asked = town.post(1, &[]).await.unwrap();
    assert_eq!(town.works(&asked.token).await, None);
    let command_line = Ledger::open(&file).await.unwrap();
    approve(&command_line, &town.secrets, &asked.code, &town.store("one").await, NOW).await.unwrap();
    assert_eq!(town.works(&asked.token).await, Some(Facade::Merchant));
    assert_eq!(town.listed(1).await.len(), 2);
}
