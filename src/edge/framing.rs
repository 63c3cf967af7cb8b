//! The stream of one connection, cut into requests without any input or output of its own.
//!
//! Bytes go in as they come; what may go on to hyper comes out. A head that cannot be answered
//! from its content is replaced by a stand-in, so that its refusal takes its turn after the
//! answers of the requests before it and leaves like any other answer.

use super::chunks::Chunks;
use super::head::{Length, judge};
use crate::contract::ErrorCode;

/// What hyper reads in place of a refused head.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n";

/// A request that is refused before it is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RefusedHead {
    /// Its number on the connection, from 0.
    pub(super) number: u64,
    /// The row of the error table.
    pub(super) code: ErrorCode,
}

/// Where the connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Between two requests, or before the first.
    Between {
        /// Whether no request came yet.
        first: bool,
    },
    /// Inside a head.
    Head,
    /// Inside a body.
    Body,
    /// Nothing more counts.
    Over,
}

#[derive(Debug)]
enum State {
    Head { searched: usize },
    Fixed(u64),
    Chunked(Chunks),
    Over,
}

/// The framing of one connection.
#[derive(Debug)]
pub(super) struct Framing {
    head_bytes: usize,
    most_headers: usize,
    state: State,
    head: Vec<u8>,
    requests: u64,
    refused: Option<RefusedHead>,
}

impl Framing {
    pub(super) fn new(head_bytes: usize, most_headers: usize) -> Self {
        let state = State::Head { searched: 0 };
        Self { head_bytes, most_headers, state, head: Vec::new(), requests: 0, refused: None }
    }

    /// Takes bytes in, and appends to `out` what may go on.
    pub(super) fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while !bytes.is_empty() {
            let taken = match &mut self.state {
                State::Head { .. } => self.in_head(bytes, out),
                State::Fixed(left) => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    out.extend_from_slice(&bytes[..taken]);
                    *left -= taken as u64;
                    if *left == 0 {
                        self.state = State::Head { searched: 0 };
                    }
                    taken
                }
                State::Chunked(chunks) => match chunks.scan(bytes) {
                    Ok(taken) => {
                        out.extend_from_slice(&bytes[..taken]);
                        if chunks.is_over() {
                            self.state = State::Head { searched: 0 };
                        }
                        taken
                    }
                    Err(_) => {
                        self.state = State::Over;
                        return;
                    }
                },
                State::Over => return,
            };
            bytes = &bytes[taken..];
        }
    }

    /// Refuses the head under way, or the one that never came, and everything after it.
    pub(super) fn refuse(&mut self, code: ErrorCode, out: &mut Vec<u8>) {
        self.refused = Some(RefusedHead { number: self.requests, code });
        self.requests += 1;
        self.state = State::Over;
        self.head = Vec::new();
        out.extend_from_slice(STAND_IN);
    }

    /// The refused head, once there is one; it is the last request of its connection.
    pub(super) fn refused(&self) -> Option<RefusedHead> {
        self.refused
    }

    pub(super) fn standing(&self) -> Standing {
        match self.state {
            State::Head { .. } if self.head.is_empty() => Standing::Between { first: self.requests == 0 },
            State::Head { .. } => Standing::Head,
            State::Fixed(_) | State::Chunked(_) => Standing::Body,
            State::Over => Standing::Over,
        }
    }

    /// Returns how many of the bytes belong to this head.
    fn in_head(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> usize {
        if self.head.is_empty() {
            let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            if blank > 0 {
                return blank;
            }
            if !is_token(bytes[0]) {
                self.refuse(ErrorCode::MalformedRequest, out);
                return bytes.len();
            }
        }
        let searched = match self.state {
            State::Head { searched } => searched,
            _ => 0,
        };
        let before = self.head.len();
        let room = (self.head_bytes + 1).saturating_sub(before);
        self.head.extend_from_slice(&bytes[..room.min(bytes.len())]);
        match end_of_head(&self.head, searched) {
            Some(end) if end <= self.head_bytes => {
                self.head.truncate(end);
                self.whole_head(out);
                end - before
            }
            _ if self.head.len() > self.head_bytes => {
                self.refuse(ErrorCode::HeadTooLarge, out);
                bytes.len()
            }
            _ => {
                self.state = State::Head { searched: self.head.len() };
                bytes.len()
            }
        }
    }

    fn whole_head(&mut self, out: &mut Vec<u8>) {
        let bytes = std::mem::take(&mut self.head);
        let head = match judge(&bytes, self.most_headers) {
            Ok(head) => head,
            Err(code) => return self.refuse(code, out),
        };
        self.requests += 1;
        out.extend_from_slice(head.rewritten.as_deref().unwrap_or(&bytes));
        self.state = match head.length {
            _ if head.last => State::Over,
            Length::Fixed(0) => State::Head { searched: 0 },
            Length::Fixed(left) => State::Fixed(left),
            Length::Chunked => State::Chunked(Chunks::new()),
        };
    }
}

/// The place behind the first empty line; `searched` bytes are known not to end one.
fn end_of_head(head: &[u8], searched: usize) -> Option<usize> {
    let from = searched.saturating_sub(2);
    (from..head.len()).find_map(|at| match &head[at..] {
        [b'\n', b'\n', ..] => Some(at + 2),
        [b'\n', b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

/// What a method may begin with (RFC 9110 section 5.6.2); a TLS hello does not.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: &[u8] = b"\r\nPOST /invoices HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello\
        POST /b HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\
        GET /c HTTP/1.1\nhost: b\n\n";

    fn pass(pieces: &[&[u8]]) -> (Vec<u8>, Framing) {
        let mut framing = Framing::new(200, 8);
        let mut out = Vec::new();
        pieces.iter().for_each(|piece| framing.push(piece, &mut out));
        (out, framing)
    }

    #[test]
    fn the_pieces_do_not_matter() {
        for cut in 0..THREE.len() {
            let (out, framing) = pass(&[&THREE[..cut], &THREE[cut..]]);
            assert_eq!(out, &THREE[2..], "cut at {cut}");
            assert_eq!(framing.standing(), Standing::Between { first: false });
            assert_eq!(framing.requests, 3);
        }
        let single: Vec<_> = THREE.chunks(1).collect();
        assert_eq!(pass(&single).0, &THREE[2..]);
    }

    #[test]
    fn a_head_of_exactly_the_limit_passes_and_one_byte_more_does_not() {
        for (more, refused) in [(0, false), (1, true)] {
            let head = format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "x".repeat(200 - 23 + more));
            for pieces in [vec![head.as_bytes()], head.as_bytes().chunks(1).collect()] {
                let (_, framing) = pass(&pieces);
                let code = framing.refused().map(|refused| refused.code);
                assert_eq!(code, refused.then_some(ErrorCode::HeadTooLarge));
            }
        }
    }

    #[test]
    fn a_refused_head_takes_its_turn_and_nothing_follows() {
        let text = b"GET /a HTTP/1.1\r\n\r\nbad\r\n\r\nGET /b HTTP/1.1\r\n\r\n";
        let (out, framing) = pass(&[text]);
        assert_eq!(out, [b"GET /a HTTP/1.1\r\n\r\n", STAND_IN].concat());
        let refused = RefusedHead { number: 1, code: ErrorCode::MalformedRequest };
        assert_eq!((framing.refused(), framing.standing()), (Some(refused), Standing::Over));
    }

    #[test]
    fn a_tls_hello_is_refused_at_its_first_byte() {
        assert!(pass(&[&[0x16]]).1.refused().is_some());
    }

    #[test]
    fn the_body_of_a_read_is_swallowed() {
        let (out, framing) =
            pass(&[b"GET /a HTTP/1.1\r\ncontent-length: 3\r\n\r\nabcGET /b HTTP/1.1\r\n\r\n"]);
        assert_eq!(out, b"GET /a HTTP/1.1\r\nconnection: close\r\n\r\n");
        assert_eq!((framing.refused(), framing.standing()), (None, Standing::Over));
    }
}
