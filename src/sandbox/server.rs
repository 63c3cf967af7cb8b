//! The look-alike's ports: connections, faults, and the way of an answer onto the wire.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::answer::{Answer, Framing, Guard};
use super::call::Call;
use super::faults::{Fault, Outage, Received};
use super::wire::{Budget, Cuttable};
use super::{Room, routes};

/// Pause after a connection could not be accepted.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(50);

/// Body of an answer.
pub type Body = BoxBody<Bytes, Infallible>;

/// Serves connections until `stop`; open connections are then dropped.
pub async fn serve<F, Fut>(listener: TcpListener, stop: CancellationToken, answer: F)
where
    F: Fn(Request<Incoming>, Budget) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Response<Body>> + Send + 'static,
{
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(OUT_OF_SOCKETS).await;
            continue;
        };
        let (stop, answer) = (stop.clone(), answer.clone());
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let budget = Budget::default();
            let io = TokioIo::new(Cuttable::new(stream, budget.clone()));
            let service = service_fn(move |request| {
                // A task of its own: BTCPay carries a create out even when its caller has gone (outages postgresql-long).
                let response = tokio::spawn(answer(request, budget.clone()));
                async move { response.await.map_err(std::io::Error::other) }
            });
            let connection = http1::Builder::new().title_case_headers(true).serve_connection(io, service);
            tokio::select! {
                () = stop.cancelled() => {}
                _ = connection => {}
            }
        });
    }
}

/// Answers one request on the API's port.
pub async fn api(room: Room, request: Request<Incoming>, budget: Budget) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    room.catch_up();
    let number = room.faults().note(received(&parts, target, &body));
    let fault = room.faults().take(parts.method.as_str(), target);
    let call = Call::new(&parts, body);
    let carry_out = |outage| {
        let known = call.as_ref().map(|call| routes::answer(call, &room, outage));
        known.unwrap_or_else(Answer::broken_request)
    };
    let mut answer = meet(fault, &budget, &room, carry_out).await;
    answer.close |= parts.version == http::Version::HTTP_10;
    room.faults().answered(number, answer.status);
    response(answer)
}

/// The answer under a fault; `carry_out` does what was asked.
async fn meet(
    fault: Option<Fault>,
    budget: &Budget,
    room: &Room,
    carry_out: impl Fn(Option<Outage>) -> Answer,
) -> Answer {
    match fault {
        None => carry_out(None),
        Some(Fault::Delay(time)) => {
            tokio::time::sleep(time).await;
            carry_out(None)
        }
        Some(Fault::Hang(time)) => cut_after(time, budget).await,
        Some(Fault::HangAfter(time)) => {
            carry_out(None);
            cut_after(time, budget).await
        }
        Some(Fault::Cut(bytes)) => {
            let answer = carry_out(None);
            budget.limit(bytes);
            answer
        }
        Some(Fault::Empty500) => Answer::crash(),
        Some(Fault::Empty500After) => {
            carry_out(None);
            Answer::crash()
        }
        Some(Fault::Page(status)) => Answer::page(status, "Somewhere else", Guard::None, 0, room.random()),
        Some(Fault::Refuse(outage)) => carry_out(Some(outage)),
    }
}

async fn cut_after(time: Duration, budget: &Budget) -> Answer {
    tokio::time::sleep(time).await;
    budget.limit(0);
    Answer::crash()
}

fn received(parts: &http::request::Parts, target: &str, body: &Bytes) -> Received {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Received {
        method: parts.method.as_str().to_owned(),
        target: target.to_owned(),
        headers: parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
        body: body.clone(),
        status: 0,
    }
}

/// Puts an answer into hyper's form. Date comes from hyper.
#[must_use]
pub fn response(answer: Answer) -> Response<Body> {
    let guards = answer.guards();
    let body = match (answer.framing, answer.pieces) {
        (_, Some(pieces)) => {
            let frames = pieces.into_iter().map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
            BodyExt::boxed(StreamBody::new(stream::iter(frames)))
        }
        (Framing::Chunked, None) => {
            let frame = Ok::<_, Infallible>(Frame::data(answer.body));
            BodyExt::boxed(StreamBody::new(stream::iter([frame])))
        }
        (Framing::Length | Framing::None, None) => Full::new(answer.body).boxed(),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::SERVER, header::HeaderValue::from_static("Kestrel"));
    if answer.close {
        headers.insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    }
    for (name, value) in answer.headers.into_iter().chain(guards) {
        if let (Ok(name), Ok(value)) =
            (header::HeaderName::try_from(name), header::HeaderValue::try_from(value))
        {
            headers.append(name, value);
        }
    }
    response
}
