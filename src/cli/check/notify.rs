//! The way of BTCPay's notifications to payferry, as far as it can be walked from here.

use super::finding::Finding;
use super::server::Btcpay;
use super::wire::WireError;
use crate::config::{BtcpayServer, NotifySection};
use crate::notify::intake;

const HOP: &str = "notify.public_url";

/// Whether payferry's own listener answers under the address that BTCPay is given.
pub(super) async fn check(notify: &NotifySection) -> Finding {
    let Some(public_url) = &notify.public_url else {
        let came = "not set: BTCPay tells payferry nothing, and shops hear of a payment up to a poll later";
        return Finding::note(HOP, "find the address for BTCPay's notifications", came)
            .change("set notify.listen and notify.public_url, in the same network plain http");
    };
    let tried = format!("GET {public_url}/");
    let change = "let the address lead to notify.listen; BTCPay trusts well-known CAs alone";
    let server = BtcpayServer { public_url: public_url.clone(), connect: None, ca_file: None };
    let way = match Btcpay::new("notify", &server) {
        Ok(way) => way,
        Err(error) => return Finding::wrong(HOP, tried, error.to_string()).change(change),
    };
    match way.exchange(&way.plain("/")).await {
        Ok(heard) if heard.header(intake::SIGN).is_some() => {
            Finding::ok(HOP, tried, "payferry's listener answers; it takes what BTCPay posts there")
        }
        Ok(heard) => Finding::wrong(HOP, tried, format!("not payferry's listener: {}", heard.in_short()))
            .change(change),
        Err(error @ WireError::Tls { .. }) => Finding::wrong(HOP, tried, error.to_string()).change(change),
        Err(error) => Finding::warn(HOP, tried, error.to_string())
            .change("start payferry; where it runs, see whether BTCPay's machine reaches the address"),
    }
}
