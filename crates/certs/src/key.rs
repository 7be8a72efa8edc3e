//! The private key of a certificate, ready to sign.
//!
//! The parsed key is kept, since parsing costs more than signing. It is never cloned or printed, and it
//! leaves only as PKCS#8, for `seal` and `export`. Its neighbours are `check`, which pairs it with its
//! certificate, and `assertion`, which signs with it.

use std::fmt;

use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::{KeyPair, KeyPairComponents, KeySize, PublicKeyComponents},
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding},
};
use zeroize::Zeroizing;

use crate::{
    certificate::{Certificate, PublicKey},
    private_key::{PrivateKey, RsaNumbers},
};

/// An RSA private key of 2048 to 8192 bits.
pub struct SigningKey(KeyPair);

/// The bytes are not an RSA key that can be used for signing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a usable RSA private key of 2048 to 8192 bits in PKCS#8 form")]
pub struct UnusableKey;

/// The cryptographic library refused to sign; it does so for a key it cannot use only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the private key could not sign")]
pub struct SignError;

impl SigningKey {
    /// Reads a PKCS#8 PrivateKeyInfo that holds an RSA key.
    pub fn from_pkcs8_der(bytes: &[u8]) -> Result<Self, UnusableKey> {
        match PrivateKey::from_pkcs8(bytes) {
            Ok(PrivateKey::Rsa(rsa)) => Self::from_numbers(&RsaNumbers::read(&rsa).map_err(|_| UnusableKey)?),
            _ => Err(UnusableKey),
        }
    }

    /// The key as PKCS#8, for sealing and export only.
    pub fn pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        let der = self.0.as_der().expect("a key that was parsed can be written");
        Zeroizing::new(der.as_ref().to_vec())
    }

    /// Whether this is the key of the certificate: their public keys are the same number.
    pub fn matches(&self, leaf_der: &[u8]) -> bool {
        let own = PublicKey::from_pkcs1(self.0.public_key().as_ref());
        Certificate::read(leaf_der).is_ok_and(|leaf| own.is_ok_and(|own| own == leaf.public_key))
    }

    /// RSASSA-PSS with SHA-256 and a salt of 32 octets (RFC 7518 §3.5).
    pub fn sign_ps256(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.sign(&RSA_PSS_SHA256, message)
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
    pub fn sign_rs256(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.sign(&RSA_PKCS1_SHA256, message)
    }

    fn sign(&self, encoding: &'static dyn RsaEncoding, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(encoding, &SystemRandom::new(), message, &mut signature).map_err(|_| SignError)?;
        Ok(signature)
    }

    pub(crate) fn generate(size: KeySize) -> Result<Self, SignError> {
        KeyPair::generate(size).map(SigningKey).map_err(|_| SignError)
    }

    /// The numbers are checked for consistency, so a garbled key never signs.
    pub(crate) fn from_numbers(numbers: &RsaNumbers<'_>) -> Result<Self, UnusableKey> {
        let components = KeyPairComponents {
            public_key: PublicKeyComponents { n: numbers.modulus, e: numbers.public_exponent },
            d: numbers.private_exponent,
            p: numbers.primes[0],
            q: numbers.primes[1],
            dP: numbers.exponents[0],
            dQ: numbers.exponents[1],
            qInv: numbers.coefficient,
        };
        KeyPair::from_components(&components).map(SigningKey).map_err(|_| UnusableKey)
    }

    /// RSAPublicKey (RFC 8017 §A.1.1).
    pub(crate) fn public_key_der(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}
