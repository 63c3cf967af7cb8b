//! kill -9 at random moments under load, and at the end every shop knows what became of its invoices.
//!
//! `make crash KILLS=1000` for the long run; `make test` does a short one.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use payferry::app::random;
use payferry::sandbox::{Invoice, Status};
use support::listening::{Heard, Listening, Reaction};
use support::process::{Process, free_address};
use support::{Shop, Stage};

const KILLS_IN_MAKE_TEST: usize = 12;
const WORKERS: usize = 4;
/// After the last restart everything must have been told within this time.
const QUIET_WITHIN: Duration = Duration::from_secs(60);

fn settings(notify: &str) -> String {
    format!(
        "[limits]\ncreate_quiet_ms = 0\n[notify]\nlisten = \"{notify}\"\npublic_url = \"http://{notify}\"\n\
         allow_private = [\"127.0.0.0/8\"]\ndelay_after_create_ms = 50\npoll_every_seconds = 1\n\
         complete_after_seconds = 1\nretry_after_seconds = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n\
         delivery_timeout_ms = 1000\nreads_per_second = 500\n"
    )
}

fn below(most: u64) -> u64 {
    let mut bytes = [0; 8];
    random(&mut bytes);
    u64::from_le_bytes(bytes) % most
}

async fn pause(most_ms: u64) {
    tokio::time::sleep(Duration::from_millis(below(most_ms))).await;
}

/// Buys until told to stop: creates with one guid until it hears of the invoice, then the buyer pays or does not.
async fn buy(
    stage: Arc<Stage>,
    shop: Shop,
    listening: Listening,
    made: Arc<AtomicUsize>,
    stop: Arc<AtomicUsize>,
) {
    while stop.load(Ordering::SeqCst) == 0 {
        let number = made.fetch_add(1, Ordering::SeqCst);
        let order = format!(
            r#""price":10,"currency":"EUR","orderId":"o-{number}","guid":"g-{number}","extendedNotifications":true,"notificationURL":"{}""#,
            listening.url()
        );
        let id = loop {
            match shop.try_create(&order).await {
                Some(answer) if answer.status == 200 => break answer.invoice_id(),
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        };
        pause(200).await;
        let owner = stage.sandbox.owner();
        if number.is_multiple_of(5) {
            owner.expire(&id).unwrap();
            continue;
        }
        owner.pay(&id, &stage.due(&id)).unwrap();
        pause(400).await;
        owner.confirm(&id).unwrap();
    }
}

#[derive(Default)]
struct Verdict {
    lost: Vec<String>,
    reordered: Vec<String>,
    twins: Vec<String>,
    /// Taken by the shop, and sent again: a kill fell between its answer and the commit of it.
    duplicates: usize,
}

fn rank(told: &str) -> usize {
    let order = ["1003 paid", "1004 expired", "1013 invalid", "1005 confirmed", "1006 complete"];
    order.iter().position(|known| *known == told).unwrap_or_else(|| panic!("a shop was told {told}"))
}

fn judge(invoices: &[Invoice], heard: &[Heard]) -> Verdict {
    let mut told: HashMap<String, Vec<String>> = HashMap::new();
    let mut taken: HashMap<String, Vec<String>> = HashMap::new();
    for one in heard {
        told.entry(one.text("id")).or_default().push(one.told());
        if one.taken {
            taken.entry(one.text("id")).or_default().push(one.told());
        }
    }
    let mut verdict = Verdict::default();
    let mut orders: BTreeMap<&str, usize> = BTreeMap::new();
    for invoice in invoices {
        *orders.entry(invoice.order_id.as_deref().unwrap_or_default()).or_default() += 1;
        let told = told.remove(&invoice.id).unwrap_or_default();
        let last = match invoice.status {
            Status::Complete => "1006 complete",
            Status::Expired => "1004 expired",
            Status::Paid => "1003 paid",
            _ => continue,
        };
        let taken = taken.remove(&invoice.id).unwrap_or_default();
        if taken.last().map(String::as_str) != Some(last) {
            verdict.lost.push(format!("{} took {taken:?} of {told:?} instead of {last}", invoice.id));
        }
        if told.windows(2).any(|pair| rank(&pair[0]) > rank(&pair[1])) {
            verdict.reordered.push(format!("{} {told:?}", invoice.id));
        }
        verdict.duplicates += taken.windows(2).filter(|pair| pair[0] == pair[1]).count();
    }
    verdict.twins =
        orders.into_iter().filter(|(_, count)| *count > 1).map(|(order, _)| order.to_owned()).collect();
    verdict
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_loses_or_reorders_what_a_shop_must_hear() {
    let kills =
        std::env::var("KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS_IN_MAKE_TEST);
    let (http, notify) = (free_address(), free_address());
    let stage = Arc::new(Stage::without_payferry(&settings(&notify.to_string()), &http.to_string()).await);
    let mut process = Process::serve(&stage.config_file, http, None);
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    listening.reacts_by(|number| {
        if number % 7 == 3 { Reaction::Answers("500 Oh") } else { Reaction::Answers("200 OK") }
    });
    let (made, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let buyers: Vec<_> = (0..WORKERS)
        .map(|_| {
            tokio::spawn(buy(
                Arc::clone(&stage),
                shop.clone(),
                listening.clone(),
                Arc::clone(&made),
                Arc::clone(&stop),
            ))
        })
        .collect();
    let mut commits = 0;
    for _ in 0..kills {
        tokio::time::sleep(Duration::from_millis(30 + below(900))).await;
        commits += stage.commits().await;
        process.kill();
        process = Process::serve(&stage.config_file, http, None);
    }
    stop.store(1, Ordering::SeqCst);
    for buyer in buyers {
        buyer.await.unwrap();
    }
    let asked = Instant::now();
    let mut verdict = judge(&stage.invoices(), &listening.heard());
    while !verdict.lost.is_empty() && asked.elapsed() < QUIET_WITHIN {
        tokio::time::sleep(Duration::from_millis(200)).await;
        verdict = judge(&stage.invoices(), &listening.heard());
    }
    println!(
        "kills {kills}, invoices {}, notifications {}, lost {}, reordered {}, twin invoices {}, duplicates {}, \
         commits (fdatasync) seen {commits}",
        stage.invoices().len(),
        listening.heard().len(),
        verdict.lost.len(),
        verdict.reordered.len(),
        verdict.twins.len(),
        verdict.duplicates
    );
    assert!(verdict.lost.is_empty(), "lost: {:?}", verdict.lost);
    assert!(verdict.reordered.is_empty(), "reordered: {:?}", verdict.reordered);
    assert!(verdict.twins.is_empty(), "orders with two invoices: {:?}", verdict.twins);
    assert!(verdict.duplicates <= kills * WORKERS, "a shop is told twice only where a kill hid its answer");
    drop(process);
}
