//! Which call of BitPay's API a request line is (`contract/endpoints.toml`).

use std::sync::LazyLock;

use serde::Deserialize;

/// Longest id in a path. BitPay's and BTCPay's have 22 characters, a guid 36.
const LONGEST_ID: usize = 64;
/// Longest guid in a path, in bytes.
const LONGEST_GUID: usize = 256;
/// Longest path looked at; the longest known one has 66 characters.
const LONGEST_PATH: usize = 512;

/// The calls that this release answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `POST /tokens`: pairing, both ways round.
    CreateToken,
    /// `GET /tokens`: what a key may do.
    ListTokens,
    /// `POST /invoices`.
    CreateInvoice,
    /// `GET /invoices/:id`.
    ReadInvoice,
    /// `/api-access-request` and `/dashboard/merchant/api-tokens`: where merchants look at a pairing code.
    PairingPage,
    /// `POST /api/invoice`.
    V1CreateInvoice,
    /// `GET /api/invoice/:id`.
    V1ReadInvoice,
    /// `GET /invoices`.
    ListInvoices,
    /// `GET /invoices/guid/:guid`.
    ReadByGuid,
    /// `POST /invoices/:id/notifications`.
    ResendNotification,
    /// `GET /rates` and everything below it.
    Rates,
    /// `GET /currencies`.
    Currencies,
    /// `GET /supportedWallets`.
    SupportedWallets,
    /// `/invoice?id=` and `/i/:id`: a buyer's browser on its way to the payment page.
    CheckoutPage,
}

impl Endpoint {
    /// Its name in logs and metrics; never changes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CreateToken => "create_token",
            Self::ListTokens => "list_tokens",
            Self::CreateInvoice => "create_invoice",
            Self::ReadInvoice => "read_invoice",
            Self::PairingPage => "pairing_page",
            Self::V1CreateInvoice => "v1_create_invoice",
            Self::V1ReadInvoice => "v1_read_invoice",
            Self::ListInvoices => "list_invoices",
            Self::ReadByGuid => "read_invoice_by_guid",
            Self::ResendNotification => "resend_notification",
            Self::Rates => "rates",
            Self::Currencies => "currencies",
            Self::SupportedWallets => "supported_wallets",
            Self::CheckoutPage => "checkout_page",
        }
    }
}

/// The two shapes of BitPay's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Generation {
    /// `/api/*`, 2011 to 2018: API key, bare bodies, errors with status 200.
    V1,
    /// 2014 to today: keys and tokens, enveloped bodies.
    V2,
}

impl Generation {
    /// The generation that a path belongs to, known call or not.
    #[must_use]
    pub fn of_path(path: &str) -> Self {
        let path = path.trim_start_matches('/');
        match path.get(..4) {
            Some(start) if start.eq_ignore_ascii_case("api/") => Self::V1,
            _ => Self::V2,
        }
    }
}

/// What a row of the table is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A documented call.
    #[default]
    Api,
    /// A call that no page documents but a client sends.
    Variant,
    /// An address for browsers.
    Page,
    /// BitPay calls the shop; never matched.
    Outbound,
}

/// One method and path.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: String,
    /// `:name` stands for one segment, a final `*` for one or more.
    pub path: String,
    /// What the row is about.
    #[serde(default)]
    pub kind: Kind,
    /// Shape of its answers.
    pub generation: Generation,
    /// From when to when BitPay offered it.
    pub years: String,
    /// What tells it from another row of the same path.
    pub note: Option<String>,
    /// The endpoint that answers.
    pub serve: Option<Endpoint>,
    /// Why none does, in one short sentence for logs.
    pub refuse: Option<String>,
}

/// What a method and path mean.
#[derive(Debug)]
pub enum Found {
    /// payferry answers; with what the path carried.
    Served(Endpoint, Params),
    /// BitPay has it, payferry does not.
    Refused(&'static Row),
    /// The path is BitPay's, the method is not; see [`allowed`].
    MethodNotAllowed,
    /// Nothing of BitPay's, or an id that nobody could have been given.
    Unknown,
}

impl Found {
    /// A label with few values, for metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Served(endpoint, _) => endpoint.name(),
            Self::Refused(row) if row.kind == Kind::Page => "refused_page",
            Self::Refused(row) => match row.generation {
                Generation::V1 => "refused_v1",
                Generation::V2 => "refused_v2",
            },
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Unknown => "unknown",
        }
    }
}

/// What the path carried.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Params {
    /// The id, percent-decoded: at most 64 of `A-Z a-z 0-9 - _`.
    pub id: Option<String>,
    /// The shop's own name for an invoice, percent-decoded: at most 256 bytes of text.
    pub guid: Option<String>,
    /// Currency of which rates are asked, as sent.
    pub base: Option<String>,
    /// Currency in which a rate is asked, as sent.
    pub currency: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    endpoint: Vec<Row>,
}

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let mut rows = super::built_in::<File>(include_str!("../../contract/endpoints.toml")).endpoint;
    // Spelled-out segments win over parameters: `/payouts/group` before `/payouts/:id`.
    rows.sort_by_key(|row| {
        (row.path.starts_with("//"), row.path.contains('*'), row.path.matches(':').count())
    });
    rows
});

/// Every row, the most exact paths first.
#[must_use]
pub fn rows() -> &'static [Row] {
    &ROWS
}

/// Finds the row for a method and a raw path (a query is ignored).
///
/// Fixed segments match in any letter case, one slash at the end is ignored and a
/// doubled one at the start read as one: clients send `/invoices/`, `/supportedwallets`, `//BTC`.
/// Percent signs are decoded in ids only, so no two spellings of a fixed path exist.
#[must_use]
pub fn find(method: &str, path: &str) -> Found {
    let mut path_known = false;
    for (row, params) in matching(path) {
        if row.method != method {
            path_known = true;
            continue;
        }
        return match row.serve {
            Some(endpoint) => Found::Served(endpoint, params),
            None => Found::Refused(row),
        };
    }
    if path_known { Found::MethodNotAllowed } else { Found::Unknown }
}

/// The methods that BitPay has for a path, for an `Allow` header.
#[must_use]
pub fn allowed(path: &str) -> Vec<&'static str> {
    let mut methods: Vec<&str> = matching(path).map(|(row, _)| row.method.as_str()).collect();
    methods.sort_unstable();
    methods.dedup();
    methods
}

fn matching(path: &str) -> impl Iterator<Item = (&'static Row, Params)> {
    let path = path.split('?').next().unwrap_or_default();
    let segments = segments(path).unwrap_or_default();
    let doubled = path.starts_with("//");
    rows().iter().filter(|row| row.kind != Kind::Outbound).filter_map(move |row| {
        let only_doubled = row.path.starts_with("//");
        if only_doubled && !doubled {
            return None;
        }
        fits(row.path.trim_start_matches('/'), &segments).map(|params| (row, params))
    })
}

/// The segments between the slashes; none for a path that is nobody's.
fn segments(path: &str) -> Option<Vec<String>> {
    let inner = path.strip_prefix('/')?;
    let inner = inner.strip_prefix('/').unwrap_or(inner);
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    let good = path.len() <= LONGEST_PATH && !inner.split('/').any(str::is_empty);
    good.then(|| inner.split('/').map(str::to_owned).collect())
}

fn fits(pattern: &str, segments: &[String]) -> Option<Params> {
    let mut params = Params::default();
    let mut given = segments.iter();
    for expected in pattern.split('/') {
        if expected == "*" {
            return given.next().map(|_| params);
        }
        let segment = given.next()?;
        if let Some(name) = expected.strip_prefix(':') {
            params.take(name, segment)?;
        } else if !segment.eq_ignore_ascii_case(expected) {
            return None;
        }
    }
    given.next().is_none().then_some(params)
}

impl Params {
    /// Takes a segment under its name in the pattern; None where it can be nobody's.
    fn take(&mut self, name: &str, segment: &str) -> Option<()> {
        let text = decoded(segment)?;
        if name == "guid" {
            // BitPay's own documentation has guids such as `payment#1234`.
            let good = text.len() <= LONGEST_GUID && !text.chars().any(char::is_control);
            self.guid = Some(text).filter(|_| good);
            return self.guid.as_ref().map(drop);
        }
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if text.len() > LONGEST_ID || !text.bytes().all(good) {
            return None;
        }
        match name {
            "id" => self.id = Some(text),
            "base" => self.base = Some(text),
            "currency" => self.currency = Some(text),
            _ => {}
        }
        Some(())
    }
}

/// A segment after percent-decoding, where it is text then.
fn decoded(segment: &str) -> Option<String> {
    let mut text = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        text.push(if byte == b'%' {
            hex_digit(bytes.next()?)? * 16 + hex_digit(bytes.next()?)?
        } else {
            byte
        });
    }
    String::from_utf8(text).ok()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
