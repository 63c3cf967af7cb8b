//! Stories of a BTCPay that is silent, cut, broken or gone: what the shop hears, and that no order
//! becomes two invoices.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::time::{Duration, Instant};

use payferry::sandbox::{Fault, Matching, Outage};
use support::{Answer, Stage, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const QUICK: &str = "[limits]\nanswer_deadline_ms = 700\nanswer_deadline_short_ms = 700\n";
const ORDER: &str = r#""price":10,"currency":"EUR","orderId":"o-1","guid":"g-1""#;

fn creates() -> Matching {
    Matching::on("POST", "/invoices")
}

/// BitPay's form, a reason, and not one word of BTCPay's.
#[track_caller]
fn assert_clear(answer: &Answer, reason: &str) {
    answer.assert_refused(reason);
    assert!(answer.status >= 400, "{answer:?}");
    let text = answer.text.to_ascii_lowercase();
    for foreign in ["btcpay", "nbxplorer", "node", "somewhere else", "10.", "127.0.0.1", "kestrel", "refused"]
    {
        assert!(!text.contains(foreign), "{foreign}: {answer:?}");
    }
}

#[tokio::test]
async fn a_silent_btcpay_costs_the_shop_its_deadline_and_no_second_invoice() {
    let stage = Stage::set_with(QUICK).await;
    let shop = stage.paired_shop().await;
    stage.sandbox.faults().next(creates(), 1, Fault::HangAfter(Duration::from_secs(2)));
    let asked = Instant::now();
    let answer = shop.create(ORDER).await;
    let waited = asked.elapsed();
    assert_clear(&answer, "deadline_exceeded");
    assert!((600..1900).contains(&waited.as_millis()), "{waited:?}");
    tokio::time::sleep(Duration::from_millis(1800)).await;
    let again = shop.create(ORDER).await.invoice_id();
    assert_eq!(stage.invoices().len(), 1);
    assert_eq!(stage.invoices()[0].id, again);
    assert_eq!(stage.creates_upstream().len(), 1);
    assert_eq!(shop.read_bare(&again).await.data_text("orderId"), "o-1");
}

#[tokio::test]
async fn a_repeat_while_the_create_is_still_silent_joins_it() {
    let stage = Stage::set_with(QUICK).await;
    let shop = stage.paired_shop().await;
    stage.sandbox.faults().next(creates(), 1, Fault::Delay(Duration::from_millis(1100)));
    assert_clear(&shop.create(ORDER).await, "deadline_exceeded");
    let joined = shop.create(ORDER).await.invoice_id();
    assert_eq!(stage.invoices()[0].id, joined);
    assert_eq!(stage.creates_upstream().len(), 1);
}

#[tokio::test]
async fn a_create_goes_on_when_its_shop_hangs_up() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    stage.sandbox.faults().next(creates(), 1, Fault::Delay(Duration::from_millis(500)));
    let gone = tokio::time::timeout(Duration::from_millis(200), shop.create(ORDER)).await;
    assert!(gone.is_err(), "the shop did not wait");
    until("BTCPay has the invoice", || stage.invoices().len() == 1).await;
    let again = shop.create(ORDER).await.invoice_id();
    assert_eq!(stage.invoices()[0].id, again);
    assert_eq!(stage.creates_upstream().len(), 1);
}

#[tokio::test]
async fn an_answer_cut_anywhere_is_made_good_by_the_mark() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    for (number, bytes) in [0, 20, 300, 700, 1500].into_iter().enumerate() {
        stage.sandbox.faults().next(creates(), 1, Fault::Cut(bytes));
        let order = format!(r#""price":10,"currency":"EUR","itemCode":"sku","posData":"cut at {bytes}""#);
        let answer = shop.create(&order).await;
        assert_eq!(answer.status, 200, "cut after {bytes} bytes: {answer:?}");
        assert_eq!(answer.data_text("posData"), format!("cut at {bytes}"));
        assert_eq!(answer.data_text("itemCode"), "sku");
        assert_eq!(stage.invoices().len(), number + 1);
        assert_eq!(stage.creates_upstream().len(), number + 1);
    }
}

#[tokio::test]
async fn an_empty_500_after_the_work_was_done_is_made_good_by_the_mark() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    stage.sandbox.faults().next(creates(), 1, Fault::Empty500After);
    let id = shop.create(ORDER).await.invoice_id();
    assert_eq!(stage.invoices()[0].id, id);
    assert_eq!(stage.creates_upstream().len(), 1);
}

#[tokio::test]
async fn what_btcpay_says_when_it_is_broken_stays_here_and_a_repeat_succeeds() {
    let cases = [
        (Fault::Empty500, "upstream_failed"),
        (Fault::Page(502), "upstream_failed"),
        (Fault::Page(200), "upstream_not_json"),
        (Fault::Refuse(Outage::NodeUnavailable), "upstream_backend_down"),
        (Fault::Refuse(Outage::NbxplorerRefused), "upstream_backend_down"),
    ];
    for (fault, reason) in cases {
        let stage = Stage::set_with("[limits]\ncreate_quiet_ms = 0\n").await;
        let shop = stage.paired_shop().await;
        stage.sandbox.faults().next(creates(), 1, fault.clone());
        let answer = shop.create(ORDER).await;
        assert_clear(&answer, reason);
        let id = shop.create(ORDER).await.invoice_id();
        assert_eq!(stage.invoices().len(), 1, "{fault:?}");
        assert_eq!(stage.invoices()[0].id, id, "{fault:?}");
    }
}

#[tokio::test]
async fn reads_of_a_broken_btcpay_are_refused_clearly() {
    let stage = Stage::set_with(QUICK).await;
    let shop = stage.paired_shop().await;
    let id = shop.create(ORDER).await.invoice_id();
    let cases = [
        (Fault::Empty500, "upstream_failed"),
        (Fault::Page(502), "upstream_failed"),
        (Fault::Page(200), "upstream_not_json"),
        (Fault::Cut(200), "upstream_cut"),
        (Fault::Hang(Duration::from_secs(2)), "upstream_timeout"),
    ];
    for (fault, reason) in cases {
        stage.sandbox.faults().next(Matching::on("GET", "/invoices/"), 1, fault.clone());
        assert_clear(&shop.read(&id).await, reason);
    }
    assert_eq!(shop.read(&id).await.status, 200);
}

#[tokio::test]
async fn a_btcpay_that_does_not_listen_is_said_at_once_and_a_repeat_succeeds_later() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    stage.close_btcpay().await;
    let asked = Instant::now();
    assert_clear(&shop.create(ORDER).await, "upstream_unreachable");
    assert!(asked.elapsed() < Duration::from_secs(2));
    assert!(stage.creates_upstream().is_empty());
    stage.open_btcpay().await;
    let id = shop.create(ORDER).await.invoice_id();
    assert_eq!(stage.invoices()[0].id, id);
    assert_eq!(stage.creates_upstream().len(), 1);
}

#[tokio::test]
async fn a_connection_that_btcpay_closed_while_it_was_idle_costs_nothing() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let id = shop.create(ORDER).await.invoice_id();
    stage.close_btcpay().await;
    stage.open_btcpay().await;
    assert_eq!(shop.read(&id).await.status, 200);
    shop.create(r#""price":11,"currency":"EUR""#).await.invoice_id();
    assert_eq!(stage.invoices().len(), 2);
}

/// BTCPay carries a create out after payferry has given it up: a repeat in between must not send a second one.
#[tokio::test]
async fn a_create_that_btcpay_carries_out_late_is_not_sent_again_in_between() {
    let late = "[limits]\nanswer_deadline_ms = 300\nanswer_deadline_short_ms = 300\n\
                create_reads_on_ms = 500\ncreate_quiet_ms = 6000\n";
    let stage = Stage::set_with(late).await;
    let shop = stage.paired_shop().await;
    stage.sandbox.faults().next(creates(), 1, Fault::Delay(Duration::from_secs(3)));
    assert_clear(&shop.create(ORDER).await, "deadline_exceeded");
    tokio::time::sleep(Duration::from_millis(700)).await;
    let asked = shop.create(ORDER).await;
    assert_clear(&asked, "create_in_progress");
    let found = shop.create_patiently(ORDER).await.invoice_id();
    assert_eq!(stage.invoices().len(), 1, "one order, one invoice");
    assert_eq!(stage.invoices()[0].id, found);
    assert_eq!(stage.creates_upstream().len(), 1);
}

/// An empty guid tells nothing: two customers with the same basket get their own invoices.
#[tokio::test]
async fn orders_with_an_empty_guid_are_never_joined() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let order = r#""price":10,"currency":"EUR","guid":"""#;
    let (one, other) = (shop.create(order).await.invoice_id(), shop.create(order).await.invoice_id());
    assert_ne!(one, other);
}

/// A shop that sends slowly and a BTCPay that is silent share one deadline: the shop gives up at 10 s, not later.
#[tokio::test]
async fn a_slow_body_and_a_silent_btcpay_share_one_deadline() {
    let stage = Stage::set_with(QUICK).await;
    let shop = stage.paired_shop().await;
    stage.sandbox.faults().next(creates(), 1, Fault::HangAfter(Duration::from_secs(2)));
    let payferry = stage.payferry();
    let body = shop.order(ORDER);
    let signature = shop.key.sign(&format!("http://{payferry}/invoices"), body.as_bytes());
    let head = format!(
        "POST /invoices HTTP/1.1\r\nHost: {payferry}\r\nx-identity: {}\r\nx-signature: {signature}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        shop.key.public().to_hex(),
        body.len()
    );
    let mut stream = TcpStream::connect(payferry).await.unwrap();
    let asked = Instant::now();
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("x-payferry-reason: deadline_exceeded"), "{answer}");
    assert!(asked.elapsed() < Duration::from_millis(1100), "{:?}", asked.elapsed());
}

/// Creates outlive their shops, so connections do not bound them: the limit does.
#[tokio::test]
async fn more_creates_than_the_limit_are_refused_before_anything_is_written() {
    let few = "[limits]\nanswer_deadline_ms = 400\nanswer_deadline_short_ms = 400\ncreates_under_way = 2\n";
    let stage = Stage::set_with(few).await;
    let shop = stage.paired_shop().await;
    stage.sandbox.faults().next(creates(), 2, Fault::Delay(Duration::from_secs(2)));
    for _ in 0..2 {
        assert_clear(&shop.create(r#""price":10,"currency":"EUR""#).await, "deadline_exceeded");
    }
    assert_clear(&shop.create(r#""price":10,"currency":"EUR""#).await, "overloaded");
    assert_eq!(stage.creates_upstream().len(), 2);
    until("the two are over", || stage.invoices().len() == 2).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    shop.create(r#""price":10,"currency":"EUR""#).await.invoice_id();
}

/// While the BTCPay of one store hangs, the shops of the others go on.
#[tokio::test]
async fn one_store_gets_no_more_than_three_quarters_of_the_places() {
    let few = "[limits]\nanswer_deadline_ms = 400\nanswer_deadline_short_ms = 400\ncreates_under_way = 4\n";
    let stage = Stage::set_with(few).await;
    let shop = stage.paired_shop().await;
    stage.add_store("second").await;
    let other = stage.shop_paired_with("second").await;
    stage.sandbox.faults().next(creates(), 3, Fault::Delay(Duration::from_secs(3)));
    for _ in 0..3 {
        assert_clear(&shop.create(r#""price":10,"currency":"EUR""#).await, "deadline_exceeded");
    }
    assert_clear(&shop.create(r#""price":10,"currency":"EUR""#).await, "overloaded");
    other.create(r#""price":10,"currency":"EUR""#).await.invoice_id();
}

#[tokio::test]
async fn exchanges_with_btcpay_are_counted_by_how_they_went() {
    let stage = Stage::set_with(QUICK).await;
    let shop = stage.paired_shop().await;
    let id = shop.create(ORDER).await.invoice_id();
    for fault in [Fault::Empty500, Fault::Page(200), Fault::Cut(200)] {
        stage.sandbox.faults().next(Matching::on("GET", "/invoices/"), 1, fault);
        shop.read(&id).await;
    }
    let metrics = stage.metrics().await;
    for result in ["answered", "failed", "nonsense", "cut"] {
        let line = format!("payferry_upstream_requests_total{{server=\"sandbox\",result=\"{result}\"}} 1\n");
        assert!(metrics.contains(&line), "{line} {metrics}");
    }
}
