//! One connection, one POST, one answer.

use std::net::SocketAddr;

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
/// Largest head of an answer, in bytes.
const LONGEST_HEAD: usize = 64 * 1024;

/// Connects to the checked address and gives the status of the answer.
pub(super) async fn exchange(
    target: &Target,
    address: SocketAddr,
    roots: &Roots,
    headers: HeaderMap,
    body: Bytes,
) -> Result<u16, DeliveryError> {
    let stream = TcpStream::connect(address).await.map_err(|_| DeliveryError::Unreachable)?;
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
    // Read politely, so that the shop's script is not killed while it prints; what it says counts for nothing.
    let _ = Limited::new(answer.into_body(), LONGEST_ANSWER).collect().await;
    drop(connection);
    Ok(status)
}
