//! Lives of invoices that were recorded of a real BTCPay Server (`tests/recordings/life`), and what its
//! owner and the chain did in them, done again on a sandbox.

use std::path::PathBuf;

use payferry::sandbox::{Mark, NetworkFee, Owner, OwnerError, Replacement, Speed, StoreOptions, Words};
use serde::Deserialize;
use serde_json::Value;

/// What a recording says of itself.
#[derive(Deserialize, Clone)]
pub struct Heading {
    pub id: String,
    pub store: String,
    pub start: i64,
    /// When the invoice was made, where the request took longer than that.
    pub created: Option<i64>,
    /// The store's speed, where it was not medium.
    pub speed: Option<String>,
    pub website: Option<String>,
    /// By how much the state followed a block later, on a busy server, whose count of
    /// confirmations cannot be foretold.
    pub lag_ms: Option<i64>,
    pub fee_rate: String,
}

/// Every recorded life: its heading and its steps.
pub fn lives() -> Vec<(Heading, Vec<Value>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/life");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let one = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).unwrap();
        let mut lines = text.lines();
        let heading = serde_json::from_str(lines.next().unwrap()).unwrap();
        (heading, lines.map(|line| serde_json::from_str(line).unwrap()).collect())
    };
    files.iter().map(one).collect()
}

/// The settings of the store that the life was recorded with.
pub fn store(heading: &Heading) -> StoreOptions {
    let speed = heading.speed.as_deref().map_or(Speed::Medium, |word| Speed::of_word(word).unwrap());
    let (name, website) = ("Rec B".to_owned(), heading.website.clone());
    let options = StoreOptions { name, website, speed, ..StoreOptions::default() };
    match heading.store.as_str() {
        "B" => options,
        "Balways" => StoreOptions { network_fee: NetworkFee::Always, ..options },
        "Bshort" => {
            StoreOptions { name: "Rec B short monitoring".to_owned(), monitoring_minutes: 0, ..options }
        }
        "Bminute" => StoreOptions { monitoring_minutes: 1, ..options },
        "Bnever" => StoreOptions { network_fee: NetworkFee::Never, ..options },
        "Bnofee" => StoreOptions { network_fee: NetworkFee::Never, tolerance_percent: 5, ..options },
        "Btol" => StoreOptions { network_fee: NetworkFee::Always, tolerance_percent: 5, ..options },
        other => panic!("store {other}"),
    }
}

/// Does what the owner or the chain did in this step to each of these invoices, which live the same life;
/// gives what became of it, each time. None for a step that only looked.
pub fn act(owner: &Owner, ids: &[&str], step: &Value) -> Option<Vec<Result<(), OwnerError>>> {
    let words: Vec<&str> = step["action"].as_str()?.split(' ').collect();
    let done = match words.as_slice() {
        ["btcDue", ..] => return None,
        ["mined", blocks, ..] => {
            owner.mine(blocks.parse().unwrap());
            vec![Ok(())]
        }
        [.., "undone", "(reorganisation)"] => {
            owner.undo(2);
            vec![Ok(())]
        }
        ["the", "node", "undid", "the", "three", ..] => {
            owner.undo(3);
            vec![Ok(())]
        }
        words => ids.iter().map(|id| act_on(owner, id, words, step)).collect(),
    };
    Some(done)
}

fn act_on(owner: &Owner, id: &str, words: &[&str], step: &Value) -> Result<(), OwnerError> {
    match words {
        ["paid", bitcoin, "BTC", "(transaction", ..] => owner.pay_replaceably(id, bitcoin),
        ["paid", bitcoin, "BTC"] => owner.pay(id, bitcoin),
        ["transaction", "replaced", .., "somewhere", "else"] => owner.replace(id, Replacement::Elsewhere),
        ["transaction", "replaced", ..] => owner.replace(id, Replacement::SameAddress),
        ["marked", "Settled", ..] => owner.mark(id, Mark::Settled),
        ["marked", "Invalid", ..] => owner.mark(id, Mark::Invalid),
        ["marked", ..] => Err(OwnerError::NotNow),
        ["archived", ..] => owner.archive(id, true),
        ["unarchived"] => owner.archive(id, false),
        ["refund", ..] => owner.refund(id),
        ["metadata", ..] => owner.reword(id, &words_of(step["body"].as_str().unwrap())),
        words => panic!("action {words:?}"),
    }
}

fn words_of(body: &str) -> Words {
    let body: Value = serde_json::from_str(body).unwrap();
    let metadata = &body["metadata"];
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let [order_id, item_desc, pos_data, buyer_name] =
        ["orderId", "itemDesc", "posData", "buyerName"].map(|name| text(&metadata[name]));
    Words { order_id, item_desc, pos_data, buyer_name }
}
