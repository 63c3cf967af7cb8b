//! How the sandbox delivers notifications: as recorded of BTCPay Server 2.4.1, ten minutes in no time.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "tests")]

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use payferry::sandbox::{Bulk, Options, Sandbox, StoreOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

const START_MS: i64 = 1_795_470_000_000;

/// One request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Got {
    line: String,
    headers: Vec<String>,
    body: String,
}

impl Got {
    /// Path, and the status that a flat body tells.
    fn short(&self) -> String {
        let path = self.line.split(' ').nth(1).unwrap();
        let status = self.body.split("\"status\": \"").nth(1).and_then(|rest| rest.split('"').next());
        format!("{path} {}", status.unwrap_or("nothing"))
    }
}

struct Stage {
    sandbox: Sandbox,
    store: String,
    clock: Arc<AtomicI64>,
    shop: String,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Stage {
    async fn set() -> Self {
        let clock = Arc::new(AtomicI64::new(START_MS));
        let hand = Arc::clone(&clock);
        let clock_hand: payferry::sandbox::Clock = Arc::new(move || hand.load(Ordering::SeqCst));
        let sandbox = Sandbox::new(Options { clock: clock_hand, ..Options::default() });
        let store = sandbox.owner().create_store(StoreOptions::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        tokio::spawn(sandbox.clone().serve(listener, CancellationToken::new()));
        let shop = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, got) = (shop.local_addr().unwrap().to_string(), Arc::new(Mutex::new(Vec::new())));
        let taken = Arc::clone(&got);
        tokio::spawn(async move {
            while let Ok((stream, _)) = shop.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&taken)));
            }
        });
        Self { sandbox, store, clock, shop: address, got }
    }

    /// A free invoice, which is paid, confirmed and complete at once; PATH is below the shop.
    fn free_invoice(&self, path: &str) {
        self.invoice(&format!("http://{}{path}", self.shop));
    }

    fn invoice(&self, url: &str) {
        let body = serde_json::json!({
            "price": 0, "orderId": "O&1 ", "notificationURL": url, "fullNotifications": true
        });
        let bulk = Bulk { body: body.to_string(), count: 1, every_ms: 0 };
        self.sandbox.owner().create_invoices(&self.store, &bulk).unwrap();
    }

    /// Waits until so many requests have come; what came, in short.
    async fn shorts(&self, count: usize) -> Vec<String> {
        for _ in 0..1000 {
            if self.got.lock().unwrap().len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.got.lock().unwrap().iter().map(Got::short).collect()
    }

    fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    /// Waits until so many notifications are on their way or wait.
    async fn waiting(&self, count: usize) {
        for _ in 0..1000 {
            if self.sandbox.owner().waiting_notifications() == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{} notifications wait", self.sandbox.owner().waiting_notifications());
    }
}

/// A shop that answers by the beginning of the path.
async fn answer(mut stream: TcpStream, got: Arc<Mutex<Vec<Got>>>) {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let Ok(count @ 1..) = stream.read(&mut part).await else { return };
        bytes.extend_from_slice(&part[..count]);
        let Some(request) = whole(&bytes) else { continue };
        bytes.clear();
        let path = request.line.split(' ').nth(1).unwrap().to_owned();
        let seen = got.lock().unwrap().iter().filter(|old| old.line == request.line).count();
        got.lock().unwrap().push(request);
        let head = match path.split('/').nth(1).unwrap() {
            "hang" => {
                std::future::pending::<()>().await;
                return;
            }
            "500" => "500 Internal Server Error\r\n".to_owned(),
            "fail1st" if seen == 0 => "500 Internal Server Error\r\n".to_owned(),
            "301" => format!("301 Moved\r\nLocation: /ok/after{path}\r\n"),
            "307" => format!("307 Temporary\r\nLocation: /ok/after{path}\r\n"),
            "cookie" => "200 OK\r\nSet-Cookie: sid=abc; Path=/\r\n".to_owned(),
            _ => "200 OK\r\n".to_owned(),
        };
        stream.write_all(format!("HTTP/1.1 {head}Content-Length: 0\r\n\r\n").as_bytes()).await.unwrap();
    }
}

fn whole(bytes: &[u8]) -> Option<Got> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n").map(str::to_owned);
    let (line, headers) = (lines.next()?, lines.collect::<Vec<_>>());
    let length = headers.iter().find_map(|header| header.strip_prefix("Content-Length: "));
    let missing = length.map_or(0, |length| length.parse::<usize>().unwrap()).saturating_sub(body.len());
    (missing == 0).then(|| Got { line, headers, body: body.to_owned() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_has_btcpays_head_and_no_more() {
    let stage = Stage::set().await;
    stage.free_invoice("/ok/x");
    assert_eq!(stage.shorts(3).await, ["/ok/x paid", "/ok/x confirmed", "/ok/x complete"]);
    let got = stage.got.lock().unwrap().clone();
    assert_eq!(got[0].line, "POST /ok/x HTTP/1.1");
    let names: Vec<&str> = got[0].headers.iter().map(|header| header.split(':').next().unwrap()).collect();
    assert_eq!(names, ["Host", "User-Agent", "Content-Type", "Content-Length"]);
    assert_eq!(got[0].headers[2], "Content-Type: application/json; charset=utf-8");
    assert!(got[0].headers[1].starts_with("User-Agent: BTCPayServer/2.4.1+"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_one_comes_again_after_ten_minutes_with_the_old_bytes() {
    let stage = Stage::set().await;
    stage.free_invoice("/fail1st/x");
    stage.waiting(1).await;
    stage.pass(599);
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(stage.shorts(3).await.len(), 3, "not before ten minutes");
    stage.pass(1);
    let shorts = stage.shorts(4).await;
    assert_eq!(shorts[3], "/fail1st/x paid", "after the newer ones");
    let got = stage.got.lock().unwrap().clone();
    assert_eq!(got[0].body, got[3].body);
    let log = stage.sandbox.owner().notification_log();
    assert!(
        log[0].contains("IPN (1003 invoice_paidInFull)") && log[0].ends_with("Unexpected return code: 500")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_six_tries_and_no_seventh() {
    let stage = Stage::set().await;
    stage.free_invoice("/500/x");
    for tries in 1..=5 {
        stage.shorts(3 * tries).await;
        stage.waiting(3).await;
        stage.pass(600);
    }
    assert_eq!(stage.shorts(18).await.len(), 18);
    stage.waiting(0).await;
    stage.pass(6000);
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(stage.got.lock().unwrap().len(), 18);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_shop_delays_its_own_invoice_by_a_minute_and_no_other() {
    let stage = Stage::set().await;
    stage.free_invoice("/hang/x");
    stage.shorts(1).await;
    stage.free_invoice("/ok/y");
    let others = ["/hang/x paid", "/ok/y paid", "/ok/y confirmed", "/ok/y complete"];
    assert_eq!(stage.shorts(4).await, others);
    stage.pass(59);
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(stage.shorts(4).await.len(), 4);
    stage.pass(1);
    assert_eq!(stage.shorts(5).await[4], "/hang/x confirmed");
    assert!(stage.sandbox.owner().notification_log().iter().any(|line| line.ends_with(": Timeout")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moved_shop_loses_its_notifications_unless_the_method_is_kept() {
    let stage = Stage::set().await;
    stage.free_invoice("/301/x");
    let shorts = stage.shorts(6).await;
    assert_eq!(shorts[..2], ["/301/x paid", "/ok/after/301/x nothing"]);
    assert_eq!(stage.got.lock().unwrap()[1].line, "GET /ok/after/301/x HTTP/1.1");
    stage.free_invoice("/307/x");
    let shorts = stage.shorts(12).await;
    assert_eq!(shorts[6..8], ["/307/x paid", "/ok/after/307/x paid"]);
    stage.waiting(0).await;
    assert!(stage.sandbox.owner().notification_log().iter().all(|line| line.contains("sent for invoice")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_forgets_what_waits() {
    let stage = Stage::set().await;
    stage.free_invoice("/500/x");
    stage.free_invoice("/hang/y");
    stage.shorts(4).await;
    stage.waiting(6).await;
    stage.sandbox.owner().restart();
    stage.pass(60);
    stage.waiting(0).await;
    stage.pass(6000);
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(stage.got.lock().unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_are_taken_as_dotnet_takes_them() {
    let stage = Stage::set().await;
    for nowhere in ["", "/ok/relative", "ftp://127.0.0.1/ok", "127.0.0.1:1/ok"] {
        stage.invoice(nowhere);
    }
    stage.waiting(0).await;
    assert!(stage.sandbox.owner().notification_log().is_empty());
    stage.free_invoice("/ok/a//x/../y#frag");
    let user = format!("HTTP://shop:secret@{}/ok/b?o={{OrderId}}&st={{Status}}&x=é", stage.shop);
    stage.invoice(&user);
    let shorts = stage.shorts(6).await;
    let paths: Vec<&str> = shorts.iter().map(|short| short.split(' ').next().unwrap()).collect();
    assert!(paths.contains(&"/ok/a//y"), "{paths:?}");
    assert!(paths.contains(&"/ok/b?o=O%261+0&st=Settled&x=%C3%A9"), "{paths:?}");
    let all = stage.got.lock().unwrap().iter().flat_map(|got| got.headers.clone()).collect::<Vec<_>>();
    assert!(!all.iter().any(|header| header.starts_with("Authorization")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cookies_go_to_the_notifications_of_other_invoices_too() {
    let stage = Stage::set().await;
    stage.free_invoice("/cookie/x");
    stage.shorts(3).await;
    stage.free_invoice("/ok/y");
    stage.shorts(6).await;
    let got = stage.got.lock().unwrap().clone();
    let has = |got: &Got| got.headers.contains(&"Cookie: sid=abc".to_owned());
    assert!(!has(&got[0]) && got[1..].iter().all(has));
}
