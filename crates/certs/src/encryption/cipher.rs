//! The ciphers that occur in these files. How their blocks are chained is told in `mode`.

use aes::{Aes128, Aes192, Aes256};
use aria::{Aria128, Aria192, Aria256};
use blowfish::Blowfish;
use camellia::{Camellia128, Camellia192, Camellia256};
use cast5::Cast5;
use des::{
    Des, TdesEde2, TdesEde3,
    cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit},
};
use idea::Idea;
use kisaseed::SEED;
use rc2::Rc2;
use rc4::{Rc4, StreamCipher};
use sm4::Sm4;
use zeroize::Zeroizing;

use super::{
    gost::Substitutions,
    mode::{Block, Mode},
};
use crate::ber::Malformed;

/// A cipher with the size of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cipher {
    Aes128,
    Aes192,
    Aes256,
    Camellia128,
    Camellia192,
    Camellia256,
    Aria128,
    Aria192,
    Aria256,
    Sm4,
    Seed,
    Idea,
    Gost28147(Substitutions),
    Cast5,
    Blowfish,
    Des,
    TripleDes,
    TwoKeyTripleDes,
    /// Effective size of the key (RFC 2268 §6), which the length of the key does not tell.
    Rc2 {
        key_octets: usize,
        effective_bits: usize,
    },
    Rc4 {
        key_octets: usize,
    },
}

impl Cipher {
    pub(crate) fn key_octets(self) -> usize {
        match self {
            Cipher::Des => 8,
            Cipher::Aes128 | Cipher::Camellia128 | Cipher::Aria128 | Cipher::TwoKeyTripleDes => 16,
            Cipher::Sm4 | Cipher::Seed | Cipher::Idea | Cipher::Cast5 | Cipher::Blowfish => 16,
            Cipher::Aes192 | Cipher::Camellia192 | Cipher::Aria192 | Cipher::TripleDes => 24,
            Cipher::Aes256 | Cipher::Camellia256 | Cipher::Aria256 | Cipher::Gost28147(_) => 32,
            Cipher::Rc2 { key_octets, .. } | Cipher::Rc4 { key_octets } => key_octets,
        }
    }

    /// Length of a block, and of the initial vector; 1 for a stream.
    pub(crate) fn block_octets(self) -> usize {
        match self {
            Cipher::Aes128 | Cipher::Aes192 | Cipher::Aes256 => 16,
            Cipher::Camellia128 | Cipher::Camellia192 | Cipher::Camellia256 => 16,
            Cipher::Aria128 | Cipher::Aria192 | Cipher::Aria256 | Cipher::Sm4 | Cipher::Seed => 16,
            Cipher::Des | Cipher::TripleDes | Cipher::TwoKeyTripleDes | Cipher::Rc2 { .. } => 8,
            Cipher::Cast5 | Cipher::Blowfish | Cipher::Idea | Cipher::Gost28147(_) => 8,
            Cipher::Rc4 { .. } => 1,
        }
    }

    /// What the content is padded to multiples of; 1 where it isn't padded.
    pub(crate) fn padding_octets(self, mode: Mode) -> usize {
        if mode.pads() { self.block_octets() } else { 1 }
    }

    /// Decrypts without judging the padding. A stream cipher has no mode and no vector. Malformed: a part of a
    /// block where the mode pads, or a key or vector of a wrong size.
    pub(crate) fn decrypt(
        self,
        mode: Mode,
        key: &[u8],
        initial_vector: &[u8],
        encrypted: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Malformed> {
        let mut content = Zeroizing::new(encrypted.to_vec());
        match self {
            Cipher::Rc4 { .. } => {
                Rc4::new_from_slice(key).map_err(|_| Malformed)?.apply_keystream(&mut content);
            }
            _ => mode.decrypt(&mut *self.keyed(key)?, initial_vector, &mut content)?,
        }
        Ok(content)
    }

    /// The block cipher with its key; a stream is none.
    fn keyed(self, key: &[u8]) -> Result<Box<dyn Block>, Malformed> {
        match self {
            Cipher::Aes128 => keyed::<Aes128>(key),
            Cipher::Aes192 => keyed::<Aes192>(key),
            Cipher::Aes256 => keyed::<Aes256>(key),
            Cipher::Camellia128 => keyed::<Camellia128>(key),
            Cipher::Camellia192 => keyed::<Camellia192>(key),
            Cipher::Camellia256 => keyed::<Camellia256>(key),
            Cipher::Aria128 => keyed::<Aria128>(key),
            Cipher::Aria192 => keyed::<Aria192>(key),
            Cipher::Aria256 => keyed::<Aria256>(key),
            Cipher::Sm4 => keyed::<Sm4>(key),
            Cipher::Seed => Ok(Box::new(Seed::new(key)?)),
            Cipher::Idea => keyed::<Idea>(key),
            Cipher::Gost28147(substitutions) => substitutions.keyed(key),
            Cipher::Cast5 => keyed::<Cast5>(key),
            Cipher::Blowfish => keyed::<Blowfish>(key),
            Cipher::Des => keyed::<Des>(key),
            Cipher::TripleDes => keyed::<TdesEde3>(key),
            Cipher::TwoKeyTripleDes => keyed::<TdesEde2>(key),
            Cipher::Rc2 { effective_bits, .. } => Ok(Box::new(Keyed(new_rc2(key, effective_bits)?))),
            Cipher::Rc4 { .. } => Err(Malformed),
        }
    }
}

/// A cipher of the RustCrypto libraries.
struct Keyed<C>(C);

fn keyed<C: KeyInit + BlockCipherEncrypt + BlockCipherDecrypt + 'static>(
    key: &[u8],
) -> Result<Box<dyn Block>, Malformed> {
    Ok(Box::new(Keyed(C::new_from_slice(key).map_err(|_| Malformed)?)))
}

impl<C: BlockCipherEncrypt + BlockCipherDecrypt> Block for Keyed<C> {
    fn octets(&self) -> usize {
        C::block_size()
    }

    fn encrypt(&mut self, block: &mut [u8]) {
        self.0.encrypt_block(block.try_into().expect("a block of the cipher's size"));
    }

    fn decrypt(&mut self, block: &mut [u8]) {
        self.0.decrypt_block(block.try_into().expect("a block of the cipher's size"));
    }
}

/// The library panics outside of these bounds, which are those of RFC 2268 §2.
fn new_rc2(key: &[u8], effective_bits: usize) -> Result<Rc2, Malformed> {
    if !(1..=128).contains(&key.len()) || !(1..=1024).contains(&effective_bits) {
        return Err(Malformed);
    }
    Ok(Rc2::new_with_eff_key_len(key, effective_bits))
}

/// SEED (RFC 4269), whose library is of an older generation than the others'.
struct Seed(SEED);

impl Seed {
    fn new(key: &[u8]) -> Result<Self, Malformed> {
        let cipher = <SEED as seed_cipher::KeyInit>::new_from_slice(key);
        cipher.map(Seed).map_err(|_| Malformed)
    }
}

impl Block for Seed {
    fn octets(&self) -> usize {
        16
    }

    fn encrypt(&mut self, block: &mut [u8]) {
        seed_cipher::BlockEncrypt::encrypt_block(&self.0, block.into());
    }

    fn decrypt(&mut self, block: &mut [u8]) {
        seed_cipher::BlockDecrypt::decrypt_block(&self.0, block.into());
    }
}
