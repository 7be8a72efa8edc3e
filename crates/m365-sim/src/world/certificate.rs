//! A certificate as it was uploaded to an application: the public half only, matched by thumbprint.
//! It never accepts a private key; `entra::assertion` verifies signatures with it.

use aws_lc_rs::digest;
use der::{Decode, Reader, SliceReader, asn1::UintRef};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use x509_cert::Certificate;

/// Why a text is no certificate that can be registered.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableCertificate {
    /// A private key must never be uploaded (facts 4.2).
    #[error("certificate: the text holds a private key; upload the public part only")]
    PrivateKey,
    /// No PEM block `CERTIFICATE`.
    #[error("certificate: no PEM block CERTIFICATE in it")]
    NoPem,
    /// The block is no X.509 certificate.
    #[error("certificate: not readable: {0}")]
    Broken(#[from] der::Error),
}

/// A certificate registered on an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RegisteredCertificate {
    der: Vec<u8>,
    public_key: Vec<u8>,
    key_bits: usize,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
    subject: String,
}

impl RegisteredCertificate {
    /// Reads the first certificate of a PEM text.
    ///
    /// # Errors
    /// [`UnreadableCertificate`] says what the text is instead.
    pub fn from_pem(text: &str) -> Result<Self, UnreadableCertificate> {
        if text.contains("PRIVATE KEY-----") {
            return Err(UnreadableCertificate::PrivateKey);
        }
        let der =
            CertificateDer::from_pem_slice(text.as_bytes()).map_err(|_| UnreadableCertificate::NoPem)?;
        Self::from_der(&der)
    }

    /// Reads a DER certificate.
    ///
    /// # Errors
    /// [`UnreadableCertificate::Broken`].
    pub fn from_der(der: &[u8]) -> Result<Self, UnreadableCertificate> {
        let certificate = Certificate::from_der(der)?;
        let body = certificate.tbs_certificate();
        let public_key = body.subject_public_key_info().subject_public_key.raw_bytes().to_vec();
        Ok(Self {
            key_bits: rsa_bits(&public_key).unwrap_or(0),
            public_key,
            not_before: body.validity().not_before.to_system_time().into(),
            not_after: body.validity().not_after.to_system_time().into(),
            subject: body.subject().to_string(),
            der: der.to_vec(),
        })
    }

    /// SHA-1 of the certificate, as `x5t` and the portal have it.
    pub fn thumbprint_sha1(&self) -> Vec<u8> {
        sha1(&self.der)
    }

    /// SHA-256 of the certificate, as `x5t#S256` has it.
    pub fn thumbprint_sha256(&self) -> Vec<u8> {
        sha256(&self.der)
    }

    /// The RSA public key (PKCS#1 DER), bytes unchecked when it is no RSA key.
    pub(crate) fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// Size of the RSA modulus; 0 when the key isn't RSA.
    pub(crate) fn key_bits(&self) -> usize {
        self.key_bits
    }

    /// The subject as Graph shows it, e.g. `CN=gate`.
    pub(crate) fn subject(&self) -> String {
        self.subject.clone()
    }

    pub(crate) fn not_before(&self) -> OffsetDateTime {
        self.not_before
    }

    pub(crate) fn not_after(&self) -> OffsetDateTime {
        self.not_after
    }
}

impl TryFrom<String> for RegisteredCertificate {
    type Error = UnreadableCertificate;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::from_pem(&text)
    }
}

impl From<RegisteredCertificate> for String {
    fn from(certificate: RegisteredCertificate) -> Self {
        crate::tls::pem("CERTIFICATE", &certificate.der)
    }
}

pub(crate) fn sha1(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().to_vec()
}

pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

/// RFC 8017 A.1.1: RSAPublicKey ::= SEQUENCE { modulus, publicExponent }; both without leading zeros.
pub(crate) fn rsa_parts(public_key: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut reader = SliceReader::new(public_key).ok()?;
    let parts: Result<_, der::Error> = reader.sequence(|key| {
        let (modulus, exponent) = (UintRef::decode(key)?, UintRef::decode(key)?);
        Ok((modulus.as_bytes().to_vec(), exponent.as_bytes().to_vec()))
    });
    parts.ok()
}

fn rsa_bits(public_key: &[u8]) -> Option<usize> {
    let (modulus, _) = rsa_parts(public_key)?;
    Some(modulus.len() * 8 - modulus.first().map_or(0, |first| first.leading_zeros() as usize))
}
