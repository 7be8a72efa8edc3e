//! The client assertion: the JWT by which an account proves to Entra ID that it has its private key.
//!
//! Form after learn.microsoft.com/entra/identity-platform/certificate-credentials (2025-01) and RFC 7523 §3.
//! A fresh one is signed for each request and none is kept. Time and `jti` come in as arguments.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use time::{Duration, OffsetDateTime};

pub use crate::key::SignError;
use crate::{
    details::{sha1, sha256},
    key::SigningKey,
};

/// How an assertion is signed and how it names its certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// PS256 and `x5t#S256`: what Microsoft documents now.
    #[default]
    Ps256,
    /// RS256 and `x5t`: what it documented before; other identity providers may know only this one.
    Rs256,
}

/// What an assertion says.
#[derive(Debug, Clone, Copy)]
pub struct Claims<'a> {
    /// The application (client) ID: `iss` and `sub`.
    pub client_id: &'a str,
    /// The URL of the token endpoint that it is sent to: `aud`.
    pub audience: &'a str,
    /// Now: `iat` and `nbf`.
    pub issued_at: OffsetDateTime,
    /// How long it can be used; Microsoft advises 5 to 10 minutes.
    pub lifetime: Duration,
    /// Unique for each assertion.
    pub jti: &'a str,
}

#[derive(Serialize)]
struct Header {
    alg: &'static str,
    typ: &'static str,
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    thumbprint_sha256: Option<String>,
    #[serde(rename = "x5t", skip_serializing_if = "Option::is_none")]
    thumbprint_sha1: Option<String>,
}

#[derive(Serialize)]
struct Payload<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: &'a str,
    nbf: i64,
    iat: i64,
    exp: i64,
}

/// Signs an assertion in compact form (RFC 7515 §3.1).
pub fn sign(key: &SigningKey, leaf_der: &[u8], form: Form, claims: &Claims<'_>) -> Result<String, SignError> {
    let signed = format!("{}.{}", encode(&header(leaf_der, form)), encode(&payload(claims)));
    let signature = match form {
        Form::Ps256 => key.sign_ps256(signed.as_bytes())?,
        Form::Rs256 => key.sign_rs256(signed.as_bytes())?,
    };
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn header(leaf_der: &[u8], form: Form) -> Header {
    match form {
        Form::Ps256 => Header {
            alg: "PS256",
            typ: "JWT",
            thumbprint_sha256: Some(URL_SAFE_NO_PAD.encode(sha256(leaf_der))),
            thumbprint_sha1: None,
        },
        Form::Rs256 => Header {
            alg: "RS256",
            typ: "JWT",
            thumbprint_sha256: None,
            thumbprint_sha1: Some(URL_SAFE_NO_PAD.encode(sha1(leaf_der))),
        },
    }
}

fn payload<'a>(claims: &Claims<'a>) -> Payload<'a> {
    let issued_at = claims.issued_at.unix_timestamp();
    Payload {
        aud: claims.audience,
        iss: claims.client_id,
        sub: claims.client_id,
        jti: claims.jti,
        nbf: issued_at,
        iat: issued_at,
        exp: issued_at.saturating_add(claims.lifetime.whole_seconds()),
    }
}

fn encode(part: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(part).expect("strings and numbers are always JSON"))
}
