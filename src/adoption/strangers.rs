//! Strangers: who was refused with a credential that could be adopted.
//!
//! Seen in memory first, so that no request waits for the ledger or fails with it; a task writes what was
//! seen a moment later. Bounded twice: so many in all, so many of one network; who came longest ago goes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::bitid::Sin;
use crate::ledger::{CredentialKind, Ledger, LedgerError, PENDING_LIVES_MS, PendingAdoption};
use crate::pairing::{network, passes};
use crate::secrets::{MasterSecret, token_hash};

/// Most strangers that are kept.
const MOST: usize = 2000;
/// Most of them from one network. A front proxy makes all shops one network, so it is not small.
const MOST_OF_A_NETWORK: usize = 500;
/// Bad signatures of unknown keys that one network may have tried in every spelling of the URL, an hour.
const TRIES_PER_HOUR: NonZeroU32 = NonZeroU32::MIN.saturating_add(599);
/// What comes within this time is written in one commit.
const WRITE_AFTER: Duration = Duration::from_millis(100);
/// Between tries while the ledger fails.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// Shortest and longest text that is taken for a token or key.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=256;
/// What npm bitpay-rest sends where it has no token: the name of the facade, which is none.
const FACADES: [&str; 8] =
    ["public", "user", "merchant", "pos", "payroll", "payout", "onboarding", "settlement"];

/// What a stranger showed. A signature was good, else it is none of these.
#[derive(Clone, PartialEq, Eq)]
pub enum Stranger {
    /// A key that signed, and the token that came with it, where one did.
    Signed {
        /// The key's SIN.
        sin: Sin,
        /// The token.
        token: Option<String>,
    },
    /// A token without signature.
    PosToken(String),
    /// An API key.
    V1Key(String),
}

impl std::fmt::Debug for Stranger {
    /// Without token and key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind().as_str())
    }
}

impl Stranger {
    fn kind(&self) -> CredentialKind {
        match self {
            Self::Signed { token: Some(token), .. } if plausible(token) => CredentialKind::Token,
            Self::Signed { .. } => CredentialKind::SigningKey,
            Self::PosToken(_) => CredentialKind::PosToken,
            Self::V1Key(_) => CredentialKind::V1Key,
        }
    }

    fn sin(&self) -> Option<&Sin> {
        match self {
            Self::Signed { sin, .. } => Some(sin),
            _ => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Signed { token, .. } => token.as_deref().filter(|token| plausible(token)),
            Self::PosToken(text) | Self::V1Key(text) => Some(text),
        }
    }

    /// Whether a token came that BitPay could have given out.
    #[must_use]
    pub fn has_token(&self) -> bool {
        matches!(self.kind(), CredentialKind::Token | CredentialKind::PosToken)
    }

    /// Whether this could have been given out by BitPay, so that it is worth keeping.
    fn is_worth_keeping(&self) -> bool {
        match self {
            Self::Signed { .. } => true,
            Self::PosToken(text) | Self::V1Key(text) => plausible(text),
        }
    }

    /// The same for the same credential, after a restart, too.
    fn id(&self) -> String {
        let mut hash = Sha256::new();
        for part in [self.kind().as_str(), self.sin().map_or("", Sin::as_str), self.text().unwrap_or("")] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hex::encode(&hash.finalize()[..6])
    }
}

fn plausible(text: &str) -> bool {
    LENGTH.contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !FACADES.iter().any(|facade| facade.eq_ignore_ascii_case(text))
}

/// Where and how a stranger came.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// How the shop's software names itself.
    pub agent: &'a str,
    /// Where it came from.
    pub address: IpAddr,
    /// The Host header.
    pub host: &'a str,
}

struct Seen {
    row: PendingAdoption,
    network: IpAddr,
    /// Not in the ledger yet.
    unwritten: bool,
}

/// The strangers of a day.
pub struct Strangers {
    seen: Mutex<HashMap<String, Seen>>,
    news: Notify,
    tries: DefaultKeyedRateLimiter<IpAddr>,
    secrets: Arc<MasterSecret>,
    clock: fn() -> i64,
    random: fn(&mut [u8]),
}

impl Strangers {
    /// Nobody seen yet.
    #[must_use]
    pub fn new(secrets: Arc<MasterSecret>, clock: fn() -> i64, random: fn(&mut [u8])) -> Arc<Self> {
        let tries = RateLimiter::keyed(Quota::per_hour(TRIES_PER_HOUR));
        Arc::new(Self { seen: Mutex::default(), news: Notify::new(), tries, secrets, clock, random })
    }

    /// Whether the signature of an unknown key, which does not fit the URL as it was sent, is worth the work of
    /// trying the URL's other spellings: up to 48 hashes of the body, and as many verifications.
    pub fn may_try_on(&self, address: IpAddr) -> bool {
        passes(&self.tries, address)
    }

    /// Keeps what was shown; waits for nothing.
    pub fn note(&self, stranger: &Stranger, sight: Sight<'_>) {
        if !stranger.is_worth_keeping() {
            return;
        }
        let (id, now, network) = (stranger.id(), (self.clock)(), network(sight.address));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.get(&id).is_some_and(|known| now.saturating_sub(known.row.last_seen) >= PENDING_LIVES_MS) {
            seen.remove(&id);
        }
        if !seen.contains_key(&id) {
            make_room(&mut seen, network);
            let row = self.row(id.clone(), stranger, now);
            seen.insert(id.clone(), Seen { row, network, unwritten: false });
        }
        if let Some(known) = seen.get_mut(&id) {
            known.row.count += 1;
            known.row.last_seen = now;
            known.row.agent = sight.agent.to_owned();
            known.row.host = sight.host.to_owned();
            known.row.address = sight.address.to_canonical().to_string();
            known.unwritten = true;
        }
        drop(seen);
        self.news.notify_one();
    }

    /// Writes what was seen, until told to stop; the last is written then.
    pub async fn keep_in(self: Arc<Self>, ledger: Ledger, stop: CancellationToken) {
        loop {
            let going_on = stop.run_until_cancelled(self.news.notified()).await.is_some();
            let going_on =
                going_on && stop.run_until_cancelled(tokio::time::sleep(WRITE_AFTER)).await.is_some();
            if let Err(error) = self.write(&ledger).await {
                tracing::warn!(%error, "strangers_not_kept");
                self.news.notify_one();
                if stop.run_until_cancelled(tokio::time::sleep(TRY_AGAIN_AFTER)).await.is_none() {
                    return;
                }
            }
            if !going_on {
                return;
            }
        }
    }

    async fn write(&self, ledger: &Ledger) -> Result<(), LedgerError> {
        let taken = self.take();
        if taken.is_empty() {
            return Ok(());
        }
        let written = ledger.note_pending(taken.clone(), MOST as u32, (self.clock)()).await;
        if written.is_err() {
            self.put_back(&taken);
        }
        written
    }

    /// What is not in the ledger yet; counts begin anew.
    fn take(&self) -> Vec<PendingAdoption> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let unwritten = seen.values_mut().filter(|known| known.unwritten);
        unwritten
            .map(|known| {
                known.unwritten = false;
                let row = known.row.clone();
                known.row.count = 0;
                row
            })
            .collect()
    }

    fn put_back(&self, taken: &[PendingAdoption]) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for row in taken {
            if let Some(known) = seen.get_mut(&row.id) {
                known.row.count += row.count;
                known.unwritten = true;
            }
        }
    }

    fn row(&self, id: String, stranger: &Stranger, now: i64) -> PendingAdoption {
        // Of an API key the hash is enough: it is never shown again.
        let sealed = match stranger.kind() {
            CredentialKind::Token | CredentialKind::PosToken => stranger.text().map(|token| {
                let mut nonce = [0; 24];
                (self.random)(&mut nonce);
                self.secrets.seal(&pending_context(&id), nonce, token.as_bytes())
            }),
            CredentialKind::V1Key | CredentialKind::SigningKey => None,
        };
        PendingAdoption {
            id,
            kind: stranger.kind(),
            sin: stranger.sin().cloned(),
            token_hash: stranger.text().map(token_hash),
            token_sealed: sealed,
            agent: String::new(),
            address: String::new(),
            host: String::new(),
            first_seen: now,
            last_seen: now,
            count: 0,
        }
    }
}

/// The place of a sealed token that waits, see [`MasterSecret::seal`].
pub(super) fn pending_context(id: &str) -> String {
    format!("pending-token/{id}")
}

/// Lets those go who came longest ago: of the same network where it has many, else of all.
fn make_room(seen: &mut HashMap<String, Seen>, network: IpAddr) {
    let of_network = seen.values().filter(|known| known.network == network).count();
    let crowded = of_network >= MOST_OF_A_NETWORK;
    if !crowded && seen.len() < MOST {
        return;
    }
    let candidates = seen.iter().filter(|(_, known)| !crowded || known.network == network);
    let oldest = candidates.min_by_key(|(_, known)| known.row.last_seen).map(|(id, _)| id.clone());
    if let Some(oldest) = oldest {
        seen.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn strangers() -> Arc<Strangers> {
        Strangers::new(Arc::new(MasterSecret::from_bytes([1; 32])), || 7, |bytes| bytes.fill(3))
    }

    fn sight(address: &str) -> Sight<'_> {
        Sight { agent: "shop", address: address.parse().unwrap(), host: "bitpay.com" }
    }

    #[test]
    fn a_flood_of_one_network_drives_out_its_own_alone() {
        let strangers = strangers();
        let honest = Stranger::PosToken("an-honest-shops-token".to_owned());
        strangers.note(&honest, sight("192.0.2.1"));
        for at in 0..3 * MOST {
            strangers.note(&Stranger::PosToken(format!("made-up-token-{at:06}")), sight("2001:db8::1"));
        }
        let kept = strangers.take();
        assert_eq!(kept.len(), 1 + MOST_OF_A_NETWORK);
        assert!(kept.iter().any(|row| row.id == honest.id()));
    }

    #[test]
    fn what_is_no_token_is_not_kept_and_what_failed_to_be_written_is_not_lost() {
        let strangers = strangers();
        for text in ["pos", "merchant", "", "a token with blanks in it"] {
            strangers.note(&Stranger::PosToken(text.to_owned()), sight("192.0.2.1"));
        }
        assert!(strangers.take().is_empty());
        let token = Stranger::PosToken("a-token-of-bitpay-itself".to_owned());
        strangers.note(&token, sight("192.0.2.1"));
        strangers.note(&token, sight("192.0.2.2"));
        let taken = strangers.take();
        assert_eq!((taken.len(), taken[0].count, taken[0].address.as_str()), (1, 2, "192.0.2.2"));
        assert!(strangers.take().is_empty());
        strangers.put_back(&taken);
        strangers.note(&token, sight("192.0.2.1"));
        assert_eq!(strangers.take()[0].count, 3);
    }
}
