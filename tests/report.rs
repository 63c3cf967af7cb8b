//! `payferry report`: what an operator reads about BTCPay not being BitPay.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use payferry::app::now_ms;
use payferry::ledger::{DivergenceRow, DivergenceWriter};
use support::Stage;
use support::command::payferry;

const DAY: i64 = 86_400_000;

fn row(identity: &str, store: &str, agent: &str, count: i64, last_seen: i64) -> DivergenceRow {
    let known = payferry::contract::divergences::find(identity);
    DivergenceRow {
        identity: identity.to_owned(),
        endpoint: "read_invoice".to_owned(),
        store: store.to_owned(),
        agent: agent.to_owned(),
        catalogue_id: known.map(|known| known.id.clone()),
        kind: "null_value".to_owned(),
        pointer: "/data/posData".to_owned(),
        sample: "null".to_owned(),
        repaired: "yes".to_owned(),
        first_seen: last_seen - 1000,
        last_seen,
        count,
        acknowledged_at: None,
    }
}

async fn keep(stage: &Stage, mut rows: Vec<DivergenceRow>) {
    let mut writer = DivergenceWriter::new(&stage.config().ledger.path, 100);
    assert_eq!(writer.merge(&mut rows).await.unwrap(), 0);
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("one JSON object")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_what_breaks_what_is_repaired_and_what_is_left() {
    let stage = Stage::set().await;
    let folder = stage.folder();
    let nothing = payferry(folder, &["report"]).ended_with(0);
    assert!(nothing.stdout.starts_with("Nothing was seen."), "{}", nothing.stdout);

    let (now, long_ago) = (now_ms(), 1_795_471_200_000);
    assert!(now - long_ago > 2 * DAY, "the recordings are older than this test");
    keep(
        &stage,
        vec![
            row("null-optional-fields", "main", "php-client/2.2", 12_345, now),
            row("null-optional-fields", "main", "evil\u{1b}[31m agent", 5, now),
            row("late-payment", "main", "php-client/2.2", 1, long_ago),
            row("extra_field /data/new", "other", "python/3", 2, now),
            row("lowfee-refundpending-constant", "main", "php-client/2.2", 7, now),
        ],
    )
    .await;
    let done = payferry(folder, &["report"]).ended_with(3);
    let text = &done.stdout;
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "too wide: {line}");
        assert!(!line.contains('\u{1b}'), "a stranger writes to the terminal: {line}");
    }
    let place = |words: &str| text.find(words).unwrap_or_else(|| panic!("{words} is not in\n{text}"));
    let order = ["extra_field /data/new", "late-payment", "null-optional-fields", "lowfee-refundpending"];
    assert!(order.map(place).is_sorted(), "what is left to do comes first\n{text}");
    for words in [
        "NEW null-optional-fields  12350 times, breaks, repaired: yes",
        "PHP and Node SDKs crash after the invoice was made.",
        "Writes no nulls.",
        "to do     Look at the invoice: refund, or mark it settled.",
        "php-client/2.2, evil\\u{1b}[31m agent; read_invoice of main",
    ] {
        place(words);
    }

    let recent = json(&payferry(folder, &["report", "--json", "--since", "24h"]).ended_with(3).stdout);
    let ids = |value: &serde_json::Value| -> Vec<String> {
        let all = value["divergences"].as_array().unwrap();
        all.iter().map(|one| one["identity"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&recent).len(), 4, "what is new is never left out: {recent}");
    let other = json(&payferry(folder, &["report", "--json", "--store", "main"]).ended_with(3).stdout);
    assert_eq!(ids(&other).len(), 3);
    assert_eq!(other["divergences"][1]["seen"][0]["sample"], "null");
    payferry(folder, &["report", "--store", "nobody"]).ended_with(1).said("no store is called nobody");
    // A store that is gone has left its rows.
    payferry(folder, &["report", "--store", "other"]).ended_with(3);
    payferry(folder, &["report", "--since", "yesterday"]).ended_with(2);
}

/// New is what no report with --ack has shown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn news_is_what_was_not_acknowledged() {
    let stage = Stage::set().await;
    let folder = stage.folder();
    let now = now_ms();
    keep(&stage, vec![row("null-optional-fields", "main", "a", 1, now)]).await;
    keep(&stage, vec![row("late-payment", "main", "a", 1, now - 3 * DAY)]).await;
    payferry(folder, &["report"]).ended_with(3);
    // Nobody looked for three days: the daily mail tells what fell between two of its runs.
    let mail = payferry(folder, &["report", "--since", "1d", "--ack"]).ended_with(3);
    assert!(mail.stdout.contains("NEW late-payment") && mail.stdout.contains("NEW null"), "{}", mail.stdout);
    let quiet = payferry(folder, &["report", "--since", "1d"]).ended_with(0);
    assert!(!quiet.stdout.contains("late-payment") && quiet.stdout.contains("null-op"), "{}", quiet.stdout);
    payferry(folder, &["report"]).ended_with(0);
    // More of the same is no news, another shop is.
    keep(&stage, vec![row("late-payment", "main", "a", 9, now)]).await;
    payferry(folder, &["report"]).ended_with(0);
    keep(&stage, vec![row("late-payment", "main", "b", 1, now)]).await;
    let done = payferry(folder, &["report"]).ended_with(3);
    assert!(done.stdout.contains("NEW late-payment  11 times"), "{}", done.stdout);
    assert!(!done.stdout.contains("NEW null-optional-fields"), "{}", done.stdout);
}

/// `payferry report --ack | head`: what nobody read is told again, and nothing crashes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_goes_early_ends_nothing_and_acknowledges_nothing() {
    let stage = Stage::set().await;
    let folder = stage.folder();
    keep(&stage, vec![row("late-payment", "main", "a", 1, now_ms())]).await;
    for words in [&["report", "--ack"][..], &["report", "--ack", "--json"], &["store", "list"]] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_payferry"));
        command.current_dir(folder).args(words);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let done = tokio::task::block_in_place(|| child.wait_with_output().unwrap());
        assert_eq!(String::from_utf8_lossy(&done.stderr), "", "{words:?}");
        assert_eq!(done.status.code(), Some(if words[0] == "report" { 3 } else { 0 }), "{words:?}");
    }
    payferry(folder, &["report"]).ended_with(3);
}
