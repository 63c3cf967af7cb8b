//! Stories of the ledger: what is durable, what is unique, what several writers may do at once.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[allow(dead_code, reason = "this story fills the disk with rows")]
#[path = "support/small_disk.rs"]
mod small_disk;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use payferry::bitid::{SecretKey, Sin};
use payferry::ledger::{
    Credential, CredentialKind, Facade, InvoiceRow, InvoiceState, Ledger, LedgerError, NewInvoice,
    NewPairing, Overrides, Reservation, TokenSource,
};
use payferry::secrets::{MasterSecret, token_hash};
use tempfile::TempDir;
use tokio::task::JoinSet;

struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("ledger.db")
    }

    async fn open(&self) -> Ledger {
        Ledger::open(&self.file()).await.unwrap()
    }

    async fn with_store(&self) -> Ledger {
        let ledger = self.open().await;
        ledger.add_store("s1", "shop", "main", 1).await.unwrap();
        ledger
    }

    /// Every byte that SQLite wrote, the write-ahead log included.
    fn bytes(&self) -> Vec<u8> {
        files(self.0.path()).iter().flat_map(|file| std::fs::read(file).unwrap()).collect()
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

const SETTLEMENT: payferry::presented::Settlement = payferry::presented::Settlement::Btcpay;

fn invoice(row: &str, guid: Option<&str>, fingerprint: &str) -> NewInvoice {
    NewInvoice {
        row_id: row.to_owned(),
        store_id: "s1".to_owned(),
        credential_id: Some("c1".to_owned()),
        guid: guid.map(str::to_owned),
        fingerprint: fingerprint.to_owned(),
        words_sealed: b"sealed words".to_vec(),
        dialect: "signed".to_owned(),
        host: "bitpay.com".to_owned(),
        agent: "agent".to_owned(),
        era: payferry::contract::Era::Every,
        settlement: SETTLEMENT,
        notification_id: format!("n-{row}"),
        created_at: 5,
        sent_by: "life-1".to_owned(),
    }
}

async fn new_row(ledger: &Ledger, row: &str) -> InvoiceRow {
    match ledger.reserve_invoice(invoice(row, Some(row), "f")).await.unwrap() {
        Reservation::New { row, .. } => row,
        Reservation::Existing(row) => panic!("{row:?} was there"),
    }
}

fn sin(byte: u8) -> Sin {
    SecretKey::from_bytes([byte; 32]).unwrap().public().sin()
}

fn credential(store: &str, sin: &Sin) -> Credential {
    let hash = token_hash(&format!("{store} {sin}"));
    Credential {
        id: hash[..16].to_owned(),
        store_id: store.to_owned(),
        kind: CredentialKind::Token,
        sin: Some(sin.clone()),
        facade: Facade::Merchant,
        source: TokenSource::Derived { scope: store.to_owned(), epoch: 1 },
        token_hash: hash,
        overrides: Overrides::default(),
        created_at: 1,
    }
}

async fn code(ledger: &Ledger, hash: &str, sin: Option<Sin>, store: Option<&str>) {
    let pairing = NewPairing {
        code_hash: hash.to_owned(),
        code: None,
        store_id: store.map(str::to_owned),
        sin,
        facade: Facade::Merchant,
        label: None,
        created_at: 1,
        expires_at: 1000,
    };
    ledger.add_pairing(pairing).await.unwrap();
}

#[tokio::test]
async fn nobody_else_may_read_the_files() {
    let home = Home::new();
    let ledger = home.with_store().await;
    let files = files(home.0.path());
    assert!(files.len() >= 2, "the write-ahead log was expected: {files:?}");
    for file in files {
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o077, 0, "{}", file.display());
    }
    drop(ledger);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_together_agree_on_the_tables() {
    let home = Home::new();
    let mut opening = JoinSet::new();
    for _ in 0..6 {
        let file = home.file();
        opening.spawn(async move { Ledger::open(&file).await });
    }
    for opened in opening.join_all().await {
        opened.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_writes_share_a_commit() {
    let home = Home::new();
    let ledger = home.with_store().await;
    let before = ledger.commits();
    let mut writes = JoinSet::new();
    for at in 0..100 {
        let ledger = ledger.clone();
        writes.spawn(async move { new_row(&ledger, &format!("r{at}")).await });
    }
    assert_eq!(writes.join_all().await.len(), 100);
    let commits = ledger.commits() - before;
    assert!(commits <= 25, "{commits} commits for 100 rows");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_write_does_not_fail_its_neighbours() {
    let home = Home::new();
    let ledger = home.with_store().await;
    let mut writes = JoinSet::new();
    for at in 0..60 {
        let ledger = ledger.clone();
        let mut new = invoice(&format!("r{at}"), None, "f");
        if at % 10 == 0 {
            new.store_id = "no such store".to_owned();
        }
        writes.spawn(async move { ledger.reserve_invoice(new).await.is_ok() });
    }
    assert_eq!(writes.join_all().await.into_iter().filter(|good| *good).count(), 54);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_order_fifty_times_at_once_is_one_row() {
    let home = Home::new();
    let one = home.with_store().await;
    let other = home.open().await;
    let mut writes = JoinSet::new();
    for at in 0..50 {
        let ledger = if at % 2 == 0 { one.clone() } else { other.clone() };
        writes.spawn(async move { ledger.reserve_invoice(invoice(&format!("r{at}"), Some("g"), "f")).await });
    }
    let outcomes: Vec<_> = writes.join_all().await.into_iter().map(Result::unwrap).collect();
    let new: Vec<_> = outcomes.iter().filter(|one| matches!(one, Reservation::New { .. })).collect();
    let [Reservation::New { row, same_guid_other_body: false }] = new.as_slice() else {
        panic!("{} new rows", new.len())
    };
    for outcome in &outcomes {
        let (Reservation::New { row: seen, .. } | Reservation::Existing(seen)) = outcome;
        assert_eq!(seen.row_id, row.row_id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_may_write_at_the_same_time() {
    let home = Home::new();
    let ledgers = [home.with_store().await, home.open().await];
    let mut writes = JoinSet::new();
    for (process, ledger) in ledgers.into_iter().enumerate() {
        for worker in 0..4 {
            let ledger = ledger.clone();
            writes.spawn(async move {
                for at in 0..40 {
                    new_row(&ledger, &format!("p{process}-{worker}-{at}")).await;
                }
            });
        }
    }
    writes.join_all().await;
}

#[tokio::test]
async fn the_same_guid_for_another_order_is_new_and_says_so() {
    let home = Home::new();
    let ledger = home.with_store().await;
    for (row, guid, fingerprint, credential, expected) in [
        ("r1", Some("g"), "f1", "c1", Some(false)),
        ("r2", Some("g"), "f2", "c1", Some(true)),
        ("r3", Some("g"), "f1", "c1", None),
        ("r4", Some("g"), "f1", "c2", Some(false)),
        ("r5", None, "f1", "c1", Some(false)),
        ("r6", None, "f1", "c1", Some(false)),
    ] {
        let mut new = invoice(row, guid, fingerprint);
        new.credential_id = Some(credential.to_owned());
        match ledger.reserve_invoice(new).await.unwrap() {
            Reservation::New { same_guid_other_body, .. } => assert_eq!(Some(same_guid_other_body), expected),
            Reservation::Existing(seen) => {
                assert_eq!(expected, None, "{row}");
                assert_eq!(seen.row_id, "r1");
            }
        }
    }
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_crash() {
    let home = Home::new();
    let ledger = home.with_store().await;
    new_row(&ledger, "r1").await;
    new_row(&ledger, "r2").await;
    ledger.bind_invoice("r1", "inv-1", b"answer".to_vec(), 9, 60_000).await.unwrap();
    // As a killed process leaves it: nothing was closed, and the files are copied as they stand.
    let copy = Home::new();
    for file in files(home.0.path()).iter().filter(|file| !file.ends_with("ledger.db-shm")) {
        std::fs::copy(file, copy.0.path().join(file.file_name().unwrap())).unwrap();
    }
    let again = copy.open().await;
    let row = again.find_invoice("inv-1").await.unwrap().unwrap();
    assert_eq!((row.row_id.as_str(), row.state), ("r1", InvoiceState::Created));
    assert_eq!(row.answer_sealed.as_deref(), Some(b"answer".as_slice()));
    let second = again.reserve_invoice(invoice("r9", Some("r2"), "f")).await.unwrap();
    assert!(matches!(second, Reservation::Existing(row) if row.state == InvoiceState::Pending));
}

#[tokio::test]
async fn an_invoice_id_is_bound_once_and_to_a_row_that_exists() {
    let home = Home::new();
    let ledger = home.with_store().await;
    new_row(&ledger, "r1").await;
    new_row(&ledger, "r2").await;
    let bind = |row, id| ledger.bind_invoice(row, id, b"answer".to_vec(), 9, 60_000);
    bind("r1", "inv-1").await.unwrap();
    bind("r1", "inv-1").await.unwrap();
    for (row, id) in [("r1", "inv-2"), ("r2", "inv-1"), ("missing", "inv-3")] {
        let refused = bind(row, id).await;
        assert!(matches!(refused, Err(LedgerError::Conflict(_))), "{row} {id}: {refused:?}");
    }
    assert_eq!(ledger.find_invoice("inv-1").await.unwrap().unwrap().row_id, "r1");
}

#[tokio::test]
async fn a_row_is_reopened_by_one_only_and_never_once_it_is_created() {
    let home = Home::new();
    let ledger = home.with_store().await;
    let row = new_row(&ledger, "r1").await;
    assert!(
        ledger.reopen_invoice(&row, "life-2", b"words".to_vec(), SETTLEMENT, 6).await.unwrap(),
        "a dead life's row"
    );
    assert!(
        !ledger.reopen_invoice(&row, "life-3", b"words".to_vec(), SETTLEMENT, 7).await.unwrap(),
        "taken by life-2"
    );
    ledger.settle_invoice("r1", InvoiceState::Refused, 8).await.unwrap();
    let refused = InvoiceRow { state: InvoiceState::Refused, sent_by: "life-2".to_owned(), ..row.clone() };
    assert!(ledger.reopen_invoice(&refused, "life-2", b"new words".to_vec(), SETTLEMENT, 9).await.unwrap());
    assert!(!ledger.reopen_invoice(&refused, "life-2", b"words".to_vec(), SETTLEMENT, 9).await.unwrap());
    ledger.bind_invoice("r1", "inv-1", b"answer".to_vec(), 10, 60_000).await.unwrap();
    ledger.settle_invoice("r1", InvoiceState::Failed, 11).await.unwrap();
    let created = ledger.find_invoice("inv-1").await.unwrap().unwrap();
    assert_eq!(created.state, InvoiceState::Created);
    assert_eq!(created.words_sealed, b"new words", "what was sent last is what comes back");
    assert!(!ledger.reopen_invoice(&created, "life-4", b"words".to_vec(), SETTLEMENT, 12).await.unwrap());
}

#[tokio::test]
async fn closing_finishes_what_was_asked_for() {
    let home = Home::new();
    let ledger = home.with_store().await;
    let mut writes = JoinSet::new();
    for at in 0..300 {
        let ledger = ledger.clone();
        writes.spawn(async move { ledger.reserve_invoice(invoice(&format!("r{at}"), None, "f")).await });
    }
    // On one thread: every write is in the queue or in work before the ledger closes.
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    ledger.close().await;
    for outcome in writes.join_all().await {
        outcome.unwrap();
    }
    let late = ledger.reserve_invoice(invoice("late", None, "f")).await;
    assert_eq!(late, Err(LedgerError::Closing));
}

#[tokio::test]
async fn the_version_tells_of_stores_and_credentials_only() {
    let home = Home::new();
    let ledger = home.with_store().await;
    let first = ledger.directory_version().await.unwrap();
    new_row(&ledger, "r1").await;
    assert_eq!(ledger.directory_version().await.unwrap(), first, "an invoice reloads nothing");
    let other = home.open().await;
    other.add_store("s2", "second", "main", 2).await.unwrap();
    assert_ne!(ledger.directory_version().await.unwrap(), first, "another process has added a store");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_shops_claim_one_code_and_one_gets_it() {
    let home = Home::new();
    let ledgers = [home.with_store().await, home.open().await];
    code(&ledgers[0], "code", None, Some("s1")).await;
    let mut claims = JoinSet::new();
    for at in 1..=50 {
        let ledger = ledgers[usize::from(at % 2)].clone();
        claims.spawn(async move {
            ledger.complete_pairing("code", vec![credential("s1", &sin(at))], 10).await.unwrap()
        });
    }
    assert_eq!(claims.join_all().await.into_iter().filter(|won| *won).count(), 1);
    let kept = ledgers[1].credentials().await.unwrap();
    let winner = ledgers[0].find_pairing("code").await.unwrap().unwrap().sin;
    assert_eq!(kept.len(), 1);
    assert_eq!(winner.as_deref(), kept[0].sin.as_ref().map(Sin::as_str));
}

#[tokio::test]
async fn a_code_is_never_taken_over_and_not_used_late() {
    let home = Home::new();
    let ledger = home.with_store().await;
    code(&ledger, "asked", Some(sin(1)), None).await;
    let complete = |by: u8, at| ledger.complete_pairing("asked", vec![credential("s1", &sin(by))], at);
    assert!(!complete(2, 10).await.unwrap(), "another shop's code");
    assert!(!complete(1, 1000).await.unwrap(), "too late");
    assert!(ledger.credentials().await.unwrap().is_empty());
    assert!(complete(1, 10).await.unwrap());
    assert!(!complete(1, 11).await.unwrap(), "used");
}

#[tokio::test]
async fn codes_that_ran_out_do_not_pile_up() {
    let home = Home::new();
    let ledger = home.with_store().await;
    code(&ledger, "bound", Some(sin(1)), None).await;
    assert!(ledger.complete_pairing("bound", vec![credential("s1", &sin(1))], 10).await.unwrap());
    code(&ledger, "forgotten", Some(sin(2)), None).await;
    let late = NewPairing {
        code_hash: "late".to_owned(),
        code: None,
        store_id: None,
        sin: Some(sin(3)),
        facade: Facade::Merchant,
        label: None,
        created_at: 2 * 24 * 3_600_000,
        expires_at: 3 * 24 * 3_600_000,
    };
    ledger.add_pairing(late).await.unwrap();
    assert!(ledger.find_pairing("forgotten").await.unwrap().is_none());
    assert!(ledger.find_pairing("bound").await.unwrap().is_some());
}

#[tokio::test]
async fn a_key_belongs_to_one_store() {
    let home = Home::new();
    let ledger = home.with_store().await;
    ledger.add_store("s2", "second", "main", 2).await.unwrap();
    for (hash, store) in [("a", "s1"), ("b", "s2")] {
        code(&ledger, hash, None, Some(store)).await;
    }
    assert!(ledger.complete_pairing("a", vec![credential("s1", &sin(1))], 10).await.unwrap());
    let refused = ledger.complete_pairing("b", vec![credential("s2", &sin(1))], 10).await;
    assert!(matches!(refused, Err(LedgerError::Conflict(_))));
    assert!(ledger.complete_pairing("b", vec![credential("s2", &sin(2))], 10).await.unwrap(), "not spent");
}

#[tokio::test]
async fn a_copy_of_the_ledger_tells_no_secret() {
    let home = Home::new();
    let ledger = home.with_store().await;
    let secret = MasterSecret::from_bytes([3; 32]);
    let mut new = invoice("r1", Some("g"), "f");
    let words = br#"{"posData":"order 4711 of Ada Lovelace"}"#;
    new.words_sealed = secret.seal("words/r1", [1; 24], words);
    ledger.reserve_invoice(new).await.unwrap();
    let key = secret.seal("api_key/s1", [2; 24], b"legacy-api-key-of-btcpay");
    ledger.set_store_paired("s1", Some(key), 3).await.unwrap();
    let token = secret.token("s1", sin(1).as_str(), "merchant", 1);
    code(&ledger, &token_hash("C4Lg7oW"), None, Some("s1")).await;
    let kept = Credential { token_hash: token_hash(&token), ..credential("s1", &sin(1)) };
    assert!(ledger.complete_pairing(&token_hash("C4Lg7oW"), vec![kept], 10).await.unwrap());
    let bytes = home.bytes();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(&token_hash(&token)), "the search works");
    for text in ["order 4711", "Ada Lovelace", "legacy-api-key-of-btcpay", "C4Lg7oW", token.as_str()] {
        assert!(!holds(text), "{text}");
    }
}

#[tokio::test]
async fn a_full_disk_refuses_writes_goes_on_reading_and_recovers() {
    let name = "a_full_disk_refuses_writes_goes_on_reading_and_recovers";
    let Some(disk) = small_disk::small_disk(name, "2m") else { return };
    let ballast = disk.join("ballast");
    std::fs::write(&ballast, vec![1; 300_000]).unwrap();
    let ledger = Ledger::open(&disk.join("ledger.db")).await.unwrap();
    ledger.add_store("s1", "shop", "main", 1).await.unwrap();
    let mut written = 0;
    let error = loop {
        let mut new = invoice(&format!("r{written}"), Some(&format!("g{written}")), "f");
        new.words_sealed = vec![7; 8000];
        match ledger.reserve_invoice(new).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error, LedgerError::Full);
    assert!(written > 0);
    assert_eq!(ledger.stores().await.unwrap().len(), 1, "reads go on");
    std::fs::remove_file(&ballast).unwrap();
    ledger.bind_invoice("r0", "inv-0", vec![7; 8000], 9, 60_000).await.unwrap();
    assert!(ledger.find_invoice("inv-0").await.unwrap().is_some());
    for row in 0..written {
        let seen = ledger.reserve_invoice(invoice("again", Some(&format!("g{row}")), "f")).await.unwrap();
        assert!(matches!(seen, Reservation::Existing(_)), "row {row} was answered and must be there");
    }
}
