//! The MAC of a PKCS#12 file: it proves both that the password is right and that nothing was changed.

use std::borrow::Cow;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use const_oid::ObjectIdentifier;
use zeroize::Zeroizing;

use crate::{
    ber::{Element, Oid, Reader, Tag},
    encryption::{
        Passphrase, Pbkdf2,
        derivation::{Hash, Purpose, derive_classic},
        unsupported,
    },
    refusal::Refusal,
};

const PBMAC1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.14");

/// The longest key that PBMAC1 may ask for, in octets: each hash length of it costs all iterations again.
const LONGEST_KEY: usize = 64;

/// MacData (RFC 7292 §4).
pub(super) struct Mac<'a> {
    expected: Cow<'a, [u8]>,
    key: Key<'a>,
}

enum Key<'a> {
    /// RFC 7292 appendix B.4.
    Classic { named: Oid<'a>, hash: Hash, salt: Cow<'a, [u8]>, iterations: u64 },
    /// PBMAC1 (RFC 9579 §4): the salt and the iterations beside it mean nothing.
    Pbmac1 { derivation: Pbkdf2<'a>, hash: Hash },
}

impl<'a> Mac<'a> {
    pub(super) fn read(data: &Element<'a>) -> Result<Self, Refusal> {
        let mut data = data.open();
        let mut digest_info = data.sequence()?;
        let (named, mut parameters) = digest_info.algorithm()?;
        let expected = digest_info.expect(Tag::OCTET_STRING)?.octets()?;
        if named.is(PBMAC1) {
            return Ok(Mac { expected, key: read_pbmac1(&mut parameters)? });
        }
        let hash = Hash::named(named).ok_or_else(|| unsupported(named))?;
        let salt = data.expect(Tag::OCTET_STRING)?.octets()?;
        let iterations = match data.optional(Tag::INTEGER)? {
            None => 1,
            Some(iterations) => iterations.small()?,
        };
        Ok(Mac { expected, key: Key::Classic { named, hash, salt, iterations } })
    }

    /// Whether the MAC was made over these octets with this reading of the password.
    pub(super) fn verify(&self, passphrase: &Passphrase, contents: &[u8]) -> Result<bool, Refusal> {
        let (hash, key) = match &self.key {
            Key::Classic { named, hash, salt, iterations } => {
                let spent = passphrase.spend(*iterations, hash.cost_of(hash.length()), *named)?;
                let length = hash.length();
                let key = derive_classic(*hash, Purpose::Mac, &passphrase.bmp, salt, spent, length);
                if hash.is_russian() && !is_mac_of(*hash, &key, contents, &self.expected) {
                    (*hash, derive_russian(*hash, *named, passphrase, salt, *iterations)?)
                } else {
                    (*hash, key)
                }
            }
            Key::Pbmac1 { derivation, hash } => {
                let length = derivation.key_octets.map_or(Ok(hash.length()), usize::try_from);
                let length =
                    length.ok().filter(|length| *length <= LONGEST_KEY).ok_or_else(Refusal::damaged)?;
                (*hash, derivation.derive(passphrase, length)?)
            }
        };
        Ok(is_mac_of(hash, &key, contents, &self.expected))
    }
}

fn is_mac_of(hash: Hash, key: &[u8], contents: &[u8], expected: &[u8]) -> bool {
    verify_slices_are_equal(&hash.hmac(key, contents), expected).is_ok()
}

/// R 50.1.112-2016 §5: with Russian hashes the key is the end of what PBKDF2 makes of the password.
fn derive_russian(
    hash: Hash,
    named: Oid<'_>,
    passphrase: &Passphrase,
    salt: &[u8],
    iterations: u64,
) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    const DERIVED: usize = 96;
    const KEY: usize = 32;
    let iterations = passphrase.spend(iterations, 2 * hash.cost_of(DERIVED), named)?;
    let derived = hash.pbkdf2(&passphrase.utf8, salt, iterations, DERIVED);
    Ok(Zeroizing::new(derived[DERIVED - KEY..].to_vec()))
}

/// PBMAC1-params (RFC 8018 appendix A.5).
fn read_pbmac1<'a>(parameters: &mut Reader<'a>) -> Result<Key<'a>, Refusal> {
    let mut inside = parameters.sequence()?;
    let derivation = Pbkdf2::read(&mut inside)?;
    let (named, _) = inside.algorithm()?;
    let hash = Hash::of_hmac(named).ok_or_else(|| unsupported(named))?;
    Ok(Key::Pbmac1 { derivation, hash })
}
