//! The certificates of the house's own doors: from the configured files, reloaded when they change; the console's also
//! self-signed on the first start, with its key sealed in the store. Accounts' certificates are another matter
//! (`certificates`).

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use crate::config::TlsFiles;

/// Hands out the current certificate; swapped without a restart.
#[derive(Debug)]
pub struct CurrentCertificate(RwLock<Arc<CertifiedKey>>);

impl CurrentCertificate {
    /// Starts with `key`.
    pub fn new(key: CertifiedKey) -> Arc<Self> {
        Arc::new(Self(RwLock::new(Arc::new(key))))
    }

    /// The certificate itself, without its chain: X.509, DER.
    pub fn leaf(&self) -> Option<CertificateDer<'static>> {
        let current = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        current.cert.first().cloned()
    }

    fn replace(&self, key: CertifiedKey) {
        *self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(key);
    }
}

impl ResolvesServerCert for CurrentCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner)))
    }
}

/// TLS 1.2 and 1.3 with `certificate`, HTTP/2 and HTTP/1.1.
pub fn server_config(certificate: Arc<CurrentCertificate>) -> Arc<rustls::ServerConfig> {
    let mut config = plain_config(certificate);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

/// TLS 1.2 and 1.3 with `certificate`, for SMTP: it has no application protocols to choose from.
pub fn mail_config(certificate: Arc<CurrentCertificate>) -> Arc<rustls::ServerConfig> {
    Arc::new(plain_config(certificate))
}

fn plain_config(certificate: Arc<CurrentCertificate>) -> rustls::ServerConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("aws-lc-rs has the suites of TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    // The strongest that both have, whatever order an old device asks in (RFC 9325 §4.2.1).
    config.ignore_client_order = true;
    config
}

/// Reads a chain and its key from PEM files and checks that they belong together.
pub fn read_files(files: &TlsFiles) -> anyhow::Result<CertifiedKey> {
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .with_context(|| format!("cannot read the certificate {}", files.certificate.display()))?;
    anyhow::ensure!(!chain.is_empty(), "{} holds no certificate", files.certificate.display());
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .with_context(|| format!("cannot read the key {}", files.key.display()))?;
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).with_context(|| {
        format!("{} and {} do not belong together", files.certificate.display(), files.key.display())
    })
}

/// Reloads `files` into `current` whenever one of them changes, until `shutdown`. A pair that does not fit is
/// reported and the old one stays.
pub async fn watch_files(files: TlsFiles, current: Arc<CurrentCertificate>, shutdown: CancellationToken) {
    // Polled, not notified: a renewed certificate may come by rename, by symlink swap or over a network mount, and
    // two stat calls every few seconds see all of them.
    let mut ticks = tokio::time::interval(Duration::from_secs(5));
    let mut seen = modified(&files);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let now = modified(&files);
        if now == seen {
            continue;
        }
        match read_files(&files) {
            Ok(key) => {
                current.replace(key);
                seen = now;
                tracing::info!(certificate = %files.certificate.display(), "reloaded a certificate");
            }
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), certificate = %files.certificate.display(), "keeping the old certificate");
            }
        }
    }
}

fn modified(files: &TlsFiles) -> [Option<SystemTime>; 2] {
    let time = |path: &Path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    [time(&files.certificate), time(&files.key)]
}

/// A self-signed server certificate: the certificate's DER and its PKCS#8 key.
pub struct SelfSigned {
    /// X.509, DER.
    pub certificate_der: Vec<u8>,
    /// PKCS#8, DER; secret.
    pub key_der: zeroize::Zeroizing<Vec<u8>>,
}

/// Makes a certificate for `names` that lasts 397 days, as long as browsers accept one.
pub fn make_self_signed(names: &[String], now: OffsetDateTime) -> anyhow::Result<SelfSigned> {
    let key = rcgen::KeyPair::generate().context("cannot make a key for the console")?;
    let names: Vec<String> = names.iter().map(|name| without_brackets(name).to_owned()).collect();
    let mut parameters = rcgen::CertificateParams::new(names)
        .context("a name of the console cannot stand in a certificate")?;
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "Postern console");
    parameters.not_before = now - time::Duration::minutes(10);
    parameters.not_after = now + time::Duration::days(397);
    parameters.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = parameters.self_signed(&key).context("cannot sign the console's certificate")?;
    Ok(SelfSigned { certificate_der: certificate.der().to_vec(), key_der: key.serialize_der().into() })
}

/// Whether a self-signed certificate still serves: it names every one of `names` and has thirty days left.
pub fn still_serves(certificate_der: &[u8], names: &[String], now: OffsetDateTime) -> bool {
    let Ok(details) = certs::CertificateDetails::from_der(certificate_der) else { return false };
    let der = CertificateDer::from(certificate_der.to_vec());
    let Ok(parsed) = rustls::server::ParsedCertificate::try_from(&der) else { return false };
    let named = |name: &String| {
        let name = without_brackets(name);
        let name = match name.parse::<IpAddr>() {
            Ok(address) => rustls::pki_types::ServerName::IpAddress(address.into()),
            Err(_) => match rustls::pki_types::ServerName::try_from(name) {
                Ok(name) => name,
                Err(_) => return false,
            },
        };
        rustls::client::verify_server_name(&parsed, &name).is_ok()
    };
    details.not_after - now > time::Duration::days(30) && names.iter().all(named)
}

/// An IPv6 address stands in brackets in a URL and a `Host` header, and without them in a certificate.
fn without_brackets(name: &str) -> &str {
    name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name)
}

/// The stored pair as rustls wants it.
pub fn certified_key(certificate_der: Vec<u8>, key_der: &[u8]) -> anyhow::Result<CertifiedKey> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key_der.to_vec()));
    CertifiedKey::from_der(vec![certificate_der.into()], key, &aws_lc_rs::default_provider())
        .context("the console's stored certificate and key do not belong together")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = time::macros::datetime!(2026-11-21 12:00 UTC);

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_self_signed_certificate_serves_its_names_until_it_is_near_its_end() {
        let made = make_self_signed(&names(&["localhost", "127.0.0.1"]), NOW).unwrap();
        assert!(still_serves(&made.certificate_der, &names(&["localhost", "127.0.0.1"]), NOW));
        assert!(!still_serves(&made.certificate_der, &names(&["gate.example"]), NOW));
        assert!(!still_serves(
            &made.certificate_der,
            &names(&["localhost"]),
            NOW + time::Duration::days(380)
        ));
        assert!(certified_key(made.certificate_der, &made.key_der).is_ok());
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let one = rcgen::generate_simple_self_signed(names(&["a.example"])).unwrap();
        let two = rcgen::generate_simple_self_signed(names(&["a.example"])).unwrap();
        let files =
            TlsFiles { certificate: directory.path().join("c.pem"), key: directory.path().join("k.pem") };
        std::fs::write(&files.certificate, one.cert.pem()).unwrap();
        std::fs::write(&files.key, two.signing_key.serialize_pem()).unwrap();
        let error = format!("{:#}", read_files(&files).unwrap_err());
        assert!(error.contains("do not belong together"), "{error}");
        std::fs::write(&files.key, one.signing_key.serialize_pem()).unwrap();
        assert!(read_files(&files).is_ok());
    }
}
