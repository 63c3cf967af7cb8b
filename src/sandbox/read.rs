//! `GET /invoices/ID`.

use super::Room;
use super::answer::Answer;
use super::render::{self, Stage};
use crate::json::Object;

/// The invoice, or 404 where the store has none of that id.
pub fn answer(room: &Room, store: &str, id: &str) -> Answer {
    let now_ms = room.now_ms();
    let mut state = room.state();
    match state.invoice_mut(id).filter(|invoice| invoice.store == store) {
        Some(invoice) => {
            let data = render::invoice(invoice, Stage::Read, room.around(now_ms));
            Answer::json(&Object::new().with("data", data).into())
        }
        None => Answer::error(404, "Object not found"),
    }
}
