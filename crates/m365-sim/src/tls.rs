//! The certificate authority of one run and the server certificate for the simulated hosts.
//! Both are new at each start and exist in memory only; `--ca-out` writes the public part.

use crate::hosts;
use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;
use time::{Duration, OffsetDateTime};

/// Names by which the simulator is reached on its own machine.
pub(crate) const LOCAL_HOSTS: &[&str] = &["localhost", "127.0.0.1", "::1"];

/// The TLS settings of both listeners and the authority to trust.
pub(crate) struct Tls {
    /// For HTTPS: offers HTTP/2 and HTTP/1.1.
    pub(crate) https: Arc<ServerConfig>,
    /// For STARTTLS: no ALPN.
    pub(crate) smtp: Arc<ServerConfig>,
    /// The authority's certificate, PEM.
    pub(crate) ca_pem: String,
}

/// Makes authority and server certificate; `host` is named beside the fixed names.
///
/// # Errors
/// rcgen's or rustls's, when `host` can't be a subject alternative name.
pub(crate) fn make(host: &str) -> anyhow::Result<Tls> {
    let ca = authority()?;
    let key = KeyPair::generate()?;
    let mut names: Vec<String> = LOCAL_HOSTS.iter().copied().chain(hosts::all()).map(str::to_owned).collect();
    if !names.iter().any(|name| name == host) {
        names.push(host.to_owned());
    }
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "SIMULATED Microsoft 365");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    (params.not_before, params.not_after) = validity();
    let leaf = params.signed_by(&key, &ca)?;
    let chain = vec![leaf.der().clone(), ca.der().clone()];
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from(key))?;
    let smtp = Arc::new(config.clone());
    let mut config = config;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Tls { https: Arc::new(config), smtp, ca_pem: ca.pem() })
}

/// PEM text of a DER object (RFC 7468).
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned());
    let body = lines.collect::<Vec<_>>().join("\n");
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "SIMULATED Microsoft 365 CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = validity();
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

/// A month around now: the tenant's clock may be moved, the clients' is the real one.
fn validity() -> (OffsetDateTime, OffsetDateTime) {
    let now = OffsetDateTime::now_utc();
    (now - Duration::days(2), now + Duration::days(30))
}
