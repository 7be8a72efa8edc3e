//! Makes keys of passwords: the classic derivation of PKCS#12, PBKDF1, PBKDF2 and OpenSSL's for PEM.
//!
//! The hashes that real files iterate by the hundred thousand come from aws-lc, which is fast in debug
//! builds too; what it lacks (MD5, SHA-512/224 and rarer ones) from RustCrypto. HMAC is written out below, since neither
//! has it for every hash that occurs.

use std::num::NonZeroU32;

use aws_lc_rs::{digest, pbkdf2};
use blake2::{Blake2b512, Blake2s256};
use const_oid::ObjectIdentifier;
use gost94::Gost94CryptoPro;
use md2::Md2;
use md4::Md4;
use md5::{Digest, Md5};
use ripemd::Ripemd160;
use sha2::Sha512_224;
use sha3::Sha3_224;
use sm3::Sm3;
use streebog::{Streebog256, Streebog512};
use whirlpool::Whirlpool;
use zeroize::Zeroizing;

use crate::ber::Oid;

/// A hash function that occurs in these files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Md2,
    Md4,
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    Sha512Of224,
    Sha512Of256,
    Sha3Of224,
    Sha3Of256,
    Sha3Of384,
    Sha3Of512,
    Ripemd160,
    Whirlpool,
    Sm3,
    Blake2s,
    Blake2b,
    /// GOST R 34.11-94, with the substitutions of CryptoPro.
    Gost94,
    /// GOST R 34.11-2012.
    Streebog256,
    Streebog512,
}

const fn oid(dotted: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(dotted)
}

/// The hash itself, and HMAC with it (RFC 8017 appendix B.1, RFC 8018 appendix B.1, NIST, RFC 4357, RFC 7836).
const HASHES: [(Hash, ObjectIdentifier, ObjectIdentifier); 17] = [
    (Hash::Md5, oid("1.2.840.113549.2.5"), oid("1.2.840.113549.2.6")),
    (Hash::Sha1, oid("1.3.14.3.2.26"), oid("1.2.840.113549.2.7")),
    (Hash::Sha224, oid("2.16.840.1.101.3.4.2.4"), oid("1.2.840.113549.2.8")),
    (Hash::Sha256, oid("2.16.840.1.101.3.4.2.1"), oid("1.2.840.113549.2.9")),
    (Hash::Sha384, oid("2.16.840.1.101.3.4.2.2"), oid("1.2.840.113549.2.10")),
    (Hash::Sha512, oid("2.16.840.1.101.3.4.2.3"), oid("1.2.840.113549.2.11")),
    (Hash::Sha512Of224, oid("2.16.840.1.101.3.4.2.5"), oid("1.2.840.113549.2.12")),
    (Hash::Sha512Of256, oid("2.16.840.1.101.3.4.2.6"), oid("1.2.840.113549.2.13")),
    (Hash::Sha3Of256, oid("2.16.840.1.101.3.4.2.8"), oid("2.16.840.1.101.3.4.2.14")),
    (Hash::Sha3Of384, oid("2.16.840.1.101.3.4.2.9"), oid("2.16.840.1.101.3.4.2.15")),
    (Hash::Sha3Of512, oid("2.16.840.1.101.3.4.2.10"), oid("2.16.840.1.101.3.4.2.16")),
    (Hash::Sha3Of224, oid("2.16.840.1.101.3.4.2.7"), oid("2.16.840.1.101.3.4.2.13")),
    (Hash::Ripemd160, oid("1.3.36.3.2.1"), oid("1.3.6.1.5.5.8.1.4")),
    (Hash::Sm3, oid("1.2.156.10197.1.401"), oid("1.2.156.10197.1.401.3.1")),
    (Hash::Gost94, oid("1.2.643.2.2.9"), oid("1.2.643.2.2.10")),
    (Hash::Streebog256, oid("1.2.643.7.1.1.2.2"), oid("1.2.643.7.1.1.4.1")),
    (Hash::Streebog512, oid("1.2.643.7.1.1.2.3"), oid("1.2.643.7.1.1.4.2")),
];

/// Hashes whose HMAC has no name (RFC 1319, RFC 1320, ISO/IEC 10118-3, RFC 7693): OpenSSL writes MACs of them in the classic way.
const WITHOUT_NAMED_HMAC: [(Hash, ObjectIdentifier); 5] = [
    (Hash::Md2, oid("1.2.840.113549.2.2")),
    (Hash::Md4, oid("1.2.840.113549.2.4")),
    (Hash::Whirlpool, oid("1.0.10118.3.0.55")),
    (Hash::Blake2s, oid("1.3.6.1.4.1.1722.12.2.2.8")),
    (Hash::Blake2b, oid("1.3.6.1.4.1.1722.12.2.1.16")),
];

impl Hash {
    pub(crate) fn named(algorithm: Oid<'_>) -> Option<Self> {
        let named = HASHES.iter().map(|(hash, name, _)| (*hash, *name)).chain(WITHOUT_NAMED_HMAC);
        named.into_iter().find(|(_, name)| algorithm.is(*name)).map(|(hash, _)| hash)
    }

    pub(crate) fn of_hmac(algorithm: Oid<'_>) -> Option<Self> {
        HASHES.iter().find(|(_, _, hmac)| algorithm.is(*hmac)).map(|(hash, ..)| *hash)
    }

    /// Whether it is of the standards GOST R 34.11, which have a way of their own to make the key of a MAC.
    pub(crate) fn is_russian(self) -> bool {
        matches!(self, Hash::Gost94 | Hash::Streebog256 | Hash::Streebog512)
    }

    /// Length of its value in octets.
    pub(crate) fn length(self) -> usize {
        match self {
            Hash::Md2 | Hash::Md4 | Hash::Md5 => 16,
            Hash::Sha1 => 20,
            Hash::Ripemd160 => 20,
            Hash::Sha224 | Hash::Sha512Of224 | Hash::Sha3Of224 => 28,
            Hash::Sha256 | Hash::Sha512Of256 | Hash::Sha3Of256 | Hash::Sm3 | Hash::Blake2s => 32,
            Hash::Gost94 | Hash::Streebog256 => 32,
            Hash::Sha384 | Hash::Sha3Of384 => 48,
            Hash::Sha512 | Hash::Sha3Of512 | Hash::Whirlpool | Hash::Blake2b | Hash::Streebog512 => 64,
        }
    }

    /// What one iteration costs for a key of that length, in hashes of the fast kind. What is not made inside
    /// of aws-lc as a whole is slower, most of all in debug builds, and counts for more.
    pub(crate) fn cost_of(self, key_octets: usize) -> usize {
        let each = match self {
            Hash::Sha1 | Hash::Sha256 | Hash::Sha384 | Hash::Sha512 => 1,
            Hash::Gost94 | Hash::Streebog256 | Hash::Streebog512 => 40,
            _ => 8,
        };
        each * key_octets.div_ceil(self.length())
    }

    /// Length of the blocks it works on, in octets: `v` of RFC 7292 appendix B.2.
    fn block(self) -> usize {
        match self {
            Hash::Md2 => 16,
            Hash::Gost94 => 32,
            Hash::Md4 | Hash::Md5 | Hash::Sha1 | Hash::Sha224 | Hash::Sha256 => 64,
            Hash::Streebog256 | Hash::Streebog512 => 64,
            Hash::Ripemd160 | Hash::Whirlpool | Hash::Sm3 | Hash::Blake2s => 64,
            Hash::Sha384 | Hash::Sha512 | Hash::Sha512Of224 | Hash::Sha512Of256 | Hash::Blake2b => 128,
            Hash::Sha3Of224 => 144,
            Hash::Sha3Of256 => 136,
            Hash::Sha3Of384 => 104,
            Hash::Sha3Of512 => 72,
        }
    }

    /// Writes the hash of `input` to the first octets of `output`, which must hold 64.
    fn digest_into(self, input: &[u8], output: &mut [u8; 64]) {
        let fast = match self {
            Hash::Md2 => return output[..16].copy_from_slice(&Md2::digest(input)),
            Hash::Md4 => return output[..16].copy_from_slice(&Md4::digest(input)),
            Hash::Gost94 => return output[..32].copy_from_slice(&Gost94CryptoPro::digest(input)),
            Hash::Streebog256 => return output[..32].copy_from_slice(&Streebog256::digest(input)),
            Hash::Streebog512 => return output.copy_from_slice(&Streebog512::digest(input)),
            Hash::Md5 => return output[..16].copy_from_slice(&Md5::digest(input)),
            Hash::Sha512Of224 => return output[..28].copy_from_slice(&Sha512_224::digest(input)),
            Hash::Sha3Of224 => return output[..28].copy_from_slice(&Sha3_224::digest(input)),
            Hash::Ripemd160 => return output[..20].copy_from_slice(&Ripemd160::digest(input)),
            Hash::Whirlpool => return output.copy_from_slice(&Whirlpool::digest(input)),
            Hash::Sm3 => return output[..32].copy_from_slice(&Sm3::digest(input)),
            Hash::Blake2s => return output[..32].copy_from_slice(&Blake2s256::digest(input)),
            Hash::Blake2b => return output.copy_from_slice(&Blake2b512::digest(input)),
            Hash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha224 => &digest::SHA224,
            Hash::Sha256 => &digest::SHA256,
            Hash::Sha384 => &digest::SHA384,
            Hash::Sha512 => &digest::SHA512,
            Hash::Sha512Of256 => &digest::SHA512_256,
            Hash::Sha3Of256 => &digest::SHA3_256,
            Hash::Sha3Of384 => &digest::SHA3_384,
            Hash::Sha3Of512 => &digest::SHA3_512,
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

    /// HMAC (RFC 2104 §2).
    pub(crate) fn hmac(self, key: &[u8], message: &[u8]) -> Zeroizing<Vec<u8>> {
        let mut padded =
            if key.len() > self.block() { self.digest_often(key, 1) } else { Zeroizing::new(key.to_vec()) };
        padded.resize(self.block(), 0);
        let keyed = |pad: u8, message: &[u8]| {
            let start = padded.iter().map(|octet| octet ^ pad);
            self.digest_often(&Zeroizing::new(start.chain(message.iter().copied()).collect::<Vec<_>>()), 1)
        };
        keyed(0x5c, &keyed(0x36, message))
    }

    /// PBKDF2 (RFC 8018 §5.2); at least one iteration is made.
    pub(crate) fn pbkdf2(
        self,
        password: &[u8],
        salt: &[u8],
        count: u32,
        length: usize,
    ) -> Zeroizing<Vec<u8>> {
        let count = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        let fast = match self {
            Hash::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Hash::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Hash::Sha384 => pbkdf2::PBKDF2_HMAC_SHA384,
            Hash::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
            _ => return self.slow_pbkdf2(password, salt, count.get(), length),
        };
        let mut key = Zeroizing::new(vec![0; length]);
        pbkdf2::derive(fast, count, salt, password, &mut key);
        key
    }

    fn slow_pbkdf2(self, password: &[u8], salt: &[u8], count: u32, length: usize) -> Zeroizing<Vec<u8>> {
        let mut key = Zeroizing::new(Vec::with_capacity(length + self.length()));
        for block in 1_u32.. {
            if key.len() >= length {
                break;
            }
            let mut value = self.hmac(password, &[salt, &block.to_be_bytes()].concat());
            let mut sum = value.clone();
            for _ in 1..count {
                value = self.hmac(password, &value);
                sum.iter_mut().zip(value.iter()).for_each(|(sum, octet)| *sum ^= octet);
            }
            key.extend_from_slice(&sum);
        }
        key.truncate(length);
        key
    }
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
