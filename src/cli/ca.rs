//! `payferry ca`: an own certificate authority and a certificate for bitpay.com.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::Args;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::check::certificate::parse;
use super::voice::Voice;
use crate::app::now_ms;
use crate::config::BITPAY_NAMES;

const DAY_MS: i64 = 24 * 3_600_000;

/// Where each kind of shop looks for a certificate authority (measured with these clients).
const WHERE: &str = "\
Where shops look for the CA:
  Node.js (bitpay-sdk, btcpay, ...)     NODE_EXTRA_CA_CERTS=ca.pem in the shop's environment
  Python (requests)                     REQUESTS_CA_BUNDLE=ca.pem in the shop's environment
  PHP, Perl, Go, C# on Debian           /usr/local/share/ca-certificates/payferry.crt, then update-ca-certificates
  bitpay/php-client 2.1 to 3.0          as PHP; elsewhere than on Debian append it to the library's own bundle
  Ruby gem bitpay-client                append it to the gem's cacert.pem
  Java                                  keytool -importcert -cacerts -file ca.pem
  bitpay-rest, npm bitpay 0.3           nothing: they do not check certificates";

/// What `ca` asks.
#[derive(Debug, Args)]
pub(super) struct CaArgs {
    /// Folder for the files.
    #[arg(long, value_name = "DIR", default_value = "tls")]
    out: PathBuf,
    /// A further name or IP address for the certificate; those that it has already stay.
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    /// For machines: one JSON object with the files and the names in the certificate.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &CaArgs) -> anyhow::Result<ExitCode> {
    let issued = issue(&args.out, &args.names)?;
    let [authority, certificate, key] =
        ["ca.pem", "certificate.pem", "key.pem"].map(|name| args.out.join(name));
    let voice = Voice::new(args.json);
    let made = if issued.new_authority { "Made" } else { "Kept" };
    voice.say(format_args!("{made} {}", authority.display()));
    let names = issued.names.join(", ");
    voice.say(format_args!("Made {} and key.pem for {names}\n", certificate.display()));
    voice.say(WHERE);
    voice.answer(&serde_json::json!({
        "ca_file": authority,
        "certificate_file": certificate,
        "key_file": key,
        "names": issued.names,
        "new_authority": issued.new_authority,
    }));
    Ok(ExitCode::SUCCESS)
}

/// What was made.
pub(super) struct Issued {
    new_authority: bool,
    names: Vec<String>,
}

/// Makes the authority where there is none (it is never replaced), and a new certificate from it.
pub(super) fn issue(folder: &Path, more: &[String]) -> anyhow::Result<Issued> {
    fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
    let (authority, key) = (folder.join("ca.pem"), folder.join("ca.key.pem"));
    let new_authority = !authority.exists();
    if new_authority {
        let (certificate, secret) = new_ca()?;
        write(&key, &secret, 0o600)?;
        write(&authority, &certificate, 0o644)?;
    }
    let ca_key = KeyPair::from_pem(&fs::read_to_string(&key).with_context(|| format!("{}", key.display()))?)?;
    let issuer = Issuer::from_ca_cert_pem(&fs::read_to_string(&authority)?, ca_key)?;
    let names = names(folder, more)?;
    let mut leaf = CertificateParams::new(names.clone())?;
    leaf.distinguished_name.push(DnType::CommonName, BITPAY_NAMES[0]);
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    valid_for(&mut leaf, 825)?;
    let leaf_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = leaf.signed_by(&leaf_key, &issuer)?;
    let chain = certificate.pem() + &fs::read_to_string(&authority)?;
    write(&folder.join("key.pem"), &leaf_key.serialize_pem(), 0o600)?;
    write(&folder.join("certificate.pem"), &chain, 0o644)?;
    Ok(Issued { new_authority, names })
}

/// BitPay's names, those of the certificate that is there, and `more`; each once.
fn names(folder: &Path, more: &[String]) -> anyhow::Result<Vec<String>> {
    let mut names: Vec<String> = BITPAY_NAMES.iter().map(|name| (*name).to_owned()).collect();
    let file = folder.join("certificate.pem");
    if file.exists() {
        let before = CertificateDer::from_pem_file(&file).map_err(|error| anyhow!("{error}"));
        let before = before.and_then(|der| parse(der.as_ref()).map_err(|why| anyhow!(why)));
        let before = before.with_context(|| {
            format!("the names of {} cannot be kept; move it away to make one without them", file.display())
        })?;
        names.extend(before.names);
    }
    names.extend(more.iter().cloned());
    let mut once = Vec::new();
    for name in names {
        if !once.iter().any(|known: &String| known.eq_ignore_ascii_case(&name)) {
            once.push(name);
        }
    }
    Ok(once)
}

fn new_ca() -> anyhow::Result<(String, String)> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "payferry CA of this installation");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid_for(&mut params, 3650)?;
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

/// From yesterday, for shops whose clocks are behind.
fn valid_for(params: &mut CertificateParams, days: i64) -> anyhow::Result<()> {
    let date = |ms: i64| -> anyhow::Result<time::OffsetDateTime> {
        Ok(time::OffsetDateTime::from_unix_timestamp(ms / 1000)?)
    };
    params.not_before = date(now_ms() - DAY_MS)?;
    params.not_after = date(now_ms() + days * DAY_MS)?;
    Ok(())
}

/// Beside it first: what was there is replaced at once by a whole file, or not at all.
fn write(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let named = || format!("{}", path.display());
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".ca-").tempfile_in(folder).with_context(named)?;
    file.write_all(text.as_bytes()).with_context(named)?;
    file.as_file().set_permissions(Permissions::from_mode(mode)).with_context(named)?;
    file.as_file().sync_all().with_context(named)?;
    file.persist(path).with_context(named)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_is_kept_and_the_certificate_is_new() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("it was made");
        assert!(issue(folder.path(), &[]).expect("a first run").new_authority);
        let before = (read("ca.pem"), read("ca.key.pem"), read("certificate.pem"), read("key.pem"));
        let more = ["my.shop.example".to_owned(), "10.0.0.5".to_owned()];
        let issued = issue(folder.path(), &more).expect("a second run");
        assert!(!issued.new_authority);
        assert_eq!(issued.names.len(), 5);
        // The documented renewal gives no names again.
        let renewed = issue(folder.path(), &[]).expect("a renewal");
        assert_eq!(renewed.names, issued.names);
        assert_eq!(issue(folder.path(), &more).expect("the same again").names, issued.names);
        assert_eq!((read("ca.pem"), read("ca.key.pem")), (before.0, before.1));
        assert_ne!(read("certificate.pem"), before.2);
        assert_ne!(read("key.pem"), before.3);
        for name in ["ca.key.pem", "key.pem"] {
            let mode = fs::metadata(folder.path().join(name)).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn a_renewal_that_fails_leaves_the_old_files() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        issue(folder.path(), &[]).expect("a first run");
        let read = |name: &str| fs::read(folder.path().join(name)).expect("it is there");
        let before = (read("certificate.pem"), read("key.pem"));
        let ca_key = read("ca.key.pem");
        fs::write(folder.path().join("ca.key.pem"), "no key").expect("it is written");
        assert!(issue(folder.path(), &[]).is_err());
        assert_eq!((read("certificate.pem"), read("key.pem")), before);
        fs::write(folder.path().join("ca.key.pem"), ca_key).expect("it is written");
        fs::write(folder.path().join("certificate.pem"), "no certificate").expect("it is written");
        let said = issue(folder.path(), &[]).err().expect("its names are not known").to_string();
        assert!(said.contains("cannot be kept"), "{said}");
        let left: Vec<_> = fs::read_dir(folder.path()).expect("a folder").collect();
        assert_eq!(left.len(), 4, "nothing half made is left: {left:?}");
    }

    #[test]
    fn the_files_serve_tls() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        issue(folder.path(), &[]).expect("a first run");
        let shop = crate::config::ShopSection {
            https: Some(std::net::SocketAddr::from(([127, 0, 0, 1], 0))),
            certificate_file: Some(folder.path().join("certificate.pem")),
            key_file: Some(folder.path().join("key.pem")),
            ..crate::config::ShopSection::default()
        };
        let limits = crate::edge::ConnectionLimits {
            head_bytes: 1024,
            headers: 10,
            header_timeout: std::time::Duration::from_secs(1),
            idle_timeout: std::time::Duration::from_secs(1),
        };
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let _inside = runtime.enter();
        assert!(crate::edge::Listeners::bind(&shop, limits).is_ok());
    }
}
