//! An answer body that writes the request line exactly once, however it ends.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{Ended, Metrics, RequestRecord};
use crate::contract::Endpoint;
use crate::failpoint::Failpoint;

pin_project! {
    /// Passes its body through and logs the request when the body is over: at its end, at its
    /// error, or when it is dropped early. A body that is empty from the start is logged at once.
    #[derive(Debug)]
    pub struct LoggedBody<B> {
        #[pin]
        inner: B,
        line: Line,
    }
}

impl<B: Body> LoggedBody<B> {
    /// Wraps the body of an answer. `clock` gives epoch milliseconds. With `metrics` the request
    /// is counted at the same moment.
    pub fn new(inner: B, record: RequestRecord, clock: fn() -> i64, metrics: Option<Metrics>) -> Self {
        let expected = inner.size_hint().exact();
        let mut line = Line { record: Some(Box::new(record)), clock, metrics, bytes_out: 0, expected };
        if inner.is_end_stream() {
            line.write(Ended::Complete);
        }
        Self { inner, line }
    }
}

impl<B> LoggedBody<B> {
    /// What is known of the request, until its line is written.
    #[must_use]
    pub fn record(&self) -> Option<&RequestRecord> {
        self.line.record.as_deref()
    }
}

impl<B: Body> Body for LoggedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        match &frame {
            None => this.line.write(Ended::Complete),
            Some(Err(_)) => this.line.write(Ended::Cut),
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    this.line.bytes_out += data.remaining() as u64;
                }
                if this.inner.is_end_stream() {
                    this.line.write(Ended::Complete);
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The line that is still to be written.
#[derive(Debug)]
struct Line {
    record: Option<Box<RequestRecord>>,
    clock: fn() -> i64,
    metrics: Option<Metrics>,
    bytes_out: u64,
    expected: Option<u64>,
}

impl Line {
    fn write(&mut self, ended: Ended) {
        let Some(record) = self.record.take() else { return };
        let duration_ms = ((self.clock)() - record.at_ms).max(0);
        record.emit(ended, self.bytes_out, duration_ms);
        if record.status == 200 && record.endpoint == Endpoint::CreateInvoice.name() {
            Failpoint::AnswerSent.reach_after(Duration::from_millis(150));
        }
        if let Some(metrics) = &self.metrics {
            let seconds = Duration::from_millis(duration_ms.unsigned_abs()).as_secs_f64();
            metrics.request(record.endpoint, record.status, record.reason, seconds);
        }
    }
}

impl Drop for Line {
    /// A consumer that knows the exact length does not ask again after the last byte.
    fn drop(&mut self) {
        let whole = self.expected == Some(self.bytes_out);
        self.write(if whole { Ended::Complete } else { Ended::Dropped });
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;
    use futures_util::stream;
    use http_body_util::{BodyExt, Empty, Full, StreamBody};
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;
    use crate::contract::Side;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no panic while writing").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    /// Runs `test` and returns the lines that were logged.
    fn logged(test: impl AsyncFnOnce()) -> Vec<serde_json::Value> {
        let lines = Lines::default();
        let subscriber =
            tracing_subscriber::fmt().json().flatten_event(true).with_writer(lines.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            runtime.block_on(test());
        });
        let text = lines.0.lock().expect("no panic while writing").clone();
        let text = String::from_utf8(text).expect("log lines are text");
        text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }

    fn record() -> RequestRecord {
        let peer = "127.0.0.1:5".parse().expect("an address");
        RequestRecord::new("r1".to_owned(), 1_000, peer, true)
    }

    fn body<B: Body>(inner: B) -> LoggedBody<B> {
        LoggedBody::new(inner, record(), || 1_250, None)
    }

    fn frames(count: usize, fails: bool) -> impl Body<Data = Bytes, Error = std::io::Error> {
        let good = (0..count).map(|_| Ok(Frame::data(Bytes::from_static(b"abc"))));
        let bad = fails.then(|| Err(std::io::Error::other("cut")));
        StreamBody::new(stream::iter(good.chain(bad).collect::<Vec<_>>()))
    }

    #[test]
    fn an_empty_body_is_logged_at_once_and_once() {
        let lines = logged(async || drop(body(Empty::<Bytes>::new())));
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["ended"], "complete");
        assert_eq!(lines[0]["duration_ms"], 250);
        assert_eq!(lines[0]["target"], "request");
        assert_eq!(lines[0]["level"], "INFO");
    }

    #[test]
    fn a_full_body_is_logged_after_its_only_frame() {
        let lines = logged(async || {
            let mut body = body(Full::new(Bytes::from_static(b"hello")));
            let _ = body.frame().await;
            std::mem::forget(body);
        });
        assert_eq!((&lines[0]["bytes_out"], &lines[0]["ended"]), (&5.into(), &"complete".into()));
        assert_eq!(lines.len(), 1);
    }

    #[test]
    fn a_streamed_body_is_logged_at_its_end_once() {
        let lines = logged(async || {
            let mut body = body(frames(2, false));
            while body.frame().await.is_some() {}
            let _ = body.frame().await;
        });
        assert_eq!(lines.len(), 1);
        assert_eq!((&lines[0]["bytes_out"], &lines[0]["ended"]), (&6.into(), &"complete".into()));
    }

    #[test]
    fn an_error_is_a_cut_and_is_logged_once() {
        let lines = logged(async || {
            let mut body = body(frames(1, true));
            while let Some(Ok(_)) = body.frame().await {}
        });
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["ended"], "cut");
    }

    #[test]
    fn an_early_drop_is_told_from_a_complete_body_of_known_length() {
        let lines = logged(async || {
            let mut body = body(frames(2, false));
            let _ = body.frame().await;
        });
        assert_eq!(lines[0]["ended"], "dropped");
        let lines = logged(async || drop(body(Full::new(Bytes::from_static(b"never asked")))));
        assert_eq!((&lines[0]["bytes_out"], &lines[0]["ended"]), (&0.into(), &"dropped".into()));
    }

    #[test]
    fn hints_are_passed_on() {
        let body = body(Full::<Bytes>::new(Bytes::from_static(b"hello")));
        assert_eq!(body.size_hint().exact(), Some(5));
        assert!(!body.is_end_stream());
        let _: Result<(), Infallible> = Ok(());
    }

    #[test]
    fn failures_of_payferry_and_btcpay_warn_and_are_counted() {
        let metrics = Metrics::new();
        let lines = logged(async || {
            let mut record = record();
            record.status = 504;
            record.reason = "btcpay_timeout";
            record.side = Some(Side::Btcpay);
            drop(LoggedBody::new(Empty::<Bytes>::new(), record, || 1_250, Some(metrics.clone())));
        });
        assert_eq!(lines[0]["level"], "WARN");
        assert_eq!(lines[0]["side"], "btcpay");
        assert!(metrics.encode().contains("status_class=\"5xx\",reason=\"btcpay_timeout\"} 1"));
    }
}
