//! What the unit tests of this room share: an account, a clock, and a provider's signing key.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use certs::{GenerateOptions, KeyBits, Subject, ValidityDays};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::account::{Account, ClientCertificate, Credential, SignIn, Transport};
use crate::cloud::{Cloud, CloudSettings};
use crate::connection::{Connection, ConnectionOptions};
use crate::proxy::ProxyChoice;
use crate::scripted::{self, http::Play};
use crate::secret::Secret;
use crate::trust::Roots;

pub(crate) const CLIENT_ID: &str = "11112222-aaaa-3333-bbbb-4444cccc5555";
pub(crate) const TENANT_ID: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";

pub(crate) fn now() -> OffsetDateTime {
    datetime!(2026-11-21 12:00 UTC)
}

pub(crate) fn account(login: &str) -> Account {
    account_in(login, None)
}

/// An account at a plain OpenID provider, whose document has the usual place.
pub(crate) fn account_elsewhere(provider: &str) -> Account {
    account_in(provider, Some(format!("{provider}/.well-known/openid-configuration")))
}

fn account_in(login: &str, discovery: Option<String>) -> Account {
    let cloud = Cloud::try_from(CloudSettings {
        name: "test".to_owned(),
        login: login.to_owned(),
        graph: "https://graph.example".to_owned(),
        outlook_scope: "https://outlook.example".to_owned(),
        outlook_app_scope: "https://outlook-app.example".to_owned(),
        smtp: "localhost:2587".to_owned(),
        ca_pem: None,
        discovery,
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

/// A connection for the account that trusts the built-in roots and takes no proxy.
pub(crate) fn connect(account: &Account) -> Connection {
    connect_with(account, &direct())
}

pub(crate) fn connect_with(account: &Account, options: &ConnectionOptions) -> Connection {
    Connection::new(Arc::clone(&account.cloud), options).unwrap()
}

pub(crate) fn direct() -> ConnectionOptions {
    ConnectionOptions { roots: Roots::BuiltIn, proxy: ProxyChoice::Direct, ..ConnectionOptions::default() }
}

/// A certificate of its own, with the key that matches it.
pub(crate) fn client_certificate() -> ClientCertificate {
    let options = GenerateOptions {
        subject: Subject::common_name("Postern test").unwrap(),
        key_bits: KeyBits::default(),
        days: ValidityDays::default(),
    };
    let made = certs::generate(&options, now()).unwrap();
    ClientCertificate { leaf_der: made.leaf_der().to_vec(), key: made.into_key() }
}

/// A posted form, each field once.
pub(crate) fn read_form(body: &str) -> HashMap<String, String> {
    url::form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

/// The claims of a JWT, unverified.
pub(crate) fn read_claims(token: &str) -> Value {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

/// An answer with a token that lives an hour, and the refresh token where one is given.
pub(crate) fn token_answer(access_token: &str, refresh_token: Option<&str>) -> Play {
    let mut members = json!({"token_type": "Bearer", "expires_in": 3600, "access_token": access_token});
    if let Some(refresh_token) = refresh_token {
        members["refresh_token"] = json!(refresh_token);
    }
    scripted::http::answer(200, &members.to_string())
}

/// A refusal in Entra's form.
pub(crate) fn refusal(status: u16, error: &str, code: u32) -> Play {
    let members = json!({
        "error": error, "error_codes": [code], "trace_id": "trace-1",
        "error_description": format!("AADSTS{code}: No. Trace ID: trace-1 Correlation ID: c Timestamp: t"),
    });
    scripted::http::answer_with(status, &[("Retry-After", "0")], &members.to_string())
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
        self.sign_under(&json!({"typ": "JWT", "alg": "RS256", "kid": self.kid}), claims)
    }

    /// As providers with one key do.
    pub(crate) fn sign_without_kid(&self, claims: &Value) -> String {
        self.sign_under(&json!({"alg": "RS256"}), claims)
    }

    fn sign_under(&self, header: &Value, claims: &Value) -> String {
        let signed = self.assemble(header, claims, b"");
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
