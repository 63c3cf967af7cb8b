//! The stream that hyper reads: framed, timed, and closed without losing the last answer.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::ReadBufCursor;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::ConnectionLimits;
use super::framing::{Framing, RefusedHead, Standing};
use crate::contract::ErrorCode;

const READ_AT_ONCE: usize = 8 * 1024;

/// During a drain, a request that is already under way to a quiet connection is still taken.
const LAST_CHANCE: Duration = Duration::from_millis(300);

/// After the last answer, bytes of the shop are read and dropped for so long: closing a socket
/// with unread bytes makes the other side forget the answer.
const LINGER: Duration = Duration::from_secs(1);

/// What the stream tells the service of its connection.
#[derive(Debug, Default)]
pub(super) struct Shared {
    refused: OnceLock<RefusedHead>,
    begun: AtomicU64,
}

impl Shared {
    /// A request has reached the service. The code, when it stands for a refused head.
    pub(super) fn begin(&self) -> Option<ErrorCode> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        self.refused.get().filter(|refused| refused.number == number).map(|refused| refused.code)
    }
}

/// What the timer is set for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    Nothing,
    First,
    Next,
    LastChance,
    Head,
    Body,
}

/// How far the closing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    No,
    Linger,
    Done,
}

/// A framed stream for hyper.
pub(super) struct Guarded<S> {
    stream: S,
    framing: Framing,
    shared: Arc<Shared>,
    scratch: Box<[u8]>,
    out: Vec<u8>,
    given: usize,
    header_timeout: Duration,
    idle_timeout: Duration,
    wait: Wait,
    timer: Pin<Box<Sleep>>,
    soft: Pin<Box<WaitForCancellationFutureOwned>>,
    draining: bool,
    ended: bool,
    closing: Closing,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guarded<S> {
    pub(super) fn new(stream: S, limits: &ConnectionLimits, soft: CancellationToken) -> (Self, Arc<Shared>) {
        let shared = Arc::new(Shared::default());
        let guarded = Self {
            stream,
            framing: Framing::new(limits.head_bytes, limits.headers),
            shared: Arc::clone(&shared),
            scratch: vec![0; READ_AT_ONCE].into_boxed_slice(),
            out: Vec::new(),
            given: 0,
            header_timeout: limits.header_timeout,
            idle_timeout: limits.idle_timeout,
            wait: Wait::Nothing,
            timer: Box::pin(tokio::time::sleep(limits.header_timeout)),
            soft: Box::pin(soft.cancelled_owned()),
            draining: false,
            ended: false,
            closing: Closing::No,
        };
        (guarded, shared)
    }

    /// Hands out what is there already; nothing when there is nothing.
    fn give(&mut self, cursor: &mut ReadBufCursor<'_>) -> bool {
        let left = &self.out[self.given..];
        if left.is_empty() {
            return false;
        }
        let amount = left.len().min(cursor.remaining());
        cursor.put_slice(&left[..amount]);
        self.given += amount;
        if self.given == self.out.len() {
            self.out.clear();
            self.given = 0;
        }
        true
    }

    fn refuse(&mut self, code: ErrorCode) {
        self.framing.refuse(code, &mut self.out);
        self.note_refusal();
    }

    fn note_refusal(&self) {
        if let Some(refused) = self.framing.refused() {
            let _ = self.shared.refused.set(refused);
        }
    }

    /// Reads once; the end of the input inside a head is a malformed request.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut buffer = ReadBuf::new(&mut self.scratch);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        let bytes = buffer.filled();
        if bytes.is_empty() {
            self.ended = true;
            if self.framing.standing() == Standing::Head {
                self.refuse(ErrorCode::MalformedRequest);
            }
            return Poll::Ready(Ok(()));
        }
        self.framing.push(bytes, &mut self.out);
        self.note_refusal();
        if self.wait == Wait::Body || !self.out.is_empty() {
            self.wait = Wait::Nothing;
        }
        Poll::Ready(Ok(()))
    }

    /// What there is to wait for now. hyper does not read while a request is being answered, so
    /// between two requests means that the shop is to speak.
    fn next_wait(&self) -> Wait {
        match self.framing.standing() {
            Standing::Between { .. } if self.draining => Wait::LastChance,
            Standing::Between { first: true } => Wait::First,
            Standing::Between { first: false } => Wait::Next,
            Standing::Head => Wait::Head,
            Standing::Body => Wait::Body,
            Standing::Over => Wait::Nothing,
        }
    }

    /// Nothing can be read now: minds the timers. Ready when there is something to hand out, or
    /// the end.
    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.draining = self.draining || self.soft.as_mut().poll(cx).is_ready();
        let wait = self.next_wait();
        let within = match wait {
            Wait::Nothing => None,
            Wait::First | Wait::Head => Some(self.header_timeout),
            Wait::Next | Wait::Body => Some(self.idle_timeout),
            Wait::LastChance => Some(LAST_CHANCE),
        };
        if wait != self.wait {
            self.wait = wait;
            if let Some(within) = within {
                self.timer.as_mut().reset(Instant::now() + within);
            }
        }
        if within.is_none() {
            return Poll::Pending;
        }
        ready!(self.timer.as_mut().poll(cx));
        if wait == Wait::Head {
            self.refuse(ErrorCode::HeadTimeout);
        } else {
            self.ended = true;
        }
        Poll::Ready(())
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.ended && self.timer.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut self.scratch);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
            self.ended = read.is_err() || buffer.filled().is_empty();
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> hyper::rt::Read for Guarded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.give(&mut cursor) || this.ended || this.framing.standing() == Standing::Over {
                return Poll::Ready(Ok(()));
            }
            match this.poll_fill(cx) {
                Poll::Ready(read) => read?,
                Poll::Pending => ready!(this.poll_wait(cx)),
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> hyper::rt::Write for Guarded<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.closing == Closing::No {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            this.closing = Closing::Linger;
            this.timer.as_mut().reset(Instant::now() + LINGER);
        }
        if this.closing == Closing::Linger {
            ready!(this.poll_linger(cx));
            this.closing = Closing::Done;
        }
        Poll::Ready(Ok(()))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }
}
