//! Decides whether what a file holds is a client certificate that Entra ID will take (facts §8.3).
//!
//! It pairs the key with its certificate by public key, never by order or by the ids in the file, and it is
//! the only place that makes a [`CheckedCertificate`]. It does not care who issued the certificate.
//! Its neighbours are `pfx` and `pem`, which find keys and certificates, and `generate`, which makes them.

use std::fmt;

use time::OffsetDateTime;

use crate::{
    certificate::{Certificate, PublicKey},
    details::CertificateDetails,
    key::SigningKey,
    private_key::{PrivateKey, RsaNumbers},
    refusal::{Choice, Refusal, WrongPassword},
    warning::{self, Warning},
};

/// Microsoft's advice, and Entra ID's own refusal AADSTS50032 (facts §2.2, additions E1).
const LEAST_BITS: usize = 2048;

/// A certificate with its key that has passed every check.
pub struct CheckedCertificate {
    details: CertificateDetails,
    warnings: Vec<Warning>,
    leaf_der: Vec<u8>,
    chain_der: Vec<Vec<u8>>,
    key: SigningKey,
}

impl CheckedCertificate {
    /// What it shows.
    pub fn details(&self) -> &CertificateDetails {
        &self.details
    }

    /// What to mind about it, at the time of the check.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The certificate itself.
    pub fn leaf_der(&self) -> &[u8] {
        &self.leaf_der
    }

    /// The other certificates of the file: its issuers first, nearest first, then the rest.
    pub fn chain_der(&self) -> &[Vec<u8>] {
        &self.chain_der
    }

    /// Its private key.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Gives up the rest and keeps the key.
    pub fn into_key(self) -> SigningKey {
        self.key
    }
}

impl fmt::Debug for CheckedCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CheckedCertificate").field(&self.details.thumbprint_sha1).finish()
    }
}

/// What was found in a file, in the order of the file.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) keys: Vec<PrivateKey>,
    /// DER, readable or not.
    pub(crate) certificates: Vec<Vec<u8>>,
    /// There is a key that the password of the file doesn't open.
    pub(crate) has_locked_key: bool,
}

/// Chooses the key and its certificate and judges them.
pub(crate) fn check(
    found: &Found,
    thumbprint: Option<&str>,
    now: OffsetDateTime,
) -> Result<CheckedCertificate, Refusal> {
    let certificates = read_all(&found.certificates);
    let pairs = pair(&found.keys, &certificates);
    if found.has_locked_key {
        let meant = meant_without_key(&certificates, &pairs, thumbprint);
        if pairs.is_empty() || thumbprint.is_some() && !meant.is_empty() {
            return Err(refuse_locked_key(&meant));
        }
    }
    if found.keys.is_empty() && !found.certificates.is_empty() {
        return Err(Refusal::NoPrivateKey);
    }
    if certificates.is_empty() {
        return Err(Refusal::NoCertificate);
    }
    let (key, leaf) = choose(&pairs, thumbprint, now)?;
    let key = accept_key(key)?;
    if now >= leaf.not_after {
        return Err(Refusal::Expired { not_after: leaf.not_after });
    }
    Ok(CheckedCertificate {
        details: CertificateDetails::of(leaf),
        warnings: warning::of(leaf, now),
        leaf_der: leaf.der.clone(),
        chain_der: order_chain(leaf, &certificates, &found.certificates),
        key,
    })
}

/// The certificates that a key which stayed closed could belong to: those that no open key names and that issued none of
/// the others, or the one that was chosen.
fn meant_without_key<'a>(
    certificates: &'a [Certificate],
    pairs: &[Pair<'_>],
    thumbprint: Option<&str>,
) -> Vec<&'a Certificate> {
    let wanted = thumbprint.map(normalise_thumbprint);
    let has_key = |certificate: &Certificate| {
        pairs.iter().any(|pair| pair.certificates.iter().any(|paired| paired.der == certificate.der))
    };
    let is_issuer = |issuer: &Certificate| {
        certificates.iter().any(|other| other.issuer_raw == issuer.subject_raw && !other.is_self_issued())
    };
    certificates
        .iter()
        .filter(|certificate| !has_key(certificate))
        .filter(|certificate| match &wanted {
            Some(wanted) => has_thumbprint(certificate, wanted),
            None => !is_issuer(certificate),
        })
        .collect()
}

/// The key's own password would not help where none of its certificates is for an RSA key.
fn refuse_locked_key(certificates: &[&Certificate]) -> Refusal {
    let other_kind = |certificate: &&Certificate| match &certificate.public_key {
        PublicKey::Other { kind, .. } => Some(kind.clone()),
        PublicKey::Rsa { .. } => None,
    };
    match certificates.iter().map(other_kind).collect::<Option<Vec<_>>>().as_deref() {
        Some([kind, ..]) => Refusal::NotRsa { kind: kind.clone() },
        _ => Refusal::WrongPassword { which: WrongPassword::KeyHasAnother },
    }
}

/// Checks a certificate that was made here.
pub(crate) fn check_generated(
    leaf_der: &[u8],
    key: SigningKey,
    now: OffsetDateTime,
) -> Option<CheckedCertificate> {
    let leaf = Certificate::read(leaf_der).ok().filter(|_| key.matches(leaf_der))?;
    Some(CheckedCertificate {
        details: CertificateDetails::of(&leaf),
        warnings: warning::of(&leaf, now),
        leaf_der: leaf.der,
        chain_der: Vec::new(),
        key,
    })
}

/// What can't be read can't be anyone's certificate; what is there twice counts once.
fn read_all(certificates: &[Vec<u8>]) -> Vec<Certificate> {
    let mut read: Vec<Certificate> = Vec::new();
    for certificate in certificates.iter().filter_map(|der| Certificate::read(der).ok()) {
        if read.iter().all(|known| known.der != certificate.der) {
            read.push(certificate);
        }
    }
    read
}

/// A key and the certificates that name it.
struct Pair<'a> {
    key: &'a PrivateKey,
    certificates: Vec<&'a Certificate>,
}

fn pair<'a>(keys: &'a [PrivateKey], certificates: &'a [Certificate]) -> Vec<Pair<'a>> {
    let mut pairs = Vec::new();
    // A certificate goes to one key only: the same key twice in a file is one choice, not two.
    let mut free: Vec<&Certificate> = certificates.iter().collect();
    for key in keys {
        let (own, others) = free.into_iter().partition(|certificate| belongs(key, &certificate.public_key));
        free = others;
        pairs.push(Pair { key, certificates: own });
    }
    pairs.retain(|pair| !pair.certificates.is_empty());
    pairs
}

/// Of keys that are not RSA the file doesn't always tell the public key; their kind must do then, since
/// all that is said about them is that they can't be used.
fn belongs(key: &PrivateKey, public_key: &PublicKey) -> bool {
    match (key, public_key) {
        (PrivateKey::Rsa(bytes), PublicKey::Rsa { modulus, exponent }) => RsaNumbers::read(bytes)
            .is_ok_and(|numbers| numbers.modulus == modulus && numbers.public_exponent == exponent),
        (PrivateKey::Other { kind, public_key: own }, PublicKey::Other { kind: other, bits }) => {
            kind == other && own.as_ref().is_none_or(|own| own == bits)
        }
        _ => false,
    }
}

fn choose<'a>(
    pairs: &'a [Pair<'a>],
    thumbprint: Option<&str>,
    now: OffsetDateTime,
) -> Result<(&'a PrivateKey, &'a Certificate), Refusal> {
    if pairs.is_empty() {
        return Err(Refusal::KeyMismatch);
    }
    match (thumbprint.map(normalise_thumbprint), pairs) {
        (Some(wanted), _) => pairs
            .iter()
            .flat_map(|pair| pair.certificates.iter().map(move |certificate| (pair.key, *certificate)))
            .find(|(_, certificate)| has_thumbprint(certificate, &wanted))
            .ok_or_else(|| several_keys(pairs, now, true)),
        (None, [only]) => Ok((only.key, best(only, now))),
        (None, _) => Err(several_keys(pairs, now, false)),
    }
}

/// Of several certificates for one key (it was renewed): one that is valid now, and of those the longest.
fn best<'a>(pair: &Pair<'a>, now: OffsetDateTime) -> &'a Certificate {
    pair.certificates
        .iter()
        .max_by_key(|certificate| (certificate.not_before <= now, certificate.not_after))
        .expect("a pair has at least one certificate")
}

fn several_keys(pairs: &[Pair<'_>], now: OffsetDateTime, thumbprint_given: bool) -> Refusal {
    let choices = pairs
        .iter()
        .map(|pair| {
            let details = CertificateDetails::of(best(pair, now));
            Choice {
                thumbprint_sha1: details.thumbprint_sha1,
                subject: details.subject,
                not_after: details.not_after,
            }
        })
        .collect();
    Refusal::SeveralKeys { choices, thumbprint_given }
}

/// Thumbprints are copied from portals and dialogs, with colons, spaces, and invisible marks around them.
fn normalise_thumbprint(text: &str) -> String {
    text.chars().filter(char::is_ascii_hexdigit).map(|digit| digit.to_ascii_lowercase()).collect()
}

fn has_thumbprint(certificate: &Certificate, wanted: &str) -> bool {
    let details = CertificateDetails::of(certificate);
    details.thumbprint_sha1.eq_ignore_ascii_case(wanted) || details.thumbprint_sha256 == wanted
}

fn accept_key(key: &PrivateKey) -> Result<SigningKey, Refusal> {
    let bytes = match key {
        PrivateKey::Rsa(bytes) => bytes,
        PrivateKey::Other { kind, .. } => return Err(Refusal::NotRsa { kind: kind.clone() }),
    };
    let numbers = RsaNumbers::read(bytes).map_err(|_| Refusal::damaged())?;
    if numbers.bits() < LEAST_BITS {
        return Err(Refusal::KeyTooSmall { bits: numbers.bits() });
    }
    SigningKey::from_numbers(&numbers).map_err(|_| refuse_numbers(&numbers))
}

/// The library takes moduli of up to 8192 bits and public exponents of up to 33; the rest are numbers that contradict
/// each other. The file around them is whole, so it isn't blamed.
fn refuse_numbers(numbers: &RsaNumbers<'_>) -> Refusal {
    let name = match (numbers.bits(), numbers.public_exponent.len()) {
        (8193.., _) => format!("an RSA key of {} bits", numbers.bits()),
        (_, 5..) => "an RSA key with a very large public exponent".to_owned(),
        _ => return Refusal::KeyDamaged,
    };
    Refusal::UnsupportedAlgorithm { name, oid: "1.2.840.113549.1.1.1".to_owned() }
}

/// Issuers first, each followed by its own; then whatever else was in the file, in its order.
fn order_chain(leaf: &Certificate, certificates: &[Certificate], all: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut chain: Vec<Vec<u8>> = Vec::new();
    let mut current = leaf;
    while !current.is_self_issued() {
        let known = |der: &Vec<u8>| *der == leaf.der || chain.contains(der);
        let issuer = certificates
            .iter()
            .find(|issuer| issuer.subject_raw == current.issuer_raw && !known(&issuer.der));
        let Some(issuer) = issuer else { break };
        chain.push(issuer.der.clone());
        current = issuer;
    }
    for der in all {
        if *der != leaf.der && !chain.contains(der) {
            chain.push(der.clone());
        }
    }
    chain
}
