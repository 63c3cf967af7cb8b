//! The spellings of one URL that honest clients sign.
//!
//! What arrives and what was signed differ by client: bitpay-rest signs
//! `:443` and `:80`, btcpayserver-php signs no port, ruby-client doubles the slash, a
//! front proxy ends TLS, the PHP SDK signs `+` where it sends `%20`. Every
//! spelling keeps method-independent meaning: same host, same path, same
//! query; only its writing differs.

/// The request line and Host as they arrived, before any decoding.
#[derive(Debug, Clone, Copy)]
pub struct ReceivedUrl<'a> {
    /// Whether TLS ended here.
    pub tls: bool,
    /// The Host header, port included where it was sent.
    pub host: &'a str,
    /// Path and query, raw bytes as text.
    pub target: &'a str,
    /// Ports (from the configuration) that shops may have in their own URL.
    pub ports: &'a [u16],
}

/// Yields the spellings, the likeliest first, without repeats; at most 24 over TLS, 48 without
/// (there a front proxy may have ended TLS, so the shop's own scheme is unknown).
pub fn spellings<'a>(received: &ReceivedUrl<'a>) -> impl Iterator<Item = String> + use<'a> {
    let schemes: &[&str] = if received.tls { &["https"] } else { &["http", "https"] };
    let targets = targets(received.target);
    let mut seen = Vec::with_capacity(6 * targets.len() * schemes.len());
    for target in &targets {
        for scheme in schemes {
            for host in hosts(received, if *scheme == "https" { 443 } else { 80 }) {
                let url = format!("{scheme}://{host}{target}");
                if !seen.contains(&url) {
                    seen.push(url);
                }
            }
        }
    }
    seen.into_iter()
}

/// As sent, without a port, with the scheme's own, with those of the configuration.
fn hosts(received: &ReceivedUrl<'_>, own_port: u16) -> Vec<String> {
    let bare = without_port(received.host);
    let mut hosts = vec![received.host.to_owned(), bare.to_owned(), format!("{bare}:{own_port}")];
    hosts.extend(received.ports.iter().take(3).map(|port| format!("{bare}:{port}")));
    let mut unique: Vec<String> = Vec::with_capacity(hosts.len());
    for host in hosts {
        if !unique.contains(&host) {
            unique.push(host);
        }
    }
    unique
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// As sent; with a doubled slash (ruby-client whose `api_uri` ends in one);
/// with the query's other spellings of blank, `'` and `*` (PHP SDK, bitpay-rest).
fn targets(target: &str) -> Vec<String> {
    let mut targets = vec![target.to_owned(), format!("/{target}")];
    if let Some((path, query)) = target.split_once('?') {
        let blank = if query.contains("%20") { query.replace("%20", "+") } else { query.replace('+', "%20") };
        let raw = query.replace("%27", "'").replace("%2A", "*").replace("%2a", "*");
        for other in [blank, raw] {
            if other != query {
                targets.push(format!("{path}?{other}"));
            }
        }
    }
    targets
}
