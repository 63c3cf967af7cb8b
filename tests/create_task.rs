//! Stories of the task behind a create that no shop can cause from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use payferry::app::{self, Rooms};
use payferry::walk::create::{Commission, CreateError, Creates, CreatesParts};
use payferry::walk::deadline::Deadline;
use payferry::walk::order;
use support::Stage;
use tokio_util::task::TaskTracker;

/// Call 1 names the life of the process, call 2 is the first inside the task.
static CALLS: AtomicUsize = AtomicUsize::new(0);

fn panics_once_in_the_task(bytes: &mut [u8]) {
    assert_ne!(CALLS.fetch_add(1, Ordering::SeqCst), 1, "the panic of this story");
    app::random(bytes);
}

#[tokio::test]
async fn a_create_that_panicked_does_not_stand_in_the_way_of_its_repeat() {
    let stage = Stage::without_payferry("", "127.0.0.1:0").await;
    let Rooms { ledger, secrets, upstream } = Rooms::open(&stage.config()).await.unwrap();
    let store = Arc::new(ledger.stores().await.unwrap().remove(0));
    let creates = Creates::new(CreatesParts {
        ledger,
        upstream,
        secrets,
        tasks: TaskTracker::new(),
        clock: app::now_ms,
        random: panics_once_in_the_task,
        reads_on: Duration::from_secs(5),
        quiet_ms: 0,
        most: 1,
        pos_per_minute: std::num::NonZeroU32::MIN,
        notify_base: None,
        first_look_ms: 60_000,
    });
    let request = order::parse(br#"{"price":10,"currency":"EUR","guid":"g-1"}"#).unwrap();
    let commission = Commission {
        order: order::read(request).unwrap(),
        store,
        credential_id: Some("c1".to_owned()),
        dialect: "signed",
        host: String::new(),
        agent: String::new(),
        era: payferry::contract::Era::Every,
    };
    let lost = creates.make(commission.clone(), Deadline::within(Duration::from_secs(5))).await;
    assert!(matches!(lost, Err(CreateError::Lost)), "{lost:?}");
    let made = creates.make(commission, Deadline::within(Duration::from_secs(5))).await.unwrap();
    assert_eq!(stage.invoices()[0].id, made.facts.id);
}
