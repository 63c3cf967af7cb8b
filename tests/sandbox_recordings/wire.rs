//! A sandbox on a socket, and requests sent byte by byte.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use payferry::sandbox::{Options, Owner, Sandbox};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// A running sandbox whose clock the test sets.
pub struct Bench {
    pub sandbox: Sandbox,
    clock: Arc<AtomicI64>,
    port: u16,
    stop: CancellationToken,
}

#[derive(Debug, Default, Clone)]
pub struct Raw {
    pub method: String,
    pub target: String,
    /// None for 1.1.
    pub version: Option<String>,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

#[derive(Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub reason: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Bench {
    pub async fn start() -> Self {
        let clock = Arc::new(AtomicI64::new(0));
        let hand = Arc::clone(&clock);
        let options = Options {
            clock: Arc::new(move || hand.load(Ordering::SeqCst)),
            random: Arc::new(counted()),
            ..Options::default()
        };
        let sandbox = Sandbox::new(options);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stop = CancellationToken::new();
        tokio::spawn(sandbox.clone().serve(listener, stop.clone()));
        Self { sandbox, clock, port, stop }
    }

    pub fn set_time(&self, ms: i64) {
        self.clock.store(ms, Ordering::SeqCst);
    }

    pub fn owner(&self) -> Owner {
        self.sandbox.owner()
    }

    /// Sends a request on a connection of its own and reads the answer.
    pub async fn play(&self, request: &Raw) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let mut bytes = format!(
            "{} {} HTTP/{}\r\n",
            request.method,
            request.target,
            request.version.as_deref().unwrap_or("1.1")
        )
        .into_bytes();
        for (name, value) in &request.headers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        let chunked = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("transfer-encoding"));
        bytes.extend(if chunked { in_chunks(&request.body) } else { request.body.clone() });
        stream.write_all(&bytes).await.unwrap();
        let reading = read(&mut stream, request.method == "HEAD");
        tokio::time::timeout(Duration::from_secs(20), reading).await.unwrap_or_default()
    }
}

/// A body in two chunks.
fn in_chunks(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in body.chunks(body.len().div_ceil(2).max(1)) {
        bytes.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
        bytes.extend_from_slice(part);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

/// Bytes that do not repeat and are the same in every run.
fn counted() -> impl Fn(&mut [u8]) {
    let counter = AtomicI64::new(0);
    move |bytes| {
        for part in bytes.chunks_mut(32) {
            let digest = Sha256::digest(counter.fetch_add(1, Ordering::SeqCst).to_be_bytes());
            part.copy_from_slice(&digest[..part.len()]);
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn read(stream: &mut TcpStream, head_only: bool) -> Answer {
    let mut bytes = Vec::new();
    loop {
        if let Some((answer, rest)) = head(&bytes)
            && let Some(answer) = complete(answer, rest, head_only)
        {
            return answer;
        }
        let mut part = [0; 16_384];
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => {
                let body = |(answer, rest): (Answer, &[u8])| Answer { body: rest.to_vec(), ..answer };
                return head(&bytes).map(body).unwrap_or_default();
            }
            Ok(count) => bytes.extend_from_slice(&part[..count]),
        }
    }
}

fn head(bytes: &[u8]) -> Option<(Answer, &[u8])> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = text.split("\r\n");
    let (_, line) = lines.next()?.split_once(' ')?;
    let (status, reason) = line.split_once(' ').unwrap_or((line, ""));
    let status = status.parse().ok()?;
    if status == 100 {
        return head(&bytes[end + 4..]);
    }
    let headers =
        lines.filter_map(|line| line.split_once(':')).map(|(n, v)| (n.to_owned(), v.trim().to_owned()));
    let answer = Answer { status, reason: reason.to_owned(), headers: headers.collect(), body: Vec::new() };
    Some((answer, &bytes[end + 4..]))
}

fn complete(mut answer: Answer, rest: &[u8], head_only: bool) -> Option<Answer> {
    let value = |name: &str| {
        answer.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone())
    };
    if head_only || answer.status == 204 {
        return Some(answer);
    }
    if let Some(length) = value("content-length").and_then(|length| length.parse::<usize>().ok()) {
        answer.body = rest.get(..length)?.to_vec();
        return Some(answer);
    }
    if value("transfer-encoding").is_some() {
        answer.body = chunks(rest)?;
        return Some(answer);
    }
    None
}

fn chunks(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(end + 2..end + 2 + size)?);
        rest = rest.get(end + 4 + size..)?;
    }
}
