//! `GET /invoices`: newest second first, archived ones included.

use super::Room;
use super::answer::Answer;
use super::call::Call;
use super::dates;
use super::invoice::{Invoice, Status};
use super::render::{self, Stage};
use crate::json::{Object, Value};

const DAY: i64 = 86_400;
/// `dateEnd=12/31/9999`: the day after it does not exist.
const LAST_DAY: i64 = 253_402_214_400;

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
    data(room, store, &filter, usize::try_from(offset).unwrap_or(0), limit)
}

fn data(room: &Room, store: &str, filter: &Filter, offset: usize, limit: usize) -> Answer {
    let now_ms = room.now_ms();
    let mut state = room.state();
    let mut found: Vec<&mut Invoice> =
        state.invoices.iter_mut().rev().filter(|invoice| invoice.store == store).collect();
    found.sort_by_key(|invoice| -invoice.created_ms.div_euclid(1000));
    found.iter_mut().for_each(|invoice| invoice.settle_time(now_ms));
    let items: Vec<Value> = found
        .into_iter()
        .filter(|invoice| filter.takes(invoice))
        .skip(offset)
        .take(limit)
        .map(|invoice| render::invoice(invoice, Stage::Read, room.around(now_ms)))
        .collect();
    Answer::json(&Object::new().with("data", items).into())
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
