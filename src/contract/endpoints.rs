//! BitPay's API as a table (`contract/endpoints.toml`): which paths there are and what payferry does with them.

use std::sync::LazyLock;

use serde::Deserialize;

use super::Generation;

/// Longest id in a path; BTCPay's are 22, guids 36 characters.
const LONGEST_ID: usize = 64;

/// A call that payferry carries out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `POST /tokens`
    CreateToken,
    /// `GET /tokens`
    ListTokens,
    /// `POST /invoices`
    CreateInvoice,
    /// `GET /invoices/:id`
    ReadInvoice,
}

impl Endpoint {
    /// As it stands in the log and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateToken => "create_token",
            Self::ListTokens => "list_tokens",
            Self::CreateInvoice => "create_invoice",
            Self::ReadInvoice => "read_invoice",
        }
    }
}

/// One method and path of BitPay's API.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointRow {
    /// HTTP method.
    pub method: String,
    /// Path; a segment that begins with a colon stands for one value.
    pub path: String,
    /// Generation.
    pub api: Generation,
    /// When BitPay offered it.
    pub years: String,
    /// What payferry carries out for it.
    #[serde(default)]
    pub serve: Option<Endpoint>,
    /// Why it is refused.
    #[serde(default)]
    pub refuse: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    endpoint: Vec<EndpointRow>,
}

static ROWS: LazyLock<Vec<EndpointRow>> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the table is part of the program; a test parses it")]
    let table: Table =
        toml::from_str(include_str!("../../contract/endpoints.toml")).expect("contract/endpoints.toml");
    table.endpoint
});

/// The whole table.
#[must_use]
pub fn endpoint_rows() -> &'static [EndpointRow] {
    &ROWS
}

/// What a method and a path mean.
#[derive(Debug, Clone)]
pub enum Found {
    /// A path of BitPay's API with this method, and the value of its `:id`.
    Row(&'static EndpointRow, Option<String>),
    /// A path of BitPay's API, with another method.
    OtherMethod,
    /// No path of BitPay's API.
    Nothing,
}

/// Looks a request up. Slashes at the end and doubled ones do not count (PyPI bitpay, ruby-client),
/// nor does letter case outside of ids (npm bitpay-sdk `supportedwallets`).
#[must_use]
pub fn find_endpoint(method: &str, path: &str) -> Found {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let mut known = false;
    for row in ROWS.iter() {
        let Some(id) = matches(&row.path, &segments) else { continue };
        if row.method == method {
            return Found::Row(row, id);
        }
        known = true;
    }
    if known { Found::OtherMethod } else { Found::Nothing }
}

/// None: another path. Some(id): this one, with the last of its values.
fn matches(pattern: &str, segments: &[&str]) -> Option<Option<String>> {
    let wanted: Vec<&str> = pattern.split('/').filter(|segment| !segment.is_empty()).collect();
    if wanted.len() != segments.len() {
        return None;
    }
    let mut id = None;
    for (wanted, segment) in wanted.iter().zip(segments) {
        if wanted.starts_with(':') {
            id = Some(value(segment)?);
        } else if !wanted.eq_ignore_ascii_case(segment) {
            return None;
        }
    }
    Some(id)
}

fn value(segment: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (segment.len() <= LONGEST_ID && segment.bytes().all(plain)).then(|| segment.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_either_served_or_refused() {
        for row in endpoint_rows() {
            assert!(row.serve.is_some() != row.refuse.is_some(), "{} {}", row.method, row.path);
        }
    }

    #[test]
    fn spellings_that_clients_send_are_found() {
        let served = |method, path| match find_endpoint(method, path) {
            Found::Row(row, id) => (row.serve, id),
            other => panic!("{method} {path}: {other:?}"),
        };
        assert_eq!(served("POST", "/invoices/"), (Some(Endpoint::CreateInvoice), None), "btcpay-python");
        assert_eq!(served("GET", "/invoices/Abc"), (Some(Endpoint::ReadInvoice), Some("Abc".to_owned())));
        assert_eq!(served("POST", "//tokens"), (Some(Endpoint::CreateToken), None), "ruby-client");
        assert_eq!(served("GET", "/supportedwallets").0, None, "npm bitpay-sdk");
        assert_eq!(served("GET", "/currencies/").0, None, "npm bitpay-sdk 1 to 4");
        assert!(matches!(find_endpoint("PUT", "/tokens"), Found::OtherMethod));
        assert!(matches!(find_endpoint("GET", "/nothing"), Found::Nothing));
        assert!(matches!(find_endpoint("GET", "/invoices/a%2fb"), Found::Nothing), "ids are plain");
    }
}
