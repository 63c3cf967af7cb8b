//! No empty error towards shops: what hyper refuses by itself gets BitPay's error body, too.
//!
//! A head that is broken, too long or has too many lines never reaches the walk; hyper answers it with
//! an empty body and closes, and several BitPay libraries crash on an empty body. payferry's own answers
//! are never empty, so an empty error head on its way out can only be hyper's.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::contract::{ErrorCode, Generation};

/// How long, and how much, is still read after a refusal: closing on unread bytes would make the
/// system reset the connection and take the answer with it.
const LINGER_FOR: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 * 1024;

/// The stream of a connection, with hyper's empty refusals filled.
pub(super) struct Rescue<S> {
    stream: S,
    pending: Vec<u8>,
    linger: Option<(Pin<Box<Sleep>>, usize)>,
}

impl<S: AsyncWrite + Unpin> Rescue<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, pending: Vec::new(), linger: None }
    }

    /// Writes what is left of a filled refusal.
    fn settle(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.pending.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.pending))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.pending.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Rescue<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Rescue<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.settle(cx))?;
        match filled(bytes) {
            None => Pin::new(&mut self.stream).poll_write(cx, bytes),
            Some(refusal) => {
                self.pending = refusal;
                self.linger = Some((Box::pin(tokio::time::sleep(LINGER_FOR)), LINGER_BYTES));
                // Taken over whole; what does not fit now goes out with the next write or flush.
                match self.settle(cx) {
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                    _ => Poll::Ready(Ok(bytes.len())),
                }
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.settle(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.settle(cx))?;
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        self.read_away(cx)
    }
}

impl<S: AsyncRead + Unpin> Rescue<S> {
    /// Reads and forgets what the shop still sends, within bounds.
    fn read_away(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some((timer, left)) = &mut self.linger else { return Poll::Ready(Ok(())) };
        let mut scratch = [0; 4096];
        while *left > 0 && timer.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => *left = left.saturating_sub(buffer.filled().len()),
                _ => break,
            }
        }
        self.linger = None;
        Poll::Ready(Ok(()))
    }
}

/// The same refusal with a body, where these bytes are one of hyper's.
fn filled(bytes: &[u8]) -> Option<Vec<u8>> {
    let rest = bytes.strip_prefix(b"HTTP/1.1 4")?;
    let head = std::str::from_utf8(rest).ok()?;
    if !head.contains("\r\ncontent-length: 0\r\n") {
        return None;
    }
    let (status, reason) = match head.get(..2)? {
        "31" => ("431", "Request Header Fields Too Large"),
        "14" => ("414", "URI Too Long"),
        _ => ("400", "Bad Request"),
    };
    let code = ErrorCode::MalformedRequest;
    let body = code.body(Generation::V2, None);
    tracing::info!(status, reason = code.name(), "request_unreadable");
    let answer = format!(
        "HTTP/1.1 {status} {reason}\r\ncontent-type: application/json; charset=utf-8\r\n\
         x-payferry-reason: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        code.name(),
        body.len()
    );
    Some(answer.into_bytes())
}
