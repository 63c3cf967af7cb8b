//! The operator looks at one invoice from three sides, by the real binary.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::time::Duration;

use payferry::sandbox::{Fault, Matching};

use support::Stage;
use support::command::{Done, payferry};

const ORDER: &str = r#""price":5.10,"currency":"EUR","orderId":"order-77","posData":"{\"seat\": 12}",
    "itemDesc":"Two tickets","buyer":{"name":"Zoe Quist","email":"zoe@example.com"},"guid":"guid-1""#;
const WORDS: [&str; 6] = ["order-77", "seat", "Two tickets", "Zoe", "zoe@example.com", "guid-1"];

fn show(stage: &Stage, id: &str, more: &[&str]) -> Done {
    payferry(stage.folder(), &[&["invoice", "show", id][..], more].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn row_btcpay_and_shop_are_shown_and_nobody_s_words_unless_asked() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let id = shop.create(ORDER).await.invoice_id();
    let shown = show(&stage, &id, &["--json"]).ended_with(0);
    let all = shown.json();
    assert_eq!((&all["row"]["state"], &all["row"]["store"]), (&"created".into(), &"main".into()));
    assert_eq!((&all["row"]["dialect"], &all["row"]["agent"]), (&"signed".into(), &"story-shop".into()));
    assert_eq!((&all["btcpay"]["status"], &all["btcpay"]["price"]), (&"new".into(), &"5.1".into()));
    assert_eq!(all["shop"]["at_creation"]["status"], "new");
    assert!(shown.stdout.contains(r#""price":5.1,"#), "money keeps its text: {shown:?}");
    let people = show(&stage, &id, &[]).ended_with(0);
    for words in WORDS.into_iter().chain([shop.token.as_str()]) {
        for told in [&shown, &people] {
            assert!(!told.stdout.contains(words) && !told.stderr.contains(words), "{words}: {told:?}");
        }
    }
    assert!(people.stdout.contains("hidden") && people.stdout.contains("btcpay"), "{people:?}");

    let all = show(&stage, &id, &["--json", "--words"]).ended_with(0);
    for words in WORDS {
        assert!(all.stdout.contains(words), "{words}: {all:?}");
    }
    assert_eq!(all.json()["words"]["orderId"], "order-77");
    let token = shop.read(&id).await.data_text("token");
    assert!(!all.stdout.contains(&token) && !all.stdout.contains(&shop.token), "a token is no word");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_shows_what_changed_since_the_shop_was_told() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let id = shop.create(ORDER).await.invoice_id();
    stage.sandbox.owner().pay(&id, "1").unwrap();
    let all = show(&stage, &id, &["--json"]).ended_with(0).json();
    assert_eq!(all["btcpay"]["status"], "paid");
    assert_eq!(all["btcpay"]["payments"][0]["btc"], "1");
    assert_eq!(all["shop"]["at_creation"]["status"], "new");
    let told = shop.read(&id).await.data_text("status");
    assert_eq!(all["shop"]["now"]["status"], told.as_str(), "it shows what a read would tell the shop");
}

/// The shop got an error; the operator finds BTCPay's invoice by the row's mark.
#[tokio::test(flavor = "multi_thread")]
async fn a_create_of_unknown_outcome_is_found_by_its_mark() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let faults = stage.sandbox.faults();
    faults.next(Matching::on("POST", "/invoices"), 1, Fault::Empty500After);
    faults.always(Matching::on("GET", "/invoices"), Fault::Hang(Duration::from_millis(10)));
    shop.create(ORDER).await.assert_bitpays_error();
    faults.clear();
    let made = stage.invoices().remove(0);
    let code = made.item_code.unwrap();
    let row = code.rsplit('~').next().unwrap();
    let all = show(&stage, row, &["--json"]).ended_with(0).json();
    assert_eq!(
        (&all["row"]["state"], &all["row"]["invoice_id"]),
        (&"pending".into(), &serde_json::Value::Null)
    );
    assert_eq!(all["btcpay"]["id"], made.id.as_str());
    assert_eq!(all["shop"]["at_creation"], serde_json::Value::Null, "the shop was told of no invoice");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_btcpay_the_row_is_shown_all_the_same() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let id = shop.create(ORDER).await.invoice_id();
    stage.close_btcpay().await;
    let shown = show(&stage, &id, &["--json"]).ended_with(1).said("What BTCPay has now is not known");
    let all = shown.json();
    assert_eq!(all["btcpay"]["error"], "no connection to BTCPay");
    assert_eq!(all["shop"]["at_creation"]["status"], "new");
    let none = show(&stage, "none", &["--json"]).ended_with(1).said("the ledger has no invoice none");
    assert_eq!(none.stdout, "");
}
