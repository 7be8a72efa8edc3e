//! What is exported is read back by programs of others.

use certs::{
    CheckedCertificate, GenerateOptions, ImportOptions, KeyBits, Password, Subject, ValidityDays,
    export::{ExportError, Profile, pem, pfx},
    generate, import,
};
use tempfile::TempDir;

use crate::{
    given::NOW,
    tools::{keytool, openssl},
};

const PASSWORD: &str = "corréct horse";
const BOTH: [Profile; 2] = [Profile::Aes256, Profile::TripleDes];

fn certificate() -> CheckedCertificate {
    let subject = Subject::common_name("mail gate").unwrap();
    generate(&GenerateOptions { subject, key_bits: KeyBits::Rsa2048, days: ValidityDays::default() }, NOW)
        .unwrap()
}

fn exported(certificate: &CheckedCertificate, password: &str, profile: Profile) -> Vec<u8> {
    let (key, leaf, chain) = (certificate.key(), certificate.leaf_der(), certificate.chain_der());
    pfx(key, leaf, chain, &Password::new(password), "Mail gate, Büro", profile).unwrap()
}

fn written(bytes: &[u8]) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("exported.pfx");
    std::fs::write(&path, bytes).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

fn with_colons(thumbprint: &str) -> String {
    let pairs: Vec<_> =
        thumbprint.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap()).collect();
    pairs.join(":").to_uppercase()
}

#[test]
fn openssl_reads_key_and_certificate_of_both_profiles() {
    let certificate = certificate();
    for profile in BOTH {
        let (_folder, path) = written(&exported(&certificate, PASSWORD, profile));
        let given = format!("pass:{PASSWORD}");
        let text = openssl(&["pkcs12", "-in", &path, "-passin", &given, "-nodes"]);
        assert!(text.contains("friendlyName: Mail gate, B"), "{text}");
        let again =
            import(text.as_bytes(), &ImportOptions { password: None, thumbprint: None, now: NOW }).unwrap();
        assert_eq!(again.leaf_der(), certificate.leaf_der());
        assert_eq!(again.key().pkcs8_der(), certificate.key().pkcs8_der());
    }
}

#[test]
fn the_profiles_are_what_they_are_called() {
    let certificate = certificate();
    for (profile, lines) in [
        (
            Profile::Aes256,
            [
                "MAC: sha256, Iteration 10000",
                "PBES2, PBKDF2, AES-256-CBC, Iteration 10000, PRF hmacWithSHA256",
            ],
        ),
        (
            Profile::TripleDes,
            ["MAC: sha1, Iteration 10000", "pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 10000"],
        ),
    ] {
        let (_folder, path) = written(&exported(&certificate, PASSWORD, profile));
        let given = format!("pass:{PASSWORD}");
        // OpenSSL prints what it finds to its standard error.
        let text = openssl(&["pkcs12", "-in", &path, "-passin", &given, "-info", "-noout"]);
        assert!(lines.iter().all(|line| text.contains(line)), "{profile:?}:\n{text}");
    }
}

#[test]
fn keytool_reads_both_profiles() {
    let certificate = certificate();
    for profile in BOTH {
        // keytool takes no password beyond ASCII, from anyone.
        let (_folder, path) = written(&exported(&certificate, "correct horse", profile));
        let text = keytool(&[
            "-list",
            "-v",
            "-keystore",
            &path,
            "-storetype",
            "PKCS12",
            "-storepass",
            "correct horse",
        ]);
        assert!(text.contains("PrivateKeyEntry"), "{text}");
        assert!(text.contains(&with_colons(&certificate.details().thumbprint_sha256)), "{text}");
    }
}

#[test]
fn what_is_exported_can_be_imported_again() {
    let certificate = certificate();
    for profile in BOTH {
        let file = exported(&certificate, PASSWORD, profile);
        let password = Password::new(PASSWORD);
        let again =
            import(&file, &ImportOptions { password: Some(&password), thumbprint: None, now: NOW }).unwrap();
        assert_eq!(again.details(), certificate.details());
    }
}

#[test]
fn the_chain_goes_along() {
    let file = crate::given::given().into_iter().find(|file| file.name.starts_with("04_")).unwrap();
    let certificate = file.import().unwrap();
    let password = Password::new(PASSWORD);
    let exported = exported(&certificate, PASSWORD, Profile::Aes256);
    let again =
        import(&exported, &ImportOptions { password: Some(&password), thumbprint: None, now: NOW }).unwrap();
    assert_eq!(again.chain_der(), certificate.chain_der());
    let text = pem(certificate.leaf_der(), certificate.chain_der());
    assert_eq!(text.matches("-----BEGIN CERTIFICATE-----\n").count(), 3);
    assert!(text.lines().all(|line| line.len() <= 64));
}

#[test]
fn a_password_must_be_there_and_fit_the_format() {
    let certificate = certificate();
    let refused = |password: &str| {
        let password = Password::new(password);
        pfx(certificate.key(), certificate.leaf_der(), &[], &password, "x", Profile::Aes256).unwrap_err()
    };
    assert!(matches!(refused(""), ExportError::NoPassword));
    assert!(matches!(refused("😀"), ExportError::UnsuitablePassword));
}

#[test]
fn a_name_with_emoji_does_not_prevent_an_export() {
    let certificate = certificate();
    let password = Password::new("x");
    assert!(
        pfx(certificate.key(), certificate.leaf_der(), &[], &password, "gate 😀", Profile::Aes256).is_ok()
    );
}
