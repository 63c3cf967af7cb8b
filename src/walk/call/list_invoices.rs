//! `GET /invoices`: a store's invoices, newest first, sent on while BTCPay's list comes in.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};

use super::Call;
use crate::contract::{Audience, ErrorCode};
use crate::json::{Object, Value};
use crate::ledger::Facade;
use crate::walk::answer::{BrokeOff, Reply};
use crate::walk::authenticate::Shop;
use crate::walk::filter::ListFilter;
use crate::walk::listing::{Listing, Piece, Scribe};
use crate::walk::refusal::Refusal;

/// How long a list that goes on may say nothing; then a space tells the shop that it does.
const QUIET: Duration = Duration::from_secs(5);

pub(super) async fn list_invoices(call: &mut Call<'_>, shop: &Shop) -> Result<Reply, Refusal> {
    call.record.store = Some(shop.store.name.clone());
    if shop.facade == Facade::Pos {
        return Err(Refusal::new(ErrorCode::FacadeNotSupported, "a pos token lists nothing".to_owned()));
    }
    let now_ms = call.now_ms();
    let filter = ListFilter::read(|name| call.request.query(name), now_ms)?;
    let asked = filter.upstream(now_ms);
    let (walk, deadline) = (call.walk, call.deadline);
    let source = walk.upstream.list_invoices(&shop.store, &asked, deadline.left()).await;
    call.record.upstream_ms = Some(call.now_ms() - now_ms);
    let mut listing = Listing::new(source?, filter, scribe(call, shop));
    let first = deadline.bound(listing.piece(deadline.left() / 2)).await??;
    call.record.upstream_ms = Some(call.now_ms() - now_ms);
    if first.last {
        call.record.divergences = listing.observe();
    }
    Ok(reply(first, listing, &call.record.request_id))
}

fn scribe(call: &Call<'_>, shop: &Shop) -> Scribe {
    let walk = call.walk;
    Scribe {
        store: Arc::clone(&shop.store),
        ledger: walk.ledger.clone(),
        secrets: Arc::clone(&walk.secrets),
        era: call.request.era(shop.overrides.era),
        agent: call.noted_agent().to_owned(),
        nudges: walk.nudges.clone(),
        journal: walk.journal.clone(),
    }
}

/// A short list goes out with its length, as every other answer; a long one in pieces.
fn reply(first: Piece, listing: Listing, request_id: &str) -> Reply {
    let facade = Audience::Merchant.facade();
    if first.last {
        return Value::from(Object::new().with("facade", facade).with("data", first.invoices)).into();
    }
    let mut writing = Writing { listing, written: false };
    let begin = format!("{{\"facade\":\"{facade}\",\"data\":[{}", writing.text(&first));
    Reply::stream(pieces(begin, writing, request_id.to_owned()))
}

/// A list that is under way to its shop.
struct Writing {
    listing: Listing,
    /// Whether an invoice went out.
    written: bool,
}

impl Writing {
    fn text(&mut self, piece: &Piece) -> String {
        let end = if piece.last { "]}" } else { "" };
        if piece.invoices.is_empty() {
            return if piece.last { end } else { " " }.to_owned();
        }
        let separator = if self.written { "," } else { "" };
        self.written = true;
        let invoices: Vec<String> = piece.invoices.iter().map(ToString::to_string).collect();
        format!("{separator}{}{end}", invoices.join(","))
    }
}

/// The rest of the list. Where it breaks off the connection is closed without an end, and the log says why:
/// the head is gone, so no refusal can.
fn pieces(
    begin: String,
    writing: Writing,
    request_id: String,
) -> impl Stream<Item = Result<Bytes, BrokeOff>> + Send + 'static {
    let begin = stream::once(async { Ok(Bytes::from(begin)) });
    let rest = stream::unfold(Some(writing), move |writing| {
        let request_id = request_id.clone();
        async move {
            let mut writing = writing?;
            match writing.listing.piece(QUIET).await {
                Ok(piece) => {
                    let text = Bytes::from(writing.text(&piece));
                    Some((Ok(text), (!piece.last).then_some(writing)))
                }
                Err(error) => {
                    let code = error.code();
                    tracing::warn!(request_id, reason = code.name(), side = code.row().side.name(), truth = %error, "list_broke_off");
                    Some((Err(BrokeOff), None))
                }
            }
        }
    });
    futures_util::StreamExt::chain(begin, rest)
}
