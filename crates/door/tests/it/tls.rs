//! TLS on both sides of the door.

use std::{path::PathBuf, sync::Arc};

use door::{Endpoint, settings::Tls};
use http::StatusCode;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    stage::{Open, Stage},
    upstream::{answering, ok},
};

const GET: &[u8] = b"GET /b/k HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/certificates").join(name)
}

/// A door that shows the certificate of these tests.
async fn door() -> Open {
    let (upstream, _seen) = answering(ok("hello")).await;
    let mut stage = Stage::before(upstream).await;
    stage.settings.tls =
        Some(Tls { certificate: file("localhost.pem"), key: file("localhost.key") });
    stage.open().await
}

async fn connect(door: &Open, protocol: &[u8]) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("localhost.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let tcp = TcpStream::connect(door.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap()
}

#[tokio::test]
async fn a_call_under_tls_is_answered_and_its_record_says_how_it_was_protected() {
    let door = door().await;
    let mut caller = connect(&door, b"http/1.1").await;
    caller.write_all(GET).await.unwrap();
    let mut answer = String::new();
    caller.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("hello"), "{answer}");
    let details = door.log.record()["tlsDetails"].clone();
    assert_eq!(details["tlsVersion"], "TLSv1.3");
    assert!(details["cipherSuite"].as_str().unwrap().starts_with("TLS_AES_"), "{details}");
    assert_eq!(details["clientProvidedHostHeader"], "localhost");
    assert!(details["keyExchange"].is_string(), "{details}");
}

#[tokio::test]
async fn http2_is_chosen_in_the_handshake() {
    use http_body_util::Empty;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let door = door().await;
    let io = TokioIo::new(connect(&door, b"h2").await);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("https://localhost/b/k");
    let request = request.body(Empty::<bytes::Bytes>::new()).unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), StatusCode::OK);
    assert_eq!(door.log.records().len(), 1);
}

#[tokio::test]
async fn an_upstream_under_tls_is_believed_by_its_certificate_alone() {
    let behind = door().await;
    let url = format!("https://localhost:{}", behind.address.port());
    for (ca_file, expected) in [(Some(file("localhost.pem")), 200), (None, 502)] {
        let mut stage = Stage::before(behind.address).await;
        stage.upstream().url = Endpoint::try_from(url.clone()).unwrap();
        stage.upstream().ca_file = ca_file;
        if expected == 502 && stage.build().await.is_err() {
            // This system believes in nobody, and the door says so before it opens.
            continue;
        }
        let door = stage.open().await;
        let answer = door.caller().await.ask("GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n").await;
        assert_eq!(answer.status.as_u16(), expected, "{answer:?}");
        assert_eq!(door.log.records().len(), 1);
    }
}

#[tokio::test]
async fn clear_text_on_a_port_with_tls_is_hung_up_on() {
    let door = door().await;
    let mut caller = door.caller().await;
    caller.send(GET).await;
    let mut sent = Vec::new();
    let _ = caller.stream.read_to_end(&mut sent).await;
    assert!(!sent.starts_with(b"HTTP/"));
    assert!(door.log.frames().is_empty());
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_noticed_before_the_door_opens() {
    for (certificate, key) in [
        ("localhost.key", "localhost.key"),
        ("localhost.pem", "localhost.pem"),
        ("nothing.pem", "localhost.key"),
    ] {
        let mut stage = Stage::new().await;
        stage.settings.tls = Some(Tls { certificate: file(certificate), key: file(key) });
        let error = stage.build().await.unwrap_err();
        assert!(matches!(error, door::Error::Certificate { .. }), "{error}");
    }
}
