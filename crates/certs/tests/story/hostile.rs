//! Whatever is done to a file, it is answered: no panic, no overflow of the stack, no long work.

use std::time::{Duration, Instant};

use certs::{ImportOptions, LARGEST_FILE_BYTES, Password, Refusal, import};
use proptest::prelude::*;

use crate::given::{Given, NOW, given};

/// What a damaged file may be called. Damage in what no MAC covers may also hit what is judged.
const OF_DAMAGE: [&str; 3] = ["not_pkcs12", "wrong_password", "unsupported_algorithm"];

fn judge(bytes: &[u8], password: Option<&Password>) -> Result<Vec<u8>, Refusal> {
    import(bytes, &ImportOptions { password, thumbprint: None, now: NOW })
        .map(|checked| checked.leaf_der().to_vec())
}

fn named(names: &[&str]) -> Vec<Given> {
    let files: Vec<_> =
        given().into_iter().filter(|file| names.iter().any(|name| file.name.starts_with(name))).collect();
    assert_eq!(files.len(), names.len());
    files
}

#[test]
fn a_given_file_cut_off_at_any_length_is_not_pkcs12() {
    for file in given() {
        for length in 0..file.bytes.len() {
            let code = judge(&file.bytes[..length], file.password.as_ref()).map_err(|refusal| refusal.code());
            assert_eq!(code, Err("not_pkcs12"), "{} at {length}", file.name);
        }
    }
}

#[test]
fn a_protected_file_with_a_changed_octet_is_never_imported_as_another() {
    // Files with few iterations, so that the work stays small: classic, AES, unencrypted, PBMAC1.
    for file in named(&["18_", "04_", "09_", "23_", "02_"]) {
        let right = judge(&file.bytes, file.password.as_ref()).unwrap();
        let step = if file.name.starts_with("18_") { 1 } else { 13 };
        for position in (0..file.bytes.len()).step_by(step) {
            let mut changed = file.bytes.clone();
            changed[position] ^= 1 << (position % 8);
            match judge(&changed, file.password.as_ref()) {
                // A friendly name, or a length that is written in another way.
                Ok(leaf) => assert_eq!(leaf, right, "{} at {position}", file.name),
                Err(refusal) => {
                    assert!(OF_DAMAGE.contains(&refusal.code()), "{} at {position}: {refusal}", file.name);
                }
            }
        }
    }
}

#[test]
fn an_unprotected_file_with_a_changed_octet_is_answered() {
    for file in named(&["10_", "07_"]) {
        for position in (0..file.bytes.len()).step_by(3) {
            for bit in [0, 5] {
                let mut changed = file.bytes.clone();
                changed[position] ^= 1 << bit;
                // Nothing protects it: every verdict is possible, a panic is not.
                let _ = judge(&changed, file.password.as_ref());
            }
        }
    }
}

#[test]
fn a_flip_in_the_last_ciphertext_is_told_as_damage_and_not_as_a_wrong_password() {
    let file = named(&["04_"]).remove(0);
    let mut changed = file.bytes.clone();
    // Inside the encrypted key, behind its first blocks and before the MAC.
    let position = changed.len() - 300;
    changed[position] ^= 1;
    let refusal = judge(&changed, file.password.as_ref()).unwrap_err();
    assert_eq!(refusal.code(), "not_pkcs12");
    assert!(refusal.to_string().contains("damaged"), "{refusal}");
}

#[test]
fn a_file_over_the_limit_is_too_large_whatever_it_is() {
    let limit = LARGEST_FILE_BYTES;
    assert_eq!(judge(&vec![0x30; limit + 1], None), Err(Refusal::TooLarge { limit_bytes: limit }));
    assert_eq!(judge(&vec![0x30; limit], None).map_err(|refusal| refusal.code()), Err("not_pkcs12"));
}

/// `SEQUENCE { 3, SEQUENCE { data, [0] OCTET STRING contents } }` with lengths of four octets.
fn pfx_of(contents: &[u8]) -> Vec<u8> {
    let data = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
    let info = wrap(0x30, &[&data[..], &wrap(0xa0, &wrap(0x04, contents))].concat());
    wrap(0x30, &[&[2, 1, 3][..], &info].concat())
}

fn wrap(tag: u8, inside: &[u8]) -> Vec<u8> {
    let length = u32::try_from(inside.len()).unwrap().to_be_bytes();
    [&[tag, 0x84][..], &length, inside].concat()
}

#[test]
fn the_largest_hostile_files_are_answered_in_time() {
    let half = LARGEST_FILE_BYTES / 2 - 100;
    let mut nested = Vec::new();
    while nested.len() < 60_000 {
        nested = wrap(0x24, &nested);
    }
    let started = Instant::now();
    for contents in [
        [0x30, 0x80].repeat(half),
        [0x24, 0x80].repeat(half),
        [0x04, 0x00].repeat(half),
        [0x30, 0x00].repeat(half),
        wrap(0x30, &[0x30, 0x00].repeat(half - 10)),
        nested,
    ] {
        for file in [pfx_of(&contents), [&[0x30, 0x80, 2, 1, 3][..], &contents].concat()] {
            let code = judge(&file, None).unwrap_err().code();
            // An empty safe is a well-formed one: what follows it is not looked at.
            assert!(["not_pkcs12", "no_certificate"].contains(&code), "{code}");
        }
    }
    let blocks = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n".repeat(15_000);
    assert!(judge(blocks.as_bytes(), None).is_err());
    let unfinished = "-----BEGIN CERTIFICATE-----\n".repeat(30_000);
    assert!(judge(unfinished.as_bytes(), None).is_err());
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn random_octets_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(judge(&bytes, None).is_err());
        prop_assert!(judge(&pfx_of(&bytes), None).is_err());
    }

    #[test]
    fn random_text_around_pem_marks_is_answered(before in ".{0,40}", label in "[A-Z0-9 ]{0,24}", body in "[A-Za-z0-9+/=:,\n-]{0,300}") {
        let text = format!("{before}-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
        prop_assert!(judge(text.as_bytes(), Some(&Password::new("x"))).is_err());
    }

    #[test]
    fn octets_put_into_a_file_are_answered(
        position in 0_usize..2000, removed in 0_usize..40, put in prop::collection::vec(any::<u8>(), 0..40)
    ) {
        let mut bytes = include_bytes!("../fixtures/pfx/given/10_unencrypted_nomac.pfx").to_vec();
        bytes.splice(position..position + removed, put);
        let _ = judge(&bytes, None);
    }
}
