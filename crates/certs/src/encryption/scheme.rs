//! Reads which encryption an AlgorithmIdentifier names, and decrypts with it (RFC 7292 appendix C, RFC 8018).

use std::borrow::Cow;

use const_oid::ObjectIdentifier;
use zeroize::Zeroizing;

use super::{
    Opened, Passphrase,
    cipher::Cipher,
    ciphers_of_pbes2::{self, Encryption},
    derivation::{Hash, Purpose, derive_classic, derive_pbkdf1},
    mode::Mode,
    unsupported,
};
use crate::{
    ber::{Malformed, Oid, Reader, Tag},
    refusal::Refusal,
};

const fn oid(dotted: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(dotted)
}

const PBES2: ObjectIdentifier = oid("1.2.840.113549.1.5.13");
const PBKDF2: ObjectIdentifier = oid("1.2.840.113549.1.5.12");
const SCRYPT: ObjectIdentifier = oid("1.3.6.1.4.1.11591.4.11");

const fn rc2(key_octets: usize) -> Cipher {
    Cipher::Rc2 { key_octets, effective_bits: key_octets * 8 }
}

/// pbeWithSHA1And… (RFC 7292 appendix C).
const CLASSIC: [(ObjectIdentifier, Cipher); 6] = [
    (oid("1.2.840.113549.1.12.1.1"), Cipher::Rc4 { key_octets: 16 }),
    (oid("1.2.840.113549.1.12.1.2"), Cipher::Rc4 { key_octets: 5 }),
    (oid("1.2.840.113549.1.12.1.3"), Cipher::TripleDes),
    (oid("1.2.840.113549.1.12.1.4"), Cipher::TwoKeyTripleDes),
    (oid("1.2.840.113549.1.12.1.5"), rc2(16)),
    (oid("1.2.840.113549.1.12.1.6"), rc2(5)),
];

/// PBES1 (RFC 8018 appendix A.3).
const PBES1: [(ObjectIdentifier, Hash, Cipher); 6] = [
    (oid("1.2.840.113549.1.5.1"), Hash::Md2, Cipher::Des),
    (oid("1.2.840.113549.1.5.3"), Hash::Md5, Cipher::Des),
    (oid("1.2.840.113549.1.5.4"), Hash::Md2, rc2(8)),
    (oid("1.2.840.113549.1.5.6"), Hash::Md5, rc2(8)),
    (oid("1.2.840.113549.1.5.10"), Hash::Sha1, Cipher::Des),
    (oid("1.2.840.113549.1.5.11"), Hash::Sha1, rc2(8)),
];

/// An encryption by password.
pub(crate) struct Scheme<'a> {
    named: Oid<'a>,
    cipher: Cipher,
    mode: Mode,
    derivation: Derivation<'a>,
}

enum Derivation<'a> {
    Classic { salt: Cow<'a, [u8]>, iterations: u64 },
    Pbkdf1 { hash: Hash, salt: Cow<'a, [u8]>, iterations: u64 },
    Pbes2 { derivation: KeyDerivation<'a>, initial_vector: Cow<'a, [u8]> },
}

/// What PBES2 makes its key with.
enum KeyDerivation<'a> {
    Pbkdf2(Pbkdf2<'a>),
    Scrypt(Scrypt<'a>),
}

/// scrypt-params (RFC 7914 §7.1).
struct Scrypt<'a> {
    named: Oid<'a>,
    salt: Cow<'a, [u8]>,
    /// N: how much memory and time it takes; a power of two.
    cost: u64,
    /// r.
    block_size: u64,
    /// p.
    parallelization: u64,
}

/// PBKDF2-params (RFC 8018 appendix A.2).
pub(crate) struct Pbkdf2<'a> {
    pub(crate) named: Oid<'a>,
    pub(crate) hash: Hash,
    pub(crate) salt: Cow<'a, [u8]>,
    pub(crate) iterations: u64,
    pub(crate) key_octets: Option<u64>,
}

impl<'a> Scheme<'a> {
    /// Reads an AlgorithmIdentifier.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Refusal> {
        let (named, parameters) = reader.algorithm()?;
        if named.is(PBES2) {
            return Self::read_pbes2(named, parameters);
        }
        if let Some((_, cipher)) = CLASSIC.iter().find(|(known, _)| named.is(*known)) {
            let (salt, iterations) = read_salt_and_iterations(parameters)?;
            return Ok(Scheme {
                named,
                cipher: *cipher,
                mode: Mode::Cbc,
                derivation: Derivation::Classic { salt, iterations },
            });
        }
        let (_, hash, cipher) =
            PBES1.into_iter().find(|(known, ..)| named.is(*known)).ok_or_else(|| unsupported(named))?;
        let (salt, iterations) = read_salt_and_iterations(parameters)?;
        Ok(Scheme {
            named,
            cipher,
            mode: Mode::Cbc,
            derivation: Derivation::Pbkdf1 { hash, salt, iterations },
        })
    }

    /// PBES2-params (RFC 8018 appendix A.4).
    fn read_pbes2(named: Oid<'a>, mut parameters: Reader<'a>) -> Result<Self, Refusal> {
        let mut inside = parameters.sequence()?;
        let derivation = KeyDerivation::read(&mut inside)?;
        let Encryption { cipher, mode, initial_vector } =
            ciphers_of_pbes2::read(&mut inside, derivation.key_octets())?;
        Ok(Scheme { named, cipher, mode, derivation: Derivation::Pbes2 { derivation, initial_vector } })
    }

    /// Decrypts with one reading of the password.
    pub(crate) fn open(&self, passphrase: &Passphrase, encrypted: &[u8]) -> Result<Opened, Refusal> {
        let (key, initial_vector) = self.derive(passphrase)?;
        let plain = self.cipher.decrypt(self.mode, &key, &initial_vector, encrypted)?;
        Ok(Opened::judge(plain, self.cipher.padding_octets(self.mode)))
    }

    fn derive(&self, passphrase: &Passphrase) -> Result<(Zeroizing<Vec<u8>>, Vec<u8>), Refusal> {
        let key_octets = self.cipher.key_octets();
        match &self.derivation {
            Derivation::Classic { salt, iterations } => {
                let vector_octets =
                    if self.cipher.block_octets() > 1 { self.cipher.block_octets() } else { 0 };
                let hashes = Hash::Sha1.cost_of(key_octets) + Hash::Sha1.cost_of(vector_octets);
                let iterations = passphrase.spend(*iterations, hashes, self.named)?;
                let derive = |purpose, length| {
                    derive_classic(Hash::Sha1, purpose, &passphrase.bmp, salt, iterations, length)
                };
                Ok((derive(Purpose::Key, key_octets), derive(Purpose::InitialVector, vector_octets).to_vec()))
            }
            Derivation::Pbkdf1 { hash, salt, iterations } => {
                let iterations = passphrase.spend(*iterations, hash.cost_of(hash.length()), self.named)?;
                let derived = derive_pbkdf1(*hash, &passphrase.utf8, salt, iterations);
                Ok((Zeroizing::new(derived[..8].to_vec()), derived[8..16].to_vec()))
            }
            Derivation::Pbes2 { derivation, initial_vector } => {
                Ok((derivation.derive(passphrase, key_octets)?, initial_vector.to_vec()))
            }
        }
    }
}

impl<'a> KeyDerivation<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Refusal> {
        let (named, parameters) = reader.algorithm()?;
        match named.is(SCRYPT) {
            true => Ok(KeyDerivation::Scrypt(Scrypt::read(named, parameters)?)),
            false => Ok(KeyDerivation::Pbkdf2(Pbkdf2::of(named, parameters)?)),
        }
    }

    /// How long a key it names, where it does.
    fn key_octets(&self) -> Option<u64> {
        match self {
            KeyDerivation::Pbkdf2(derivation) => derivation.key_octets,
            KeyDerivation::Scrypt(_) => None,
        }
    }

    fn derive(&self, passphrase: &Passphrase, key_octets: usize) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        match self {
            KeyDerivation::Pbkdf2(derivation) => derivation.derive(passphrase, key_octets),
            KeyDerivation::Scrypt(derivation) => derivation.derive(passphrase, key_octets),
        }
    }
}

impl<'a> Scrypt<'a> {
    fn read(named: Oid<'a>, mut parameters: Reader<'a>) -> Result<Self, Refusal> {
        let mut inside = parameters.sequence()?;
        Ok(Scrypt {
            named,
            salt: inside.expect(Tag::OCTET_STRING)?.octets()?,
            cost: inside.expect(Tag::INTEGER)?.small()?,
            block_size: inside.expect(Tag::INTEGER)?.small()?,
            parallelization: inside.expect(Tag::INTEGER)?.small()?,
        })
    }

    /// It mixes 2·N·r·p blocks of 128 octets, each for about the time of two hashes, in N·r of them as memory.
    fn derive(&self, passphrase: &Passphrase, key_octets: usize) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let blocks = self.cost.saturating_mul(self.block_size);
        let memory = blocks.saturating_mul(128);
        let work = blocks.saturating_mul(self.parallelization).saturating_mul(2);
        if memory > MOST_MEMORY_OCTETS {
            return Err(too_costly(self.named, memory));
        }
        passphrase.spend(work, 2, self.named)?;
        let small = |number: u64| u32::try_from(number).map_err(|_| Malformed);
        let log_cost = u8::try_from(self.cost.checked_ilog2().ok_or(Malformed)?).map_err(|_| Malformed)?;
        if !self.cost.is_power_of_two() {
            return Err(Malformed.into());
        }
        let parameters = scrypt::Params::new(log_cost, small(self.block_size)?, small(self.parallelization)?);
        let mut key = Zeroizing::new(vec![0; key_octets]);
        scrypt::scrypt(&passphrase.utf8, &self.salt, &parameters.map_err(|_| Malformed)?, &mut key)
            .map_err(|_| Malformed)?;
        Ok(key)
    }
}

/// OpenSSL writes N = 16,384 and r = 8: 16 MiB.
const MOST_MEMORY_OCTETS: u64 = 128 * 1024 * 1024;

fn too_costly(named: Oid<'_>, memory_octets: u64) -> Refusal {
    let name = format!("a key derivation that needs {} MiB of memory, too much to try", memory_octets >> 20);
    Refusal::UnsupportedAlgorithm { name, oid: named.dotted() }
}

impl<'a> Pbkdf2<'a> {
    /// Reads an AlgorithmIdentifier that must name PBKDF2.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Refusal> {
        let (named, parameters) = reader.algorithm()?;
        Self::of(named, parameters)
    }

    fn of(named: Oid<'a>, mut parameters: Reader<'a>) -> Result<Self, Refusal> {
        if !named.is(PBKDF2) {
            return Err(unsupported(named));
        }
        let mut inside = parameters.sequence()?;
        let salt = inside.expect(Tag::OCTET_STRING)?.octets()?;
        let iterations = inside.expect(Tag::INTEGER)?.small()?;
        let key_octets = inside.optional(Tag::INTEGER)?.map(|length| length.small()).transpose()?;
        let hash = match inside.optional(Tag::SEQUENCE)? {
            None => Hash::Sha1,
            Some(function) => {
                let function = function.open().oid()?;
                Hash::of_hmac(function).ok_or_else(|| unsupported(function))?
            }
        };
        Ok(Pbkdf2 { named, hash, salt, iterations, key_octets })
    }

    pub(crate) fn derive(
        &self,
        passphrase: &Passphrase,
        key_octets: usize,
    ) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let iterations = passphrase.spend(self.iterations, 2 * self.hash.cost_of(key_octets), self.named)?;
        Ok(self.hash.pbkdf2(&passphrase.utf8, &self.salt, iterations, key_octets))
    }
}

fn read_salt_and_iterations(mut parameters: Reader<'_>) -> Result<(Cow<'_, [u8]>, u64), Malformed> {
    let mut inside = parameters.sequence()?;
    Ok((inside.expect(Tag::OCTET_STRING)?.octets()?, inside.expect(Tag::INTEGER)?.small()?))
}
