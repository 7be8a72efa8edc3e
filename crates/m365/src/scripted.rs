//! Servers for the unit tests of this room that play a written dialog, once, and say what they heard.
//!
//! They listen on loopback, port 0. What a client does against its script makes the test fail when the
//! server is asked for its report.

pub(crate) mod http;
pub(crate) mod smtp;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::cloud::{Cloud, CloudSettings};
use crate::connection::{Connection, ConnectionOptions};
use crate::proxy::ProxyChoice;
use crate::trust::Roots;

/// A certification authority for the whole test run.
static AUTHORITY: LazyLock<(String, Issuer<'static, KeyPair>)> = LazyLock::new(|| {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    (pem, Issuer::new(params, key))
});

/// The authority's certificate, to be trusted.
pub(crate) fn ca_pem() -> Vec<u8> {
    AUTHORITY.0.clone().into_bytes()
}

/// TLS for a server of this name.
fn server_tls(name: &str) -> ServerConfig {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &AUTHORITY.1).unwrap();
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    ServerConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap()
}

/// TLS for a client that trusts the authority.
pub(crate) fn client_tls() -> rustls::ClientConfig {
    crate::trust::configure(Roots::BuiltIn, Some(&ca_pem())).unwrap()
}

/// A connection whose Graph and SMTP servers are scripted ones. It trusts the authority above, and no
/// system's store.
pub(crate) fn connection(graph: &str, smtp_port: u16) -> Connection {
    connection_within(Duration::from_secs(20), graph, smtp_port)
}

/// The same, with a limit for each HTTP request.
pub(crate) fn connection_within(total_timeout: Duration, graph: &str, smtp_port: u16) -> Connection {
    let cloud = Cloud::try_from(CloudSettings {
        name: "scripted".to_owned(),
        login: graph.to_owned(),
        graph: graph.to_owned(),
        outlook_scope: "https://outlook.office.com".to_owned(),
        outlook_app_scope: "https://outlook.office365.com".to_owned(),
        smtp: format!("localhost:{smtp_port}"),
        ca_pem: Some(ca_pem()),
        discovery: None,
    });
    let options = ConnectionOptions {
        proxy: ProxyChoice::Direct,
        roots: Roots::BuiltIn,
        total_timeout,
        ..ConnectionOptions::default()
    };
    Connection::new(Arc::new(cloud.unwrap()), &options).unwrap()
}
