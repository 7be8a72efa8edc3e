//! The modes of operation in which a block cipher occurs in these files (NIST SP 800-38A).
//!
//! Written out, since the libraries' modes serve neither SEED, whose library is a generation older, nor GOST,
//! which changes its key on the way. It only decrypts; which cipher it is, is told in `cipher`.

use zeroize::Zeroizing;

use crate::ber::Malformed;

/// A block cipher that has its key. Blocks are of [`Block::octets`], at most [`LARGEST_BLOCK`].
pub(crate) trait Block {
    fn octets(&self) -> usize;
    fn encrypt(&mut self, block: &mut [u8]);
    fn decrypt(&mut self, block: &mut [u8]);
}

const LARGEST_BLOCK: usize = 16;

/// How blocks are chained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Each block by itself. OpenSSL writes and reads even that.
    Ecb,
    Cbc,
    /// With segments as long as a block, which is what the registered names mean.
    Cfb,
    Ofb,
    Ctr,
}

impl Mode {
    /// The name that OpenSSL ends a cipher's name with.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "CBC" => Mode::Cbc,
            "CFB" => Mode::Cfb,
            "OFB" => Mode::Ofb,
            "CTR" => Mode::Ctr,
            _ => return None,
        })
    }

    /// Whether the content is padded to whole blocks; otherwise it is encrypted as it is, like a stream.
    pub(crate) fn pads(self) -> bool {
        matches!(self, Mode::Ecb | Mode::Cbc)
    }

    /// Decrypts in place. Malformed: no content, a part of a block, or a vector of a wrong size.
    pub(crate) fn decrypt(
        self,
        cipher: &mut dyn Block,
        vector: &[u8],
        content: &mut [u8],
    ) -> Result<(), Malformed> {
        let size = cipher.octets();
        let is_whole = !self.pads() || content.len().is_multiple_of(size);
        if content.is_empty() || !is_whole || (self != Mode::Ecb && vector.len() != size) {
            return Err(Malformed);
        }
        let mut register = Zeroizing::new([0; LARGEST_BLOCK]);
        register[..vector.len().min(size)].copy_from_slice(&vector[..vector.len().min(size)]);
        for block in content.chunks_mut(size) {
            self.decrypt_block(cipher, &mut register[..size], block);
        }
        Ok(())
    }

    /// The register holds the vector at first, then what the mode carries from block to block.
    fn decrypt_block(self, cipher: &mut dyn Block, register: &mut [u8], block: &mut [u8]) {
        match self {
            Mode::Ecb => cipher.decrypt(block),
            Mode::Cbc => {
                let encrypted = block.to_vec();
                cipher.decrypt(block);
                add(block, register);
                register.copy_from_slice(&encrypted);
            }
            Mode::Cfb => {
                let encrypted = block.to_vec();
                cipher.encrypt(register);
                add(block, register);
                register[..encrypted.len()].copy_from_slice(&encrypted);
            }
            Mode::Ofb => {
                cipher.encrypt(register);
                add(block, register);
            }
            Mode::Ctr => {
                let mut pad = Zeroizing::new(register.to_vec());
                cipher.encrypt(&mut pad);
                add(block, &pad);
                count_up(register);
            }
        }
    }
}

fn add(block: &mut [u8], pad: &[u8]) {
    block.iter_mut().zip(pad).for_each(|(octet, pad)| *octet ^= pad);
}

/// The next number, big-endian; after the last comes zero.
fn count_up(register: &mut [u8]) {
    for octet in register.iter_mut().rev() {
        *octet = octet.wrapping_add(1);
        if *octet != 0 {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encryption::cipher::Cipher;

    /// NIST SP 800-38A, appendix F: AES-128, the first two blocks of each mode.
    const KEY: &str = "2b7e151628aed2a6abf7158809cf4f3c";
    const PLAIN: &str = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51";

    fn decrypt(mode: Mode, vector: &str, encrypted: &str) -> Result<String, Malformed> {
        let [key, vector, encrypted] = [KEY, vector, encrypted].map(|text| hex::decode(text).unwrap());
        Cipher::Aes128.decrypt(mode, &key, &vector, &encrypted).map(|plain| hex::encode(&*plain))
    }

    const VECTOR: &str = "000102030405060708090a0b0c0d0e0f";
    const CFB: &str = "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b";

    #[test]
    fn each_mode_yields_what_the_standard_shows() {
        for (mode, vector, encrypted) in [
            (Mode::Ecb, "", "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf"),
            (Mode::Cbc, VECTOR, "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"),
            (Mode::Cfb, VECTOR, CFB),
            (Mode::Ofb, VECTOR, "3b3fd92eb72dad20333449f8e83cfb4a7789508d16918f03f53c52dac54ed825"),
            (
                Mode::Ctr,
                "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
                "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff",
            ),
        ] {
            assert_eq!(decrypt(mode, vector, encrypted).as_deref(), Ok(PLAIN), "{mode:?}");
        }
    }

    #[test]
    fn a_stream_may_end_within_a_block_and_a_padded_content_may_not() {
        assert_eq!(decrypt(Mode::Cfb, VECTOR, &CFB[..42]).as_deref(), Ok(&PLAIN[..42]));
        assert_eq!(decrypt(Mode::Cbc, VECTOR, &CFB[..42]), Err(Malformed));
        assert_eq!(decrypt(Mode::Cfb, &VECTOR[2..], CFB), Err(Malformed));
        assert_eq!(decrypt(Mode::Ofb, VECTOR, ""), Err(Malformed));
    }

    #[test]
    fn a_counter_carries_and_wraps() {
        let mut register = [0, 0xff, 0xff];
        count_up(&mut register);
        assert_eq!(register, [1, 0, 0]);
        let mut register = [0xff; 3];
        count_up(&mut register);
        assert_eq!(register, [0; 3]);
    }
}
