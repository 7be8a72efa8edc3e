//! The certificate of a submission listener is renewed while mail flows: no restart, no closed door.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::post::Post;
use crate::start::pair;

/// Whether the door proves itself to somebody who trusts only this certificate.
async fn is_trusted(door: SocketAddr, certificate_pem: &str) -> bool {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate_pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(door).await.unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from("localhost").unwrap(), stream)
        .await
        .is_ok()
}

#[tokio::test]
async fn a_listener_shows_a_new_certificate_without_a_restart() {
    let files = tempfile::tempdir().unwrap();
    let put = |(certificate, key): &(String, String)| {
        std::fs::write(files.path().join("key.pem"), key).unwrap();
        std::fs::write(files.path().join("chain.pem"), certificate).unwrap();
    };
    let (old, new) = (pair("localhost"), pair("localhost"));
    put(&old);
    let folder = files.path().display();
    let listener = format!(
        "[[submission]]\nlisten = \"127.0.0.1:0\"\ntls = \"implicit\"\n\
         certificate_file = \"{folder}/chain.pem\"\nkey_file = \"{folder}/key.pem\"\n"
    );
    let post = Post::set_up(json!({}), &listener).await;
    let door = post.house.running().submission[0];
    assert!(is_trusted(door, &old.0).await && !is_trusted(door, &new.0).await);
    put(&new);
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_trusted(door, &new.0).await {
        assert!(Instant::now() < deadline, "it still shows the old certificate");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!is_trusted(door, &old.0).await);
    post.finish().await;
}
