//! What a shop wants listed: the query of `GET /invoices`, read as BitPay meant it.

mod dates;

use self::dates::Span;
use super::upstream::ListQuery;
use crate::contract::ErrorCode;
use crate::json::{Object, Value};

const DAY_MS: i64 = 86_400_000;
/// How far a list goes back where the shop does not say. BitPay demanded both dates.
const WINDOW_DAYS: i64 = 30;
/// No invoice is older than bitcoin; BTCPay need not compute with the year 1.
const FIRST_DAY_MS: i64 = 1_230_768_000_000;
/// BitPay's words for where an invoice stands.
const STATUSES: [&str; 7] = ["new", "paid", "confirmed", "complete", "expired", "invalid", "declined"];

/// Why a query cannot be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the query parameter {parameter} cannot be read")]
pub struct FilterError {
    /// Which parameter.
    pub parameter: &'static str,
}

impl FilterError {
    /// The row of the error table.
    #[must_use]
    pub fn code(self) -> ErrorCode {
        ErrorCode::ParameterInvalid
    }
}

/// Which invoices, and which part of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListFilter {
    /// Made at this moment or later, milliseconds since 1970.
    from_ms: i64,
    /// Made before this moment, milliseconds since 1970.
    to_ms: i64,
    order_id: Option<String>,
    item_code: Option<String>,
    status: Option<String>,
    /// Most invoices; None for all of them.
    pub limit: Option<usize>,
    /// How many of the newest are left out.
    pub offset: usize,
}

impl ListFilter {
    /// Reads the query; `query` gives the first parameter of a name, where it is not empty.
    ///
    /// A date that cannot be read is refused: BTCPay would answer with the whole store.
    ///
    /// # Errors
    /// [`FilterError`].
    pub fn read(query: impl Fn(&str) -> Option<String>, now_ms: i64) -> Result<Self, FilterError> {
        let span = |parameter: &'static str| match query(parameter) {
            Some(text) => Span::read(&text).map(Some).ok_or(FilterError { parameter }),
            None => Ok(None),
        };
        let number = |parameter: &'static str| match query(parameter) {
            Some(text) => count(&text).map(Some).ok_or(FilterError { parameter }),
            None => Ok(None),
        };
        let (start, end) = (span("dateStart")?, span("dateEnd")?);
        let to_ms = end.map_or(i64::MAX, |end| end.end_ms);
        let back = to_ms.min(now_ms + 1) - 1 - WINDOW_DAYS * DAY_MS;
        let status = query("status").map(|word| word.to_ascii_lowercase());
        if status.as_deref().is_some_and(|word| !STATUSES.contains(&word)) {
            return Err(FilterError { parameter: "status" });
        }
        let offset = match number("offset")? {
            Some(offset) => offset,
            // Its name in 2014.
            None => number("skip")?.unwrap_or(0),
        };
        Ok(Self {
            from_ms: start.map_or(back - back.rem_euclid(DAY_MS), |start| start.start_ms),
            to_ms,
            order_id: query("orderId"),
            item_code: query("itemCode"),
            status,
            limit: number("limit")?,
            offset,
        })
    }

    /// What of it BTCPay is asked for: days, and the orderId where BTCPay has it as the shop sent it.
    #[must_use]
    pub fn upstream(&self, now_ms: i64) -> ListQuery {
        let ends = self.to_ms <= now_ms;
        ListQuery {
            first_day: dates::american(self.from_ms.clamp(FIRST_DAY_MS, now_ms.max(FIRST_DAY_MS) + DAY_MS)),
            last_day: ends.then(|| dates::american((self.to_ms - 1).max(FIRST_DAY_MS))),
            order_id: self.order_id.clone().filter(|text| kept_by_btcpay(text)),
        }
    }

    /// Whether an invoice made at that moment can be wanted.
    #[must_use]
    pub fn covers(&self, time_ms: i64) -> bool {
        (self.from_ms..self.to_ms).contains(&time_ms)
    }

    /// Whether an invoice is wanted, by what the shop would be shown.
    #[must_use]
    pub fn takes(&self, shown: &Object) -> bool {
        let same = |wanted: &Option<String>, name: &str| {
            wanted.as_deref().is_none_or(|wanted| shown.get(name).and_then(Value::as_str) == Some(wanted))
        };
        same(&self.order_id, "orderId") && same(&self.item_code, "itemCode") && same(&self.status, "status")
    }
}

fn count(text: &str) -> Option<usize> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(usize::MAX))
}

/// BTCPay rewrites a text that looks like an ISO date-time (create-requests/stored-*), and answers a NUL
/// in a filter with an empty 500; such an orderId is looked for here alone.
fn kept_by_btcpay(order_id: &str) -> bool {
    let date =
        order_id.as_bytes().get(4) == Some(&b'-') && order_id.contains('T') || order_id.contains("Date(");
    !date && !order_id.chars().any(char::is_control)
}
