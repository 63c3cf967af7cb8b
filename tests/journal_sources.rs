//! Where the journal of divergences hears from: not only what shops ask for, but what BTCPay notifies of and
//! what payferry looks at by itself; and whom it names.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::time::Duration;

use http::Method;
use payferry::ledger::DivergenceRow;
use payferry::sandbox::{Fault, Matching};
use support::listening::Listening;
use support::process::free_address;
use support::{Shop, Stage};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// BTCPay reaches payferry, and polls are far apart.
fn notified() -> String {
    let address = free_address();
    format!(
        "[notify]\nlisten = \"{address}\"\npublic_url = \"http://{address}\"\nallow_private = [\"127.0.0.0/8\"]\n\
         delay_after_create_ms = 0\npoll_every_seconds = 1\n"
    )
}

/// Waits until the journal has what was seen.
async fn written(stage: &Stage, holds: impl Fn(&[DivergenceRow]) -> bool) -> Vec<DivergenceRow> {
    let ledger = stage.ledger().await;
    for _ in 0..100 {
        let rows = ledger.divergences(0, None).await.unwrap();
        if holds(&rows) {
            ledger.close().await;
            return rows;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("in vain: {:#?}", ledger.divergences(0, None).await.unwrap());
}

fn has(rows: &[DivergenceRow], identity: &str, endpoint: &str) -> bool {
    rows.iter().any(|row| {
        row.identity == identity
            && row.endpoint == endpoint
            && (row.store.as_str(), row.agent.as_str()) == ("main", "story-shop")
    })
}

async fn order(shop: &Shop, listening: &Listening) -> String {
    let url = listening.url();
    shop.create(&format!(r#""price":10,"currency":"EUR","notificationURL":"{url}""#)).await.invoice_id()
}

/// The buyer pays when it is too late. BitPay would have sent the money back; the shop is told nothing and
/// never reads again, so only payferry's own look and BTCPay's notification can tell the operator.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_no_shop_asks_about_reaches_the_journal() {
    let stage = Stage::set_with(&notified()).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    let (late, over) = (order(&shop, &listening).await, order(&shop, &listening).await);
    let owner = stage.sandbox.owner();
    let (due, twice) = (stage.due(&late), stage.due(&over));
    owner.expire(&late).unwrap();
    owner.pay(&late, &due).unwrap();
    owner.pay(&over, &twice).unwrap();
    owner.pay(&over, &twice).unwrap();
    let expected = [
        ("late-payment", "read_invoice"),
        ("late-payment", "notification"),
        ("overpayment-not-refunded", "read_invoice"),
        ("ipn-no-hmac", "notification"),
        ("ipn-nulls", "notification"),
        ("ipn-extended-and-flat-duplicates", "notification"),
        ("ipn-extended-extra-events", "notification"),
    ];
    let all = |rows: &[DivergenceRow]| expected.iter().all(|(id, endpoint)| has(rows, id, endpoint));
    let rows = written(&stage, all).await;
    let uncatalogued: Vec<_> = rows.iter().filter(|row| row.catalogue_id.is_none()).collect();
    assert!(uncatalogued.is_empty(), "{uncatalogued:#?}");
    let text = format!("{rows:?}");
    assert!(!text.contains(&late) && !text.contains("127.0.0.1"), "no value of a shop: {text}");
}

/// BTCPay notifies of a new invoice before it has answered its create.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_before_the_answer_is_told_and_a_stranger_s_is_not() {
    let settings = notified();
    let stage = Stage::set_with(&settings).await;
    let shop = stage.paired_shop().await;
    let listening = Listening::new(None).await;
    let slow = Fault::HangAfter(Duration::from_secs(3));
    stage.sandbox.faults().next(Matching::on("POST", "/invoices"), 1, slow);
    let url = listening.url();
    let order = format!(r#""price":10,"currency":"EUR","guid":"g-1","notificationURL":"{url}""#);
    let (_, rows) = tokio::join!(
        shop.create(&order),
        written(&stage, |rows| has(rows, "ipn-created-before-answer", "notification"))
    );
    assert!(has(&rows, "ipn-pretty-printed", "notification"));
    let intake = stage.config().notify.listen.unwrap();
    let stranger = Shop::new(intake, [9; 32]);
    let id = "4bodBW4xkhzX1GEZTNeQyc";
    let body = r#"{"event":{"code":1003,"name":"x"},"data":{"strange":1}}"#;
    let answer = stranger.send_headers(Method::POST, &format!("/{id}"), body, &[]).await;
    assert_eq!(answer.status, 404, "{answer:?}");
    tokio::time::sleep(Duration::from_secs(4)).await;
    let rows = written(&stage, |_| true).await;
    assert!(!rows.iter().any(|row| row.pointer.contains("strange")), "only known invoices are looked at");
}

/// Each buyer's browser has a name of its own; what is noted of them must not grow with them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browsers_are_not_told_apart_and_known_software_is() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let id = shop.create(r#""price":10,"currency":"EUR""#).await.invoice_id();
    let target = format!("/invoices/{id}");
    for number in 0..40 {
        let agent =
            format!("Mozilla/5.0 (X11; Linux x86_64; rv:{number}.0) Gecko/20100101 Firefox/{number}.0");
        let headers = [("user-agent", agent.as_str()), ("x-accept-version", "2.0.0")];
        let answer = shop.send_headers(Method::GET, &target, "", &headers).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let plugin =
        [("x-bitpay-plugin-info", "BitPay_Checkout_WooCommerce_3.46.0"), ("user-agent", "WordPress/6")];
    assert_eq!(shop.send_headers(Method::GET, &target, "", &plugin).await.status, 200);
    shop.read(&id).await;
    let bare = "route-public-get-invoice-403";
    let of = |rows: &[DivergenceRow], agent: &str| {
        let mine = |row: &&DivergenceRow| row.identity == bare && row.agent == agent;
        rows.iter().filter(mine).map(|row| row.count).sum::<i64>()
    };
    let product = "BitPay_Checkout_WooCommerce";
    let rows = written(&stage, |rows| of(rows, "") == 40 && of(rows, product) == 1).await;
    let agents: std::collections::BTreeSet<_> = rows.iter().map(|row| row.agent.as_str()).collect();
    assert_eq!(agents.into_iter().collect::<Vec<_>>(), ["", product, "story-shop"]);
}

/// A call that payferry refuses by its path alone: the operator must learn which shop needs it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_call_is_noted_with_the_store_that_it_claims() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let target = format!("/invoices/Ab1/refunds?token={}", shop.token);
    assert_ne!(shop.send(Method::GET, &target, "", true).await.status, 200);
    let stranger = Shop::new(stage.payferry(), [99; 32]);
    assert_ne!(stranger.send(Method::GET, "/ledgers?token=x", "", true).await.status, 200);
    let of = |rows: &[DivergenceRow], identity: &str| -> Option<String> {
        rows.iter().find(|row| row.identity == identity).map(|row| row.store.clone())
    };
    let both = |rows: &[DivergenceRow]| {
        of(rows, "missing-invoice-refunds").is_some() && of(rows, "missing-ledgers").is_some()
    };
    let rows = written(&stage, both).await;
    assert_eq!(of(&rows, "missing-invoice-refunds").unwrap(), "main");
    assert_eq!(of(&rows, "missing-ledgers").unwrap(), "", "a key that nobody knows");
    let version = rows.iter().find(|row| row.identity == "auth-x-accept-version-ignored");
    assert!(version.is_none(), "the shop sent the header: {version:?}");
}

/// BTCPay makes a second invoice of the same guid; so does payferry where it is another order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guid_that_comes_again_is_told() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    for price in ["10", "11"] {
        let order = format!(r#""price":{price},"currency":"EUR","guid":"g-1""#);
        assert_eq!(shop.create(&order).await.status, 200);
    }
    written(&stage, |rows| has(rows, "guid-no-dedup", "create_invoice")).await;
}

/// BTCPay keeps its connections open. The journal ends with its last handle, and a drain with the journal: an
/// idle connection must hold neither up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_connection_of_btcpay_s_holds_up_no_drain() {
    let stage = Stage::set_with(&notified()).await;
    let mut btcpay = TcpStream::connect(stage.config().notify.listen.unwrap()).await.unwrap();
    let request = "POST /4bodBW4xkhzX1GEZTNeQyc HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";
    btcpay.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    btcpay.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200", "a flat one is taken and dropped");
    stage.lifecycle.drain();
    stage.lifecycle.tasks().close();
    // By itself it would end after ten seconds without a request.
    let drained = tokio::time::timeout(Duration::from_secs(6), stage.lifecycle.tasks().wait()).await;
    assert!(drained.is_ok(), "the drain waits for a connection on which nothing happens");
}
