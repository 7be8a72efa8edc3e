//! What Postern shows of a certificate, and how long it is still good for.
//!
//! It takes the time as an argument and knows no private key. Its neighbour is `warning`.

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use serde::Serialize;
use time::{Duration, OffsetDateTime};

use crate::{
    certificate::Certificate,
    warning::{self, Warning},
};

/// A certificate counts as expiring when less than this is left (facts §8.3).
pub(crate) const EXPIRES_SOON: Duration = Duration::days(30);

/// The facts of a certificate that people and the API are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateDetails {
    /// Whom it names, as in `CN=mail gate, O=Contoso` (RFC 4514).
    pub subject: String,
    /// Who signed it, in the same form.
    pub issuer: String,
    /// Serial number, upper-case hex.
    pub serial: String,
    /// Valid from.
    pub not_before: OffsetDateTime,
    /// Valid until.
    pub not_after: OffsetDateTime,
    /// Its key.
    pub key: KeyInfo,
    /// How it is signed, as in `sha256WithRSAEncryption`.
    pub signature_algorithm: String,
    /// SHA-1 of the DER, upper-case hex: what the Azure portal shows.
    pub thumbprint_sha1: String,
    /// SHA-256 of the DER, lower-case hex.
    pub thumbprint_sha256: String,
}

/// Kind and size of a public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyInfo {
    /// `RSA`; other kinds only in certificates of a chain.
    #[serde(rename = "type")]
    pub kind: String,
    /// Size in bits.
    pub bits: usize,
}

/// Where in its life a certificate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Good for 30 days or more.
    Valid,
    /// Good for less than 30 days.
    Expiring,
    /// Over.
    Expired,
    /// Its time has not begun.
    NotYetValid,
}

/// The bytes are not an X.509 certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a readable X.509 certificate")]
pub struct UnreadableCertificate;

impl CertificateDetails {
    /// Reads a certificate in DER form.
    pub fn from_der(der: &[u8]) -> Result<Self, UnreadableCertificate> {
        Certificate::read(der).map(|certificate| Self::of(&certificate)).map_err(|_| UnreadableCertificate)
    }

    pub(crate) fn of(certificate: &Certificate) -> Self {
        CertificateDetails {
            subject: certificate.subject.clone(),
            issuer: certificate.issuer.clone(),
            serial: certificate.serial.clone(),
            not_before: certificate.not_before,
            not_after: certificate.not_after,
            key: KeyInfo {
                kind: certificate.public_key.kind().to_owned(),
                bits: certificate.public_key.bits(),
            },
            signature_algorithm: certificate.signature_algorithm.name.clone(),
            thumbprint_sha1: hex::encode_upper(sha1(&certificate.der)),
            thumbprint_sha256: hex::encode(sha256(&certificate.der)),
        }
    }

    /// Where in its life it is at that time.
    pub fn status(&self, now: OffsetDateTime) -> Status {
        if now >= self.not_after {
            Status::Expired
        } else if now < self.not_before {
            Status::NotYetValid
        } else if self.not_after - now < EXPIRES_SOON {
            Status::Expiring
        } else {
            Status::Valid
        }
    }

    /// Whole days that are left; negative when it has expired.
    pub fn days_left(&self, now: OffsetDateTime) -> i64 {
        (self.not_after.unix_timestamp() - now.unix_timestamp()).div_euclid(86_400)
    }
}

/// A certificate that was checked before and comes back from the store, without its key.
#[derive(Debug, Clone)]
pub struct StoredCertificate {
    certificate: Certificate,
    details: CertificateDetails,
    chain_der: Vec<Vec<u8>>,
}

impl StoredCertificate {
    /// Reads what was stored: the certificate, and its chain as it was kept.
    pub fn read(leaf_der: &[u8], chain_der: &[Vec<u8>]) -> Result<Self, UnreadableCertificate> {
        let certificate = Certificate::read(leaf_der).map_err(|_| UnreadableCertificate)?;
        Ok(StoredCertificate {
            details: CertificateDetails::of(&certificate),
            certificate,
            chain_der: chain_der.to_vec(),
        })
    }

    /// What it shows.
    pub fn details(&self) -> &CertificateDetails {
        &self.details
    }

    /// What to mind about it at that time.
    pub fn warnings(&self, now: OffsetDateTime) -> Vec<Warning> {
        warning::of(&self.certificate, now)
    }

    /// Where in its life it is at that time.
    pub fn status(&self, now: OffsetDateTime) -> Status {
        self.details.status(now)
    }

    /// The certificate itself.
    pub fn leaf_der(&self) -> &[u8] {
        &self.certificate.der
    }

    /// The certificates above it, nearest first.
    pub fn chain_der(&self) -> &[Vec<u8>] {
        &self.chain_der
    }
}

/// SHA-1 of a certificate: its name in the portal, not a proof of anything.
pub(crate) fn sha1(der: &[u8]) -> Vec<u8> {
    digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, der).as_ref().to_vec()
}

pub(crate) fn sha256(der: &[u8]) -> Vec<u8> {
    digest::digest(&SHA256, der).as_ref().to_vec()
}
