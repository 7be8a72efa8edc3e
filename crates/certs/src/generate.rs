//! Makes a self-signed client certificate in the form that Entra ID takes (facts §8.3).
//!
//! RSA, SHA-256, digitalSignature, clientAuth, not a CA. The key is made here and leaves only inside the
//! [`CheckedCertificate`]. Making a key takes 0.1 to 1 s: call it where blocking is allowed.

use aws_lc_rs::{rand, rsa::KeySize};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, PublicKeyData, SerialNumber};
use time::{Duration, OffsetDateTime, UtcOffset};

use crate::{
    check::{self, CheckedCertificate},
    key::SigningKey,
    subject::Subject,
};

/// Clocks differ: a certificate that begins now would be refused by a server that is a little behind.
const BEGINS_BEFORE: Duration = Duration::minutes(10);

/// What to generate.
#[derive(Debug, Clone)]
pub struct GenerateOptions {
    /// Whom it names.
    pub subject: Subject,
    /// Size of the key.
    pub key_bits: KeyBits,
    /// How long it is valid.
    pub days: ValidityDays,
}

/// Size of an RSA key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyBits {
    /// 2048 bits: enough until 2030 by NIST SP 800-57, and the fastest.
    #[default]
    Rsa2048,
    /// 3072 bits.
    Rsa3072,
    /// 4096 bits.
    Rsa4096,
}

/// A key size that is not offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key has 2048, 3072 or 4096 bits, not {0}")]
pub struct UnknownKeySize(u16);

impl TryFrom<u16> for KeyBits {
    type Error = UnknownKeySize;

    fn try_from(bits: u16) -> Result<Self, UnknownKeySize> {
        match bits {
            2048 => Ok(KeyBits::Rsa2048),
            3072 => Ok(KeyBits::Rsa3072),
            4096 => Ok(KeyBits::Rsa4096),
            _ => Err(UnknownKeySize(bits)),
        }
    }
}

impl KeyBits {
    fn size(self) -> KeySize {
        match self {
            KeyBits::Rsa2048 => KeySize::Rsa2048,
            KeyBits::Rsa3072 => KeySize::Rsa3072,
            KeyBits::Rsa4096 => KeySize::Rsa4096,
        }
    }
}

/// How long a certificate is valid: 1 to 730 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValidityDays(u16);

/// A validity that is not offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a certificate is valid for 1 to 730 days, not {0}")]
pub struct UnsuitableValidity(u16);

impl TryFrom<u16> for ValidityDays {
    type Error = UnsuitableValidity;

    fn try_from(days: u16) -> Result<Self, UnsuitableValidity> {
        if (1..=730).contains(&days) { Ok(ValidityDays(days)) } else { Err(UnsuitableValidity(days)) }
    }
}

impl Default for ValidityDays {
    /// A year.
    fn default() -> Self {
        ValidityDays(365)
    }
}

/// No certificate could be made; only a failing cryptographic library does that.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The key could not be made.
    #[error("the RSA key could not be generated")]
    Key,
    /// The certificate could not be signed.
    #[error("the certificate could not be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// What was made does not pass the check.
    #[error("the generated certificate does not belong to its key")]
    Inconsistent,
}

/// Makes a key and a certificate for it.
pub fn generate(options: &GenerateOptions, now: OffsetDateTime) -> Result<CheckedCertificate, GenerateError> {
    let key = SigningKey::generate(options.key_bits.size()).map_err(|_| GenerateError::Key)?;
    let certificate = describe(options, now).self_signed(&key)?;
    check::check_generated(certificate.der(), key, now).ok_or(GenerateError::Inconsistent)
}

fn describe(options: &GenerateOptions, now: OffsetDateTime) -> CertificateParams {
    let now = now.to_offset(UtcOffset::UTC).replace_nanosecond(0).expect("0 is a nanosecond");
    let mut form = CertificateParams::default();
    form.distinguished_name = options.subject.distinguished_name();
    form.not_before = now - BEGINS_BEFORE;
    form.not_after = now + Duration::days(i64::from(options.days.0));
    form.serial_number = Some(random_serial());
    form.is_ca = IsCa::ExplicitNoCa;
    form.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    form.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    form
}

/// 128 random bits, encoded as a positive number of at most 17 octets (RFC 5280 §4.1.2.2 allows 20).
fn random_serial() -> SerialNumber {
    let mut octets = [0; 16];
    rand::fill(&mut octets).expect("the system has random numbers");
    SerialNumber::from_slice(&octets)
}

impl PublicKeyData for SigningKey {
    fn der_bytes(&self) -> &[u8] {
        self.public_key_der()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

impl rcgen::SigningKey for SigningKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.sign_rs256(message).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}
