//! Stories of a payferry that dies in the middle of a create: the shop asks again, and there is one invoice.
#![cfg(feature = "failpoints")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use payferry::sandbox::{Fault, Matching};
use support::process::{Process, free_address};
use support::{Stage, until};

const ORDER: &str = r#""price":10,"currency":"EUR","guid":"g-1","orderId":"o-1","posData":"mine""#;
const SIGABRT: i32 = 6;

/// What BTCPay had when payferry died, and how often it was asked to make the invoice in all.
struct Expected {
    invoices_at_death: usize,
    creates: usize,
    shop_heard: bool,
}

async fn dies_at(failpoint: &str, fault: Option<Fault>, expected: Expected) {
    let address = free_address();
    let stage = Stage::without_payferry("[limits]\ncreate_quiet_ms = 1500\n", &address.to_string()).await;
    let config = stage.config_file.clone();
    let mut process = Process::serve(&config, address, None);
    let shop = stage.paired_shop().await;
    drop(process);

    if let Some(fault) = fault {
        stage.sandbox.faults().next(Matching::on("POST", "/invoices"), 1, fault);
    }
    process = Process::serve(&config, address, Some(failpoint));
    let heard = shop.try_create(ORDER).await;
    assert_eq!(heard.is_some(), expected.shop_heard, "{heard:?}");
    assert_eq!(process.ended().signal(), Some(SIGABRT), "it died at {failpoint}");
    until("BTCPay has carried out what it was sent", || stage.invoices().len() == expected.invoices_at_death)
        .await;
    let row = rows(&stage).await;
    assert_eq!(row.len(), 1);

    process = Process::serve(&config, address, None);
    let again = shop.create_patiently(ORDER).await;
    let id = again.invoice_id();
    assert_eq!(again.data_text("posData"), "mine");
    assert_eq!(stage.invoices().len(), 1, "one order, one invoice");
    assert_eq!(stage.invoices()[0].id, id);
    assert_eq!(stage.creates_upstream().len(), expected.creates);
    assert_eq!(rows(&stage).await, row, "the same row");
    assert!(stage.invoices()[0].item_code.clone().unwrap().ends_with(&row[0]), "the row's mark");
    if let Some(first) = heard {
        assert_eq!(first.invoice_id(), id);
    }
    drop(process);
}

/// The ids of the ledger's invoice rows.
async fn rows(stage: &Stage) -> Vec<String> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(stage.config().ledger.path);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let rows = sqlx::query_scalar("SELECT row_id FROM invoices").fetch_all(&pool).await.unwrap();
    pool.close().await;
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_row_nothing_was_sent_and_the_repeat_makes_the_invoice() {
    let expected = Expected { invoices_at_death: 0, creates: 1, shop_heard: false };
    dies_at("row_committed", None, expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_bytes_the_repeat_finds_the_invoice_by_its_mark() {
    let expected = Expected { invoices_at_death: 1, creates: 1, shop_heard: false };
    dies_at("bytes_sent", Some(Fault::HangAfter(Duration::from_secs(1))), expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_bytes_that_btcpay_never_acted_on_the_repeat_sends_them_again() {
    let expected = Expected { invoices_at_death: 0, creates: 2, shop_heard: false };
    dies_at("bytes_sent", Some(Fault::Hang(Duration::from_secs(1))), expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_btcpays_head_the_repeat_finds_the_invoice_by_its_mark() {
    let expected = Expected { invoices_at_death: 1, creates: 1, shop_heard: false };
    dies_at("head_received", None, expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_second_commit_the_repeat_reads_the_invoice() {
    let expected = Expected { invoices_at_death: 1, creates: 1, shop_heard: false };
    dies_at("answer_committed", None, expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_answer_the_repeat_gets_the_same_invoice() {
    let expected = Expected { invoices_at_death: 1, creates: 1, shop_heard: true };
    dies_at("answer_sent", None, expected).await;
}
