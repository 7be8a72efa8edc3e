//! What a typed password can mean to a file (facts §8.2): each reading with its budget of work.

use std::cell::Cell;

use zeroize::Zeroizing;

use crate::{Password, ber::Oid, refusal::Refusal};

/// Iterations that one file may cost. Real files use 600,000; this many take a few seconds.
pub(crate) const MOST_ITERATIONS: u64 = 10_000_000;

/// One reading of a password.
pub(crate) struct Passphrase {
    /// For the classic derivation of PKCS#12 (RFC 7292 appendix B.1): UTF-16BE with two zero octets at the
    /// end, or nothing at all for an absent password.
    pub(crate) bmp: Zeroizing<Vec<u8>>,
    /// For everything that came later.
    pub(crate) utf8: Zeroizing<Vec<u8>>,
    spent: Cell<u64>,
}

impl Passphrase {
    fn new(bmp: Vec<u8>, utf8: &str) -> Self {
        Passphrase {
            bmp: Zeroizing::new(bmp),
            utf8: Zeroizing::new(utf8.as_bytes().to_vec()),
            spent: Cell::new(0),
        }
    }

    /// Takes iterations from the budget before they are made.
    pub(crate) fn spend(&self, iterations: u64, algorithm: Oid<'_>) -> Result<u32, Refusal> {
        let spent = self.spent.get().saturating_add(iterations);
        if spent > MOST_ITERATIONS {
            let name = format!("a key derivation of {iterations} iterations, more than a file may cost");
            return Err(Refusal::UnsupportedAlgorithm { name, oid: algorithm.dotted() });
        }
        self.spent.set(spent);
        u32::try_from(iterations).ok().filter(|count| *count > 0).ok_or_else(Refusal::damaged)
    }
}

/// The readings to try, in this order. Nothing typed: absent (no octets), then empty (two zero octets);
/// the classic derivation tells them apart. A password beyond ASCII: as it should be written, then as
/// OpenSSL before 1.1.0 wrote it, one UTF-16 unit for each octet of its UTF-8 form.
pub(crate) fn passphrases(password: Option<&Password>) -> Vec<Passphrase> {
    match password.map(Password::expose).filter(|text| !text.is_empty()) {
        None => vec![Passphrase::new(Vec::new(), ""), Passphrase::new(vec![0, 0], "")],
        Some(text) if text.is_ascii() => vec![Passphrase::new(to_bmp(text.encode_utf16()), text)],
        Some(text) => vec![
            Passphrase::new(to_bmp(text.encode_utf16()), text),
            Passphrase::new(to_bmp(text.bytes().map(u16::from)), text),
        ],
    }
}

fn to_bmp(units: impl Iterator<Item = u16>) -> Vec<u8> {
    units.chain([0]).flat_map(u16::to_be_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_beyond_the_basic_plane_become_surrogates() {
        let password = Password::new("a😀");
        let [correct, old] = &passphrases(Some(&password))[..] else { panic!("two readings") };
        assert_eq!(correct.bmp.as_slice(), [0, 0x61, 0xd8, 0x3d, 0xde, 0x00, 0, 0]);
        assert_eq!(old.bmp.as_slice(), [0, 0x61, 0, 0xf0, 0, 0x9f, 0, 0x98, 0, 0x80, 0, 0]);
    }

    #[test]
    fn an_empty_password_is_the_same_as_none() {
        for password in [None, Some(&Password::new(""))] {
            let lengths: Vec<_> = passphrases(password).iter().map(|one| one.bmp.len()).collect();
            assert_eq!(lengths, [0, 2]);
        }
    }
}
