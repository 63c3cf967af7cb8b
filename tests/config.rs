//! What `payferry.toml` and `PAYFERRY_…` may say, and how a mistake is told.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::path::{Path, PathBuf};

use payferry::config::{Config, ConfigError, LogFormat};

const EXAMPLE: &str = include_str!("../config.example.toml");

fn load(toml: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("payferry.toml");
    std::fs::write(&path, toml).expect("the folder is writable");
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(Some(&path), variables)
        .map_err(|error| error.to_string().replace(&path.display().to_string(), "FILE"))
}

fn refused(toml: &str, variables: &[(&str, &str)]) -> String {
    load(toml, variables).expect_err("must be refused")
}

#[test]
fn defaults_need_no_file() {
    let config = Config::load(None, []).expect("the defaults are valid");
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:9470");
    assert_eq!(config.limits.head_bytes, 32_768);
    assert_eq!(config.ledger.path, Path::new("data/ledger.sqlite3"));
}

#[test]
fn retries_of_notifications_have_bounds() {
    for (written, problem) in [
        ("[]", "has 0 entries"),
        ("[60, 0]", "has 0, but must be from 1 to 2592000"),
        ("[9223372036854775807]", "has 9223372036854775807"),
    ] {
        let said = refused(&format!("[notify]\nretry_after_seconds = {written}\n"), &[]);
        assert!(said.contains("notify.retry_after_seconds") && said.contains(problem), "{said}");
    }
}

#[test]
fn the_example_is_valid_and_has_every_key() {
    let config = Config::load(Some(Path::new("config.example.toml")), []).expect("the example is valid");
    let known = serde_json::to_value(&config).expect("the configuration is plain data");
    let written: toml::Table = EXAMPLE.parse().expect("the example is TOML");
    let written = serde_json::to_value(written).expect("TOML is plain data");
    assert_eq!(keys(&written), keys(&known));
}

#[test]
fn the_example_shows_the_defaults() {
    let example = Config::load(Some(Path::new("config.example.toml")), []).expect("the example is valid");
    let (example, default) = (serde_json::to_value(&example), serde_json::to_value(Config::default()));
    let (example, default) = (example.expect("plain data"), default.expect("plain data"));
    assert_eq!(example["limits"], default["limits"]);
    assert_eq!(example["ledger"], default["ledger"]);
    assert_eq!(example["secrets"], default["secrets"]);
    assert_eq!(example["admin"], default["admin"]);
    assert_eq!(example["log"], default["log"]);
}

#[test]
fn every_key_of_the_example_has_a_comment() {
    let mut before = "";
    for line in EXAMPLE.lines() {
        if line.contains(" = ") && !line.starts_with('#') {
            assert!(before.starts_with("# "), "no comment above: {line}");
        }
        before = line;
    }
}

fn keys(value: &serde_json::Value) -> Vec<String> {
    let mut found = Vec::new();
    collect("", value, &mut found);
    found.sort();
    found
}

fn collect(at: &str, value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(members) => {
            members.iter().for_each(|(name, value)| collect(&format!("{at}.{name}"), value, found));
        }
        serde_json::Value::Array(items) if items.iter().any(serde_json::Value::is_object) => {
            items.iter().for_each(|item| collect(&format!("{at}[]"), item, found));
        }
        _ => found.push(at.to_owned()),
    }
}

#[test]
fn an_unknown_key_is_refused_with_file_and_key() {
    let error = refused("[limits]\nheadrs = 5\n", &[]);
    assert!(error.starts_with("FILE: limits.headrs: unknown key"), "{error}");
    let error = refused("[limit]\nheaders = 5\n", &[]);
    assert!(error.starts_with("FILE: limit: unknown key"), "{error}");
    let error = refused("[btcpay.main]\npublic_url = 'https://a'\nport = 5\n", &[]);
    assert!(error.starts_with("FILE: btcpay.main.port: unknown key"), "{error}");
    let tables = "[[shop.certificate]]\nnames=['a']\ncertificate_file='c'\nkey_file='k'\nfoo=1\n";
    let error = refused(tables, &[]);
    assert!(error.starts_with("FILE: shop.certificate.0.foo: unknown key"), "{error}");
}

#[test]
fn an_unknown_variable_is_refused_by_name_and_its_value_is_not_printed() {
    let error = refused("", &[("PAYFERRY_SECRETS__MASTER_SECRET", "c0ffee")]);
    assert!(
        error.starts_with("PAYFERRY_SECRETS__MASTER_SECRET: secrets.master_secret: unknown key"),
        "{error}"
    );
    assert!(!error.contains("c0ffee"), "{error}");
    let error = refused("", &[("PAYFERRY_NONSENSE", "1")]);
    assert!(error.starts_with("PAYFERRY_NONSENSE: nonsense: unknown key"), "{error}");
}

#[test]
fn variables_of_others_and_the_one_that_names_the_file_do_not_count() {
    load("", &[("HOME", "/root"), ("PAYFERRY_CONFIG", "/etc/payferry.toml")]).expect("nothing to refuse");
}

#[test]
fn a_wrong_type_is_refused_with_place_and_key_but_without_the_value() {
    let error = refused("[limits]\nheaders = 'many'\n", &[]);
    assert_eq!(error, "FILE: limits.headers: expected a whole number, found a text");
    let error = refused("", &[("PAYFERRY_LIMITS__HEADERS", "s3cret")]);
    assert_eq!(error, "PAYFERRY_LIMITS__HEADERS: limits.headers: expected a whole number, found a text");
    let error = refused("[shop]\nhttp = 'nowhere'\n", &[]);
    assert!(error.starts_with("FILE: shop.http: "), "{error}");
    let error = refused("[log]\nformat = 'xml'\n", &[]);
    assert!(error.starts_with("FILE: log.format: expected one of json, text"), "{error}");
}

#[test]
fn text_that_is_not_toml_is_refused_with_the_file() {
    let error = refused("[limits\n", &[]);
    assert!(error.starts_with("FILE: "), "{error}");
}

#[test]
fn a_missing_key_is_told_when_no_layer_has_it() {
    let error = refused("[btcpay.main]\nconnect = 'a:1'\n", &[]);
    assert!(error.ends_with("btcpay.main.public_url: is missing"), "{error}");
    let other = [("PAYFERRY_BTCPAY__MAIN__PUBLIC_URL", "https://pay.example")];
    let config = load("[btcpay.main]\nconnect = 'a:1'\n", &other).expect("the variable completes the file");
    assert_eq!(config.btcpay["main"].public_url.to_string(), "https://pay.example");
}

#[test]
fn a_variable_wins_over_the_file_and_the_file_over_the_default() {
    let variables = [("PAYFERRY_LIMITS__HEADERS", "50"), ("PAYFERRY_LOG__FORMAT", "text")];
    let config = load("[limits]\nheaders = 60\ndrain_seconds = 3\n", &variables).expect("valid");
    assert_eq!((config.limits.headers, config.limits.drain_seconds), (50, 3));
    assert_eq!(config.log.format, LogFormat::Text);
    let config = load("", &[("PAYFERRY_SHOP__URL_PORTS", "[443, 8443]")]).expect("valid");
    assert_eq!(config.shop.url_ports, [443, 8443]);
}

#[test]
fn a_variable_of_digits_for_a_text_stays_a_text() {
    let variables = [("PAYFERRY_LEDGER__PATH", "0123"), ("PAYFERRY_SECRETS__MASTER_SECRET_FILE", "1e5")];
    let config = load("", &variables).expect("a path may be digits");
    assert!(config.ledger.path.ends_with("0123"));
    assert!(config.secrets.master_secret_file.ends_with("1e5"));
}

#[test]
fn relative_paths_start_at_the_folder_of_the_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("payferry.toml");
    std::fs::write(&path, "[ledger]\npath = 'l.db'\n[secrets]\nmaster_secret_file = '/run/m'\n")
        .expect("the folder is writable");
    let config = Config::load(Some(&path), []).expect("valid");
    assert_eq!(config.ledger.path, folder.path().join("l.db"));
    assert_eq!(config.secrets.master_secret_file, PathBuf::from("/run/m"));
}

#[test]
fn values_that_make_no_sense_are_refused_with_the_key() {
    for (toml, key) in [
        ("[limits]\nheaders = 0\n", "limits.headers"),
        ("[limits]\nanswer_deadline_short_ms = 9000\n", "limits.answer_deadline_short_ms"),
        ("[shop]\nhttps = '127.0.0.1:443'\n", "shop.certificate_file"),
        ("[shop]\ncertificate_file = 'c'\n", "shop.key_file"),
        ("[shop]\nmax_connections = 0\n", "shop.max_connections"),
        ("[ledger]\nretention_days = 0\n", "ledger.retention_days"),
        ("[shop]\nhttp = '127.0.0.1:9470'\n", "shop.http"),
        ("[btcpay.Main]\npublic_url = 'https://a'\n", "btcpay.Main"),
    ] {
        let error = refused(toml, &[]);
        assert!(error.contains(key), "{key}: {error}");
    }
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    let error = Config::load(Some(Path::new("/nowhere/payferry.toml")), []).expect_err("must be refused");
    assert!(matches!(error, ConfigError::Read { .. }), "{error}");
}
