//! The journal of divergences: what it keeps, and that nobody ever waits for it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::borrow::Cow;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use payferry::app::now_ms;
use payferry::divergence::{Divergence, Kind, Shape};
use payferry::journal::{Journal, Sighting};
use payferry::ledger::{DivergenceRow, DivergenceWriter, Ledger, OTHER_AGENTS};
use payferry::telemetry::Metrics;
use sqlx::{Connection, Executor, SqliteConnection};
use support::small_disk::{fill, small_disk};
use support::{Shop, Stage};
use tokio_util::sync::CancellationToken;

/// Requests in each of the stories of a bad disk.
const REQUESTS: usize = 10_000;
const AT_ONCE: usize = 8;

fn metric(text: &str, name: &str) -> u64 {
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Reads one invoice, bare and now and then signed, all through BTCPay; each leaves something in the
/// journal, and every answer must be what it always is.
async fn ask_often(shop: &Shop, id: &str) {
    let shop = &shop.keeping_connections();
    let one = || async {
        for number in 0..REQUESTS / AT_ONCE {
            let answer = match number % 20 {
                0 => shop.read(id).await,
                _ => shop.read_bare(id).await,
            };
            assert_eq!(answer.status, 200, "request {number}: {}", answer.text);
        }
    };
    let all: Vec<_> = std::iter::repeat_with(one).take(AT_ONCE).collect();
    futures_util::future::join_all(all).await;
}

async fn kept(ledger: &Ledger) -> Vec<DivergenceRow> {
    ledger.divergences(0, None).await.unwrap()
}

/// Waits until the journal has what was seen.
async fn written(stage: &Stage, holds: impl Fn(&[DivergenceRow]) -> bool) -> Vec<DivergenceRow> {
    let ledger = stage.ledger().await;
    for _ in 0..100 {
        let rows = kept(&ledger).await;
        if holds(&rows) {
            ledger.close().await;
            return rows;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("in vain: {:#?}", kept(&ledger).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_s_life_leaves_one_row_for_each_difference() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let order = r#""price":10,"currency":"EUR","posData":"{\"b\":1,\"a\":\"Ada\"}","closeURL":"https://a.b","guid":"1""#;
    let id = shop.create(order).await.invoice_id();
    assert_eq!(shop.create(order).await.invoice_id(), id);
    for _ in 0..3 {
        shop.read(&id).await;
        shop.read_bare(&id).await;
    }
    shop.read("noSuchInvoiceAtBtcpay1").await;
    // The rows come in groups: the last of these may be there later than the first.
    let expected = [
        ("null-optional-fields", "create_invoice", 2),
        ("null-optional-fields", "read_invoice", 6),
        ("posdata-json-rewritten", "read_invoice", 6),
        ("request-closeurl-ignored", "create_invoice", 2),
        ("route-public-get-invoice-403", "read_invoice", 3),
    ];
    let counted = |rows: &[DivergenceRow], identity: &str, endpoint: &str| {
        let of = |row: &&DivergenceRow| {
            row.identity == identity && row.endpoint == endpoint && row.store == "main"
        };
        rows.iter().filter(of).map(|row| row.count).sum::<i64>()
    };
    let all = |rows: &[DivergenceRow]| {
        expected.iter().all(|(identity, endpoint, count)| counted(rows, identity, endpoint) == *count)
    };
    let rows = written(&stage, all).await;
    let uncatalogued: Vec<_> = rows.iter().filter(|row| row.catalogue_id.is_none()).collect();
    assert!(uncatalogued.is_empty(), "{uncatalogued:#?}");
    let text = format!("{rows:?}");
    for secret in ["Ada", "a.b", &id] {
        assert!(!text.contains(secret), "{secret} is in the journal: {text}");
    }
    assert_eq!(metric(&stage.metrics().await, "payferry_divergences_dropped_total"), 0);
}

/// A failed answer of BTCPay's is a divergence like any other.
#[tokio::test]
async fn failures_of_btcpay_are_kept() {
    use payferry::sandbox::{Fault, Matching};

    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let id = shop.create(r#""price":10,"currency":"EUR""#).await.invoice_id();
    stage.sandbox.faults().next(Matching::on("GET", "/invoices"), 1, Fault::Empty500);
    assert_eq!(shop.read(&id).await.status, 502);
    let failed = |rows: &[DivergenceRow]| rows.iter().any(|row| row.identity == "error-500-empty-body");
    let rows = written(&stage, failed).await;
    let row = rows.iter().find(|row| row.identity == "error-500-empty-body").unwrap();
    let known = (row.endpoint.as_str(), row.store.as_str(), row.agent.as_str(), row.sample.as_str());
    assert_eq!(known, ("read_invoice", "main", "", "status 500, no body"));
    assert_eq!(row.repaired, "yes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_costs_no_request() {
    let Some(disk) = small_disk("a_full_disk_costs_no_request", "3m") else { return };
    let stage = Stage::set_with_ledger_in(&disk).await;
    let shop = stage.paired_shop().await;
    let id = shop.create(r#""price":10,"currency":"EUR""#).await.invoice_id();
    let ballast = fill(&disk);
    ask_often(&shop, &id).await;
    let metrics = stage.metrics().await;
    assert!(metric(&metrics, "payferry_journal_failures_total") > 0, "the disk was full");
    assert_eq!(metric(&metrics, "payferry_divergences_dropped_total"), 0);
    std::fs::remove_file(ballast).unwrap();
    written(&stage, all_are_there).await;
}

/// Every read shows BTCPay's own list of payment methods. payferry's own looks at the one invoice are few.
fn all_are_there(rows: &[DivergenceRow]) -> bool {
    let of = |row: &&DivergenceRow| row.identity == "extra-cryptoinfo" && row.endpoint == "read_invoice";
    let all = rows.iter().filter(of).map(|row| row.count).sum::<i64>() - REQUESTS as i64;
    assert!(all < 100, "more than there were");
    all >= 0
}

/// The folder is mounted anew, read-only, over itself: what is open goes on, what is opened then is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_disk_costs_no_request() {
    let Some(disk) = small_disk("a_read_only_disk_costs_no_request", "20m") else { return };
    let stage = Stage::set_with_ledger_in(&disk).await;
    let shop = stage.paired_shop().await;
    mount(&["--bind"], &disk, &disk);
    mount(&["-o", "remount,ro,bind"], &disk, &disk);
    let id = shop.create(r#""price":10,"currency":"EUR""#).await.invoice_id();
    ask_often(&shop, &id).await;
    let metrics = stage.metrics().await;
    assert!(metric(&metrics, "payferry_journal_failures_total") > 0, "the disk was read-only");
    assert_eq!(metric(&metrics, "payferry_divergences_dropped_total"), 0);
    assert!(Command::new("umount").arg("-l").arg(&disk).status().unwrap().success());
    written(&stage, all_are_there).await;
}

fn mount(options: &[&str], from: &Path, to: &Path) {
    let ran = Command::new("mount").args(options).arg(from).arg(to).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// Somebody else holds the lock for writing all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_is_locked_costs_no_request() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let id = shop.create(r#""price":10,"currency":"EUR""#).await.invoice_id();
    let address = format!("sqlite://{}", stage.config().ledger.path.display());
    let mut other = SqliteConnection::connect(&address).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    ask_often(&shop, &id).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let metrics = stage.metrics().await;
    assert!(metric(&metrics, "payferry_journal_failures_total") > 0, "the ledger was locked");
    assert_eq!(metric(&metrics, "payferry_divergences_dropped_total"), 0);
    other.execute("ROLLBACK").await.unwrap();
    written(&stage, all_are_there).await;
}

fn found(pointer: String) -> Vec<Divergence> {
    vec![Divergence { pointer: Cow::Owned(pointer), kind: Kind::ExtraField, id: None, shape: Shape::Null }]
}

async fn empty_ledger(folder: &Path) -> (std::path::PathBuf, Ledger) {
    let path = folder.join("ledger.sqlite3");
    let ledger = Ledger::open(&path).await.unwrap();
    (path, ledger)
}

#[tokio::test]
async fn counts_survive_a_restart_and_are_merged() {
    let folder = tempfile::tempdir().unwrap();
    let (path, ledger) = empty_ledger(folder.path()).await;
    for life in 1..=3 {
        let (journal, keeper) = Journal::new(Metrics::new(), now_ms);
        let kept = tokio::spawn(keeper.keep(DivergenceWriter::new(&path, 10), CancellationToken::new()));
        for _ in 0..life {
            let sighting = Sighting { endpoint: "read_invoice", store: "main", agent: "shop/1" };
            journal.note(&sighting, found("/data/new".to_owned()));
        }
        drop(journal);
        kept.await.unwrap();
    }
    let rows = ledger.divergences(0, None).await.unwrap();
    let [row] = rows.as_slice() else { panic!("{rows:#?}") };
    assert_eq!((row.count, row.identity.as_str()), (6, "extra_field /data/new"));
    assert!(row.first_seen < row.last_seen);
    let later = row.last_seen + 1;
    assert_eq!(ledger.divergences(later, None).await.unwrap().len(), 1, "news are never left out");
    ledger.acknowledge_divergences(&rows, now_ms()).await.unwrap();
    assert!(ledger.divergences(later, None).await.unwrap().is_empty());
    assert!(ledger.divergences(0, Some("other")).await.unwrap().is_empty());
    assert_eq!(ledger.divergences(0, Some("main")).await.unwrap().len(), 1);
}

/// Strangers choose how they name themselves; the ledger does not grow with them.
#[tokio::test]
async fn rows_are_bounded_and_what_finds_no_room_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (path, ledger) = empty_ledger(folder.path()).await;
    let metrics = Metrics::new();
    let (journal, keeper) = Journal::new(metrics.clone(), now_ms);
    let kept = tokio::spawn(keeper.keep(DivergenceWriter::new(&path, 10), CancellationToken::new()));
    for number in 0..100 {
        let agent = format!("agent {number}");
        let sighting = Sighting { endpoint: "read_invoice", store: "main", agent: &agent };
        journal.note(&sighting, found("/data/new".to_owned()));
    }
    for number in 0..100 {
        let sighting = Sighting { endpoint: "read_invoice", store: "main", agent: "shop/1" };
        journal.note(&sighting, found(format!("/data/m{number}")));
    }
    drop(journal);
    kept.await.unwrap();
    let rows = ledger.divergences(0, None).await.unwrap();
    assert_eq!(rows.len(), 20, "{rows:#?}");
    let counted: i64 = rows.iter().map(|row| row.count).sum();
    let dropped = metric(&metrics.encode(), "payferry_divergences_dropped_total");
    assert_eq!(u64::try_from(counted).unwrap() + dropped, 200);
    assert!(rows.iter().any(|row| row.agent == OTHER_AGENTS));
}

/// Memory is bounded too, while nothing can be written.
#[tokio::test]
async fn memory_is_bounded_and_what_finds_no_room_is_counted() {
    let metrics = Metrics::new();
    let (journal, _keeper) = Journal::new(metrics.clone(), now_ms);
    for number in 0..20_000 {
        let sighting = Sighting { endpoint: "read_invoice", store: "main", agent: "shop/1" };
        assert_eq!(journal.note(&sighting, found(format!("/data/m{number}"))), 1);
    }
    let text = metrics.encode();
    assert_eq!(metric(&text, "payferry_divergences_dropped_total"), 20_000 - 8192);
    let all = r#"payferry_divergences_total{endpoint="read_invoice",kind="extra_field",id="uncatalogued"}"#;
    assert_eq!(metric(&text, all), 20_000, "counted always");
}

/// A row as any other, of its own agent.
fn a_row(number: usize, last_seen: i64) -> DivergenceRow {
    DivergenceRow {
        identity: "null-optional-fields".to_owned(),
        endpoint: "read_invoice".to_owned(),
        store: "main".to_owned(),
        agent: format!("agent {number}"),
        catalogue_id: Some("null-optional-fields".to_owned()),
        kind: "null_value".to_owned(),
        pointer: "/data/posData".to_owned(),
        sample: "null".to_owned(),
        repaired: "yes".to_owned(),
        first_seen: last_seen,
        last_seen,
        count: 1,
        acknowledged_at: None,
    }
}

/// Thousands of shops leave more rows in a few seconds than may wait while the ledger cannot be written.
#[tokio::test]
async fn a_ledger_that_can_be_written_drops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (path, ledger) = empty_ledger(folder.path()).await;
    let metrics = Metrics::new();
    let (journal, keeper) = Journal::new(metrics.clone(), now_ms);
    for number in 0..300 {
        let agent = format!("shop/{number}");
        let sighting = Sighting { endpoint: "read_invoice", store: "main", agent: &agent };
        journal.note(&sighting, (0..40).flat_map(|member| found(format!("/data/m{member}"))).collect());
    }
    let kept = tokio::spawn(keeper.keep(DivergenceWriter::new(&path, 20_000), CancellationToken::new()));
    // Until its first turn is over; at the end there is little time.
    for _ in 0..200 {
        if ledger.divergences(0, None).await.unwrap().len() == 12_000 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    drop(journal);
    kept.await.unwrap();
    assert_eq!(metric(&metrics.encode(), "payferry_divergences_dropped_total"), 0);
    assert_eq!(ledger.divergences(0, None).await.unwrap().len(), 12_000);
}

/// What is long gone makes room; what an operator has not seen yet stays as long as it can.
#[tokio::test]
async fn what_was_not_seen_for_long_is_forgotten() {
    const DAY: i64 = 86_400_000;
    let folder = tempfile::tempdir().unwrap();
    let (path, ledger) = empty_ledger(folder.path()).await;
    let now = now_ms();
    let mut writer = DivergenceWriter::new(&path, 10);
    let days_ago = [401, 402, 399, 31, 31, 1, 0, 0, 0, 0];
    let mut rows: Vec<_> =
        days_ago.iter().enumerate().map(|(number, days)| a_row(number, now - days * DAY)).collect();
    writer.merge(&mut rows).await.unwrap();
    let rows = ledger.divergences(now - 32 * DAY, None).await.unwrap();
    let noted: Vec<_> =
        rows.into_iter().filter(|row| ["agent 3", "agent 5", "agent 6"].contains(&&*row.agent)).collect();
    ledger.acknowledge_divergences(&noted, now).await.unwrap();
    assert_eq!(writer.forget(now).await.unwrap(), 2);
    let agents = || async {
        let rows = ledger.divergences(0, None).await.unwrap();
        rows.into_iter().map(|row| row.agent).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(agents().await.len(), 8, "there is room: nothing else goes");
    writer.merge(&mut vec![a_row(10, now), a_row(11, now)]).await.unwrap();
    assert_eq!(writer.forget(now).await.unwrap(), 1);
    let left = agents().await;
    assert!(!left.contains("agent 3") && left.contains("agent 4") && left.contains("agent 5"), "{left:?}");
}

/// Where nobody but the journal writes, the write-ahead log must not grow for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_stays_short_though_only_the_journal_writes() {
    let mut sizes = Vec::new();
    for carried_over in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (path, ledger) = empty_ledger(folder.path()).await;
        let stop = CancellationToken::new();
        if carried_over {
            tokio::spawn(ledger.clone().keep_log_short(Duration::from_millis(20), stop.clone()));
        }
        let mut writer = DivergenceWriter::new(&path, 20_000);
        for turn in 0..40 {
            let mut rows: Vec<_> = (0..300).map(|number| a_row(number, now_ms() + turn)).collect();
            writer.merge(&mut rows).await.unwrap();
        }
        stop.cancel();
        sizes.push(std::fs::metadata(folder.path().join("ledger.sqlite3-wal")).unwrap().len());
    }
    assert!(sizes[1] < sizes[0] / 2, "{sizes:?}");
}

/// The directory of stores and credentials is read anew when one of them has changed, not with every row of
/// the journal.
#[tokio::test]
async fn the_journal_does_not_change_the_directory() {
    let folder = tempfile::tempdir().unwrap();
    let (path, ledger) = empty_ledger(folder.path()).await;
    let before = ledger.directory_version().await.unwrap();
    let mut writer = DivergenceWriter::new(&path, 100);
    writer.merge(&mut vec![a_row(1, now_ms())]).await.unwrap();
    assert_eq!(ledger.directory_version().await.unwrap(), before);
    let mut other = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    for sql in [
        "INSERT INTO stores (id, name, server, epoch, created_at) VALUES ('s', 'main', 'sandbox', 1, 0)",
        "UPDATE stores SET settlement = 'bitpay' WHERE id = 's'",
        "INSERT INTO identities (sin, store_id) VALUES ('T', 's')",
        "INSERT INTO credentials (id, store_id, kind, facade, token_hash, created_at) \
         VALUES ('c', 's', 'token', 'pos', 'h', 0)",
        "UPDATE credentials SET revoked_at = 1 WHERE id = 'c'",
        "DELETE FROM credentials WHERE id = 'c'",
        "DELETE FROM identities WHERE sin = 'T'",
        "DELETE FROM stores WHERE id = 's'",
    ] {
        let before = ledger.directory_version().await.unwrap();
        other.execute(sql).await.unwrap();
        assert!(ledger.directory_version().await.unwrap() > before, "another process did: {sql}");
    }
}

/// A create is the one call that shares the lock for writing with the journal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn creates_are_answered_while_much_is_written() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await.keeping_connections();
    let path = stage.config().ledger.path.clone();
    let flood = async {
        let mut writer = DivergenceWriter::new(&path, 20_000);
        let mut rows: Vec<_> = (0..10_000).map(|number| a_row(number, now_ms())).collect();
        // The keeper of the journal waits as long as it must; the lock may be a create's.
        while writer.merge(&mut rows).await.is_err() {}
    };
    let flooded = std::sync::atomic::AtomicBool::new(false);
    let creates = async {
        let mut creates = 0;
        while !flooded.load(std::sync::atomic::Ordering::Relaxed) || creates < 20 {
            let answer = shop.create(r#""price":10,"currency":"EUR""#).await;
            assert_eq!(answer.status, 200, "create {creates}: {answer:?}");
            creates += 1;
        }
    };
    let flood = async {
        flood.await;
        flooded.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    tokio::join!(flood, creates);
    written(&stage, |rows| rows.iter().filter(|row| row.agent.starts_with("agent ")).count() == 10_000).await;
}

#[derive(Clone, Default)]
struct Lines(std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl std::io::Write for Lines {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        let lines = text.iter().filter(|byte| **byte == b'\n').count();
        self.0.fetch_add(lines, std::sync::atomic::Ordering::Relaxed);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Each thing is told once; when there are too many to remember, none is told over and over.
#[test]
fn events_end_where_there_are_too_many_to_remember() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    let told = || lines.0.load(std::sync::atomic::Ordering::Relaxed);
    tracing::subscriber::with_default(subscriber, || {
        let (journal, _keeper) = Journal::new(Metrics::new(), now_ms);
        let sighting = Sighting { endpoint: "read_invoice", store: "main", agent: "shop/1" };
        let note = |number: u32| journal.note(&sighting, found(format!("/data/m{number}")));
        for number in 0..25_000 {
            note(number);
        }
        assert_eq!(told(), 20_001, "the last says that it is the last");
        for number in 24_000..25_000 {
            note(number);
        }
        assert_eq!(told(), 20_001);
    });
}
