//! What the owner of a sandbox does by command, seen by the API and by anybody's checkout.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "tests")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use payferry::sandbox::{Bulk, Options, Sandbox, StoreOptions};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

struct Running {
    sandbox: Sandbox,
    store: String,
    api: SocketAddr,
    owner: SocketAddr,
}

impl Running {
    async fn start() -> Self {
        let api = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let owner = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addresses = (api.local_addr().unwrap(), owner.local_addr().unwrap());
        let sandbox = Sandbox::new(Options::default());
        let store = sandbox.owner().create_store(StoreOptions::default());
        tokio::spawn(sandbox.clone().serve(api, CancellationToken::new()));
        tokio::spawn(sandbox.clone().serve_owner(owner, CancellationToken::new()));
        Self { sandbox, store, api: addresses.0, owner: addresses.1 }
    }

    /// An invoice of 12.50 USD: 0.00025 BTC.
    fn invoice(&self) -> String {
        let body = r#"{"price":12.5,"currency":"USD"}"#.to_owned();
        self.sandbox.owner().create_invoices(&self.store, &Bulk { body, count: 1, every_ms: 0 }).unwrap();
        self.sandbox.owner().invoices().last().unwrap().id.clone()
    }

    /// Status line of the command, or what it complained about.
    async fn command(&self, words: &[&str]) -> Result<String, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_payferry"));
        command.arg("sandbox").args(words).arg("--sandbox").arg(format!("http://{}", self.owner));
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    /// The checkout's status: state, received and required confirmations, what is due.
    async fn checkout(&self, invoice: &str) -> (String, Value, Value, String) {
        let (api, target) = (self.api, format!("/i/{invoice}/status"));
        let exchange = move || {
            let mut stream = TcpStream::connect(api).unwrap();
            let head = format!("GET {target} HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        };
        let text = tokio::task::spawn_blocking(exchange).await.unwrap();
        let json = &text[text.find('{').unwrap()..=text.rfind('}').unwrap()];
        let mut view: Value = serde_json::from_str(json).unwrap();
        let word = |name: &str| view[name].as_str().unwrap().to_owned();
        let (status, due) = (word("status"), word("due"));
        (status, view["receivedConfirmations"].take(), view["requiredConfirmations"].take(), due)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_is_paid_and_confirmed_by_command() {
    let running = Running::start().await;
    let invoice = running.invoice();
    let new = ("New".to_owned(), Value::Null, Value::Null, "0.00025000".to_owned());
    assert_eq!(running.checkout(&invoice).await, new);
    let part = running.command(&["pay", &invoice, "--amount", "0.0001"]).await;
    // A second payment costs the buyer a network fee, as at BTCPay.
    assert_eq!(part.as_deref(), Ok("new (paidPartial), paid 0.0001 of 0.00027 BTC"));
    let rest = running.command(&["pay", &invoice]).await;
    assert_eq!(rest.as_deref(), Ok("paid, paid 0.00027 of 0.00027 BTC"));
    let paid = ("Processing".to_owned(), 0.into(), 1.into(), "0.00000000".to_owned());
    assert_eq!(running.checkout(&invoice).await, paid);
    let nothing = running.command(&["pay", &invoice]).await.unwrap_err();
    assert!(nothing.contains("nothing is due"), "{nothing}");
    let confirmed = running.command(&["confirm", &invoice, "--json"]).await.unwrap();
    assert_eq!(serde_json::from_str::<Value>(&confirmed).unwrap()["status"], "complete");
    let complete = ("Settled".to_owned(), 1.into(), 1.into(), "0.00000000".to_owned());
    assert_eq!(running.checkout(&invoice).await, complete);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_ends_of_an_invoice() {
    let running = Running::start().await;
    let (late, over, bad) = (running.invoice(), running.invoice(), running.invoice());
    assert_eq!(running.command(&["expire", &late]).await.as_deref(), Ok("expired, paid 0 of 0.00025 BTC"));
    let paid_late = running.command(&["pay", &late]).await;
    assert_eq!(paid_late.as_deref(), Ok("expired (paidLater), paid 0.00025 of 0.00025 BTC"));
    let paid_over = running.command(&["pay", &over, "--amount", "0.0005"]).await;
    assert_eq!(paid_over.as_deref(), Ok("paid (paidOver), paid 0.0005 of 0.00025 BTC"));
    assert_eq!(
        running.command(&["invalidate", &bad]).await.as_deref(),
        Ok("invalid (marked), paid 0 of 0.00025 BTC")
    );
    let unknown = running.command(&["pay", "nobody"]).await.unwrap_err();
    assert!(unknown.contains("there is no such invoice"), "{unknown}");
    let amount = running.command(&["pay", &bad, "--amount", "a lot"]).await.unwrap_err();
    assert!(amount.contains("not an amount of bitcoin"), "{amount}");
}
