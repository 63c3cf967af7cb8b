//! Lists that are longer than memory, and lists that break off: payferry as a process of its own in front
//! of a BTCPay that streams.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::io::{BufWriter, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use payferry::app::now_ms;
use support::process::{Process, free_address};
use support::{Shop, Stage};

const INVOICE: &str = include_str!("data/btcpay-answers/read-new-signed.json");

/// What BTCPay does after so many invoices.
#[derive(Clone, Copy)]
enum Then {
    End,
    Close,
    Silence,
    /// It ends, and every piece of it has taken its time.
    SlowEnd,
}

/// A BTCPay that answers every request with a list, in chunks of its own choosing, ten invoices a second.
fn btcpay(address: SocketAddr, count: usize, then: Then) {
    let listener = TcpListener::bind(address).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                read_head(&mut stream);
                answer(stream, count, then).ok();
            });
        }
    });
}

fn read_head(stream: &mut TcpStream) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
}

fn answer(stream: TcpStream, count: usize, then: Then) -> std::io::Result<()> {
    let invoice = Template::new();
    let mut out = BufWriter::with_capacity(30_011, stream);
    out.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    let pause = Duration::from_millis(if matches!(then, Then::SlowEnd) { 400 } else { 0 });
    let mut chunk = |text: &str| {
        std::thread::sleep(pause);
        write!(out, "{:x}\r\n{text}\r\n", text.len())?;
        out.flush()
    };
    chunk("{\"data\":[")?;
    let newest = now_ms() / 1000 * 1000;
    let mut text = String::new();
    for number in 0..count {
        text.push_str(if number > 0 { "," } else { "" });
        text.push_str(&invoice.of(number, newest - (number as i64) / 10 * 1000));
        // Pieces end anywhere, inside an invoice as well.
        while text.len() > 20_000 {
            let rest = text.split_off(19_997);
            chunk(&std::mem::replace(&mut text, rest))?;
        }
    }
    match then {
        Then::End | Then::SlowEnd => {
            chunk(&(text + "]}"))?;
            out.write_all(b"0\r\n\r\n")?;
            out.flush()
        }
        Then::Close => chunk(&text),
        Then::Silence => {
            chunk(&text)?;
            std::thread::sleep(Duration::from_secs(60));
            Ok(())
        }
    }
}

struct Template(String, i64);

impl Template {
    fn new() -> Self {
        let answer = payferry::json::parse(INVOICE.as_bytes()).unwrap();
        let invoice = answer.get("data").unwrap();
        let time = invoice.get("invoiceTime").unwrap().as_number().unwrap().as_i64().unwrap();
        let id = invoice.get("id").unwrap().as_str().unwrap();
        Self(invoice.to_string().replace(id, "@ID"), time)
    }

    fn of(&self, number: usize, time: i64) -> String {
        let time = format!("\"invoiceTime\":{time}");
        self.0.replace("@ID", &format!("{number:022}")).replace(&format!("\"invoiceTime\":{}", self.1), &time)
    }
}

struct Scene {
    stage: Stage,
    payferry: Process,
    shop: Shop,
    http: SocketAddr,
}

/// A paired shop, payferry as a process, and that BTCPay behind it.
async fn scene(count: usize, then: Then) -> Scene {
    let http = free_address();
    let stage = Stage::without_payferry("", &http.to_string()).await;
    let payferry = Process::serve(&stage.config_file, http, None);
    let shop = stage.paired_shop().await;
    stage.close_btcpay().await;
    btcpay(stage.btcpay, count, then);
    Scene { stage, payferry, shop, http }
}

impl Scene {
    /// Everything that comes over the wire, a piece at a time, until payferry closes.
    fn list(&self, query: &str, mut each: impl FnMut(&[u8])) {
        let target = format!("/invoices?token={}{query}", self.shop.token);
        let signature = self.shop.key.sign(&format!("http://{}{target}", self.http), b"");
        let mut stream = TcpStream::connect(self.http).unwrap();
        write!(
            stream,
            "GET {target} HTTP/1.1\r\nHost: {}\r\nx-identity: {}\r\nx-signature: {signature}\r\nConnection: close\r\n\r\n",
            self.http,
            self.shop.key.public().to_hex()
        )
        .unwrap();
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            each(&buffer[..length]);
        }
    }

    fn whole(&self, query: &str) -> String {
        let mut text = Vec::new();
        self.list(query, |bytes| text.extend_from_slice(bytes));
        String::from_utf8(text).unwrap()
    }

    /// The lines of the log with that in them.
    async fn logged(&self, word: &str) -> Vec<String> {
        let log = self.stage.config_file.with_file_name("payferry.log");
        let lines = || {
            std::fs::read_to_string(&log)
                .unwrap()
                .lines()
                .filter(|line| line.contains(word))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        support::until(word, || !lines().is_empty()).await;
        lines()
    }
}

/// Kilobytes, by its name in /proc/PID/status.
fn memory(process: u32, name: &str) -> usize {
    let status =
        std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).expect("Linux");
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_invoices_need_no_more_memory_than_a_few() {
    let scene = scene(100_000, Then::End).await;
    assert_eq!(scene.whole("&limit=300").matches("\"invoiceTime\"").count(), 300);
    let before = memory(scene.payferry.id(), "VmRSS:");
    let (mut newest_first, mut bytes, mut tail) = (0, 0, Vec::new());
    let mark = b"\"invoiceTime\"";
    scene.list("", |piece| {
        bytes += piece.len();
        tail.extend_from_slice(piece);
        newest_first += tail.windows(mark.len()).filter(|window| window == mark).count();
        tail.drain(..tail.len().saturating_sub(mark.len() - 1));
    });
    assert_eq!(newest_first, 100_000);
    assert!(tail.ends_with(b"]}\r\n0\r\n\r\n".get(3..).unwrap()), "the last chunk");
    let more = memory(scene.payferry.id(), "VmHWM:").saturating_sub(before);
    eprintln!("{bytes} bytes, {before} kB before, at most {more} kB more");
    assert!(more < 32 * 1024, "{more} kB more");
}

/// Half a list must not look like a whole one: an order that is missing from it would count as never paid.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_btcpay_cuts_ends_without_an_end() {
    let scene = scene(350, Then::Close).await;
    let text = scene.whole("");
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{}", &text[..200]);
    assert!(text.matches("\"invoiceTime\"").count() >= 100, "what was whole was sent on");
    assert!(!text.ends_with("0\r\n\r\n") && !text.contains("]}\r\n"), "{}", &text[text.len() - 100..]);
    let why = scene.logged("list_broke_off").await;
    assert!(why[0].contains("upstream_cut"), "{why:?}");
    let line = scene.logged("\"list_invoices\"").await;
    assert!(line.iter().any(|line| line.contains("\"ended\":\"cut\"")), "{line:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_falls_silent_is_cut_after_five_seconds() {
    let scene = scene(350, Then::Silence).await;
    let asked = std::time::Instant::now();
    let text = scene.whole("");
    assert!(asked.elapsed() >= Duration::from_secs(5), "{:?}", asked.elapsed());
    assert!(text.matches("\"invoiceTime\"").count() >= 300, "an invoice does not wait for its batch");
    assert!(!text.ends_with("0\r\n\r\n"));
    assert!(scene.logged("list_broke_off").await[0].contains("upstream_timeout"));
}

/// A page is enough: BTCPay need not send the rest.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_list_without_end_is_answered() {
    let scene = scene(350, Then::Silence).await;
    let text = scene.whole("&limit=120&offset=100");
    assert_eq!(text.matches("\"invoiceTime\"").count(), 120);
    assert!(text.ends_with("]}\r\n0\r\n\r\n") || text.ends_with("]}"), "{}", &text[text.len() - 100..]);
}

/// A shop that looks for its invalid invoices among tens of thousands: nothing that matches comes for
/// longer than a whole request may take, and the list is answered all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_passes_over_everything_for_long_is_answered() {
    let scene = scene(240, Then::SlowEnd).await;
    let asked = std::time::Instant::now();
    let (none, oldest) = std::thread::scope(|scope| {
        let none = scope.spawn(|| unchunked(&scene.whole("&status=invalid")));
        let oldest = unchunked(&scene.whole("&offset=239"));
        (none.join().unwrap(), oldest)
    });
    assert!(asked.elapsed() > Duration::from_millis(8_500), "too fast to prove it: {:?}", asked.elapsed());
    for (list, length) in [(none, 0), (oldest, 1)] {
        let list = payferry::json::parse(list.as_bytes()).expect("a whole list");
        assert_eq!(list.get("data").unwrap().as_array().unwrap().len(), length, "{list}");
    }
}

/// The body of an answer that came in chunks.
fn unchunked(answer: &str) -> String {
    let (head, mut rest) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    let mut body = String::new();
    while let Some((size, more)) = rest.split_once("\r\n") {
        let (chunk, after) = more.split_at(usize::from_str_radix(size, 16).unwrap());
        body.push_str(chunk);
        rest = after.strip_prefix("\r\n").unwrap();
    }
    body
}
