//! A certificate is generated in the form that Entra ID takes (facts §8.3).

use std::str::FromStr;

use certs::{GenerateOptions, KeyBits, Status, StoredCertificate, Subject, ValidityDays, generate};
use time::{Duration, macros::datetime};

const NOW: time::OffsetDateTime = datetime!(2026-11-21 08:00:00.123456789 UTC);

fn options(subject: &str, days: u16) -> GenerateOptions {
    GenerateOptions {
        subject: Subject::from_str(subject).unwrap(),
        key_bits: KeyBits::default(),
        days: ValidityDays::try_from(days).unwrap(),
    }
}

#[test]
fn a_generated_certificate_has_the_form_that_entra_takes() {
    let made = generate(&options("CN=mail gate, O=Contoso GmbH", 365), NOW).unwrap();
    let details = made.details();
    assert_eq!(details.subject, "CN=mail gate, O=Contoso GmbH");
    assert_eq!(details.issuer, details.subject);
    assert_eq!(details.not_before, datetime!(2026-11-21 07:50 UTC));
    assert_eq!(details.not_after, datetime!(2027-11-21 08:00 UTC));
    assert_eq!((details.key.kind.as_str(), details.key.bits), ("RSA", 2048));
    assert_eq!(details.signature_algorithm, "sha256WithRSAEncryption");
    assert!(details.serial.len() > 16 && !details.serial.starts_with('-'), "{}", details.serial);
    assert_eq!((made.warnings(), made.chain_der()), (&[][..], &[][..]));
    assert!(made.key().matches(made.leaf_der()));
}

#[test]
fn openssl_sees_the_extensions_and_a_valid_signature() {
    let made = generate(&options("CN=mail gate", 730), NOW).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("leaf.cer");
    std::fs::write(&file, made.leaf_der()).unwrap();
    let text =
        crate::tools::openssl(&["x509", "-inform", "DER", "-noout", "-text", "-in", file.to_str().unwrap()]);
    for line in [
        "Signature Algorithm: sha256WithRSAEncryption",
        "X509v3 Key Usage: critical\n                Digital Signature\n",
        "X509v3 Extended Key Usage: \n                TLS Web Client Authentication\n",
        "CA:FALSE",
    ] {
        assert!(text.contains(line), "{line:?} is missing in\n{text}");
    }
    let pem = folder.path().join("leaf.pem");
    std::fs::write(&pem, certs::export::pem(made.leaf_der(), &[])).unwrap();
    let pem = pem.to_str().unwrap();
    let verdict = crate::tools::openssl(&["verify", "-no_check_time", "-check_ss_sig", "-CAfile", pem, pem]);
    assert!(verdict.ends_with(": OK\n"), "{verdict}");
}

#[test]
fn the_longest_validity_and_every_size_pass_without_a_warning() {
    for bits in [3072, 4096] {
        let mut options = options("CN=mail gate", 730);
        options.key_bits = KeyBits::try_from(bits).unwrap();
        let made = generate(&options, NOW).unwrap();
        assert_eq!(made.details().key.bits, usize::from(bits));
        assert_eq!(made.warnings(), []);
    }
}

#[test]
fn sizes_and_validities_that_are_not_offered_are_refused() {
    assert!([1024, 2047, 8192].into_iter().all(|bits| KeyBits::try_from(bits).is_err()));
    assert!([0, 731, u16::MAX].into_iter().all(|days| ValidityDays::try_from(days).is_err()));
}

#[test]
fn a_stored_certificate_ages() {
    let made = generate(&options("CN=mail gate", 90), NOW).unwrap();
    let stored = StoredCertificate::read(made.leaf_der(), made.chain_der()).unwrap();
    let end = stored.details().not_after;
    let day = Duration::DAY;
    for (now, status, days_left, codes) in [
        (NOW - day, Status::NotYetValid, 91, vec!["not_yet_valid"]),
        (NOW, Status::Valid, 90, vec![]),
        (end - day * 30, Status::Valid, 30, vec![]),
        (end - day * 30 + Duration::SECOND, Status::Expiring, 29, vec!["expires_soon"]),
        (end - Duration::SECOND, Status::Expiring, 0, vec!["expires_soon"]),
        (end, Status::Expired, 0, vec![]),
        (end + Duration::SECOND, Status::Expired, -1, vec![]),
    ] {
        assert_eq!((stored.status(now), stored.details().days_left(now)), (status, days_left), "{now}");
        assert_eq!(
            stored.warnings(now).iter().map(|warning| warning.code).collect::<Vec<_>>(),
            codes,
            "{now}"
        );
    }
}
