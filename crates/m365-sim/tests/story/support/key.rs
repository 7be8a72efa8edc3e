//! Client certificates and assertions, made here and not by any code of the simulator.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
    RsaEncoding, RsaKeyPair,
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD},
};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

pub(crate) struct TestKey {
    pair: RsaKeyPair,
    pub(crate) pem: String,
    pub(crate) der: Vec<u8>,
}

impl TestKey {
    /// A certificate that is valid around now.
    pub(crate) fn new() -> Self {
        let now = OffsetDateTime::now_utc();
        Self::valid(now - Duration::days(1), now + Duration::days(365))
    }

    pub(crate) fn valid(from: OffsetDateTime, until: OffsetDateTime) -> Self {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let mut params = CertificateParams::default();
        (params.not_before, params.not_after) = (from, until);
        let certificate = params.self_signed(&key).unwrap();
        let pair = RsaKeyPair::from_pkcs8(key.serialized_der()).unwrap();
        Self { pair, pem: certificate.pem(), der: certificate.der().to_vec() }
    }

    pub(crate) fn sha1(&self) -> Vec<u8> {
        digest(&SHA1_FOR_LEGACY_USE_ONLY, &self.der).as_ref().to_vec()
    }

    pub(crate) fn sha256(&self) -> Vec<u8> {
        digest(&SHA256, &self.der).as_ref().to_vec()
    }

    fn sign(&self, alg: &str, text: &str) -> Vec<u8> {
        let encoding: &dyn RsaEncoding = match alg {
            "RS384" => &RSA_PKCS1_SHA384,
            "RS512" => &RSA_PKCS1_SHA512,
            "PS256" => &RSA_PSS_SHA256,
            "PS384" => &RSA_PSS_SHA384,
            "PS512" => &RSA_PSS_SHA512,
            _ => &RSA_PKCS1_SHA256,
        };
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(encoding, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
        signature
    }
}

/// An assertion under construction: good, until something in it is changed.
pub(crate) struct Assertion {
    pub(crate) header: Value,
    pub(crate) claims: Value,
}

impl Assertion {
    pub(crate) fn new(key: &TestKey, client: &str, audience: &str) -> Self {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        Self {
            header: json!({"alg": "PS256", "typ": "JWT", "x5t#S256": URL_SAFE_NO_PAD.encode(key.sha256())}),
            claims: json!({"aud": audience, "iss": client, "sub": client, "jti": now.to_string(),
                "nbf": now, "iat": now, "exp": now + 600}),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: Value) -> Self {
        self.header[name] = value;
        self
    }

    /// Only this name for the key.
    pub(crate) fn named_by(self, name: &str, value: impl Into<Value>) -> Self {
        let alg = self.header["alg"].clone();
        Self { header: json!({"alg": alg, "typ": "JWT", name: value.into()}), ..self }
    }

    pub(crate) fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims[name] = value;
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.claims.as_object_mut().unwrap().remove(name);
        self
    }

    pub(crate) fn sign(&self, key: &TestKey) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&self.header), part(&self.claims));
        let signature = key.sign(self.header["alg"].as_str().unwrap_or_default(), &signed);
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

pub(crate) mod encodings {
    use super::{Engine, STANDARD, URL_SAFE};

    pub(crate) fn padded_url(bytes: &[u8]) -> String {
        URL_SAFE.encode(bytes)
    }

    pub(crate) fn standard(bytes: &[u8]) -> String {
        STANDARD.encode(bytes)
    }
}

/// The header and the claims of a token.
pub(crate) fn decode(jwt: &str) -> (Value, Value) {
    let mut parts = jwt.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    let mut next = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (next(), next())
}
