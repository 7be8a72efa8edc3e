//! Makes keys of passwords: the classic derivation of PKCS#12, PBKDF1, PBKDF2 and OpenSSL's for PEM.
//!
//! The hashes that real files iterate by the hundred thousand come from aws-lc, which is fast in debug
//! builds too; the rare rest from RustCrypto.

use std::num::NonZeroU32;

use aws_lc_rs::{digest, hmac as fast_hmac, pbkdf2 as fast_pbkdf2};
use const_oid::ObjectIdentifier;
use hmac::{EagerHash, Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha2::{Sha224, Sha512_224, Sha512_256};
use zeroize::Zeroizing;

use crate::ber::Oid;

/// A hash function that occurs in these files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    Sha512Of224,
    Sha512Of256,
}

const fn oid(dotted: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(dotted)
}

/// The hash itself, and HMAC with it (RFC 8018 appendix B.1, RFC 8017 appendix B.1).
const HASHES: [(Hash, ObjectIdentifier, ObjectIdentifier); 8] = [
    (Hash::Md5, oid("1.2.840.113549.2.5"), oid("1.2.840.113549.2.6")),
    (Hash::Sha1, oid("1.3.14.3.2.26"), oid("1.2.840.113549.2.7")),
    (Hash::Sha224, oid("2.16.840.1.101.3.4.2.4"), oid("1.2.840.113549.2.8")),
    (Hash::Sha256, oid("2.16.840.1.101.3.4.2.1"), oid("1.2.840.113549.2.9")),
    (Hash::Sha384, oid("2.16.840.1.101.3.4.2.2"), oid("1.2.840.113549.2.10")),
    (Hash::Sha512, oid("2.16.840.1.101.3.4.2.3"), oid("1.2.840.113549.2.11")),
    (Hash::Sha512Of224, oid("2.16.840.1.101.3.4.2.5"), oid("1.2.840.113549.2.12")),
    (Hash::Sha512Of256, oid("2.16.840.1.101.3.4.2.6"), oid("1.2.840.113549.2.13")),
];

impl Hash {
    pub(crate) fn named(algorithm: Oid<'_>) -> Option<Self> {
        HASHES.iter().find(|(_, hash, _)| algorithm.is(*hash)).map(|(hash, ..)| *hash)
    }

    pub(crate) fn of_hmac(algorithm: Oid<'_>) -> Option<Self> {
        HASHES.iter().find(|(_, _, hmac)| algorithm.is(*hmac)).map(|(hash, ..)| *hash)
    }

    /// Length of its value in octets.
    pub(crate) fn length(self) -> usize {
        match self {
            Hash::Md5 => 16,
            Hash::Sha1 => 20,
            Hash::Sha224 | Hash::Sha512Of224 => 28,
            Hash::Sha256 | Hash::Sha512Of256 => 32,
            Hash::Sha384 => 48,
            Hash::Sha512 => 64,
        }
    }

    /// What one iteration costs for a key of that length, in hashes. The code of the rare ones is compiled
    /// here, unoptimised in debug builds, so they count for more.
    pub(crate) fn cost_of(self, key_octets: usize) -> usize {
        let each = match self {
            Hash::Sha1 | Hash::Sha256 | Hash::Sha384 | Hash::Sha512 => 1,
            Hash::Md5 | Hash::Sha224 | Hash::Sha512Of224 | Hash::Sha512Of256 => 8,
        };
        each * key_octets.div_ceil(self.length())
    }

    /// Length of the blocks it works on, in octets: `v` of RFC 7292 appendix B.2.
    fn block(self) -> usize {
        match self {
            Hash::Md5 | Hash::Sha1 | Hash::Sha224 | Hash::Sha256 => 64,
            Hash::Sha384 | Hash::Sha512 | Hash::Sha512Of224 | Hash::Sha512Of256 => 128,
        }
    }

    /// Writes the hash of `input` to the first octets of `output`, which must hold 64.
    fn digest_into(self, input: &[u8], output: &mut [u8; 64]) {
        let fast = match self {
            Hash::Md5 => return output[..16].copy_from_slice(&Md5::digest(input)),
            Hash::Sha512Of224 => return output[..28].copy_from_slice(&Sha512_224::digest(input)),
            Hash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha224 => &digest::SHA224,
            Hash::Sha256 => &digest::SHA256,
            Hash::Sha384 => &digest::SHA384,
            Hash::Sha512 => &digest::SHA512,
            Hash::Sha512Of256 => &digest::SHA512_256,
        };
        output[..self.length()].copy_from_slice(digest::digest(fast, input).as_ref());
    }

    fn digest_often(self, input: &[u8], iterations: u32) -> Zeroizing<Vec<u8>> {
        let mut value = Zeroizing::new([0; 64]);
        self.digest_into(input, &mut value);
        for _ in 1..iterations {
            let last = Zeroizing::new(*value);
            self.digest_into(&last[..self.length()], &mut value);
        }
        Zeroizing::new(value[..self.length()].to_vec())
    }

    /// HMAC (RFC 2104).
    pub(crate) fn hmac(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        let fast = match self {
            Hash::Md5 => return slow_hmac::<Hmac<Md5>>(key, message),
            Hash::Sha512Of224 => return slow_hmac::<Hmac<Sha512_224>>(key, message),
            Hash::Sha512Of256 => return slow_hmac::<Hmac<Sha512_256>>(key, message),
            Hash::Sha1 => fast_hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha224 => fast_hmac::HMAC_SHA224,
            Hash::Sha256 => fast_hmac::HMAC_SHA256,
            Hash::Sha384 => fast_hmac::HMAC_SHA384,
            Hash::Sha512 => fast_hmac::HMAC_SHA512,
        };
        fast_hmac::sign(&fast_hmac::Key::new(fast, key), message).as_ref().to_vec()
    }

    /// PBKDF2 (RFC 8018 §5.2); at least one iteration is made.
    pub(crate) fn pbkdf2(
        self,
        password: &[u8],
        salt: &[u8],
        count: u32,
        length: usize,
    ) -> Zeroizing<Vec<u8>> {
        let mut key = Zeroizing::new(vec![0; length]);
        let fast = match self {
            Hash::Md5 => return slow_pbkdf2::<Md5>(password, salt, count, key),
            Hash::Sha224 => return slow_pbkdf2::<Sha224>(password, salt, count, key),
            Hash::Sha512Of224 => return slow_pbkdf2::<Sha512_224>(password, salt, count, key),
            Hash::Sha512Of256 => return slow_pbkdf2::<Sha512_256>(password, salt, count, key),
            Hash::Sha1 => fast_pbkdf2::PBKDF2_HMAC_SHA1,
            Hash::Sha256 => fast_pbkdf2::PBKDF2_HMAC_SHA256,
            Hash::Sha384 => fast_pbkdf2::PBKDF2_HMAC_SHA384,
            Hash::Sha512 => fast_pbkdf2::PBKDF2_HMAC_SHA512,
        };
        fast_pbkdf2::derive(
            fast,
            NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN),
            salt,
            password,
            &mut key,
        );
        key
    }
}

fn slow_pbkdf2<D: EagerHash>(
    password: &[u8],
    salt: &[u8],
    count: u32,
    mut key: Zeroizing<Vec<u8>>,
) -> Zeroizing<Vec<u8>> {
    pbkdf2::pbkdf2_hmac::<D>(password, salt, count.max(1), &mut key);
    key
}

fn slow_hmac<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// What the classic derivation makes (RFC 7292 appendix B.3).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Key = 1,
    InitialVector = 2,
    Mac = 3,
}

/// The classic derivation of PKCS#12 (RFC 7292 appendix B.2).
pub(crate) fn derive_classic(
    hash: Hash,
    purpose: Purpose,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    length: usize,
) -> Zeroizing<Vec<u8>> {
    let block = hash.block();
    let mut input = Zeroizing::new(repeat_to_blocks(salt, block));
    input.extend_from_slice(&Zeroizing::new(repeat_to_blocks(password, block)));
    let mut derived = Zeroizing::new(Vec::with_capacity(length + hash.length()));
    while derived.len() < length {
        let diversified = Zeroizing::new([&vec![purpose as u8; block], input.as_slice()].concat());
        let value = hash.digest_often(&diversified, iterations);
        derived.extend_from_slice(&value);
        let addend: Zeroizing<Vec<u8>> = Zeroizing::new(value.iter().copied().cycle().take(block).collect());
        for chunk in input.chunks_exact_mut(block) {
            add_with_one(chunk, &addend);
        }
    }
    derived.truncate(length);
    derived
}

/// Repeats the octets until they fill whole blocks; nothing stays nothing.
fn repeat_to_blocks(octets: &[u8], block: usize) -> Vec<u8> {
    octets.iter().copied().cycle().take(octets.len().div_ceil(block) * block).collect()
}

/// `chunk = chunk + addend + 1`, as big-endian numbers of equal length; the overflow is dropped.
fn add_with_one(chunk: &mut [u8], addend: &[u8]) {
    let mut carry = 1;
    for (octet, more) in chunk.iter_mut().zip(addend).rev() {
        let [high, low] = (u16::from(*octet) + u16::from(*more) + carry).to_be_bytes();
        *octet = low;
        carry = u16::from(high);
    }
}

/// PBKDF1 (RFC 8018 §5.1): at most as long as the hash.
pub(crate) fn derive_pbkdf1(hash: Hash, password: &[u8], salt: &[u8], iterations: u32) -> Zeroizing<Vec<u8>> {
    hash.digest_often(&Zeroizing::new([password, salt].concat()), iterations)
}

/// OpenSSL's derivation for `DEK-Info` keys: EVP_BytesToKey with MD5 and one iteration.
pub(crate) fn derive_openssl(password: &[u8], salt: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let mut derived = Zeroizing::new(Vec::with_capacity(length + 16));
    let mut last = Zeroizing::new(Vec::new());
    while derived.len() < length {
        last = Hash::Md5.digest_often(&Zeroizing::new([last.as_slice(), password, salt].concat()), 1);
        derived.extend_from_slice(&last);
    }
    derived.truncate(length);
    derived
}
