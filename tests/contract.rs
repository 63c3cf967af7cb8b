//! The tables of the contract are whole and mean what they say.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::HashSet;

use payferry::contract::endpoints::{self, Kind, allowed, find};
use payferry::contract::errors::{is_backend_outage, of_create_refusal};
use payferry::contract::{Endpoint, ErrorCode, Found, Generation, Proof};
use payferry::json;

fn served(method: &str, path: &str) -> Option<(Endpoint, Option<String>)> {
    match find(method, path) {
        Found::Served(endpoint, params) => Some((endpoint, params.id)),
        _ => None,
    }
}

#[test]
fn every_call_of_bitpay_has_a_row() {
    let documented = endpoints::rows().iter().filter(|row| matches!(row.kind, Kind::Api | Kind::Outbound));
    assert_eq!(documented.count(), 82);
    for row in endpoints::rows() {
        assert_ne!(row.serve.is_some(), row.refuse.is_some(), "{} {}", row.method, row.path);
    }
    let serving: HashSet<_> = endpoints::rows().iter().filter_map(|row| row.serve).collect();
    assert_eq!(serving.len(), 14);
}

#[test]
fn every_call_says_who_may_make_it() {
    for endpoint in endpoints::rows().iter().filter_map(|row| row.serve) {
        let proofs = endpoint.proofs();
        assert!(!proofs.is_empty(), "{} has no row in dialects.toml", endpoint.name());
        assert_eq!(proofs.contains(&Proof::Public), proofs == [Proof::Public], "{}", endpoint.name());
    }
    let proofs: HashSet<_> = Endpoint::CreateInvoice.proofs().iter().collect();
    assert!(!proofs.contains(&Proof::Bare), "nobody creates without a credential");
}

#[test]
fn every_row_is_reachable() {
    for row in endpoints::rows().iter().filter(|row| row.kind != Kind::Outbound) {
        let path = row.path.replace('*', "a/b");
        let path: Vec<_> =
            path.split('/').map(|s| if s.starts_with(':') { "K8D2gBq3uNQyRfP1tNQv3w" } else { s }).collect();
        let found = find(&row.method, &path.join("/"));
        match (&found, row.serve) {
            (Found::Served(endpoint, _), Some(expected)) => assert_eq!(*endpoint, expected),
            (Found::Refused(other), None) => {
                assert_eq!((&other.path, &other.method), (&row.path, &row.method))
            }
            _ => panic!("{} {} is {}", row.method, row.path, found.label()),
        }
    }
}

#[test]
fn the_served_calls() {
    assert_eq!(served("POST", "/tokens"), Some((Endpoint::CreateToken, None)));
    assert_eq!(served("GET", "/tokens?nonce=1"), Some((Endpoint::ListTokens, None)));
    assert_eq!(served("POST", "/invoices/"), Some((Endpoint::CreateInvoice, None)));
    assert_eq!(served("POST", "//invoices"), Some((Endpoint::CreateInvoice, None)));
    let id = Some("K8D2gBq3uNQyRfP1tNQv3w".to_owned());
    assert_eq!(
        served("GET", "/invoices/K8D2gBq3uNQyRfP1tNQv3w?token=x"),
        Some((Endpoint::ReadInvoice, id.clone()))
    );
    assert_eq!(served("POST", "/api/invoice/"), Some((Endpoint::V1CreateInvoice, None)));
    let v1 = served("GET", "/api/invoice/K8D2gBq3uNQyRfP1tNQv3w");
    assert_eq!(v1, Some((Endpoint::V1ReadInvoice, id.clone())));
    assert_eq!(served("GET", "/invoices/%4B8D2gBq3uNQyRfP1tNQv3w/"), Some((Endpoint::ReadInvoice, id)));
}

#[test]
fn spellings_that_clients_send() {
    for (path, label) in [
        ("/invoices/?token=x", "list_invoices"),
        ("/rates/", "rates"),
        ("/rates/BTC/USD", "rates"),
        ("/currencies/", "currencies"),
        ("/supportedwallets", "supported_wallets"),
        ("/supportedWallets/", "supported_wallets"),
        ("//BTC", "rates"),
        ("/api/invoice/K8D2gBq3uNQyRfP1tNQv3w", "v1_read_invoice"),
        ("/api/rates", "rates"),
        ("/invoice?id=K8D2gBq3uNQyRfP1tNQv3w&view=modal", "checkout_page"),
        ("/i/K8D2gBq3uNQyRfP1tNQv3w", "checkout_page"),
        ("/dashboard/merchant/api-tokens", "pairing_page"),
        ("/bitpay.js", "refused_page"),
        ("/BTC", "unknown"),
        ("/", "unknown"),
        ("", "unknown"),
        ("invoices", "unknown"),
        ("/invoices//K8D2gBq3uNQyRfP1tNQv3w", "unknown"),
        ("/%69nvoices", "unknown"),
        ("/x/../tokens", "unknown"),
    ] {
        assert_eq!(find("GET", path).label(), label, "{path}");
    }
    assert_eq!(find("POST", "/api/invoice/").label(), "v1_create_invoice");
}

#[test]
fn a_guid_is_any_text_and_rates_keep_what_was_asked() {
    let params = |path: &str| match find("GET", path) {
        Found::Served(_, params) => params,
        other => panic!("{path} is {}", other.label()),
    };
    assert_eq!(params("/invoices/guid/payment%231234%2f%C3%A9").guid.as_deref(), Some("payment#1234/é"));
    for bad in ["%00", "%0a", "%ff", "%e", &"a".repeat(257)] {
        assert_eq!(find("GET", &format!("/invoices/guid/{bad}")).label(), "unknown", "{bad}");
    }
    let pair = params("/api/rates/btc/INR");
    assert_eq!((pair.base.as_deref(), pair.currency.as_deref()), (Some("btc"), Some("INR")));
}

#[test]
fn ids_that_nobody_was_given_are_unknown() {
    let long = "a".repeat(65);
    for id in ["a.b", "%2e%2e", "%", "%4", "%zz", "%00", "a%2fb", "é", &long] {
        assert_eq!(find("GET", &format!("/invoices/{id}")).label(), "unknown", "{id}");
    }
    assert_eq!(find("GET", &format!("/invoices/{}", &long[1..])).label(), "read_invoice");
}

#[test]
fn other_methods_are_told_what_is_allowed() {
    assert_eq!(find("PATCH", "/invoices").label(), "method_not_allowed");
    assert_eq!(find("HEAD", "/invoices/abc").label(), "method_not_allowed");
    assert_eq!(find("get", "/tokens").label(), "method_not_allowed");
    assert_eq!(allowed("/invoices"), ["GET", "POST"]);
    assert_eq!(allowed("/invoices/abc/"), ["DELETE", "GET", "PUT"]);
    assert!(allowed("/nothing").is_empty());
}

#[test]
fn generations_by_path() {
    assert_eq!(Generation::of_path("/api/whatever"), Generation::V1);
    assert_eq!(Generation::of_path("//API/x"), Generation::V1);
    assert_eq!(Generation::of_path("/api-access-request"), Generation::V2);
    assert_eq!(Generation::of_path("/é"), Generation::V2);
}

#[test]
fn every_error_has_a_row_and_every_row_an_error() {
    let text = std::fs::read_to_string("contract/errors.toml").expect("the file is there");
    let table: toml::Table = toml::from_str(&text).expect("it is TOML");
    let rows: HashSet<_> = table.keys().map(String::as_str).collect();
    let codes: HashSet<_> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(rows, codes);
    for code in ErrorCode::ALL {
        assert_eq!(serde_json::to_value(code).expect("a string"), code.name());
        let row = code.row();
        for status in [row.status, row.status_v1] {
            assert!(status == 200 || (400..600).contains(&status), "{}", code.name());
        }
        assert!(row.status >= 400, "{}", code.name());
        assert!(row.code.len() == 6 && row.code.bytes().all(|b| b.is_ascii_digit()), "{}", code.name());
        assert!(!row.ops.is_empty() && !row.needed_by.is_empty());
    }
}

#[test]
fn every_body_is_json_without_nulls() {
    for code in ErrorCode::ALL {
        for detail in [None, Some("\"quoted\" {detail}\n"), Some(&*"x".repeat(5000))] {
            for generation in [Generation::V1, Generation::V2] {
                let body = code.body(generation, detail);
                assert!(!body.contains("null"), "{body}");
                assert!(body.len() < 1200, "{}", code.name());
                let value = json::parse(body.as_bytes()).expect("a body is JSON");
                let error = value.get("error").expect("every client looks for error");
                let text = code.text(detail);
                match generation {
                    Generation::V1 => assert_eq!(error.get("message").and_then(|m| m.as_str()), Some(&*text)),
                    Generation::V2 => {
                        assert_eq!(error.as_str(), Some(&*text));
                        assert_eq!(value.get("message").and_then(|m| m.as_str()), Some(&*text));
                        assert!(value.get("errors").is_none());
                    }
                }
            }
        }
    }
}

#[test]
fn the_words_that_old_clients_branch_on() {
    assert_eq!(
        ErrorCode::IdentityUnknown.body(Generation::V2, None),
        r#"{"status":"error","code":"000000","message":"Unauthorized sin","error":"Unauthorized sin"}"#
    );
    assert_eq!(ErrorCode::FacadeNotSupported.text(None), "This endpoint does not support the `pos` facade");
    assert_eq!(
        ErrorCode::ObjectNotFound.body(Generation::V1, None),
        r#"{"error":{"type":"notFound","message":"Object not found","messages":{}}}"#
    );
    assert_eq!(ErrorCode::IdentityUnknown.status(Generation::V2), 500);
    assert_eq!(ErrorCode::ObjectNotFound.status(Generation::V1), 200);
    assert_eq!(ErrorCode::TextInvalid.text(Some("orderId")), "Invalid parameter: text expected (orderId)");
}

/// First lines as recorded; the log below them shortened.
#[test]
fn refusals_of_a_create() {
    let start = "Error retrieving a matching payment method or rate.\n11/23/2026 21:43:00:Info Creation of invoice starting\n";
    let with = |tail: &str| format!("{start}{tail}");
    for (text, code, outage) in [
        (
            with(
                "11/23/2026 23:19:35:Error BTC-CHAIN: Payment method unavailable (Full node not available)\n",
            ),
            ErrorCode::UpstreamBackendDown,
            true,
        ),
        (
            with(
                "11/23/2026 23:14:36:Error BTC-CHAIN: Unexpected exception (System.Net.Http.HttpRequestException: Connection refused (127.0.0.1:32838)\n ---> ",
            ),
            ErrorCode::UpstreamBackendDown,
            true,
        ),
        (
            with(
                "11/23/2026 21:43:02:Error BTC-CHAIN: Payment method unavailable (Amount below the dust threshold. For amounts of this size",
            ),
            ErrorCode::PriceTooSmall,
            false,
        ),
        (
            with(
                "11/23/2026 22:05:44:Error BTC-CHAIN: Unable to get rate(s) BTC_CHF, this payment method disabled for this invoice.\n",
            ),
            ErrorCode::CurrencyUnavailable,
            false,
        ),
        (with(""), ErrorCode::CurrencyUnavailable, false),
        (
            "No wallet has been linked to your BTCPay Store. See the following link".to_owned(),
            ErrorCode::StoreWithoutWallet,
            false,
        ),
        ("Invalid invoice".to_owned(), ErrorCode::CreateRefused, false),
        ("The expirationTime is set too soon".to_owned(), ErrorCode::CreateRefused, false),
        ("Full node not available".to_owned(), ErrorCode::CreateRefused, false),
    ] {
        assert_eq!(of_create_refusal(&text), code, "{text}");
        assert_eq!(is_backend_outage(&text), outage, "{text}");
    }
}

#[test]
fn the_invoice_table_keeps_private_things_private() {
    use payferry::contract::{Audience, Era, invoice_fields};

    let private = [
        "token",
        "buyer",
        "buyerFields",
        "buyerProvidedEmail",
        "buyerProvidedInfo",
        "notificationURL",
        "notificationEmail",
    ];
    for era in Era::ALL {
        let names: Vec<_> = invoice_fields(era).map(|field| field.name.as_str()).collect();
        let once: HashSet<_> = names.iter().collect();
        assert_eq!(once.len(), names.len(), "a member stands twice in {}", era.as_str());
        for field in invoice_fields(era).filter(|field| field.audience == Audience::Public) {
            assert!(!private.contains(&field.name.as_str()), "{}", field.name);
        }
    }
}

/// Headers as captured from the libraries and plugins.
#[test]
fn the_era_of_a_shop_is_told_by_what_it_says_of_itself() {
    use payferry::contract::Era;
    let plugin = "x-bitpay-plugin-info";
    for (headers, era) in [
        (vec![(plugin, "BitPay PHP-Client/2.2.20")], Era::Y2018),
        (vec![(plugin, "BitPay PHP-Client/2.2.2")], Era::Y2014),
        (
            vec![("user-agent", "BitPay PHP-Client/2.0.0 (PHP 5.4)"), ("x-accept-version", "2.0.0")],
            Era::Y2014,
        ),
        (vec![(plugin, "Rubylib2.5.1905"), ("user-agent", "BitPay_Ruby_Client_v2.5.1905")], Era::Y2014),
        (vec![(plugin, "BitPay_PHP-Client_POS_4.1.0")], Era::Y2019),
        (vec![(plugin, "BitPay_Checkout_WooCommerce_3.46.0")], Era::Y2019),
        (vec![(plugin, "BitPay_PHP_Client_v3.5.2003"), ("x-bitpay-api-frame", "std")], Era::Y2019),
        (vec![(plugin, "BitPay_PHP_Client_v10.1.0"), ("user-agent", "GuzzleHttp/7")], Era::Y2021),
        (vec![(plugin, "BitPay_NodeJs_Client_v1.4.2102")], Era::Y2021),
        (vec![(plugin, "BitPay_Python_Client_v8.0.3")], Era::Y2021),
        (vec![("x-bitpay-api-frame", "custom")], Era::Y2021),
        (vec![("user-agent", "node-btcpay"), ("x-accept-version", "2.0.0")], Era::Every),
        (vec![("X-BTCPayServer-Plugin-Info", "BTCPayServer PHP-Client/4.0.1")], Era::Every),
        (vec![("user-agent", "python-requests/2.34.2"), ("x-accept-version", "2.0.0")], Era::Every),
        (vec![("user-agent", "é")], Era::Every),
        (vec![], Era::Every),
    ] {
        let header = |name: &str| {
            headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
        };
        assert_eq!(Era::choose(Generation::V2, None, None, header), era, "{headers:?}");
        assert_eq!(
            Era::choose(Generation::V1, Some(Era::Y2021), None, header),
            Era::V1,
            "/api is always flat"
        );
        let fixed = Era::choose(Generation::V2, Some(Era::Y2014), Some(Era::Y2019), header);
        assert_eq!(fixed, Era::Y2014, "the operator's word counts");
        assert_ne!(Era::choose(Generation::V2, None, Some(Era::V1), header), Era::V1, "only /api is flat");
    }
    let bare = Era::choose(Generation::V2, None, Some(Era::Y2014), |_| None);
    assert_eq!(bare, Era::Y2014, "a bare read says what the notification said that it confirms");
    for era in Era::ALL {
        assert_eq!(era.as_str().parse(), Ok(era));
        assert_eq!(serde_json::to_value(era).expect("a text"), era.as_str());
    }
    assert!("2017".parse::<Era>().is_err());
    assert!(payferry::contract::eras::agents().iter().all(|row| !row.source.is_empty()));
}

fn codes(list: &json::Value) -> Vec<&str> {
    let rows = list.get("data").and_then(json::Value::as_array).expect("data is a list");
    rows.iter().map(|row| row.get("code").and_then(json::Value::as_str).expect("a code")).collect()
}

/// php-bitpay-client throws at a code that it does not know, and reads nine members of each
/// currency without looking; the constructors of PHP 3.4 to 7 and of npm bitpay-sdk 1 to 4 die
/// where the list is missing.
#[test]
fn currencies_are_those_that_the_shops_era_knew() {
    use payferry::contract::{Era, currencies};
    let (old, new) = (currencies(Era::Y2014), currencies(Era::Y2021));
    for unknown in ["BCH", "XRP", "BYN", "VES"] {
        assert!(!codes(&old).contains(&unknown), "{unknown} is not of 2014");
    }
    for list in [&old, &new] {
        assert!(["BTC", "USD", "EUR", "JPY", "ZWL"].iter().all(|code| codes(list).contains(code)));
    }
    assert!(codes(&new).contains(&"BYN") && codes(&new).len() > codes(&old).len());
    for row in old.get("data").and_then(json::Value::as_array).expect("a list") {
        let names: Vec<_> = row.as_object().expect("an object").iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            [
                "code",
                "symbol",
                "precision",
                "exchangePctFee",
                "payoutEnabled",
                "name",
                "plural",
                "alts",
                "payoutFields"
            ]
        );
    }
    assert!(new.to_string().starts_with(
        r#"{"data":[{"code":"BTC","symbol":"฿","precision":6,"name":"Bitcoin","plural":"Bitcoin","alts":"btc","minimum":0.000006,"sanctioned":false,"decimals":8,"chain":"BTC"},{"code":"AED""#
    ));
}

#[test]
fn rates_have_a_name_for_every_fiat_currency() {
    use payferry::contract::currencies::{currency_name, fiat};
    assert_eq!(currency_name("EUR"), Some("Eurozone Euro"));
    assert_eq!(currency_name("BTC"), Some("Bitcoin"));
    assert_eq!(currency_name("XXX"), None);
    let fiat: Vec<_> = fiat().collect();
    assert!(fiat.len() > 150 && !fiat.iter().any(|(code, _)| *code == "BTC"));
    assert!(fiat.iter().all(|(code, name)| code.len() == 3 && !name.is_empty()));
}
