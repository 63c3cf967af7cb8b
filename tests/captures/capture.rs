//! Captures as they were written: heads with either end of line, bodies byte for byte.

use std::path::Path;

/// What one library or plugin sent.
pub struct Capture {
    pub name: String,
    pub requests: Vec<Seen>,
}

/// One request.
pub struct Seen {
    /// Method and target.
    pub request: String,
    /// The head with CRLF, the body as it was.
    pub bytes: Vec<u8>,
    /// The key it names, as sent.
    pub key: Option<String>,
}

impl Seen {
    pub fn is_create(&self) -> bool {
        self.request.starts_with("POST /invoices") || self.request.starts_with("POST /api/invoice")
    }

    /// npm bitpay-rest and bitpay without the facade's token.
    pub fn names_a_facade(&self) -> bool {
        String::from_utf8_lossy(&self.bytes).contains(r#""token":"pos""#)
    }

    /// Calls that ask for no proof.
    pub fn is_public(&self) -> bool {
        let target = self.request.split(' ').nth(1).unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default().trim_start_matches("/api");
        ["/rates", "/currencies", "/supported"].iter().any(|public| path.starts_with(public))
            || self.request.starts_with("POST /tokens")
    }
}

/// Every capture of a folder, by name.
pub fn read(folder: &Path) -> Vec<Capture> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "txt"));
    files.sort();
    files.iter().flat_map(|path| shops(path)).collect()
}

/// One capture ran twice with two keys and one token, which BitPay never gave: those are two shops.
fn shops(path: &Path) -> Vec<Capture> {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let mut shops: Vec<(Option<String>, Capture)> = Vec::new();
    for seen in requests(&std::fs::read(path).unwrap()) {
        let same = |key: &Option<String>| key.is_none() || seen.key.is_none() || *key == seen.key;
        match shops.last_mut().filter(|(key, _)| same(key)) {
            Some((key, shop)) => {
                *key = key.take().or_else(|| seen.key.clone());
                shop.requests.push(seen);
            }
            None => {
                let name = if shops.is_empty() { name.clone() } else { format!("{name}, another key") };
                shops.push((seen.key.clone(), Capture { name, requests: vec![seen] }));
            }
        }
    }
    shops.into_iter().map(|(_, shop)| shop).collect()
}

fn requests(mut bytes: &[u8]) -> Vec<Seen> {
    let mut seen = Vec::new();
    while !bytes.is_empty() {
        let (line, rest) = line(bytes);
        if is_request(line) {
            let (request, length) = request(bytes);
            seen.push(request);
            bytes = &bytes[length..];
            continue;
        }
        bytes = rest;
    }
    seen
}

fn is_request(line: &str) -> bool {
    line.ends_with(" HTTP/1.1") && line.starts_with(|letter: char| letter.is_ascii_uppercase())
}

/// The line without its end, and what follows.
fn line(bytes: &[u8]) -> (&str, &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
    (std::str::from_utf8(&bytes[..end]).unwrap().trim_end_matches(['\r', '\n']), &bytes[end..])
}

/// The request that begins here, and how many bytes of the file it takes.
fn request(bytes: &[u8]) -> (Seen, usize) {
    let (mut rest, mut sent, mut length, mut key) = (bytes, Vec::new(), 0, None);
    let (first, _) = line(bytes);
    loop {
        let (header, after) = line(rest);
        rest = after;
        sent.extend_from_slice(header.as_bytes());
        sent.extend_from_slice(b"\r\n");
        let (name, value) = header.split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "x-identity" | "x-pubkey" => key = Some(value.trim().to_owned()),
            _ => {}
        }
        if header.is_empty() {
            break;
        }
    }
    sent.extend_from_slice(&rest[..length]);
    let taken = bytes.len() - rest.len() + length;
    let request = first.trim_end_matches(" HTTP/1.1").to_owned();
    (Seen { request, bytes: sent, key }, taken)
}

/// Without what is long or differs from run to run.
pub fn shorten(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let pair = |pair: &str| match pair.split_once('=') {
        Some((name @ ("nonce" | "itemCode"), _)) => format!("{name}=…"),
        Some(("token", token)) => format!("token={}…", token.chars().take(4).collect::<String>()),
        _ => pair.to_owned(),
    };
    format!("{path}?{}", query.split('&').map(pair).collect::<Vec<_>>().join("&"))
}
