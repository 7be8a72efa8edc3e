//! The ciphers that occur in these files, in CBC mode or as a stream.

use aes::{Aes128, Aes192, Aes256};
use aria::{Aria128, Aria192, Aria256};
use blowfish::Blowfish;
use camellia::{Camellia128, Camellia192, Camellia256};
use cast5::Cast5;
use cbc::{
    Decryptor,
    cipher::{BlockCipherDecrypt, BlockModeDecrypt, BlockSizeUser, InnerIvInit, KeyInit},
};
use des::{Des, TdesEde2, TdesEde3};
use rc2::Rc2;
use rc4::{Rc4, StreamCipher};
use sm4::Sm4;
use zeroize::Zeroizing;

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
            Cipher::Sm4 | Cipher::Seed | Cipher::Cast5 | Cipher::Blowfish => 16,
            Cipher::Aes192 | Cipher::Camellia192 | Cipher::Aria192 | Cipher::TripleDes => 24,
            Cipher::Aes256 | Cipher::Camellia256 | Cipher::Aria256 => 32,
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
            Cipher::Cast5 | Cipher::Blowfish => 8,
            Cipher::Rc4 { .. } => 1,
        }
    }

    /// Decrypts without judging the padding. Malformed: no whole blocks, or a key or vector of a wrong size.
    pub(crate) fn decrypt(
        self,
        key: &[u8],
        initial_vector: &[u8],
        encrypted: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Malformed> {
        let mut content = Zeroizing::new(encrypted.to_vec());
        match self {
            Cipher::Aes128 => decrypt_cbc::<Aes128>(new(key)?, initial_vector, &mut content)?,
            Cipher::Aes192 => decrypt_cbc::<Aes192>(new(key)?, initial_vector, &mut content)?,
            Cipher::Aes256 => decrypt_cbc::<Aes256>(new(key)?, initial_vector, &mut content)?,
            Cipher::Camellia128 => decrypt_cbc::<Camellia128>(new(key)?, initial_vector, &mut content)?,
            Cipher::Camellia192 => decrypt_cbc::<Camellia192>(new(key)?, initial_vector, &mut content)?,
            Cipher::Camellia256 => decrypt_cbc::<Camellia256>(new(key)?, initial_vector, &mut content)?,
            Cipher::Aria128 => decrypt_cbc::<Aria128>(new(key)?, initial_vector, &mut content)?,
            Cipher::Aria192 => decrypt_cbc::<Aria192>(new(key)?, initial_vector, &mut content)?,
            Cipher::Aria256 => decrypt_cbc::<Aria256>(new(key)?, initial_vector, &mut content)?,
            Cipher::Sm4 => decrypt_cbc::<Sm4>(new(key)?, initial_vector, &mut content)?,
            Cipher::Seed => decrypt_seed(key, initial_vector, &mut content)?,
            Cipher::Cast5 => decrypt_cbc::<Cast5>(new(key)?, initial_vector, &mut content)?,
            Cipher::Blowfish => decrypt_cbc::<Blowfish>(new(key)?, initial_vector, &mut content)?,
            Cipher::Des => decrypt_cbc::<Des>(new(key)?, initial_vector, &mut content)?,
            Cipher::TripleDes => decrypt_cbc::<TdesEde3>(new(key)?, initial_vector, &mut content)?,
            Cipher::TwoKeyTripleDes => decrypt_cbc::<TdesEde2>(new(key)?, initial_vector, &mut content)?,
            Cipher::Rc2 { effective_bits, .. } => {
                decrypt_cbc::<Rc2>(new_rc2(key, effective_bits)?, initial_vector, &mut content)?;
            }
            Cipher::Rc4 { .. } => new::<Rc4>(key)?.apply_keystream(&mut content),
        }
        Ok(content)
    }
}

fn new<C: KeyInit>(key: &[u8]) -> Result<C, Malformed> {
    C::new_from_slice(key).map_err(|_| Malformed)
}

/// The library panics outside of these bounds, which are those of RFC 2268 §2.
fn new_rc2(key: &[u8], effective_bits: usize) -> Result<Rc2, Malformed> {
    if !(1..=128).contains(&key.len()) || !(1..=1024).contains(&effective_bits) {
        return Err(Malformed);
    }
    Ok(Rc2::new_with_eff_key_len(key, effective_bits))
}

fn decrypt_cbc<C: BlockCipherDecrypt + BlockSizeUser>(
    cipher: C,
    initial_vector: &[u8],
    content: &mut [u8],
) -> Result<(), Malformed> {
    if content.is_empty() {
        return Err(Malformed);
    }
    let mut mode = Decryptor::<C>::inner_iv_slice_init(cipher, initial_vector).map_err(|_| Malformed)?;
    for block in content.chunks_mut(C::block_size()) {
        mode.decrypt_block(block.try_into().map_err(|_| Malformed)?);
    }
    Ok(())
}

/// SEED in CBC mode (RFC 4269), written out because its library is of an older generation than the others'.
fn decrypt_seed(key: &[u8], initial_vector: &[u8], content: &mut [u8]) -> Result<(), Malformed> {
    use seed_cipher::{BlockDecrypt, KeyInit};
    const BLOCK: usize = 16;
    let cipher = kisaseed::SEED::new_from_slice(key).map_err(|_| Malformed)?;
    if content.is_empty() || !content.len().is_multiple_of(BLOCK) || initial_vector.len() != BLOCK {
        return Err(Malformed);
    }
    let mut last: [u8; BLOCK] = initial_vector.try_into().map_err(|_| Malformed)?;
    for block in content.chunks_exact_mut(BLOCK) {
        let encrypted: [u8; BLOCK] = (&*block).try_into().map_err(|_| Malformed)?;
        cipher.decrypt_block((&mut *block).into());
        block.iter_mut().zip(last).for_each(|(octet, before)| *octet ^= before);
        last = encrypted;
    }
    Ok(())
}
