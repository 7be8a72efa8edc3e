//! Reads which cipher PBES2 names, in which mode, and with what initial vector (RFC 8018 appendix B.2).
//!
//! Its neighbour `scheme` reads what the key is derived with.

use std::borrow::Cow;

use const_oid::ObjectIdentifier;

use super::{cipher::Cipher, gost::Substitutions, mode::Mode, unsupported};
use crate::{
    ber::{Malformed, Reader, Tag},
    refusal::Refusal,
};

const fn oid(dotted: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(dotted)
}

const RC2_CBC: ObjectIdentifier = oid("1.2.840.113549.3.2");
const RC4: ObjectIdentifier = oid("1.2.840.113549.3.4");
/// In CFB mode, with a set of substitutions among the parameters (RFC 4357 §8.1).
const GOST_28147: ObjectIdentifier = oid("1.2.643.2.2.21");

/// Ciphers whose only parameter is the initial vector: ISO/IEC 9979 and OIW (DES), NIST, RFC 3657, the isolated
/// registrations of NTT's Camellia, RFC 5794, RFC 4010, GB/T 33560, Ascom (IDEA), Entrust (CAST5) and Cryptix
/// (Blowfish). OpenSSL, NSS or Bouncy Castle writes and reads each of them.
const WITH_VECTOR: [(ObjectIdentifier, Cipher, Mode); 60] = [
    (oid("1.3.14.3.2.6"), Cipher::Des, Mode::Ecb),
    (oid("1.3.14.3.2.7"), Cipher::Des, Mode::Cbc),
    (oid("1.3.14.3.2.8"), Cipher::Des, Mode::Ofb),
    (oid("1.3.14.3.2.9"), Cipher::Des, Mode::Cfb),
    (oid("1.3.14.3.2.17"), Cipher::TwoKeyTripleDes, Mode::Ecb),
    (oid("1.2.840.113549.3.7"), Cipher::TripleDes, Mode::Cbc),
    (oid("2.16.840.1.101.3.4.1.1"), Cipher::Aes128, Mode::Ecb),
    (oid("2.16.840.1.101.3.4.1.2"), Cipher::Aes128, Mode::Cbc),
    (oid("2.16.840.1.101.3.4.1.3"), Cipher::Aes128, Mode::Ofb),
    (oid("2.16.840.1.101.3.4.1.4"), Cipher::Aes128, Mode::Cfb),
    (oid("2.16.840.1.101.3.4.1.21"), Cipher::Aes192, Mode::Ecb),
    (oid("2.16.840.1.101.3.4.1.22"), Cipher::Aes192, Mode::Cbc),
    (oid("2.16.840.1.101.3.4.1.23"), Cipher::Aes192, Mode::Ofb),
    (oid("2.16.840.1.101.3.4.1.24"), Cipher::Aes192, Mode::Cfb),
    (oid("2.16.840.1.101.3.4.1.41"), Cipher::Aes256, Mode::Ecb),
    (oid("2.16.840.1.101.3.4.1.42"), Cipher::Aes256, Mode::Cbc),
    (oid("2.16.840.1.101.3.4.1.43"), Cipher::Aes256, Mode::Ofb),
    (oid("2.16.840.1.101.3.4.1.44"), Cipher::Aes256, Mode::Cfb),
    (oid("1.2.392.200011.61.1.1.1.2"), Cipher::Camellia128, Mode::Cbc),
    (oid("1.2.392.200011.61.1.1.1.3"), Cipher::Camellia192, Mode::Cbc),
    (oid("1.2.392.200011.61.1.1.1.4"), Cipher::Camellia256, Mode::Cbc),
    (oid("0.3.4401.5.3.1.9.1"), Cipher::Camellia128, Mode::Ecb),
    (oid("0.3.4401.5.3.1.9.3"), Cipher::Camellia128, Mode::Ofb),
    (oid("0.3.4401.5.3.1.9.4"), Cipher::Camellia128, Mode::Cfb),
    (oid("0.3.4401.5.3.1.9.9"), Cipher::Camellia128, Mode::Ctr),
    (oid("0.3.4401.5.3.1.9.21"), Cipher::Camellia192, Mode::Ecb),
    (oid("0.3.4401.5.3.1.9.23"), Cipher::Camellia192, Mode::Ofb),
    (oid("0.3.4401.5.3.1.9.24"), Cipher::Camellia192, Mode::Cfb),
    (oid("0.3.4401.5.3.1.9.29"), Cipher::Camellia192, Mode::Ctr),
    (oid("0.3.4401.5.3.1.9.41"), Cipher::Camellia256, Mode::Ecb),
    (oid("0.3.4401.5.3.1.9.43"), Cipher::Camellia256, Mode::Ofb),
    (oid("0.3.4401.5.3.1.9.44"), Cipher::Camellia256, Mode::Cfb),
    (oid("0.3.4401.5.3.1.9.49"), Cipher::Camellia256, Mode::Ctr),
    (oid("1.2.410.200046.1.1.1"), Cipher::Aria128, Mode::Ecb),
    (oid("1.2.410.200046.1.1.2"), Cipher::Aria128, Mode::Cbc),
    (oid("1.2.410.200046.1.1.3"), Cipher::Aria128, Mode::Cfb),
    (oid("1.2.410.200046.1.1.4"), Cipher::Aria128, Mode::Ofb),
    (oid("1.2.410.200046.1.1.5"), Cipher::Aria128, Mode::Ctr),
    (oid("1.2.410.200046.1.1.6"), Cipher::Aria192, Mode::Ecb),
    (oid("1.2.410.200046.1.1.7"), Cipher::Aria192, Mode::Cbc),
    (oid("1.2.410.200046.1.1.8"), Cipher::Aria192, Mode::Cfb),
    (oid("1.2.410.200046.1.1.9"), Cipher::Aria192, Mode::Ofb),
    (oid("1.2.410.200046.1.1.10"), Cipher::Aria192, Mode::Ctr),
    (oid("1.2.410.200046.1.1.11"), Cipher::Aria256, Mode::Ecb),
    (oid("1.2.410.200046.1.1.12"), Cipher::Aria256, Mode::Cbc),
    (oid("1.2.410.200046.1.1.13"), Cipher::Aria256, Mode::Cfb),
    (oid("1.2.410.200046.1.1.14"), Cipher::Aria256, Mode::Ofb),
    (oid("1.2.410.200046.1.1.15"), Cipher::Aria256, Mode::Ctr),
    (oid("1.2.410.200004.1.3"), Cipher::Seed, Mode::Ecb),
    (oid("1.2.410.200004.1.4"), Cipher::Seed, Mode::Cbc),
    (oid("1.2.410.200004.1.5"), Cipher::Seed, Mode::Cfb),
    (oid("1.2.410.200004.1.6"), Cipher::Seed, Mode::Ofb),
    (oid("1.2.156.10197.1.104.1"), Cipher::Sm4, Mode::Ecb),
    (oid("1.2.156.10197.1.104.2"), Cipher::Sm4, Mode::Cbc),
    (oid("1.2.156.10197.1.104.3"), Cipher::Sm4, Mode::Ofb),
    (oid("1.2.156.10197.1.104.4"), Cipher::Sm4, Mode::Cfb),
    (oid("1.2.156.10197.1.104.7"), Cipher::Sm4, Mode::Ctr),
    (oid("1.3.6.1.4.1.188.7.1.1.2"), Cipher::Idea, Mode::Cbc),
    (oid("1.2.840.113533.7.66.10"), Cipher::Cast5, Mode::Cbc),
    (oid("1.3.6.1.4.1.3029.1.2"), Cipher::Blowfish, Mode::Cbc),
];

/// What is told of an encryption beside its key.
pub(crate) struct Encryption<'a> {
    pub(crate) cipher: Cipher,
    pub(crate) mode: Mode,
    pub(crate) initial_vector: Cow<'a, [u8]>,
}

/// Reads an AlgorithmIdentifier; `key_octets` is what the derivation of the key says of its length.
pub(crate) fn read<'a>(reader: &mut Reader<'a>, key_octets: Option<u64>) -> Result<Encryption<'a>, Refusal> {
    let (named, mut parameters) = reader.algorithm()?;
    if named.is(RC2_CBC) {
        return Ok(read_rc2(&mut parameters, key_octets)?);
    }
    if named.is(GOST_28147) {
        return read_gost(&mut parameters);
    }
    if named.is(RC4) {
        let cipher = Cipher::Rc4 { key_octets: octets(key_octets, 16)? };
        return Ok(Encryption { cipher, mode: Mode::Ecb, initial_vector: Cow::Borrowed(&[]) });
    }
    let (_, cipher, mode) =
        WITH_VECTOR.into_iter().find(|(known, ..)| named.is(*known)).ok_or_else(|| unsupported(named))?;
    let initial_vector = match mode {
        Mode::Ecb => Cow::Borrowed(&[][..]),
        _ => parameters.expect(Tag::OCTET_STRING)?.octets()?,
    };
    Ok(Encryption { cipher: as_long_as_its_key(cipher, key_octets), mode, initial_vector })
}

/// Old NSS names AES-128 and gives it a key of 32 octets: what counts there is the key.
fn as_long_as_its_key(cipher: Cipher, key_octets: Option<u64>) -> Cipher {
    match (cipher, key_octets) {
        (Cipher::Aes128 | Cipher::Aes192 | Cipher::Aes256, Some(16)) => Cipher::Aes128,
        (Cipher::Aes128 | Cipher::Aes192 | Cipher::Aes256, Some(24)) => Cipher::Aes192,
        (Cipher::Aes128 | Cipher::Aes192 | Cipher::Aes256, Some(32)) => Cipher::Aes256,
        _ => cipher,
    }
}

/// RC2-CBC-Parameter (RFC 8018 appendix B.2.3): the version stands for the effective size of the key.
fn read_rc2<'a>(parameters: &mut Reader<'a>, key_octets: Option<u64>) -> Result<Encryption<'a>, Malformed> {
    let mut inside = parameters.sequence()?;
    let effective_bits = match inside.optional(Tag::INTEGER)?.map(|version| version.small()).transpose()? {
        None => 32,
        Some(160) => 40,
        Some(120) => 64,
        Some(58) => 128,
        Some(bits @ 256..=1024) => usize::try_from(bits).map_err(|_| Malformed)?,
        Some(_) => return Err(Malformed),
    };
    let cipher = Cipher::Rc2 { key_octets: octets(key_octets, effective_bits.div_ceil(8))?, effective_bits };
    Ok(Encryption { cipher, mode: Mode::Cbc, initial_vector: inside.expect(Tag::OCTET_STRING)?.octets()? })
}

/// How long a key is, where its cipher takes one of any length.
fn octets(told: Option<u64>, usual: usize) -> Result<usize, Malformed> {
    match told {
        None => Ok(usual),
        Some(octets @ 1..=128) => usize::try_from(octets).map_err(|_| Malformed),
        Some(_) => Err(Malformed),
    }
}

/// Gost28147-89-Parameters (RFC 4357 §8.1).
fn read_gost<'a>(parameters: &mut Reader<'a>) -> Result<Encryption<'a>, Refusal> {
    let mut inside = parameters.sequence()?;
    let initial_vector = inside.expect(Tag::OCTET_STRING)?.octets()?;
    let set = inside.oid()?;
    let substitutions = Substitutions::named(set).ok_or_else(|| unsupported(set))?;
    Ok(Encryption { cipher: Cipher::Gost28147(substitutions), mode: Mode::Cfb, initial_vector })
}
