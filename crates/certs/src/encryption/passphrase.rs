//! What a typed password can mean to a file (facts §8.2): each reading with its budget of work.

use std::{cell::Cell, rc::Rc};

use zeroize::Zeroizing;

use crate::{Password, ber::Oid, refusal::Refusal};

/// Hashes that one file may cost, over all readings of the password. Ten million iterations of PBKDF2 are
/// twenty million hashes; real files use 600,000. This many take a few seconds.
#[cfg(not(fuzzing))]
pub(crate) const MOST_HASHES: u64 = 25_000_000;
/// A fuzzer looks for what breaks, not for what takes time.
#[cfg(fuzzing)]
pub(crate) const MOST_HASHES: u64 = 20_000;

/// One reading of a password.
pub(crate) struct Passphrase {
    /// For the classic derivation of PKCS#12 (RFC 7292 appendix B.1): UTF-16BE with two zero octets at the
    /// end, or nothing at all for an absent password.
    pub(crate) bmp: Zeroizing<Vec<u8>>,
    /// For everything that came later.
    pub(crate) utf8: Zeroizing<Vec<u8>>,
    spent: Rc<Cell<u64>>,
}

impl Passphrase {
    fn new(bmp: Vec<u8>, utf8: &[u8], spent: &Rc<Cell<u64>>) -> Self {
        Passphrase { bmp: Zeroizing::new(bmp), utf8: Zeroizing::new(utf8.to_vec()), spent: Rc::clone(spent) }
    }

    /// As old NSS wrote it: what came after the classic derivation, PBES2, was given the same octets as that.
    pub(crate) fn in_classic_form_for_all(&self) -> Self {
        Passphrase { bmp: self.bmp.clone(), utf8: self.bmp.clone(), spent: Rc::clone(&self.spent) }
    }

    /// No password: absent and empty, from the same budget.
    pub(crate) fn none_instead(&self) -> [Self; 2] {
        [Vec::new(), vec![0, 0]].map(|bmp| Passphrase::new(bmp, b"", &self.spent))
    }

    /// Takes a derivation from the budget before it is made: so many iterations, each of so many hashes.
    pub(crate) fn spend(
        &self,
        iterations: u64,
        hashes_each: usize,
        algorithm: Oid<'_>,
    ) -> Result<u32, Refusal> {
        let hashes = iterations.saturating_mul(hashes_each as u64);
        self.spent.set(self.spent.get().saturating_add(hashes));
        if self.is_exhausted() {
            let name = format!("a key derivation with {iterations} iterations, too many to try");
            return Err(Refusal::UnsupportedAlgorithm { name, oid: algorithm.dotted() });
        }
        u32::try_from(iterations).ok().filter(|count| *count > 0).ok_or_else(Refusal::damaged)
    }

    /// Whether the file has cost more than it may.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.spent.get() > MOST_HASHES
    }
}

/// The readings to try, in this order. Nothing typed: absent (no octets), then empty (two zero octets);
/// the classic derivation tells them apart. A password beyond ASCII: as it should be written; then as OpenSSL
/// before 1.1.0 wrote it for the classic derivation, one UTF-16 unit for each octet of its UTF-8 form, and as
/// old Bouncy Castle wrote it for the newer ones, in Latin-1.
pub(crate) fn passphrases(password: Option<&Password>) -> Vec<Passphrase> {
    let spent = Rc::default();
    match password.map(Password::expose).filter(|text| !text.is_empty()) {
        None => vec![Passphrase::new(Vec::new(), b"", &spent), Passphrase::new(vec![0, 0], b"", &spent)],
        Some(text) => {
            let right = Passphrase::new(to_bmp(text.encode_utf16()), text.as_bytes(), &spent);
            if text.is_ascii() {
                return vec![right];
            }
            let latin_1: Option<Vec<u8>> =
                text.chars().map(|character| u8::try_from(character).ok()).collect();
            let latin_1 = Zeroizing::new(latin_1.unwrap_or_else(|| text.as_bytes().to_vec()));
            vec![right, Passphrase::new(to_bmp(text.bytes().map(u16::from)), &latin_1, &spent)]
        }
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
    fn a_password_of_western_europe_is_read_in_latin_1_too() {
        let [right, old] = &passphrases(Some(&Password::new("Crüe")))[..] else { panic!("two readings") };
        assert_eq!(right.utf8.as_slice(), "Crüe".as_bytes());
        assert_eq!(old.utf8.as_slice(), b"Cr\xfce");
    }

    #[test]
    fn an_empty_password_is_the_same_as_none() {
        for password in [None, Some(&Password::new(""))] {
            let lengths: Vec<_> = passphrases(password).iter().map(|one| one.bmp.len()).collect();
            assert_eq!(lengths, [0, 2]);
        }
    }
}
