//! GOST 28147-89, the cipher of Russian PKCS#12 files (RFC 5830), with the key meshing of CryptoPro (RFC 4357 §2.3.2).
//!
//! No key of that kind is of use with Entra ID, but only who opens the file can say so. The library speaks the octet
//! order of its successor (GOST R 34.12-2015), in which everything is turned round.

use magma::{
    Gost89CryptoProA, Gost89CryptoProB, Gost89CryptoProC, Gost89CryptoProD, Magma,
    cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit},
};
use zeroize::Zeroizing;

use super::mode::Block;
use crate::ber::{Malformed, Oid};

const BLOCK: usize = 8;
const KEY: usize = 32;

/// So many octets are encrypted with one key; then it is changed.
const MESH_AFTER: usize = 1024;

/// The constant C of RFC 4357 §2.3.2.
const MESH: [u8; KEY] = [
    0x69, 0x00, 0x72, 0x22, 0x64, 0xc9, 0x04, 0x23, 0x8d, 0x3a, 0xdb, 0x96, 0x46, 0xe9, 0x2a, 0xc4, 0x18,
    0xfe, 0xac, 0x94, 0x00, 0xed, 0x07, 0x12, 0xc0, 0x86, 0xdc, 0xc2, 0xef, 0x4c, 0xa9, 0x2b,
];

/// A registered set of substitutions (RFC 4357 §11.2, RFC 7836 appendix C).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Substitutions {
    CryptoProA,
    CryptoProB,
    CryptoProC,
    CryptoProD,
    Tc26Z,
}

impl Substitutions {
    pub(crate) fn named(set: Oid<'_>) -> Option<Self> {
        Some(match set.dotted().as_str() {
            "1.2.643.2.2.31.1" => Substitutions::CryptoProA,
            "1.2.643.2.2.31.2" => Substitutions::CryptoProB,
            "1.2.643.2.2.31.3" => Substitutions::CryptoProC,
            "1.2.643.2.2.31.4" => Substitutions::CryptoProD,
            "1.2.643.7.1.2.5.1.1" => Substitutions::Tc26Z,
            _ => return None,
        })
    }

    /// The cipher with its key, of 32 octets.
    pub(crate) fn keyed(self, key: &[u8]) -> Result<Box<dyn Block>, Malformed> {
        Ok(match self {
            Substitutions::CryptoProA => Box::new(Meshed::<Gost89CryptoProA>::new(key)?),
            Substitutions::CryptoProB => Box::new(Meshed::<Gost89CryptoProB>::new(key)?),
            Substitutions::CryptoProC => Box::new(Meshed::<Gost89CryptoProC>::new(key)?),
            Substitutions::CryptoProD => Box::new(Meshed::<Gost89CryptoProD>::new(key)?),
            Substitutions::Tc26Z => Box::new(Meshed::<Magma>::new(key)?),
        })
    }
}

/// The cipher as it was in 1989, with its key changed on the way.
struct Meshed<C> {
    cipher: C,
    encrypted_octets: usize,
}

impl<C: KeyInit + BlockCipherEncrypt + BlockCipherDecrypt> Meshed<C> {
    fn new(key: &[u8]) -> Result<Self, Malformed> {
        let mut turned = Zeroizing::new(<[u8; KEY]>::try_from(key).map_err(|_| Malformed)?);
        turned.chunks_exact_mut(4).for_each(<[u8]>::reverse);
        let cipher = C::new_from_slice(&*turned).map_err(|_| Malformed)?;
        Ok(Meshed { cipher, encrypted_octets: 0 })
    }

    fn encrypt_turned(&self, block: &mut [u8]) {
        block.reverse();
        self.cipher.encrypt_block((&mut *block).try_into().expect("a block of the cipher's size"));
        block.reverse();
    }

    fn decrypt_turned(&self, block: &mut [u8]) {
        block.reverse();
        self.cipher.decrypt_block((&mut *block).try_into().expect("a block of the cipher's size"));
        block.reverse();
    }

    /// The constant, decrypted, is the next key.
    fn change_key(&mut self) {
        let mut key = Zeroizing::new(MESH);
        key.chunks_exact_mut(BLOCK).for_each(|block| self.decrypt_turned(block));
        if let Ok(next) = Self::new(&*key) {
            *self = next;
        }
    }
}

impl<C: KeyInit + BlockCipherEncrypt + BlockCipherDecrypt> Block for Meshed<C> {
    fn octets(&self) -> usize {
        BLOCK
    }

    /// After a change of the key, what is to be encrypted is first encrypted for its own sake.
    fn encrypt(&mut self, block: &mut [u8]) {
        if self.encrypted_octets == MESH_AFTER {
            self.change_key();
            self.encrypt_turned(block);
        }
        self.encrypt_turned(block);
        self.encrypted_octets += BLOCK;
    }

    fn decrypt(&mut self, block: &mut [u8]) {
        self.decrypt_turned(block);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8891 appendix A, whose substitutions are Tc26Z; octets and words of the key turned round.
    #[test]
    fn a_block_is_encrypted_as_the_standard_shows_but_turned_round() {
        let key: Vec<u8> =
            hex::decode("ffeeddccbbaa99887766554433221100f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff").unwrap();
        let turned: Vec<u8> = key.chunks(4).flat_map(|word| word.iter().rev()).copied().collect();
        let mut block = hex::decode("1032547698badcfe").unwrap();
        let mut cipher = Substitutions::Tc26Z.keyed(&turned).unwrap_or_else(|_| panic!("a key of 32 octets"));
        cipher.encrypt(&mut block);
        assert_eq!(hex::encode(&block), "3dcad8c2e501e94e");
        cipher.decrypt(&mut block);
        assert_eq!(hex::encode(&block), "1032547698badcfe");
    }

    #[test]
    fn a_key_of_another_size_is_malformed() {
        assert!(Substitutions::CryptoProA.keyed(&[7; 31]).is_err());
    }
}
