//! Many invoices at once, for lists that are long.

use super::Room;
use super::create;
use super::ids;
use super::invoice::Invoice;
use super::request;
use super::store::Store;

/// Which invoices to make.
#[derive(Debug, Clone)]
pub struct Bulk {
    /// Body of the `POST /invoices` that all of them are like.
    pub body: String,
    /// How many.
    pub count: u32,
    /// Milliseconds between two of them; the last one is made now.
    pub every_ms: i64,
}

/// Makes them, the oldest first; each orderId gets the invoice's number at its end.
/// What the request would have been refused with, if anything.
pub fn make(room: &Room, store: &Store, root: &str, bulk: &Bulk) -> Result<(), String> {
    let now_ms = room.now_ms();
    let request = request::read(&bulk.body).map_err(|_| "Invalid invoice".to_owned())?;
    let said = |answer: super::answer::Answer| String::from_utf8_lossy(&answer.body).into_owned();
    let model = create::assemble(room, store, root, &request, now_ms, None).map_err(said)?;
    for number in 0..bulk.count {
        let age = bulk.every_ms.saturating_mul(i64::from(bulk.count - 1 - number));
        let invoice = like(&model, room, number, age);
        room.begin(&mut room.state(), invoice);
    }
    Ok(())
}

fn like(model: &Invoice, room: &Room, number: u32, age_ms: i64) -> Invoice {
    let mut invoice = model.clone();
    invoice.id = ids::invoice(room.random());
    invoice.order_id = model.order_id.as_ref().map(|order| format!("{order}{number}"));
    invoice.created_ms -= age_ms;
    invoice.expires_ms -= age_ms;
    invoice.monitored_until_ms -= age_ms;
    if let Some(method) = &mut invoice.method {
        method.address = ids::address(room.random());
    }
    invoice
}
