//! An answer of BTCPay that is read as it comes, because it may be longer than memory.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;

use super::{ForwardError, LONGEST_ANSWER, Server, UpstreamAnswer, content_type};
use crate::walk::to_btcpay::UpstreamRequest;

/// The head of an answer, and its body on the way.
pub struct UpstreamStream {
    /// HTTP status.
    pub status: u16,
    /// Content-Type as sent, empty where there is none.
    pub content_type: String,
    body: Incoming,
    idle: Duration,
}

impl UpstreamStream {
    /// The next bytes; None at the end. A wait that is given up loses nothing.
    ///
    /// # Errors
    /// [`ForwardError::TimedOut`] after silence, [`ForwardError::Cut`] where the connection ended first.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ForwardError> {
        loop {
            let frame = tokio::time::timeout(self.idle, self.body.frame()).await;
            match frame.map_err(|_| ForwardError::TimedOut)? {
                None => return Ok(None),
                Some(Err(_)) => return Err(ForwardError::Cut),
                // Trailers are nothing that BTCPay sends.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => return Ok(Some(bytes)),
                    Err(_) => continue,
                },
            }
        }
    }

    /// The rest as a whole answer, for one that is short: an error.
    ///
    /// # Errors
    /// [`ForwardError`].
    pub async fn whole(self) -> Result<UpstreamAnswer, ForwardError> {
        let Self { status, content_type, body, idle } = self;
        let body = tokio::time::timeout(idle, Limited::new(body, LONGEST_ANSWER).collect()).await;
        let body = body.map_err(|_| ForwardError::TimedOut)?.map_err(|error| {
            if error.is::<LengthLimitError>() { ForwardError::TooLong } else { ForwardError::Cut }
        })?;
        Ok(UpstreamAnswer { status, content_type, body: body.to_bytes() })
    }
}

impl Server {
    /// Sends one request and gives its answer once the head is there: that takes at most `within`, and
    /// no silence inside the body may be longer than `idle`. The body as a whole may take any time.
    ///
    /// # Errors
    /// [`ForwardError`].
    pub async fn open(
        &self,
        request: UpstreamRequest,
        within: Duration,
        idle: Duration,
    ) -> Result<UpstreamStream, ForwardError> {
        let request = self.write(request)?;
        let answer = tokio::time::timeout(within, self.client.request(request)).await;
        let answer = answer.map_err(|_| ForwardError::TimedOut)?;
        let (head, body) = answer.map_err(ForwardError::of_client)?.into_parts();
        Ok(UpstreamStream { status: head.status.as_u16(), content_type: content_type(&head), body, idle })
    }
}
