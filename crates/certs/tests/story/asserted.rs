//! An assertion is what Microsoft documents, and another library verifies it.

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters, UnparsedPublicKey,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use certs::{
    CheckedCertificate, GenerateOptions, KeyBits, SigningKey, Subject, ValidityDays,
    assertion::{Claims, Form, sign},
    generate,
};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime, macros::datetime};
use x509_parser::parse_x509_certificate;

const NOW: OffsetDateTime = datetime!(2026-11-21 08:00:00.9 UTC);
const TOKEN_ENDPOINT: &str = "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token";

fn certificate() -> CheckedCertificate {
    let subject = Subject::common_name("mail gate").unwrap();
    generate(&GenerateOptions { subject, key_bits: KeyBits::Rsa2048, days: ValidityDays::default() }, NOW)
        .unwrap()
}

fn signed(certificate: &CheckedCertificate, form: Form) -> String {
    let claims = Claims {
        client_id: "11111111-2222-3333-4444-555555555555",
        audience: TOKEN_ENDPOINT,
        issued_at: NOW,
        lifetime: Duration::minutes(10),
        jti: "0198",
    };
    sign(certificate.key(), certificate.leaf_der(), form, &claims).unwrap()
}

fn part(assertion: &str, index: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(assertion.split('.').nth(index).unwrap()).unwrap())
        .unwrap()
}

fn verify(certificate: &CheckedCertificate, parameters: &'static RsaParameters, assertion: &str) {
    let (_, leaf) = parse_x509_certificate(certificate.leaf_der()).unwrap();
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    UnparsedPublicKey::new(parameters, leaf.public_key().subject_public_key.as_ref())
        .verify(signed.as_bytes(), &signature)
        .unwrap();
}

#[test]
fn ps256_names_the_certificate_by_sha_256_and_verifies_against_it() {
    let certificate = certificate();
    let assertion = signed(&certificate, Form::Ps256);
    let thumbprint = URL_SAFE_NO_PAD.encode(hex::decode(&certificate.details().thumbprint_sha256).unwrap());
    assert_eq!(part(&assertion, 0), json!({"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint}));
    verify(&certificate, &RSA_PSS_2048_8192_SHA256, &assertion);
}

#[test]
fn rs256_names_the_certificate_by_sha_1_and_verifies_against_it() {
    let certificate = certificate();
    let assertion = signed(&certificate, Form::Rs256);
    let thumbprint = URL_SAFE_NO_PAD.encode(hex::decode(&certificate.details().thumbprint_sha1).unwrap());
    assert_eq!(part(&assertion, 0), json!({"alg": "RS256", "typ": "JWT", "x5t": thumbprint}));
    verify(&certificate, &RSA_PKCS1_2048_8192_SHA256, &assertion);
}

#[test]
fn the_claims_are_those_of_rfc_7523_with_integer_times() {
    let assertion = signed(&certificate(), Form::Ps256);
    let client_id = "11111111-2222-3333-4444-555555555555";
    let now = NOW.unix_timestamp();
    assert_eq!(
        part(&assertion, 1),
        json!({
            "aud": TOKEN_ENDPOINT, "iss": client_id, "sub": client_id, "jti": "0198",
            "nbf": now, "iat": now, "exp": now + 600,
        })
    );
    assert!(!assertion.contains('='));
}

#[test]
fn a_key_read_back_from_its_pkcs8_form_signs_for_the_same_certificate() {
    let certificate = certificate();
    let key = SigningKey::from_pkcs8_der(&certificate.key().pkcs8_der()).unwrap();
    assert!(key.matches(certificate.leaf_der()));
    assert_eq!(key.sign_rs256(b"x").unwrap(), certificate.key().sign_rs256(b"x").unwrap());
    assert_eq!(format!("{key:?}"), "<redacted>");
    assert!(SigningKey::from_pkcs8_der(&certificate.key().pkcs8_der()[1..]).is_err());
}
