//! Every file of the corpus that the project was given is read as its manifest says.

use std::path::PathBuf;

use certs::{CheckedCertificate, ImportOptions, Password, Refusal, import};
use time::{OffsetDateTime, macros::datetime};

pub(crate) const NOW: OffsetDateTime = datetime!(2026-11-21 08:00 UTC);

/// A file of the corpus with its password and what a right reader finds.
pub(crate) struct Given {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) password: Option<Password>,
    certificates: usize,
    keys: usize,
}

impl Given {
    pub(crate) fn import(&self) -> Result<CheckedCertificate, Refusal> {
        import(&self.bytes, &ImportOptions { password: self.password.as_ref(), thumbprint: None, now: NOW })
    }
}

pub(crate) fn given() -> Vec<Given> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pfx/given");
    let manifest = std::fs::read_to_string(folder.join("manifest.tsv")).unwrap();
    let read = |line: &str| {
        let [name, password, certificates, keys] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("four columns in {line:?}")
        };
        Given {
            name: name.to_owned(),
            bytes: std::fs::read(folder.join(name)).unwrap(),
            password: Some(password).filter(|text| !text.is_empty()).map(Password::new),
            certificates: certificates.parse().unwrap(),
            keys: keys.parse().unwrap(),
        }
    };
    manifest.lines().skip(1).map(read).collect()
}

#[test]
fn every_given_file_is_read_as_its_manifest_says() {
    let given = given();
    assert_eq!(given.len(), 41);
    for file in given {
        let verdict = file.import();
        match (file.name.as_str(), file.keys) {
            ("16_ec_aes.pfx", 1) => {
                assert_eq!(verdict.err(), Some(Refusal::NotRsa { kind: "EC".to_owned() }));
            }
            (name, 0) => assert_eq!(verdict.err(), Some(Refusal::NoPrivateKey), "{name}"),
            (name, 1) => {
                let checked = verdict.unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
                assert_eq!(1 + checked.chain_der().len(), file.certificates, "{name}");
                assert_eq!(checked.details().key.bits, 2048, "{name}");
                assert!(checked.key().matches(checked.leaf_der()), "{name}");
            }
            (name, keys) => {
                let Some(Refusal::SeveralKeys { choices, .. }) = verdict.err() else { panic!("{name}") };
                assert_eq!(choices.len(), keys, "{name}");
            }
        }
    }
}

#[test]
fn a_wrong_password_is_told_for_every_file_that_can_tell() {
    let wrong = Password::new("not the password");
    // Nothing in this file is protected, and nothing proves a password right or wrong.
    for file in given().into_iter().filter(|file| file.name != "10_unencrypted_nomac.pfx") {
        let options = ImportOptions { password: Some(&wrong), thumbprint: None, now: NOW };
        let code = import(&file.bytes, &options).err().map(|refusal| refusal.code());
        assert_eq!(code, Some("wrong_password"), "{}", file.name);
    }
}

#[test]
fn one_of_several_keys_is_chosen_by_its_thumbprint_however_it_is_written() {
    let file = given().into_iter().find(|file| file.name == "32_keytool_twokeys.pfx").unwrap();
    let Some(Refusal::SeveralKeys { choices, .. }) = file.import().err() else { panic!("two keys") };
    for choice in choices {
        let sha1 = choice.thumbprint_sha1;
        let pairs: Vec<_> =
            sha1.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap()).collect();
        let chosen = |thumbprint: &str| {
            let options =
                ImportOptions { password: file.password.as_ref(), thumbprint: Some(thumbprint), now: NOW };
            import(&file.bytes, &options).map(|checked| checked.details().clone())
        };
        let details = chosen(&sha1).unwrap();
        for written in [
            sha1.to_lowercase(),
            pairs.join(":"),
            format!("\u{200e}{} ", pairs.join(" ")),
            details.thumbprint_sha256.to_uppercase(),
        ] {
            assert_eq!(chosen(&written).unwrap().thumbprint_sha1, sha1, "{written}");
        }
        assert_eq!(chosen("00").err().map(|refusal| refusal.code()), Some("several_keys"));
    }
}
