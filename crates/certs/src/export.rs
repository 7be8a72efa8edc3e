//! Writes certificates for others: PEM of the public part, PKCS#12 with the key.
//!
//! `pfx` is, besides `seal`, the only way a private key leaves this crate. Whether it may is decided by the
//! caller; here it is only protected by the password that comes with it.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD};

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
