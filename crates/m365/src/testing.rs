//! What the unit tests of this room share: an account, a clock, and a provider's signing key.

use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::account::{Account, Credential, SignIn, Transport};
use crate::cloud::{Cloud, CloudSettings};
use crate::secret::Secret;

pub(crate) const CLIENT_ID: &str = "11112222-aaaa-3333-bbbb-4444cccc5555";
pub(crate) const TENANT_ID: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";

pub(crate) fn now() -> OffsetDateTime {
    datetime!(2026-11-21 12:00 UTC)
}

pub(crate) fn account(login: &str) -> Account {
    let cloud = Cloud::try_from(CloudSettings {
        name: "test".to_owned(),
        login: login.to_owned(),
        graph: "https://graph.example".to_owned(),
        outlook_scope: "https://outlook.example".to_owned(),
        outlook_app_scope: "https://outlook-app.example".to_owned(),
        smtp: "localhost:2587".to_owned(),
        ca_pem: None,
        discovery: None,
    });
    Account {
        id: "account-1".to_owned(),
        version: 1,
        cloud: Arc::new(cloud.unwrap()),
        tenant: TENANT_ID.parse().unwrap(),
        client_id: CLIENT_ID.parse().unwrap(),
        credential: Credential::Secret(Secret::new("the~secret")),
        sign_in: SignIn::Delegated,
        transport: Transport::Graph,
        from: None,
        mailbox: None,
    }
}

/// Signs ID tokens as a provider does.
pub(crate) struct TokenSigner {
    kid: &'static str,
    key: KeyPair,
}

impl TokenSigner {
    pub(crate) fn new(kid: &'static str) -> Self {
        Self { kid, key: KeyPair::generate(KeySize::Rsa2048).unwrap() }
    }

    pub(crate) fn jwks(&self) -> Value {
        let public = self.key.public_key();
        let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let modulus = number(public.modulus().big_endian_without_leading_zero());
        let exponent = number(public.exponent().big_endian_without_leading_zero());
        json!({"keys": [{"kty": "RSA", "use": "sig", "kid": self.kid, "n": modulus, "e": exponent}]})
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let signed = self.assemble(&json!({"typ": "JWT", "alg": "RS256", "kid": self.kid}), claims, b"");
        let signed = signed.trim_end_matches('.');
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The classic confusion: the public key, which everyone has, used as an HMAC secret.
    pub(crate) fn sign_hs256_with_public_key(&self, claims: &Value) -> String {
        let public: PublicKeyX509Der<'_> = self.key.public_key().as_der().unwrap();
        let signed = self.assemble(&json!({"alg": "HS256", "kid": self.kid}), claims, b"");
        let signed = signed.trim_end_matches('.');
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, public.as_ref()), signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    pub(crate) fn assemble(&self, header: &Value, claims: &Value, signature: &[u8]) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.{}", part(header), part(claims), URL_SAFE_NO_PAD.encode(signature))
    }
}
