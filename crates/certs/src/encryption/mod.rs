//! Opens what a password protects: the encrypted parts of PKCS#12 files and PEM keys.
//!
//! It tells a wrong password from damage wherever that can be known, and spends a bounded amount of work on
//! a file, however hostile. It only decrypts: Postern writes no such files itself, see `export`. Its
//! neighbours are `pfx` and `pem`.

pub(crate) mod cipher;
pub(crate) mod derivation;
mod passphrase;
mod scheme;

use zeroize::Zeroizing;

pub(crate) use passphrase::{Passphrase, passphrases};
pub(crate) use scheme::{Pbkdf2, Scheme};

use crate::{
    ber::{Oid, Reader, Tag},
    refusal::Refusal,
};

/// What came out of a decryption.
pub(crate) enum Opened {
    /// The content, without padding.
    Right(Zeroizing<Vec<u8>>),
    /// The password is right, but the content was changed.
    Damaged,
    /// Nothing that could be the content.
    WrongPassword,
}

impl Opened {
    /// Judges decrypted bytes. Every content in these formats is a SEQUENCE, whose header tells its size:
    /// that finds a wrong password better than padding, which one random octet in 256 satisfies.
    pub(crate) fn judge(plain: Zeroizing<Vec<u8>>, block: usize) -> Self {
        let padding = if block > 1 { padding_of(&plain, block) } else { Some(0) };
        let length = Reader::new(&plain).expect(Tag::SEQUENCE).map(|sequence| sequence.raw.len());
        match (length, padding) {
            (Ok(length), Some(padding)) if length == plain.len() - padding => {
                let mut content = plain;
                content.truncate(length);
                Opened::Right(content)
            }
            // Only the true key yields a SEQUENCE that ends exactly where the padding must begin.
            (Ok(length), None) if plain.len() - length <= block && length >= 4 => Opened::Damaged,
            _ => Opened::WrongPassword,
        }
    }
}

/// PKCS#7 padding (RFC 8018 §6.1.1 step 4): `None` when it isn't there.
fn padding_of(plain: &[u8], block: usize) -> Option<usize> {
    let last = *plain.last()?;
    let count = usize::from(last);
    let is_padding = (1..=block).contains(&count) && plain.len() >= count;
    (is_padding && plain[plain.len() - count..].iter().all(|octet| *octet == last)).then_some(count)
}

pub(crate) fn unsupported(algorithm: Oid<'_>) -> Refusal {
    Refusal::UnsupportedAlgorithm { name: algorithm.name(), oid: algorithm.dotted() }
}
