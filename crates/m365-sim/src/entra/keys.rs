//! The tenant's token signing key, its JWKS, and the access tokens' signatures.
//! New at each start. Graph's tokens carry a header `nonce` and are signed over its hash, so that clients
//! can't verify them: they are opaque (facts 3.3).

use crate::world::RegisteredCertificate;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256};
use serde_json::{Map, Value, json};

pub(crate) struct SigningKeys {
    pair: RsaKeyPair,
    certificate_der: Vec<u8>,
    kid: String,
}

/// Whether a token's header carries the nonce of Graph's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seal {
    /// Verifiable with the JWKS.
    Open,
    /// Verifiable by the resource only.
    Opaque,
}

impl SigningKeys {
    pub(crate) fn generate() -> anyhow::Result<Self> {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "accounts.accesscontrol.windows.net (SIMULATED)");
        let certificate_der = params.self_signed(&key)?.der().to_vec();
        let kid =
            URL_SAFE_NO_PAD.encode(RegisteredCertificate::from_der(&certificate_der)?.thumbprint_sha1());
        let pair = RsaKeyPair::from_pkcs8(key.serialized_der())?;
        Ok(Self { pair, certificate_der, kid })
    }

    /// The key set (facts 1.4): `kid` equals `x5t`.
    pub(crate) fn jwks(&self, issuer: &str) -> Value {
        let public = self.pair.public_key().as_ref();
        let (modulus, exponent) = crate::world::rsa_parts(public).expect("the key pair is RSA");
        json!({"keys": [{
            "kty": "RSA",
            "use": "sig",
            "kid": self.kid,
            "x5t": self.kid,
            "n": URL_SAFE_NO_PAD.encode(modulus),
            "e": URL_SAFE_NO_PAD.encode(exponent),
            "x5c": [STANDARD.encode(&self.certificate_der)],
            "issuer": issuer,
        }]})
    }

    /// A signed JWT.
    pub(crate) fn sign(&self, claims: &Map<String, Value>, seal: Seal) -> String {
        let mut header = json!({"typ": "JWT"});
        if seal == Seal::Opaque {
            header["nonce"] = json!(crate::random::token(32));
        }
        header["alg"] = json!("RS256");
        header["x5t"] = json!(self.kid);
        header["kid"] = json!(self.kid);
        let payload = URL_SAFE_NO_PAD.encode(Value::Object(claims.clone()).to_string());
        let signed = format!("{}.{payload}", signed_header(&header));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .expect("an RSA key of 2048 bits signs");
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The claims of a token that this key signed; neither life nor audience is checked.
    pub(crate) fn verify(&self, token: &str) -> Result<Value, TokenFault> {
        let parts: Vec<&str> = token.split('.').collect();
        let [header, payload, signature] = parts[..] else { return Err(TokenFault::NotWellFormed) };
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenFault::NotWellFormed);
        let header: Value =
            serde_json::from_slice(&decode(header)?).map_err(|_| TokenFault::NotWellFormed)?;
        let claims = serde_json::from_slice(&decode(payload)?).map_err(|_| TokenFault::NotWellFormed)?;
        let signed = format!("{}.{payload}", signed_header(&header));
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.pair.public_key());
        key.verify(signed.as_bytes(), &decode(signature)?).map_err(|_| TokenFault::Signature)?;
        Ok(claims)
    }
}

/// Why a token isn't one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenFault {
    NotWellFormed,
    Signature,
}

/// What is signed in place of the header: the same with the nonce hashed.
fn signed_header(header: &Value) -> String {
    let mut header = header.clone();
    if let Some(nonce) = header.get("nonce").and_then(Value::as_str) {
        header["nonce"] = json!(URL_SAFE_NO_PAD.encode(crate::world::sha256(nonce.as_bytes())));
    }
    URL_SAFE_NO_PAD.encode(header.to_string())
}
