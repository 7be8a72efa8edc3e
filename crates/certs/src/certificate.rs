//! Reads an X.509 certificate as far as Postern needs it, tolerantly.
//!
//! Version 1, odd names, negative serial numbers and unknown extensions are read, because a real
//! certificate is never refused for its looks. It verifies no signature and judges nothing: that is
//! `check` and `warning`; what it shows to people is in `details`.

use const_oid::ObjectIdentifier;
use time::OffsetDateTime;

use crate::{
    ber::{Element, Malformed, Oid, Reader, Tag},
    name,
    private_key::{bit_length, kind_of},
    x509_time,
};

const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const ANY_EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");

/// A certificate that was read (RFC 5280 §4.1).
#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    pub(crate) der: Vec<u8>,
    pub(crate) serial: String,
    pub(crate) signature_algorithm: SignatureAlgorithm,
    pub(crate) issuer: String,
    pub(crate) subject: String,
    /// Names as they stand in the file, to find who issued whom.
    pub(crate) issuer_raw: Vec<u8>,
    pub(crate) subject_raw: Vec<u8>,
    pub(crate) not_before: OffsetDateTime,
    pub(crate) not_after: OffsetDateTime,
    pub(crate) public_key: PublicKey,
    pub(crate) purposes: Purposes,
}

/// What the extensions say about use; the defaults are those of a certificate without extensions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Purposes {
    /// KeyUsage is there and lacks digitalSignature.
    pub(crate) forbids_digital_signature: bool,
    /// ExtendedKeyUsage is there and lacks clientAuth.
    pub(crate) forbids_client_auth: bool,
    pub(crate) is_ca: bool,
}

/// A public key, comparable: two are equal when they are the same key, however they are encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PublicKey {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    Other { kind: String, bits: Vec<u8> },
}

impl PublicKey {
    /// Reads RSAPublicKey (RFC 8017 §A.1.1).
    pub(crate) fn from_pkcs1(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut numbers = Reader::new(bytes).sequence()?;
        let mut number = || Ok(numbers.expect(Tag::INTEGER)?.unsigned()?.to_vec());
        Ok(PublicKey::Rsa { modulus: number()?, exponent: number()? })
    }

    fn read(info: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (algorithm, _) = info.algorithm()?;
        let bits = info.expect(Tag::BIT_STRING)?.bits()?;
        match kind_of(algorithm).as_str() {
            "RSA" => Self::from_pkcs1(bits),
            kind => Ok(PublicKey::Other { kind: kind.to_owned(), bits: bits.to_vec() }),
        }
    }

    pub(crate) fn kind(&self) -> &str {
        match self {
            PublicKey::Rsa { .. } => "RSA",
            PublicKey::Other { kind, .. } => kind,
        }
    }

    /// Size of the key in bits; of keys that are not RSA, of its encoding.
    pub(crate) fn bits(&self) -> usize {
        match self {
            PublicKey::Rsa { modulus, .. } => bit_length(modulus),
            PublicKey::Other { bits, .. } => bits.len() * 8,
        }
    }
}

/// The algorithm of the certificate's own signature.
#[derive(Debug, Clone)]
pub(crate) struct SignatureAlgorithm {
    pub(crate) name: String,
    /// The hash in it is broken: SHA-1, MD5 or older.
    pub(crate) weak: bool,
}

impl SignatureAlgorithm {
    fn read(algorithm: Oid<'_>, parameters: Reader<'_>) -> Self {
        if algorithm.is(RSASSA_PSS) {
            let hash = read_pss_hash(parameters).unwrap_or_else(|Malformed| "sha1".to_owned());
            return Self { weak: is_weak(&hash), name: format!("RSASSA-PSS with {hash}") };
        }
        let name = signature_name(algorithm);
        Self { weak: is_weak(&name), name }
    }
}

/// Names that the registry lacks, or knows by another name than people do.
fn signature_name(algorithm: Oid<'_>) -> String {
    match algorithm.dotted().as_str() {
        "1.2.840.113549.1.1.2" => "md2WithRSAEncryption",
        "1.2.840.113549.1.1.3" => "md4WithRSAEncryption",
        "1.2.840.113549.1.1.4" => "md5WithRSAEncryption",
        "1.2.840.113549.1.1.5" => "sha1WithRSAEncryption",
        "1.3.14.3.2.29" => "sha1WithRSA",
        "1.2.840.113549.1.1.11" => "sha256WithRSAEncryption",
        "1.2.840.113549.1.1.12" => "sha384WithRSAEncryption",
        "1.2.840.113549.1.1.13" => "sha512WithRSAEncryption",
        "1.2.840.113549.1.1.14" => "sha224WithRSAEncryption",
        "1.2.840.10040.4.3" => "dsa-with-SHA1",
        "1.2.840.10045.4.1" => "ecdsa-with-SHA1",
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512",
        _ => return algorithm.name(),
    }
    .to_owned()
}

fn is_weak(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["md2", "md4", "md5", "sha1"].iter().any(|hash| name.contains(hash))
}

/// RSASSA-PSS-params (RFC 8017 §A.2.3): the hash is `[0]`, SHA-1 when left out.
fn read_pss_hash(mut parameters: Reader<'_>) -> Result<String, Malformed> {
    match parameters.sequence()?.optional(Tag::context(0))? {
        None => Ok("sha1".to_owned()),
        Some(tagged) => Ok(match tagged.open().algorithm()?.0.dotted().as_str() {
            "1.3.14.3.2.26" => "sha1".to_owned(),
            "2.16.840.1.101.3.4.2.1" => "sha256".to_owned(),
            "2.16.840.1.101.3.4.2.2" => "sha384".to_owned(),
            "2.16.840.1.101.3.4.2.3" => "sha512".to_owned(),
            other => other.to_owned(),
        }),
    }
}

impl Certificate {
    /// Reads one certificate; what follows it is not part of it.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let whole = Reader::new(bytes).expect(Tag::SEQUENCE)?;
        let mut tbs = whole.open().sequence()?;
        tbs.optional(Tag::context(0))?;
        let serial = tbs.expect(Tag::INTEGER)?;
        let (algorithm, parameters) = tbs.algorithm()?;
        let issuer = tbs.expect(Tag::SEQUENCE)?;
        let mut validity = tbs.sequence()?;
        let subject = tbs.expect(Tag::SEQUENCE)?;
        Ok(Certificate {
            der: whole.raw.to_vec(),
            serial: show_serial(serial.content),
            signature_algorithm: SignatureAlgorithm::read(algorithm, parameters),
            issuer: name::show(&issuer),
            subject: name::show(&subject),
            issuer_raw: issuer.raw.to_vec(),
            subject_raw: subject.raw.to_vec(),
            not_before: x509_time::read(&mut validity)?,
            not_after: x509_time::read(&mut validity)?,
            public_key: PublicKey::read(&mut tbs.sequence()?)?,
            purposes: read_purposes(&mut tbs).unwrap_or_default(),
        })
    }

    pub(crate) fn is_self_issued(&self) -> bool {
        self.issuer_raw == self.subject_raw
    }
}

/// Upper-case hex without the sign octet; a negative number (which RFC 5280 forbids) is shown as such.
fn show_serial(content: &[u8]) -> String {
    match content {
        [0, rest @ ..] if !rest.is_empty() => hex::encode_upper(rest),
        [first, ..] if first & 0x80 != 0 => format!("-{}", hex::encode_upper(negate(content))),
        _ => hex::encode_upper(content),
    }
}

fn negate(content: &[u8]) -> Vec<u8> {
    let mut carry = true;
    let mut negated: Vec<u8> = content
        .iter()
        .rev()
        .map(|octet| {
            let (sum, overflow) = (!octet).overflowing_add(u8::from(carry));
            carry = overflow;
            sum
        })
        .collect();
    negated.reverse();
    negated
}

fn read_purposes(tbs: &mut Reader<'_>) -> Result<Purposes, Malformed> {
    let mut purposes = Purposes::default();
    while let Some(element) = tbs.next()? {
        if element.tag != Tag::context(3) {
            continue;
        }
        let mut extensions = element.open().sequence()?;
        while let Some(extension) = extensions.next()? {
            // An extension that can't be read says nothing; the others still count.
            let _ = read_extension(&extension, &mut purposes);
        }
    }
    Ok(purposes)
}

fn read_extension(extension: &Element<'_>, purposes: &mut Purposes) -> Result<(), Malformed> {
    let mut inside = extension.open();
    let kind = inside.oid()?;
    inside.optional(Tag::BOOLEAN)?;
    let value = inside.expect(Tag::OCTET_STRING)?.octets()?;
    let mut value = Reader::new(&value);
    if kind.is(KEY_USAGE) {
        let bits = value.expect(Tag::BIT_STRING)?.bits()?;
        purposes.forbids_digital_signature = bits.first().is_none_or(|first| first & 0x80 == 0);
    } else if kind.is(EXTENDED_KEY_USAGE) {
        purposes.forbids_client_auth = !allows_client_auth(&mut value.sequence()?)?;
    } else if kind.is(BASIC_CONSTRAINTS) {
        let ca = value.sequence()?.optional(Tag::BOOLEAN)?;
        purposes.is_ca = ca.is_some_and(|ca| ca.content != [0]);
    }
    Ok(())
}

fn allows_client_auth(usages: &mut Reader<'_>) -> Result<bool, Malformed> {
    while let Some(usage) = usages.next()? {
        let usage = usage.oid()?;
        if usage.is(CLIENT_AUTH) || usage.is(ANY_EXTENDED_KEY_USAGE) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_are_shown_in_upper_hex_and_negative_ones_with_a_sign() {
        assert_eq!(show_serial(&[0x00, 0xab, 0x01]), "AB01");
        assert_eq!(show_serial(&[0x00]), "00");
        assert_eq!(show_serial(&[0xff]), "-01");
        assert_eq!(show_serial(&[0x80, 0x00]), "-8000");
    }
}
