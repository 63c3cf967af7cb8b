//! TLS 1.2 and 1.3, and which certificate is shown.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use payferry::config::{ShopCertificate, ShopSection};
use payferry::edge::{EdgeError, Listeners};
use rcgen::{CertificateParams, KeyPair};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion, version};
use rustls_pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::support::{Edge, any_port, limits, rest, start};

struct Certificate {
    files: ShopCertificate,
    der: CertificateDer<'static>,
}

fn certificate(folder: &Path, names: &[&str]) -> Certificate {
    let key = KeyPair::generate().expect("a P-256 key");
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = CertificateParams::new(names.clone()).and_then(|params| params.self_signed(&key));
    let made = made.expect("a certificate");
    let file = |kind: &str, text: String| -> PathBuf {
        let path = folder.join(format!("{}.{kind}.pem", names[0]));
        std::fs::write(&path, text).expect("the folder is writable");
        path
    };
    let files = ShopCertificate {
        certificate_file: file("cert", made.pem()),
        key_file: file("key", key.serialize_pem()),
        names,
    };
    Certificate { files, der: made.der().clone() }
}

struct Scene {
    edge: Edge,
    default: Certificate,
    named: Certificate,
    _folder: TempDir,
}

fn scene() -> Scene {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let default = certificate(folder.path(), &["bitpay.com", "127.0.0.1"]);
    let named = certificate(folder.path(), &["Pay.Shop.example"]);
    let shop = ShopSection {
        https: Some(any_port()),
        certificate_file: Some(default.files.certificate_file.clone()),
        key_file: Some(default.files.key_file.clone()),
        certificate: vec![named.files.clone()],
        ..ShopSection::default()
    };
    Scene { edge: start(&shop, limits()), default, named, _folder: folder }
}

struct Seen {
    certificate: CertificateDer<'static>,
    version: Option<ProtocolVersion>,
    alpn: Option<Vec<u8>>,
    answer: String,
}

async fn ask(scene: &Scene, name: &str, versions: &[&'static SupportedProtocolVersion]) -> Seen {
    let mut roots = RootCertStore::empty();
    roots.add(scene.default.der.clone()).expect("a root");
    roots.add(scene.named.der.clone()).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("known versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let tcp = TcpStream::connect(scene.edge.https.expect("TLS")).await.expect("it listens");
    let mut tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.expect("a handshake");
    tls.write_all(b"GET /a HTTP/1.1\r\nconnection: close\r\n\r\n").await.expect("it reads");
    let answer = rest(&mut tls).await;
    let session = tls.get_ref().1;
    Seen {
        certificate: session.peer_certificates().expect("a certificate")[0].clone(),
        version: session.protocol_version(),
        alpn: session.alpn_protocol().map(<[u8]>::to_vec),
        answer,
    }
}

#[tokio::test]
async fn both_versions_are_spoken_and_http_2_is_never_chosen() {
    let scene = scene();
    for (offered, spoken) in
        [(&version::TLS12, ProtocolVersion::TLSv1_2), (&version::TLS13, ProtocolVersion::TLSv1_3)]
    {
        let seen = ask(&scene, "bitpay.com", &[offered]).await;
        assert_eq!(seen.version, Some(spoken));
        assert_eq!(seen.alpn.as_deref(), Some(&b"http/1.1"[..]));
        assert!(seen.answer.contains("GET /a tls=true"), "{}", seen.answer);
    }
}

#[tokio::test]
async fn the_name_chooses_the_certificate_and_no_name_gets_the_default() {
    let scene = scene();
    let both = rustls::ALL_VERSIONS;
    assert_eq!(ask(&scene, "pay.shop.example", both).await.certificate, scene.named.der);
    assert_eq!(ask(&scene, "bitpay.com", both).await.certificate, scene.default.der);
    // A client that connects by address sends no name.
    assert_eq!(ask(&scene, "127.0.0.1", both).await.certificate, scene.default.der);
}

#[tokio::test]
async fn plain_text_on_the_tls_port_harms_nobody() {
    let scene = scene();
    let mut tcp = TcpStream::connect(scene.edge.https.expect("TLS")).await.expect("it listens");
    tcp.write_all(b"GET / HTTP/1.1\r\n\r\n").await.expect("it reads");
    let mut alert = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut tcp, &mut alert).await;
    assert!(ask(&scene, "bitpay.com", rustls::ALL_VERSIONS).await.answer.contains("GET /a"));
}

#[tokio::test]
async fn a_key_of_another_certificate_is_refused_at_the_start() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let one = certificate(folder.path(), &["a.example"]);
    let other = certificate(folder.path(), &["b.example"]);
    let shop = ShopSection {
        https: Some(any_port()),
        certificate_file: Some(one.files.certificate_file),
        key_file: Some(other.files.key_file),
        ..ShopSection::default()
    };
    assert!(matches!(Listeners::bind(&shop, limits()), Err(EdgeError::Tls(_))));
    assert!(matches!(Listeners::bind(&ShopSection::default(), limits()), Err(EdgeError::Nothing)));
}
