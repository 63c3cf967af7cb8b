//! How the plugins of the atlas read a notification (plugins sheets; file and line of the plugin named),
//! held against every body that payferry can send them.

use payferry::contract::{Audience, Era, Form};
use payferry::walk::render::render;
use serde_json::Value;

use super::{every_body, invoice, words};

/// What a handler does with the body; the error is why it would give up.
type Handler = fn(&str, &Value) -> Result<(), String>;

const BTC_ERAS: &[Era] = &[Era::V1, Era::Y2014, Era::Y2018, Era::Every];
const V2_ERAS: &[Era] = &[Era::Y2014, Era::Y2018, Era::Y2019, Era::Y2021, Era::Every];

/// Name, forms and eras that it meets, and how it reads; the second argument is the read that it compares with.
const HANDLERS: &[(&str, &[Form], &[Era], Handler)] = &[
    ("PrestaShop 1.7 ipn.php:32-99", &[Form::Flat], &Era::ALL, first_line_and_hash),
    ("bp_lib 1.9 bpVerifyNotification:340-386", &[Form::Flat], &Era::ALL, first_line_and_hash),
    ("WooCommerce 2 l.722-993", &[Form::Flat], &Era::ALL, id_and_url_at_the_root),
    ("Drupal Commerce 2.3 ipn.inc:10-77", &[Form::Flat], &Era::ALL, id_and_url_at_the_root),
    ("CiviCRM BitpayIPN.php:34-100", &[Form::Flat], &Era::ALL, id_and_url_at_the_root),
    ("Magento 1 IpnController.php:18-187", &[Form::Flat, Form::Enveloped], &Era::ALL, data_or_flat),
    ("offsite_payments bit_pay.rb:165-170", &[Form::Flat, Form::Enveloped], &Era::ALL, data_or_flat),
    ("offsite_payments 2014-2019 acknowledge", &[Form::Flat], &[Era::V1], equals_the_read),
    ("Magento 2 v1 Ipn/Index.php:97-134", &[Form::Flat], BTC_ERAS, magento_2_v1),
    ("WooCommerce 3.46 l.639-795", &[Form::Enveloped], V2_ERAS, event_by_name),
    ("WHMCS 5.1 bitpaycheckout_ipn.php", &[Form::Enveloped], V2_ERAS, event_by_name),
    ("EDD 2.0 class-bitpayipnprocess.php:31-160", &[Form::Enveloped], V2_ERAS, event_by_name),
    ("Ubercart D8 BitpayController.php:18-96", &[Form::Enveloped], V2_ERAS, event_by_name),
    ("bitpay-scala InvoiceEvent.scala", &[Form::Enveloped], V2_ERAS, event_by_code),
    ("Magento 2 9.2 Ipn/Validator.php:15-48", &[Form::Enveloped], V2_ERAS, magento_2_9),
];

#[test]
fn every_handler_reads_every_body() {
    let (words, mut read) = (words(), 0);
    every_body(|name, facts, event, form, era, body| {
        let get = render(&invoice(facts, &words), Audience::Merchant, era).to_string();
        let get: Value = serde_json::from_str(&get).unwrap();
        for (handler, forms, eras, accept) in HANDLERS {
            if forms.contains(&form) && eras.contains(&era) {
                let accepted = accept(body, get.get("data").unwrap_or(&get));
                assert_eq!(accepted, Ok(()), "{handler}, {name} {event} {form} {}: {body}", era.as_str());
                read += 1;
            }
        }
    });
    assert!(read > 4000, "only {read}");
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn text<'v>(data: &'v Value, member: &str) -> Result<&'v str, String> {
    data[member].as_str().filter(|text| !text.is_empty()).ok_or(format!("no {member}"))
}

/// `fgets`, then json_decode, then the hash in posData.
fn first_line_and_hash(body: &str, _: &Value) -> Result<(), String> {
    let data = json(body.lines().next().unwrap_or_default())?;
    text(&data, "id")?;
    text(&data, "status")?;
    let pos = json(text(&data, "posData")?)?;
    if pos["hash"] == "a$b/c" { Ok(()) } else { Err("authentication failed (bad hash)".to_owned()) }
}

fn id_and_url_at_the_root(body: &str, _: &Value) -> Result<(), String> {
    let data = json(body)?;
    text(&data, "id")?;
    let url = text(&data, "url")?;
    if url.contains("invoice?id=") { Ok(()) } else { Err(format!("{url} is no address of an invoice")) }
}

fn data_or_flat(body: &str, _: &Value) -> Result<(), String> {
    let body = json(body)?;
    let data = if body["data"].is_object() { &body["data"] } else { &body };
    text(data, "id")?;
    text(data, "posData")?;
    text(data, "status").map(drop)
}

/// The whole of it equals the whole read, minus currentTime.
fn equals_the_read(body: &str, get: &Value) -> Result<(), String> {
    let (mut told, mut get) = (json(body)?, get.clone());
    told["currentTime"] = 0.into();
    get["currentTime"] = 0.into();
    if told == get { Ok(()) } else { Err(format!("acknowledge is false: {get}")) }
}

fn magento_2_v1(body: &str, _: &Value) -> Result<(), String> {
    let data = json(body)?;
    for member in [
        "id",
        "posData",
        "url",
        "status",
        "btcPrice",
        "price",
        "currency",
        "invoiceTime",
        "expirationTime",
        "currentTime",
        "btcPaid",
        "rate",
        "exceptionStatus",
    ] {
        if data.get(member).is_none_or(Value::is_null) {
            return Err(format!("{member} is not set"));
        }
    }
    json(text(&data, "posData")?).map(drop)
}

fn event_by_name(body: &str, _: &Value) -> Result<(), String> {
    let body = json(body)?;
    let name = text(&body["event"], "name")?;
    if !name.starts_with("invoice_") {
        return Err(format!("unknown event {name}"));
    }
    let data = &body["data"];
    text(data, "id")?;
    text(data, "status")?;
    text(data, "orderId").map(drop)
}

fn event_by_code(body: &str, _: &Value) -> Result<(), String> {
    let code = json(body)?["event"]["code"].as_u64().ok_or("no code")?;
    if [1003, 1004, 1005, 1006, 1012, 1013].contains(&code) { Ok(()) } else { Err(format!("code {code}")) }
}

/// Compares the buyer and the amount with the read; `===`, so the type counts.
fn magento_2_9(body: &str, get: &Value) -> Result<(), String> {
    let body = json(body)?;
    let (data, buyer) = (&body["data"], &body["data"]["buyerFields"]);
    text(data, "orderId")?;
    for (flat, nested) in [("buyerName", "name"), ("buyerEmail", "email"), ("buyerAddress1", "address1")] {
        let read = &get["buyer"][nested];
        if get.get("buyer").is_some() && &buyer[flat] != read {
            return Err(format!("{flat}: {} is not {read}", buyer[flat]));
        }
    }
    if data.get("amountPaid").is_some() && data["amountPaid"] != get["amountPaid"] {
        return Err("amountPaid differs".to_owned());
    }
    Ok(())
}
