//! `GET /invoices`: newest second first, archived ones included.
//!
//! Inside one second the order is arbitrary and differs from page to page, as recorded
//! (`rates/list-same-second-*`): a reader that pages by offset repeats some and misses others.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::Room;
use super::answer::{Answer, Pieces};
use super::call::Call;
use super::dates;
use super::invoice::{Invoice, Status};
use super::posdata::special_separators;
use super::render::{self, Stage};
use crate::json::{Object, Value};

const DAY: i64 = 86_400;
/// `dateEnd=12/31/9999`: the day after it does not exist.
const LAST_DAY: i64 = 253_402_214_400;
/// Longer lists go out piece by piece, in chunks; BTCPay collects every list and sends its length.
const COLLECTED: usize = 1000;
/// Invoices of one piece.
const PIECE: usize = 100;

struct Filter {
    status: Option<Status>,
    order_id: Option<String>,
    item_code: Option<String>,
    from: i64,
    to: i64,
}

/// The invoices of `store` that the query asks for.
pub fn answer(call: &Call, room: &Room, store: &str) -> Answer {
    let number = |name| call.parameter(name).and_then(|text| text.trim().parse::<i64>().ok());
    let (limit, offset) = (number("limit"), number("offset").unwrap_or(0));
    let end = call.parameter("dateEnd").and_then(|text| dates::american_day(&text));
    if limit.is_some_and(|limit| limit < 0) || offset < 0 || end == Some(LAST_DAY) {
        return Answer::crash();
    }
    let text = |name| call.parameter(name).filter(|text| !text.is_empty());
    let filter = Filter {
        status: call.parameter("status").and_then(|word| Status::of_filter(&word)),
        order_id: text("orderId"),
        item_code: text("itemCode"),
        from: call.parameter("dateStart").and_then(|text| dates::american_day(&text)).unwrap_or(i64::MIN),
        to: end.map_or(i64::MAX, |day| day + DAY),
    };
    if [&filter.order_id, &filter.item_code].into_iter().flatten().any(|text| text.contains('\0')) {
        return Answer::crash();
    }
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let page = Page { limit, offset: usize::try_from(offset).unwrap_or(0) };
    let places = places(room, store, &filter, page);
    if places.len() > COLLECTED {
        return Answer::pieces(in_pieces(room.clone(), places));
    }
    let items = rendered(room, &places);
    Answer::json(&Object::new().with("data", items).into())
}

#[derive(Clone, Copy)]
struct Page {
    limit: usize,
    offset: usize,
}

/// Where the wanted invoices stand in the state. None is ever removed from there.
fn places(room: &Room, store: &str, filter: &Filter, page: Page) -> Vec<usize> {
    let state = room.state();
    let mut found: Vec<(i64, [u8; 8], usize)> = Vec::new();
    for (place, invoice) in state.invoices.iter().enumerate() {
        if invoice.store == store && filter.takes(invoice) {
            let chance = if page.limit == 1 { [0; 8] } else { chance(invoice, page) };
            found.push((invoice.created_ms.div_euclid(1000), chance, place));
        }
    }
    found.sort_unstable();
    found.into_iter().rev().map(|(_, _, place)| place).skip(page.offset).take(page.limit).collect()
}

/// The place of an invoice among those of its second; a page of one shows the last one made.
fn chance(invoice: &Invoice, page: Page) -> [u8; 8] {
    let digest = Sha256::digest(format!("{} {} {}", invoice.id, page.limit, page.offset));
    std::array::from_fn(|at| digest[at])
}

fn rendered(room: &Room, places: &[usize]) -> Vec<Value> {
    let now_ms = room.now_ms();
    let state = room.state();
    let found = places.iter().filter_map(|place| state.invoices.get(*place));
    found.map(|invoice| render::invoice(invoice, Stage::Read, room.around(now_ms))).collect()
}

/// The whole answer, a piece at a time.
fn in_pieces(room: Room, places: Vec<usize>) -> Pieces {
    let count = places.len().div_ceil(PIECE);
    Pieces::new(move |at| {
        let piece = places.chunks(PIECE).nth(at)?;
        let texts: Vec<String> = rendered(&room, piece).iter().map(ToString::to_string).collect();
        let start = if at == 0 { "{\"data\":[" } else { "," };
        let end = if at + 1 == count { "]}" } else { "" };
        Some(Bytes::from(special_separators(format!("{start}{}{end}", texts.join(",")))))
    })
}

impl Filter {
    fn takes(&self, invoice: &Invoice) -> bool {
        let same = |wanted: &Option<String>, has: &Option<String>| wanted.is_none() || wanted == has;
        let created = invoice.created_ms.div_euclid(1000);
        self.status.is_none_or(|status| status == invoice.status)
            && same(&self.order_id, &invoice.order_id)
            && same(&self.item_code, &invoice.item_code)
            && (self.from..=self.to).contains(&created)
    }
}
