//! `payferry explain`: one request, told from its bytes to what BTCPay would be sent, and nothing done.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use payferry::ledger::Facade;
use payferry::presented::Settlement;
use serde_json::{Value, json};

use support::command::{Done, payferry};
use support::{Shop, Stage};

/// A request as a capture has it, signed for the address that the shop was given.
fn signed(shop: &Shop, url: &str, body: &str) -> String {
    let signature = shop.key.sign(url, body.as_bytes());
    let (host, path) = url.split_once("://").unwrap().1.split_once('/').unwrap();
    format!(
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nx-identity: {}\r\n\
         x-signature: {signature}\r\nx-bitpay-plugin-info: BitPay_NodeJs_Client_v8.0.4\r\nContent-Length: {}\r\n\r\n{body}",
        shop.key.public().to_hex(),
        body.len()
    )
}

fn run(stage: &Stage, request: &str, words: &[&str]) -> Done {
    std::fs::write(stage.folder().join("request.txt"), request).unwrap();
    payferry(stage.folder(), &[&["explain", "--file", "request.txt"], words].concat())
}

fn explain(stage: &Stage, request: &str, words: &[&str]) -> Value {
    run(stage, request, &[words, &["--json"]].concat()).ended_with(0).json()
}

const ORDER: &str = r#""price":"12.50","currency":"EUR","guid":"g-1","orderId":"secret order","posData":"{\"a\":1}",
 "buyer":{"name":"Jane","email":"jane@shop.example","locality":"Bern"},"notificationURL":"https://shop.example/ipn",
 "fullNotifications":true,"transactionSpeed":"medium","exchangeRates":{}"#;

/// Members by name, in order; their values where they are no texts.
fn members(object: &Value) -> Vec<String> {
    object.as_object().unwrap().keys().cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_tells_of_a_create_is_what_the_same_create_then_does() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let body = shop.order(ORDER);
    let request = signed(&shop, "https://bitpay.com/invoices", &body);
    let told = explain(&stage, &request, &["--tls"]);
    let of = |name: &str| told["request"][name].as_str().unwrap().to_owned();
    assert_eq!([of("call"), of("dialect"), of("store")], ["create_invoice", "signed", "main"]);
    assert_eq!(told["credential"]["signature"]["good_for"], "https://bitpay.com/invoices");
    assert_eq!(told["era"]["is"], "2021");
    assert!(told["era"]["why"].as_str().unwrap().contains("BitPay_"), "{told}");

    // Nothing was made, neither at BTCPay nor in the ledger: the order is the shop's first when it comes.
    assert_eq!(stage.creates_upstream().len(), 0);
    shop.create(ORDER).await.invoice_id();
    let creates = stage.creates_upstream();
    let [really] = creates.as_slice() else { panic!("{} creates", creates.len()) };
    let really: Value = serde_json::from_slice(&really.body).unwrap();
    let [sent] = told["sent"].as_array().unwrap().as_slice() else { panic!("{told}") };
    let address = format!("POST http://{}/invoices", stage.btcpay);
    assert_eq!(sent["request"], address);
    assert_eq!(members(&sent["members"]), members(&really));
    for name in ["price", "currency", "transactionSpeed"] {
        assert_eq!(sent["members"][name], really[name], "{name}");
    }
    let left_out: Vec<&str> =
        told["left_out"].as_array().unwrap().iter().map(|left| left["member"].as_str().unwrap()).collect();
    assert_eq!(left_out, ["/exchangeRates"]);

    let again = explain(&stage, &request, &["--tls"]);
    assert!(again["sent"][0]["why"].as_str().unwrap().starts_with("the same guid"), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_shown_and_texts_only_when_asked_for() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let request = signed(&shop, "http://pay.example/invoices", &shop.order(ORDER));
    // An editor's line ends, in the head only.
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let request = format!("{}\n\n{body}", head.replace("\r\n", "\n"));
    let quiet = run(&stage, &request, &["--plain"]).ended_with(0);
    let signature = head.split("x-signature: ").nth(1).unwrap().split('\r').next().unwrap();
    for secret in [&*shop.token, signature, "secret order", "jane@", "Bern", "shop.example"] {
        assert!(!quiet.stdout.contains(secret), "{secret}: {}", quiet.stdout);
    }
    assert!(quiet.stdout.contains("good for"), "{}", quiet.stdout);
    let told = explain(&stage, &request, &["--plain", "--words"]);
    assert_eq!(told["sent"][0]["members"]["buyer"]["city"], "Bern");
    assert!(!told.to_string().contains(&shop.token), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_that_fits_no_spelling_is_told_with_what_was_tried() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let request = signed(&shop, "https://bitpay.com/invoices", &shop.order(ORDER));
    let told = explain(&stage, &request.replace("Host: bitpay.com", "Host: elsewhere.example"), &["--tls"]);
    let tried = told["credential"]["signature"]["tried"].as_array().unwrap();
    assert!(tried.contains(&json!("https://elsewhere.example:443/invoices")), "{tried:?}");
    assert_eq!(told["answer"]["refused"], "signature_invalid");
    assert_eq!(told["answer"]["body"]["error"], "Invalid signature");
    assert_eq!(told["sent"], "nothing");
    let mended = explain(&stage, &request, &["--tls", "--host", "bitpay.com"]);
    assert_eq!(mended["credential"]["signature"]["good_for"], "https://bitpay.com/invoices");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_explained_and_not_noted() {
    let stage = Stage::set().await;
    let stranger = stage.shop();
    let body = r#"{"price":1,"currency":"EUR","token":"2eBrT4dVkV6CqRWDhGAfC2mZ"}"#;
    let told = explain(&stage, &signed(&stranger, "https://bitpay.com/invoices", body), &["--tls"]);
    assert_eq!(told["answer"]["refused"], "identity_unknown");
    assert_eq!(told["credential"]["key"]["opens"], "no store knows this key");
    assert_eq!(told["credential"]["key"]["sin"], stranger.sin());
    let pending = payferry(stage.folder(), &["credential", "pending", "--json"]).ended_with(0).json();
    assert_eq!(pending, json!([]));

    let basic = "POST /api/invoice HTTP/1.0\nHost: bitpay.com\nAuthorization: Basic S0VZMTIzNDU2Nzg=\n\
                 Content-Type: application/json\n\n{\"price\":1,\"currency\":\"EUR\"}\n";
    let told = explain(&stage, basic, &[]);
    assert_eq!((&told["era"]["is"], &told["answer"]["status"]), (&json!("v1"), &json!(200)));
    assert_eq!(told["answer"]["body"]["error"]["message"], "Invalid API key");
}

/// What WooCommerce's BitPay Checkout 3.46 sends.
fn woocommerce(token: &str) -> String {
    let body = format!(
        r#"{{"extension_version":"BitPay_Checkout_WooCommerce_3.46.0","price":"12.34","currency":"USD","orderId":"1001","acceptanceWindow":1200000,"notificationURL":"https:\/\/shop.example\/ipn","extendedNotifications":true,"token":"{token}"}}"#
    );
    format!(
        "POST /invoices HTTP/1.1\nHost: bitpay.com\nAccept: */*\n\
         X-BitPay-Plugin-Info: BitPay_Checkout_WooCommerce_3.46.0\nContent-Type: application/json\n\
         Content-Length: {}\n\n{body}\n",
        body.len()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn settlement_is_told_as_what_it_means_for_the_merchant() {
    let stage = Stage::set().await;
    let mut shop = stage.shop();
    shop.pair(&stage.code_for("main", Facade::Pos).await).await;
    let told = explain(&stage, &woocommerce(&shop.token), &[]);
    assert_eq!((&told["era"]["is"], &told["request"]["dialect"]), (&json!("2019"), &json!("pos_token")));
    let events = |told: &Value| -> Vec<String> {
        let events = told["notifications"]["events"].as_array().unwrap_or_else(|| panic!("{told}"));
        events.iter().map(|event| event.as_str().unwrap().to_owned()).collect()
    };
    let (early, meaning) = (events(&told), told["notifications"]["for_the_merchant"].as_str().unwrap());
    assert!(
        early.iter().any(|event| event.starts_with("1006") && event.ends_with("60 s after confirmed")),
        "{early:?}"
    );
    assert!(early.iter().all(|event| event.contains("told, enveloped")), "{early:?}");
    assert!(meaning.contains("1 block, 5 earlier than at BitPay"), "{meaning}");
    assert_eq!(told["sent"][0]["members"].get("transactionSpeed"), None);

    let ledger = stage.ledger().await;
    ledger.set_store("id-of-main", Settlement::Bitpay, None).await.unwrap();
    ledger.close().await;
    let told = explain(&stage, &woocommerce(&shop.token), &[]);
    let (late, meaning) = (events(&told), told["notifications"]["for_the_merchant"].as_str().unwrap());
    assert!(late.iter().any(|event| event.starts_with("1006") && event.contains("at 6 blocks")), "{late:?}");
    assert!(meaning.contains("as at BitPay"), "{meaning}");
    assert_eq!(told["sent"][0]["members"]["transactionSpeed"], "low");
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_told_with_whose_eyes_they_are_for() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    let id = shop.create(r#""price":1,"currency":"EUR""#).await.invoice_id();
    let bare = |id: &str| format!("GET /invoices/{id} HTTP/1.1\r\nHost: bitpay.com\r\n\r\n");
    let told = explain(&stage, &bare(&id), &[]);
    assert!(told["answered_for"].as_str().unwrap().contains("no buyer data"), "{told}");
    assert_eq!(told["sent"][0]["request"], format!("GET http://{}/invoices/{id}", stage.btcpay));
    let told = explain(&stage, &bare("5NxFkXcJbCSivtQRJa4kHP"), &[]);
    assert_eq!((&told["answer"]["refused"], &told["sent"]), (&json!("object_not_found"), &json!("nothing")));
    let told = explain(&stage, "GET /bills HTTP/1.1\nHost: bitpay.com", &[]);
    assert_eq!(told["answer"]["refused"], "endpoint_not_offered");
}

#[tokio::test(flavor = "multi_thread")]
async fn input_that_is_no_whole_request_is_named() {
    let stage = Stage::set().await;
    let bad = |text: &str, words: &str| {
        let done = run(&stage, text, &[]).ended_with(1).said(words);
        assert_eq!(done.stdout, "", "{done:?}");
    };
    bad("POST /invoices HTTP/1.1\nHost: a\nContent-Length: 30\n\n{}", "2 of the 30 bytes");
    bad("GET /rates HTTP/1.1\n\n", "--host");
    bad("===== TLS to bitpay.com\nGET / HTTP/1.1\n\n", "no HTTP request");
    bad("POST /invoices HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n2\n{}\n0\n\n", "chunked");
    payferry(stage.folder(), &["explain", "--file", "nowhere"]).ended_with(1).said("nowhere");
    payferry(stage.folder(), &["explain", "--tls", "--plain"]).ended_with(2);
}

/// Nobody said how it came: payferry listens with TLS, but the signature fits plain HTTP only.
#[tokio::test(flavor = "multi_thread")]
async fn a_signature_tells_how_a_request_came_where_nobody_does() {
    let stage = Stage::set().await;
    let shop = stage.paired_shop().await;
    payferry(stage.folder(), &["ca"]).ended_with(0);
    let text = std::fs::read_to_string(&stage.config_file).unwrap();
    let https = "[shop]\nhttps = \"127.0.0.1:0\"\ncertificate_file = \"tls/certificate.pem\"\nkey_file = \"tls/key.pem\"\n";
    std::fs::write(&stage.config_file, text.replace("[shop]\n", https)).unwrap();
    let over = |told: &Value| told["request"]["over"].as_str().unwrap().to_owned();
    let plain = signed(&shop, "http://bitpay.com/invoices", &shop.order(ORDER));
    let told = explain(&stage, &plain, &[]);
    assert_eq!(over(&told), "plain HTTP (taken for it because its signature fits no other way)");
    assert_eq!(told["credential"]["signature"]["good_for"], "http://bitpay.com/invoices");
    assert_ne!(told["sent"], "nothing");
    let told = explain(&stage, &plain, &["--tls"]);
    assert_eq!((over(&told).as_str(), &told["answer"]["refused"]), ("TLS", &json!("signature_invalid")));
    let bare = "GET /invoices/5NxFkXcJbCSivtQRJa4kHP HTTP/1.1\r\nHost: bitpay.com\r\n\r\n";
    assert_eq!(over(&explain(&stage, bare, &[])), "TLS (taken for it: --tls or --plain says which)");
}

/// What the edge refuses never reaches the walk: it is told as refused, not as if it had been taken.
#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_the_edge_refuses_is_told_as_refused() {
    let stage = Stage::set().await;
    let body = r#"{"price":1,"currency":"EUR"}"#;
    let post = |headers: &str| format!("POST /invoices HTTP/1.1\nHost: bitpay.com\n{headers}\n\n{body}");
    let long = format!("Cookie: {}", "x".repeat(33 * 1024));
    let many = "a: b\n".repeat(120);
    for (headers, refused) in [
        ("Content-Length: 28\nContent-Length: 29", "malformed_request"),
        ("Host: test.bitpay.com", "malformed_request"),
        (long.as_str(), "head_too_large"),
        (many.trim_end(), "head_too_large"),
    ] {
        let told = explain(&stage, &post(headers), &[]);
        assert_eq!(told["answer"]["refused"], refused, "{headers:.40}");
        assert!(told.get("sent").is_none(), "nothing follows: {told}");
        // As the edge answers it in truth.
        use std::io::{Read as _, Write as _};
        let raw = post(headers).replace('\n', "\r\n");
        let answer = tokio::task::block_in_place(|| {
            let mut line = std::net::TcpStream::connect(stage.payferry()).unwrap();
            line.write_all(raw.as_bytes()).unwrap();
            let mut start = [0; 12];
            line.read_exact(&mut start).unwrap();
            String::from_utf8_lossy(&start).into_owned()
        });
        assert!(answer.ends_with(&told["answer"]["status"].to_string()), "{answer} {told}");
    }
}
