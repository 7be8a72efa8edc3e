//! Whom we believe to be Microsoft: one TLS configuration for HTTP and for SMTP.
//!
//! Certificates are always verified; there is no way to switch that off. Neighbour: `connection`.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;

use crate::failure::LocalTrouble;

/// Whose certification authorities are trusted, besides the cloud's own `ca_file`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Roots {
    /// The system's store. Where it is empty (bare containers) only a `ca_file` is left, or an error.
    #[default]
    System,
    /// Mozilla's list, built in: the way out for systems without a store.
    BuiltIn,
}

/// TLS 1.2 and 1.3, verified against `roots` and the certificates in `ca_pem`.
pub(crate) fn configure(roots: Roots, ca_pem: Option<&[u8]>) -> Result<ClientConfig, LocalTrouble> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let extra = read_certificates(ca_pem.unwrap_or_default())?;
    let verifier = match roots {
        Roots::System => verify_by_system(extra, &provider)?,
        Roots::BuiltIn => verify_by_list(extra, &provider)?,
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("aws-lc-rs supports the default versions")
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(config)
}

fn read_certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, LocalTrouble> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|error| unusable_ca(&error))
}

fn verify_by_system(
    extra: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, LocalTrouble> {
    let has_extra = !extra.is_empty();
    match Verifier::new_with_extra_roots(extra, Arc::clone(provider)) {
        Ok(verifier) => Ok(Arc::new(verifier)),
        Err(error) if has_extra => Err(unusable_ca(&error)),
        Err(error) => Err(LocalTrouble::new(
            "no_trusted_roots",
            format!("this system has no trusted certification authorities: {error}"),
            "Install the package ca-certificates, or choose the built-in roots, or name a ca_file for the cloud.",
        )),
    }
}

fn verify_by_list(
    extra: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, LocalTrouble> {
    let mut store = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in extra {
        store.add(certificate).map_err(|error| unusable_ca(&error))?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider)).build();
    Ok(verifier.expect("the list isn't empty and no revocation lists are given"))
}

fn unusable_ca(error: &dyn std::fmt::Display) -> LocalTrouble {
    LocalTrouble::new(
        "ca_file_unusable",
        format!("a certificate in the ca_file can't be used: {error}"),
        "The file must hold CA certificates in PEM form.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_roots_need_no_system_store() {
        assert!(configure(Roots::BuiltIn, None).is_ok());
    }

    #[test]
    fn a_broken_ca_file_is_named() {
        let pem = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for roots in [Roots::System, Roots::BuiltIn] {
            assert_eq!(configure(roots, Some(pem)).unwrap_err().code, "ca_file_unusable");
        }
    }
}
