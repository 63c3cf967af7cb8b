//! An operator who replays a notification while it is being tried: what he asked for is done.

use payferry::app::now_ms;
use payferry::ledger::Replay;

use crate::support::listening::{Listening, Reaction};
use crate::support::notifying::{order, outbox, pay, quick};
use crate::support::{Stage, until};

/// Replays the invoice's only notification while the shop is still silent on the last of these tries.
async fn is_told_again(tries: &[Reaction], retry_after: &str) {
    let settings =
        quick("poll_every_seconds = 1\n").replace("[1, 1, 1]", retry_after).replace("= 700", "= 4000");
    let stage = Stage::set_with(&settings).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    listening.reacts(&[tries, &[Reaction::Answers("200 OK")]].concat());
    let id = order(&shop, &listening).await;
    pay(&stage, &id);
    until("the shop is silent", || listening.heard().len() == tries.len()).await;
    let notification = outbox(&stage, &id).await[0].id.clone();
    let ledger = stage.ledger().await;
    assert_eq!(ledger.replay_notification(&notification, now_ms()).await.unwrap(), Replay::Done);
    ledger.close().await;
    listening.hears(&vec!["1003 paid"; tries.len() + 1]).await;
    assert_eq!(outbox(&stage, &id).await[0].state, "delivered");
}

/// The try that the replay overtook fails after it: the shop is told again at once, not in an hour.
#[tokio::test]
async fn a_replay_during_a_later_try_is_not_swallowed() {
    is_told_again(&[Reaction::Answers("500 Oh"), Reaction::Hangs], "[1, 3600]").await;
}

/// The same during the first try, which has as many tries behind it as a replayed notification.
#[tokio::test]
async fn a_replay_during_the_first_try_is_not_swallowed() {
    is_told_again(&[Reaction::Hangs], "[3600]").await;
}

/// The last try was under way: without the replay the notification would be given up.
#[tokio::test]
async fn a_replay_during_the_last_try_keeps_the_notification_from_being_given_up() {
    is_told_again(&[Reaction::Answers("500 Oh"), Reaction::Answers("500 Oh"), Reaction::Hangs], "[1, 1]")
        .await;
}
