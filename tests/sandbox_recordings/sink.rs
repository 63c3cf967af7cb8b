//! The shop's side of notifications: takes every POST and answers 200.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Bodies by path, in order of arrival.
type Taken = Arc<Mutex<BTreeMap<String, VecDeque<String>>>>;

pub struct Sink {
    pub address: String,
    taken: Taken,
}

impl Sink {
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let taken = Taken::default();
        let hand = Arc::clone(&taken);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let hand = Arc::clone(&hand);
                let service = service_fn(move |request| take(request, Arc::clone(&hand)));
                let connection = hyper::server::conn::http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, taken }
    }

    /// The oldest body of a path that was not looked at yet.
    pub fn next(&self, path: &str) -> Option<String> {
        self.taken.lock().unwrap().get_mut(path)?.pop_front()
    }
}

async fn take(request: Request<Incoming>, taken: Taken) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    taken.lock().unwrap().entry(path).or_default().push_back(body);
    Ok(Response::new(Full::default()))
}
