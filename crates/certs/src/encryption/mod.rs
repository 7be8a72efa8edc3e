//! Opens what a password protects: the encrypted parts of PKCS#12 files and PEM keys.
//!
//! It tells a wrong password from damage wherever that can be known, and spends a bounded amount of work on
//! a file, however hostile. It only decrypts: Postern writes no such files itself, see `export`. Its
//! neighbours are `pfx` and `pem`.

pub(crate) mod cipher;
mod ciphers_of_pbes2;
pub(crate) mod derivation;
mod gost;
pub(crate) mod mode;
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

/// Names of what some programs can write and this one does not read, where the registry has none.
const NAMES: [(&str, &str); 4] = [
    ("1.2.643.7.1.1.5.1.1", "GOST R 34.12-2015 (Magma)"),
    ("1.2.643.7.1.1.5.2.1", "GOST R 34.12-2015 (Kuznyechik)"),
    ("1.2.643.7.1.1.5.2.2", "GOST R 34.12-2015 (Kuznyechik)"),
    ("1.2.643.2.2.31.0", "GOST 28147-89 with substitutions for tests"),
];

pub(crate) fn unsupported(algorithm: Oid<'_>) -> Refusal {
    let oid = algorithm.dotted();
    let name = match NAMES.iter().find(|(known, _)| *known == oid) {
        Some((_, name)) => (*name).to_owned(),
        None if algorithm.name() == oid => "an algorithm without a known name".to_owned(),
        None => algorithm.name(),
    };
    Refusal::UnsupportedAlgorithm { name, oid }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn padded(content: &[u8], padding: &[u8]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([content, padding].concat())
    }

    #[test]
    fn a_content_with_its_padding_is_right() {
        let Opened::Right(content) = Opened::judge(padded(&[0x30, 2, 5, 0], &[4; 4]), 8) else {
            panic!("right")
        };
        assert_eq!(content.as_slice(), [0x30, 2, 5, 0]);
        assert!(matches!(Opened::judge(padded(&[0x30, 2, 5, 0], &[]), 1), Opened::Right(_)));
    }

    #[test]
    fn a_right_header_with_a_wrong_padding_is_damage() {
        assert!(matches!(Opened::judge(padded(&[0x30, 2, 5, 0], &[4, 4, 9, 4]), 8), Opened::Damaged));
    }

    #[test]
    fn a_right_padding_with_a_wrong_header_is_a_wrong_password() {
        assert!(matches!(Opened::judge(padded(&[0x31, 2, 5, 0], &[4; 4]), 8), Opened::WrongPassword));
        assert!(matches!(Opened::judge(padded(&[0x30, 1, 5, 0], &[4; 4]), 8), Opened::WrongPassword));
        assert!(matches!(Opened::judge(padded(&[0x30, 2, 5, 0], &[7]), 1), Opened::WrongPassword));
        assert!(matches!(Opened::judge(padded(&[], &[]), 8), Opened::WrongPassword));
    }
}
