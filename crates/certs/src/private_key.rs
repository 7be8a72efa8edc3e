//! Recognises private keys in the forms that files hold them: PKCS#8, PKCS#1, SEC 1.
//!
//! It only reads; whether a key may be used is decided in `check`, and signing is in `key`. The bytes are
//! wiped when dropped.

use const_oid::ObjectIdentifier;
use zeroize::Zeroizing;

use crate::ber::{Malformed, Oid, Reader, Tag};

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// id-ea-rsa of X.509 (1988): the same key under an old name.
const X509_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.8.1.1");

/// Names of keys that are not RSA, as people know them.
const OTHER_KINDS: [(&str, &str); 8] = [
    ("1.2.840.113549.1.1.10", "RSASSA-PSS"),
    ("1.2.840.10045.2.1", "EC"),
    ("1.2.840.10040.4.1", "DSA"),
    ("1.3.101.110", "X25519"),
    ("1.3.101.111", "X448"),
    ("1.3.101.112", "Ed25519"),
    ("1.3.101.113", "Ed448"),
    ("1.2.840.113549.1.3.1", "DH"),
];

/// What kind of key an AlgorithmIdentifier names; `RSA` only where it is usable for every RSA scheme.
pub(crate) fn kind_of(algorithm: Oid<'_>) -> String {
    if algorithm.is(RSA_ENCRYPTION) || algorithm.is(X509_RSA) {
        return "RSA".to_owned();
    }
    let dotted = algorithm.dotted();
    match OTHER_KINDS.iter().find(|(oid, _)| *oid == dotted) {
        Some((_, kind)) => (*kind).to_owned(),
        None => algorithm.name(),
    }
}

/// A private key as it was found in a file.
pub(crate) enum PrivateKey {
    /// RSAPrivateKey (RFC 8017 §A.1.2).
    Rsa(Zeroizing<Vec<u8>>),
    /// Any other kind, with its public key where the file tells it.
    Other { kind: String, public_key: Option<Vec<u8>> },
}

impl PrivateKey {
    /// Reads a key in any form, for files whose labels are not to be trusted.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::from_pkcs8(bytes).or_else(|Malformed| Self::from_pkcs1(bytes))
    }

    /// Reads PrivateKeyInfo or OneAsymmetricKey (RFC 5208 §5, RFC 5958 §2).
    pub(crate) fn from_pkcs8(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut info = Reader::new(bytes).sequence()?;
        info.expect(Tag::INTEGER)?;
        let (algorithm, _) = info.algorithm()?;
        let key = info.expect(Tag::OCTET_STRING)?.octets()?;
        match kind_of(algorithm).as_str() {
            "RSA" => Self::from_pkcs1(&key),
            "EC" => Ok(Self::from_sec1(&key)),
            kind => Ok(PrivateKey::Other { kind: kind.to_owned(), public_key: None }),
        }
    }

    /// Reads RSAPrivateKey (RFC 8017 §A.1.2).
    pub(crate) fn from_pkcs1(bytes: &[u8]) -> Result<Self, Malformed> {
        RsaNumbers::read(bytes)?;
        Ok(PrivateKey::Rsa(Zeroizing::new(bytes.to_vec())))
    }

    /// Reads ECPrivateKey (RFC 5915 §3), of which only the public point matters here.
    pub(crate) fn from_sec1(bytes: &[u8]) -> Self {
        let public_key = read_public_point(bytes).ok().flatten();
        PrivateKey::Other { kind: "EC".to_owned(), public_key }
    }
}

fn read_public_point(bytes: &[u8]) -> Result<Option<Vec<u8>>, Malformed> {
    let mut inside = Reader::new(bytes).sequence()?;
    inside.expect(Tag::INTEGER)?;
    inside.expect(Tag::OCTET_STRING)?;
    inside.optional(Tag::context(0))?;
    let Some(tagged) = inside.optional(Tag::context(1))? else {
        return Ok(None);
    };
    Ok(Some(tagged.open().expect(Tag::BIT_STRING)?.bits()?.to_vec()))
}

/// The numbers of an RSA private key, big-endian without leading zeros.
pub(crate) struct RsaNumbers<'a> {
    pub(crate) modulus: &'a [u8],
    pub(crate) public_exponent: &'a [u8],
    pub(crate) private_exponent: &'a [u8],
    pub(crate) primes: [&'a [u8]; 2],
    pub(crate) exponents: [&'a [u8]; 2],
    pub(crate) coefficient: &'a [u8],
}

impl<'a> RsaNumbers<'a> {
    /// Reads RSAPrivateKey (RFC 8017 §A.1.2).
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut inside = Reader::new(bytes).sequence()?;
        inside.expect(Tag::INTEGER)?;
        let mut number = || inside.expect(Tag::INTEGER)?.unsigned();
        Ok(RsaNumbers {
            modulus: number()?,
            public_exponent: number()?,
            private_exponent: number()?,
            primes: [number()?, number()?],
            exponents: [number()?, number()?],
            coefficient: number()?,
        })
    }

    pub(crate) fn bits(&self) -> usize {
        bit_length(self.modulus)
    }
}

/// How many bits a big-endian number without leading zeros has.
pub(crate) fn bit_length(number: &[u8]) -> usize {
    match number.first() {
        Some(first) => number.len() * 8 - first.leading_zeros() as usize,
        None => 0,
    }
}
