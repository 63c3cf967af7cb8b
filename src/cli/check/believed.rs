//! When a good signature is refused: which address BTCPay took for its own, and what was lost on the way.
//!
//! BTCPay takes the scheme from X-Forwarded-Proto, the host from X-Forwarded-Host or Host, and a prefix
//! from X-Forwarded-Prefix (auth/xf-*). So a signature over the address that it believes is good.

use http::{HeaderName, Method};

use super::server::Btcpay;
use crate::bitid::SecretKey;
use crate::walk::to_btcpay::{self, PublicAddress, StoreAuth, UpstreamRequest};

/// Most spellings that are tried.
const MOST: usize = 64;

/// What BTCPay must have believed.
pub(super) enum Believed {
    /// This scheme, authority and path.
    Root(String),
    /// The right one only when X-Forwarded-Host says so too: Host is lost.
    OnlyForwarded,
    /// None of so many spellings.
    Nothing(usize),
}

/// `GET /tokens` as payferry sends it, with a signature over `root`.
pub(super) fn signed_over(btcpay: &Btcpay, key: &SecretKey, root: &str) -> UpstreamRequest {
    let mut request = btcpay.plain("/tokens");
    let signature = key.sign(&format!("{root}/tokens"), b"");
    request.headers.push((HeaderName::from_static("x-identity"), key.public().to_hex()));
    request.headers.push((HeaderName::from_static("x-signature"), signature));
    request
}

/// Tries until a signature is taken.
pub(super) async fn find(btcpay: &Btcpay, key: &SecretKey, told_root: Option<&str>) -> Believed {
    let roots = spellings(btcpay, told_root).await;
    for root in &roots {
        if accepted(btcpay, &signed_over(btcpay, key, root)).await {
            return Believed::Root(root.clone());
        }
    }
    let mut forwarded = signed_over(btcpay, key, &btcpay.root());
    let host = (HeaderName::from_static("x-forwarded-host"), btcpay.public.authority.clone());
    forwarded.headers.push(host);
    if accepted(btcpay, &forwarded).await {
        return Believed::OnlyForwarded;
    }
    Believed::Nothing(roots.len())
}

/// A signature of another address than the one meant is 401; a good one of an unknown key is 200.
async fn accepted(btcpay: &Btcpay, request: &UpstreamRequest) -> bool {
    btcpay.exchange(request).await.is_ok_and(|heard| heard.status == 200)
}

/// Whether a signature that cannot be good is told from a good one: else it does not arrive at all.
pub(super) async fn signature_arrives(btcpay: &Btcpay, key: &SecretKey) -> bool {
    let bad = signed_over(btcpay, key, "http://nowhere.invalid");
    btcpay.exchange(&bad).await.is_ok_and(|heard| heard.status == 401)
}

/// What BTCPay may have believed, the likeliest first.
async fn spellings(btcpay: &Btcpay, told_root: Option<&str>) -> Vec<String> {
    let PublicAddress { scheme, authority, path } = &btcpay.public;
    let host = authority.rsplit_once(':').map_or(authority.as_str(), |(host, _)| host);
    let port = btcpay.way.port;
    let mut hosts = vec![authority.clone(), host.to_owned()];
    hosts.push(format!("{host}:{}", if scheme == "https" { 443 } else { 80 }));
    let mut names = vec![btcpay.way.host.clone(), "localhost".to_owned(), "127.0.0.1".to_owned()];
    let addresses = btcpay.way.resolve().await.unwrap_or_default();
    names.extend(addresses.iter().map(|address| address.ip().to_string()));
    for name in names {
        hosts.extend([format!("{name}:{port}"), name]);
    }
    let other = if scheme == "https" { "http" } else { "https" };
    let mut roots: Vec<String> = told_root.map(str::to_owned).into_iter().collect();
    for host in hosts {
        for scheme in [scheme.as_str(), other] {
            roots.push(format!("{scheme}://{host}{path}"));
            roots.push(format!("{scheme}://{host}"));
        }
    }
    let mut once = Vec::new();
    for root in roots {
        if root != btcpay.root() && !once.contains(&root) {
            once.push(root);
        }
    }
    once.truncate(MOST);
    once
}

/// Which of Host, Proto and path were lost, and what to change; empty where `root` is the public one.
pub(super) fn lost(btcpay: &Btcpay, root: &str) -> Vec<(String, &'static str)> {
    let public = &btcpay.public;
    let (scheme, rest) = root.split_once("://").unwrap_or(("", root));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let mut lost = Vec::new();
    if scheme != public.scheme {
        lost.push((
            format!("Proto was lost on the way: BTCPay believed {scheme}, not {}", public.scheme),
            "let the proxy in front of BTCPay pass X-Forwarded-Proto on as it comes \
             (nginx: proxy_set_header X-Forwarded-Proto $http_x_forwarded_proto)",
        ));
    }
    if !authority.eq_ignore_ascii_case(&public.authority) {
        lost.push((
            format!("Host was lost on the way: BTCPay believed {authority}, not {}", public.authority),
            "let the proxy in front of BTCPay pass Host on (nginx: proxy_set_header Host $http_host) \
             and set no X-Forwarded-Host of its own",
        ));
    }
    if path != public.path {
        lost.push((
            format!("the path was changed on the way: BTCPay believed '{path}', not '{}'", public.path),
            "let the proxy pass the path on, and X-Forwarded-Prefix where it cuts it; or correct public_url",
        ));
    }
    lost
}

/// A signed request by whichever credential, for the public address.
pub(super) fn signed(btcpay: &Btcpay, auth: &StoreAuth, target: &str) -> UpstreamRequest {
    to_btcpay::sign(&btcpay.public, auth, Method::GET, target, None)
}
