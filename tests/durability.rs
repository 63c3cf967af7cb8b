//! Stories of the disk under the ledger: what is synced before a shop hears, and what a full disk costs.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::path::Path;
use std::process::Command;

use support::Stage;
use support::process::{Process, free_address};
use support::small_disk::{fill, small_disk};

const CREATES: usize = 25;

fn order(number: usize) -> String {
    format!(r#""price":10,"currency":"EUR","guid":"g-{number}","posData":"mine""#)
}

/// Syncs so far: of the write-ahead log, and of any other file.
fn syncs(trace: &Path) -> (usize, usize) {
    let text = std::fs::read_to_string(trace).unwrap();
    // "<unfinished ...>" and "resumed" are two lines of one call; only the first names the file.
    let calls = text.lines().filter(|line| line.contains("sync(") && !line.contains("resumed"));
    let (log, other): (Vec<_>, Vec<_>) = calls.partition(|line| line.contains("ledger.sqlite3-wal>"));
    (log.len(), other.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_create_is_synced_twice_row_before_bytes_and_id_before_answer() {
    let address = free_address();
    let stage = Stage::without_payferry("", &address.to_string()).await;
    let trace = stage.folder().join("strace.txt");
    let there = Command::new("strace").arg("-V").output();
    assert!(there.is_ok_and(|ran| ran.status.success()), "strace is needed; see tools/needs.sh");
    // -D makes payferry the child, so that ending it ends strace too.
    let mut strace = Command::new("strace");
    strace.args(["-D", "-f", "-y", "-e", "trace=fdatasync,fsync", "-o"]).arg(&trace);
    let process = Process::serve_under(strace, &stage.config_file, address);
    let shop = stage.paired_shop().await;
    shop.create(&order(0)).await.invoice_id();

    let (log_before, other_before) = syncs(&trace);
    assert!(log_before > 0, "strace sees the syncs");
    for number in 1..=CREATES {
        shop.create(&order(number)).await.invoice_id();
    }
    let (log, other) = syncs(&trace);
    // The log is carried over into the database after 1000 pages (4 MB); so few creates stay below.
    let size = std::fs::metadata(stage.config().ledger.path.with_extension("sqlite3-wal")).unwrap().len();
    assert!(size < 4_000_000, "{size}");
    assert_eq!((log - log_before, other - other_before), (2 * CREATES, 0));

    let id = shop.create(&order(1)).await.invoice_id();
    shop.read(&id).await;
    shop.read_bare(&id).await;
    assert_eq!(stage.creates_upstream().len(), 1 + CREATES);
    println!("{} syncs for {CREATES} creates", log - log_before);
    drop(process);
}

#[tokio::test]
async fn a_full_disk_refuses_creates_before_btcpay_hears_of_them_and_goes_on_reading() {
    let name = "a_full_disk_refuses_creates_before_btcpay_hears_of_them_and_goes_on_reading";
    let Some(disk) = small_disk(name, "2m") else { return };
    let stage = Stage::set_with_ledger_in(&disk).await;
    let shop = stage.paired_shop().await;
    let id = shop.create(&order(0)).await.invoice_id();
    let ballast = fill(&disk);
    stage.sandbox.faults().forget_requests();

    for number in 1..=10 {
        shop.create(&order(number)).await.assert_refused("ledger_unavailable");
    }
    assert!(stage.sandbox.faults().requests().is_empty(), "nothing reached BTCPay");
    assert_eq!(shop.read(&id).await.data_text("posData"), "mine");
    assert_eq!(shop.read_bare(&id).await.data_text("posData"), "mine");
    assert_eq!(shop.create(&order(11)).await.status, 503);

    std::fs::remove_file(ballast).unwrap();
    for number in 1..=10 {
        shop.create(&order(number)).await.invoice_id();
    }
    assert_eq!(stage.invoices().len(), 11);
    assert_eq!(shop.create(&order(0)).await.invoice_id(), id, "the row from before is there");
}

/// The row may still fit and BTCPay's answer not: the shop hears an error, its repeat gets the invoice.
#[tokio::test]
async fn a_disk_that_gets_full_in_the_middle_of_a_create_makes_no_second_invoice() {
    let name = "a_disk_that_gets_full_in_the_middle_of_a_create_makes_no_second_invoice";
    let Some(disk) = small_disk(name, "3m") else { return };
    let stage = Stage::set_with_ledger_in(&disk).await;
    let shop = stage.paired_shop().await;
    shop.create(&order(0)).await.invoice_id();
    let mut made_but_not_kept = 0;
    for pages in 1..=20 {
        let ballast = fill(&disk);
        let file = std::fs::File::options().write(true).open(&ballast).unwrap();
        file.set_len(file.metadata().unwrap().len() - pages * 4096).unwrap();
        let before = stage.invoices().len();
        let number = usize::try_from(pages).unwrap();
        let answer = shop.create(&order(number)).await;
        let made = stage.invoices().len() - before;
        if answer.status != 200 {
            answer.assert_refused("ledger_unavailable");
            made_but_not_kept += made;
        }
        drop(file);
        std::fs::remove_file(ballast).unwrap();
        let id = shop.create(&order(number)).await.invoice_id();
        assert_eq!(stage.invoices().len(), before + 1, "{pages} free pages: {answer:?}");
        assert_eq!(shop.read_bare(&id).await.data_text("posData"), "mine");
    }
    assert!(made_but_not_kept > 0, "the disk got full between the two commits at least once");
}
