//! Writes certificates for others: PEM of the public part, PKCS#12 with the key.
//!
//! `pfx` is, besides `seal`, the only way a private key leaves this crate. Whether it may is decided by the
//! caller; here it is only protected by the password that comes with it.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use p12_keystore::{
    Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKey, PrivateKeyChain,
};

use crate::{Password, SigningKey, details::sha1};

/// What protects an exported PKCS#12 file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// AES-256 and SHA-256: OpenSSL 1.1, Java 8u301, Windows Server 2019, and later.
    #[default]
    Aes256,
    /// TripleDES and SHA-1: for what is older, such as Windows Server 2016. Weak.
    TripleDes,
}

/// No PKCS#12 file could be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Without a password the key would be open to everyone who finds the file.
    #[error("a PKCS#12 file with a private key needs a password")]
    NoPassword,
    /// Programs differ about such passwords, so the file might not open again.
    #[error("the password of a PKCS#12 file cannot have characters like emoji")]
    UnsuitablePassword,
    /// The writer refused a certificate that our reader took.
    #[error("the certificate cannot be written to a PKCS#12 file: {0}")]
    Refused(#[from] p12_keystore::error::Error),
}

/// The certificate and its chain as PEM (RFC 7468 §5), leaf first.
pub fn pem(leaf_der: &[u8], chain_der: &[Vec<u8>]) -> String {
    let mut text = String::new();
    for der in std::iter::once(leaf_der).chain(chain_der.iter().map(Vec::as_slice)) {
        write_pem(&mut text, der).expect("writing to a String cannot fail");
    }
    text
}

fn write_pem(text: &mut String, der: &[u8]) -> std::fmt::Result {
    writeln!(text, "-----BEGIN CERTIFICATE-----")?;
    let encoded = STANDARD.encode(der);
    for start in (0..encoded.len()).step_by(64) {
        writeln!(text, "{}", &encoded[start..encoded.len().min(start + 64)])?;
    }
    writeln!(text, "-----END CERTIFICATE-----")
}

/// Iterations of both derivations: what Windows, OpenSSL and Java write today, and read without delay.
const ITERATIONS: u32 = 10_000;

/// A PKCS#12 file with the key, the certificate and its chain.
///
/// # Errors
/// The password or the name is at fault, or a certificate is odder than the writer takes.
pub fn pfx(
    key: &SigningKey,
    leaf_der: &[u8],
    chain_der: &[Vec<u8>],
    password: &Password,
    friendly_name: &str,
    profile: Profile,
) -> Result<Vec<u8>, ExportError> {
    match password.expose() {
        "" => return Err(ExportError::NoPassword),
        text if !text.chars().all(fits_bmp) => return Err(ExportError::UnsuitablePassword),
        _ => {}
    }
    let certificates = std::iter::once(leaf_der)
        .chain(chain_der.iter().map(Vec::as_slice))
        .map(Certificate::from_der)
        .collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKey::from_der(&key.pkcs8_der())?;
    // localKeyID is the SHA-1 of the certificate, as OpenSSL and Windows write it (facts §8.1).
    let entry = PrivateKeyChain::new(sha1(leaf_der), key, certificates);
    let mut store = KeyStore::new();
    let friendly_name: String = friendly_name.chars().filter(|character| fits_bmp(*character)).collect();
    store.add_entry(&friendly_name, KeyStoreEntry::PrivateKeyChain(entry));
    let (encryption, mac) = match profile {
        Profile::Aes256 => (EncryptionAlgorithm::PbeWithHmacSha256AndAes256, MacAlgorithm::HmacSha256),
        Profile::TripleDes => (EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc, MacAlgorithm::HmacSha1),
    };
    let writer = store.writer(password.expose()).encryption_algorithm(encryption).mac_algorithm(mac);
    Ok(writer.encryption_iterations(ITERATIONS).mac_iterations(ITERATIONS).write()?)
}

/// Whether a BMPString can hold the character: it has 16 bits for each.
fn fits_bmp(character: char) -> bool {
    u32::from(character) <= 0xffff
}
