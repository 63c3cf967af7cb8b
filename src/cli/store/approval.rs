//! Asks BTCPay to pair a store's key, and waits for the owner's word.

use std::time::Duration;

use anyhow::{Context as _, bail};

use super::CALL_WITHIN;
use crate::app::Rooms;
use crate::json::Value;
use crate::ledger::Store;
use crate::walk::understand::Misunderstood;
use crate::walk::upstream::UpstreamError;

const ASK_EVERY: Duration = Duration::from_secs(1);

/// A request for approval that waits at BTCPay.
pub(super) struct Asked {
    code: String,
    /// The page on which the owner approves.
    pub(super) link: String,
}

/// Asks for a code; BTCPay keeps it for 15 minutes (tokens/client-init-merchant).
pub(super) async fn ask(rooms: &Rooms, store: &Store) -> anyhow::Result<Asked> {
    let answer = rooms.upstream.pair(store, None, CALL_WITHIN).await?;
    let asked = answer.get("data").and_then(Value::as_array).and_then(<[Value]>::first);
    let code = asked.and_then(|token| token.get("pairingCode")).and_then(Value::as_str);
    let code = code.context("BTCPay's answer has no pairing code")?.to_owned();
    Ok(Asked { link: rooms.upstream.approval_link(store, &code)?, code })
}

/// Claims a code that the owner made: paired at once.
pub(super) async fn claim(rooms: &Rooms, store: &Store, code: &str) -> anyhow::Result<()> {
    match rooms.upstream.pair(store, Some(code), CALL_WITHIN).await {
        Ok(_) if knows_key(rooms, store).await? => Ok(()),
        Ok(_) => bail!("BTCPay took the code but does not know the key"),
        Err(UpstreamError::Misunderstood(Misunderstood::NotFound)) => {
            bail!("BTCPay has no such pairing code: letter case counts, and each works once")
        }
        Err(UpstreamError::Misunderstood(Misunderstood::Refused(_))) => bail!(
            "BTCPay refused the code: it is older than 15 minutes, \
             or payferry's key for {} is paired with another BTCPay store",
            store.name
        ),
        Err(error) => Err(error.into()),
    }
}

/// Waits for the owner. A request that BTCPay drops (refused, out of time) ends the wait; an outage does not.
pub(super) async fn wait(
    rooms: &Rooms,
    store: &Store,
    asked: &Asked,
    within: Duration,
) -> anyhow::Result<()> {
    let approved = async {
        loop {
            match look(rooms, store, asked).await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) if is_weather(&error) => {}
                Err(error) => return Err(error),
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    };
    let late = "nobody approved in time; run the same command again for a new link";
    tokio::time::timeout(within, approved).await.context(late)?
}

fn is_weather(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(UpstreamError::Forward(_) | UpstreamError::Misunderstood(Misunderstood::Failed(_)))
    )
}

/// The client never hears that an approval failed (tokens/same-sin-other-store-tokens); that the code is
/// gone while the key is unknown tells it.
async fn look(rooms: &Rooms, store: &Store, asked: &Asked) -> anyhow::Result<bool> {
    if knows_key(rooms, store).await? {
        return Ok(true);
    }
    match rooms.upstream.pair(store, Some(&asked.code), CALL_WITHIN).await {
        Ok(_) => Ok(false),
        // Approved between the two calls, or gone for good.
        Err(UpstreamError::Misunderstood(Misunderstood::NotFound)) if knows_key(rooms, store).await? => {
            Ok(true)
        }
        Err(UpstreamError::Misunderstood(Misunderstood::NotFound)) => bail!(
            "the approval was refused: BTCPay no longer has the request and does not know the key (removed, or \
             approved for a stranger's key that took the code); run the same command again for a new link"
        ),
        Err(UpstreamError::Misunderstood(Misunderstood::Refused(_))) => bail!(
            "the link has expired: BTCPay keeps it for 15 minutes; run the same command again for a new one"
        ),
        Err(error) => Err(error.into()),
    }
}

/// BTCPay lists the key's token once the owner approved; before, the list is empty.
pub(super) async fn knows_key(rooms: &Rooms, store: &Store) -> Result<bool, UpstreamError> {
    let answer = rooms.upstream.tokens(store, CALL_WITHIN).await?;
    Ok(answer.get("data").and_then(Value::as_array).is_some_and(|tokens| !tokens.is_empty()))
}
