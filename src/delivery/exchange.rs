//! One connection, one POST, one answer.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use super::{DeliveryError, Roots, Target};

/// What is read of an answer's body before the connection is closed.
const LONGEST_ANSWER: usize = 64 * 1024;
/// How long one address of several is given.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// How long it is read at most.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);
/// Largest head of an answer, in bytes.
const LONGEST_HEAD: usize = 64 * 1024;

/// Connects to the first of the checked addresses that answers and gives the status of its answer.
pub(super) async fn exchange(
    target: &Target,
    addresses: &[SocketAddr],
    roots: &Roots,
    headers: HeaderMap,
    body: Bytes,
) -> Result<u16, DeliveryError> {
    let stream = connect(addresses).await?;
    let request = request(target, headers, body)?;
    if !target.is_tls() {
        return converse(stream, request).await;
    }
    let name = ServerName::try_from(target.host().to_owned())
        .map_err(|_| DeliveryError::Tls("the name cannot be verified".to_owned()))?;
    let connector = TlsConnector::from(std::sync::Arc::clone(&roots.0));
    let stream = connector.connect(name, stream).await.map_err(|error| DeliveryError::Tls(why(&error)))?;
    converse(stream, request).await
}

/// One after the other, as long as not a byte was sent: a name may have an address that is dead.
async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, DeliveryError> {
    for address in addresses {
        if let Ok(Ok(stream)) = tokio::time::timeout(CONNECT_WITHIN, TcpStream::connect(address)).await {
            return Ok(stream);
        }
    }
    Err(DeliveryError::Unreachable)
}

/// rustls names what is wrong with a certificate; that is what the operator must know.
fn why(error: &std::io::Error) -> String {
    error.to_string().chars().take(200).collect()
}

fn request(
    target: &Target,
    mut headers: HeaderMap,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, DeliveryError> {
    let unusable = |_| DeliveryError::Target(super::TargetError::NoUrl);
    headers.insert(HOST, HeaderValue::from_str(&target.host_header()).map_err(unusable)?);
    if let Some(pair) = target.authorization() {
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&pair).map_err(unusable)?);
    }
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    let mut request = Request::new(Full::from(body));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() =
        target.path_and_query().parse().map_err(|_| DeliveryError::Target(super::TargetError::NoUrl))?;
    *request.headers_mut() = headers;
    Ok(request)
}

async fn converse<S>(stream: S, request: Request<Full<Bytes>>) -> Result<u16, DeliveryError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(LONGEST_HEAD)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| DeliveryError::Cut)?;
    let connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let answer = sender.send_request(request).await.map_err(|_| DeliveryError::Cut)?;
    let status = answer.status().as_u16();
    // Read politely, so that the shop's script is not killed while it prints; what it says counts for nothing,
    // and nobody waits for it.
    tokio::spawn(async move {
        let _ =
            tokio::time::timeout(DRAIN_WITHIN, Limited::new(answer.into_body(), LONGEST_ANSWER).collect())
                .await;
        drop(connection);
    });
    Ok(status)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "tests")]

    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    async fn live() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        (listener, address)
    }

    /// A shop with two machines behind its name, of which the first is off: RFC 6724 puts IPv6 first, and many a
    /// shop's AAAA record leads nowhere.
    #[tokio::test]
    async fn the_next_address_is_tried_where_one_refuses() {
        let (gone, refuses) = live().await;
        drop(gone);
        let (_listener, answers) = live().await;
        let stream = connect(&[refuses, answers]).await.expect("the second one listens");
        assert_eq!(stream.peer_addr().expect("connected"), answers);
        let none = connect(&[refuses, refuses]).await.map(drop);
        assert_eq!(none, Err(DeliveryError::Unreachable));
    }

    /// The same where the first one swallows every byte: it must not use up the time of the whole delivery.
    #[tokio::test]
    async fn the_next_address_is_tried_where_one_is_silent() {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        // Nobody accepts, and the queue is full: the kernel drops what comes after.
        let silent = socket.listen(1).expect("it listens");
        let swallows = silent.local_addr().expect("bound");
        let mut queue = Vec::new();
        while let Ok(Ok(stream)) =
            tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(swallows)).await
        {
            queue.push(stream);
        }
        let (_listener, answers) = live().await;
        let addresses = [swallows, answers];
        let stream = tokio::time::timeout(Duration::from_secs(10), connect(&addresses)).await;
        let stream = stream.expect("long before a delivery ends").expect("the second one listens");
        assert_eq!(stream.peer_addr().expect("connected"), answers);
    }
}
