//! A refusal says what is wrong and what to do next.

use certs::{CertificateDetails, ImportOptions, NotPkcs12, Password, Refusal, WrongPassword, import};

use crate::given::NOW;

fn refused(file: &[u8], password: &str) -> Refusal {
    let password = Password::new(password);
    import(file, &ImportOptions { password: Some(&password), thumbprint: None, now: NOW }).unwrap_err()
}

#[test]
fn an_unsupported_algorithm_is_named() {
    let stream = include_bytes!("../fixtures/pfx/made/openssl_aes_256_wrap_pad.pfx");
    let refusal = refused(stream, "hunter2").to_string();
    assert!(
        refusal.contains("2.16.840.1.101.3.4.1.48") && refusal.contains("Postern cannot read"),
        "{refusal}"
    );
}

#[test]
fn the_public_part_is_recognised_in_both_forms() {
    for file in [
        &include_bytes!("../fixtures/pem/certificate_only.pem")[..],
        include_bytes!("../fixtures/pfx/made/other_certificate.pfx"),
    ] {
        assert!(refused(file, "x").hint().starts_with("This is the public part."));
    }
}

#[test]
fn a_damaged_file_is_told_from_something_else() {
    let cut_off = include_bytes!("../fixtures/pfx/made/damaged_cut_at_60_percent.pfx");
    assert_eq!(refused(cut_off, "hunter2"), Refusal::NotPkcs12 { what: NotPkcs12::Damaged });
    assert_eq!(refused(b"PK\x03\x04", "x"), Refusal::NotPkcs12 { what: NotPkcs12::SomethingElse });
    assert_eq!(refused(b"\n", "x"), Refusal::NotPkcs12 { what: NotPkcs12::Empty });
}

#[test]
fn a_key_with_a_password_of_its_own_is_told_from_a_mistyped_one() {
    let file = include_bytes!("../fixtures/pfx/made/password_of_its_own.pfx");
    let [right, wrong] = ["hunter2", "Hunter2"].map(|password| refused(file, password));
    assert_eq!((right.code(), wrong.code()), ("wrong_password", "wrong_password"));
    assert_ne!(right.to_string(), wrong.to_string());
}

#[test]
fn the_key_that_opens_is_taken_unless_the_other_is_chosen() {
    let file = include_bytes!("../fixtures/pfx/made/password_of_its_own_for_the_other_key.pfx");
    let password = Password::new("hunter2");
    let choose = |thumbprint| {
        let options = ImportOptions { password: Some(&password), thumbprint, now: NOW };
        import(file, &options).map(|imported| imported.chain_der()[0].clone())
    };
    let other = CertificateDetails::from_der(&choose(None).unwrap()).unwrap().thumbprint_sha256;
    let which = WrongPassword::KeyHasAnother;
    assert_eq!(choose(Some(&other)), Err(Refusal::WrongPassword { which }));
}

#[test]
fn several_keys_are_listed_to_choose_from() {
    let file = include_bytes!("../fixtures/pfx/made/holds_two_keys.pfx");
    let Refusal::SeveralKeys { choices, thumbprint_given: false } = refused(file, "") else {
        panic!("two keys")
    };
    let subjects: Vec<_> = choices.iter().map(|choice| choice.subject.as_str()).collect();
    assert_eq!(subjects, ["CN=leaf, O=TEST MATERIAL", "CN=other, O=TEST MATERIAL"]);
}

#[test]
fn a_key_whose_numbers_contradict_each_other_is_blamed_and_not_the_file() {
    let file = include_bytes!("../fixtures/pfx/made/hostile_inconsistent_key.pfx");
    let refusal = refused(file, "hunter2");
    assert_eq!((refusal.code(), refusal), ("key_mismatch", Refusal::KeyDamaged));
}

#[test]
fn what_lies_between_the_blocks_of_a_pem_file_may_be_binary() {
    let expired = include_bytes!("../fixtures/pem/expired.pem");
    let dirty = [&expired[..], b"0.\x02\x01\x00\xff", expired].concat();
    assert_eq!(refused(&dirty, "").code(), "expired");
}

#[test]
fn an_expired_certificate_names_its_day() {
    let file = include_bytes!("../fixtures/pem/expired.pem");
    assert_eq!(refused(file, "").to_string(), "the certificate expired on 2026-11-20");
}
