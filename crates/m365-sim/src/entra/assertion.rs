//! Verifies a client assertion (private_key_jwt) as Entra does, in the order of facts §9.
//! It trusts nothing but the certificates registered on this very application.

use super::refusal::{self, Refusal};
use crate::tenant::Tenant;
use crate::web::Call;
use crate::world::{App, RegisteredCertificate, World};
use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    UnparsedPublicKey,
};
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;
use time::{Duration, OffsetDateTime};
use url::Url;

/// Clock skew that Entra lets pass (about; facts 2.2).
const SKEW: Duration = Duration::minutes(5);
/// MSAL.NET's own cap on an assertion (facts 2.2).
const MAX_CHARS: usize = 65_536;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// A JWT taken apart; nothing in it is verified.
struct UnverifiedAssertion<'a> {
    signed: &'a str,
    signature: Vec<u8>,
    header: Value,
    claims: Value,
}

/// The client id that an assertion claims, for requests without the parameter.
pub(crate) fn claimed_client(jwt: &str) -> Option<String> {
    let assertion = parse(jwt).ok()?;
    text(&assertion.claims, "sub").or_else(|| text(&assertion.claims, "iss")).map(str::to_owned)
}

/// Verifies `jwt` as the credential of `client_id`.
///
/// # Errors
/// The refusal that comes first in Entra's order.
pub(crate) fn verify(
    jwt: &str,
    client_id: &str,
    world: &World,
    tenant: &Tenant,
    call: &Call,
) -> Result<(), Refusal> {
    let assertion = parse(jwt)?;
    let UnverifiedAssertion { header, claims, .. } = &assertion;
    text(claims, "iss").ok_or_else(|| refusal::assertion_claim_missing("iss"))?;
    audience(claims).ok_or_else(|| refusal::assertion_claim_missing("aud"))?;
    let algorithm = algorithm(header)?;
    let named = named_keys(header)?;
    check_client(claims, client_id)?;
    let app = world.app(client_id).ok_or_else(|| refusal::app_not_found(client_id, &world.tenant.name))?;
    let certificate = find_certificate(world, app, &named, client_id)?;
    check_life(certificate, tenant.now(), client_id)?;
    check_signature(&assertion, certificate, algorithm, client_id)?;
    check_audience(claims, world, tenant, call)?;
    check_time(claims, tenant.now())
}

/// Whether a proof of possession (additions B5) was signed by a valid key of this application: its issuer is the
/// application's object id, it lives ten minutes at most, and it has no padding.
pub(crate) fn proves_possession(jwt: &str, app: &App, now: OffsetDateTime) -> bool {
    let Ok(assertion) = parse(jwt).map_err(|_| ()) else { return false };
    let UnverifiedAssertion { header, claims, .. } = &assertion;
    let (Ok(algorithm), false) = (algorithm(header), jwt.contains('=')) else { return false };
    let (Some(from), Some(until)) = (instant(claims, "nbf"), instant(claims, "exp")) else { return false };
    let in_time = until - from <= Duration::minutes(10) && from - SKEW <= now && now <= until + SKEW;
    let for_us = text(claims, "aud") == Some("00000002-0000-0000-c000-000000000000");
    let of_app = text(claims, "iss").is_some_and(|iss| iss.eq_ignore_ascii_case(&app.object_id.to_string()));
    let id = app.client_id.to_string();
    let signed = app.certificates.iter().any(|certificate| {
        check_life(certificate, now, &id).is_ok()
            && check_signature(&assertion, certificate, algorithm, &id).is_ok()
    });
    in_time && for_us && of_app && signed
}

fn parse(jwt: &str) -> Result<UnverifiedAssertion<'_>, Refusal> {
    let malformed = refusal::assertion_malformed;
    if jwt.len() > MAX_CHARS {
        return Err(malformed());
    }
    let (signed, signature) = jwt.rsplit_once('.').ok_or_else(malformed)?;
    let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
    let object = |part: &str| -> Result<Value, Refusal> {
        let bytes = URL_SAFE.decode(part).map_err(|_| malformed())?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| malformed())?;
        value.is_object().then_some(value).ok_or_else(malformed)
    };
    let signature = URL_SAFE.decode(signature).map_err(|_| malformed())?;
    Ok(UnverifiedAssertion { signed, signature, header: object(header)?, claims: object(claims)? })
}

fn algorithm(header: &Value) -> Result<&'static RsaParameters, Refusal> {
    let name = text(header, "alg").unwrap_or("none");
    match name {
        "RS256" => Ok(&RSA_PKCS1_2048_8192_SHA256),
        "RS384" => Ok(&RSA_PKCS1_2048_8192_SHA384),
        "RS512" => Ok(&RSA_PKCS1_2048_8192_SHA512),
        "PS256" => Ok(&RSA_PSS_2048_8192_SHA256),
        "PS384" => Ok(&RSA_PSS_2048_8192_SHA384),
        "PS512" => Ok(&RSA_PSS_2048_8192_SHA512),
        _ => Err(refusal::assertion_algorithm(name)),
    }
}

/// The thumbprints that a header names, SHA-1 or SHA-256, as bytes.
fn named_keys(header: &Value) -> Result<Vec<Vec<u8>>, Refusal> {
    let mut named: Vec<Vec<u8>> =
        ["x5t#S256", "x5t"].iter().filter_map(|name| thumbprint(text(header, name)?)).collect();
    if let Some(certificate) = first_of_chain(header) {
        named.push(certificate.thumbprint_sha256());
    }
    if let Some(kid) = text(header, "kid") {
        named.extend(hex::decode(kid).ok().or_else(|| thumbprint(kid)));
    }
    if named.is_empty() { Err(refusal::assertion_names_no_key()) } else { Ok(named) }
}

/// base64url or standard base64, padded or not: all are seen in shipping clients (facts 2.2).
fn thumbprint(value: &str) -> Option<Vec<u8>> {
    URL_SAFE.decode(value).or_else(|_| STANDARD.decode(value)).ok().filter(|bytes| !bytes.is_empty())
}

/// `x5c` is a list or a single string, and may have line breaks in it.
fn first_of_chain(header: &Value) -> Option<RegisteredCertificate> {
    let chain = header.get("x5c")?;
    let first = chain.as_str().or_else(|| chain.get(0)?.as_str())?;
    let plain: String = first.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    RegisteredCertificate::from_der(&STANDARD.decode(plain).ok()?).ok()
}

/// RFC 7523, 3: iss and sub are the client id.
fn check_client(claims: &Value, client_id: &str) -> Result<(), Refusal> {
    let is_client = |name| text(claims, name).is_some_and(|value| value.eq_ignore_ascii_case(client_id));
    if is_client("iss") && is_client("sub") { Ok(()) } else { Err(refusal::assertion_of_another_client()) }
}

fn find_certificate<'a>(
    world: &World,
    app: &'a App,
    named: &[Vec<u8>],
    client_id: &str,
) -> Result<&'a RegisteredCertificate, Refusal> {
    let is_named = |certificate: &&RegisteredCertificate| {
        named.contains(&certificate.thumbprint_sha1()) || named.contains(&certificate.thumbprint_sha256())
    };
    let is_seen = |certificate: &&RegisteredCertificate| {
        !world.is_unseen(&format!("{}/{}", app.object_id, thumbprint_hex(certificate)))
    };
    app.certificates.iter().filter(is_seen).find(is_named).ok_or_else(|| {
        let thumbprint = hex::encode_upper(&named[0]);
        refusal::certificate("The key was not found.", &thumbprint, None, client_id)
    })
}

fn check_life(
    certificate: &RegisteredCertificate,
    now: OffsetDateTime,
    client_id: &str,
) -> Result<(), Refusal> {
    let life = (certificate.not_before(), certificate.not_after());
    let refuse =
        |reason| Err(refusal::certificate(reason, &thumbprint_hex(certificate), Some(life), client_id));
    if now > life.1 {
        return refuse("The key used is expired.");
    }
    if now < life.0 {
        return refuse("The key used is not yet valid.");
    }
    Ok(())
}

fn check_signature(
    assertion: &UnverifiedAssertion<'_>,
    certificate: &RegisteredCertificate,
    algorithm: &'static RsaParameters,
    client_id: &str,
) -> Result<(), Refusal> {
    if (1..2048).contains(&certificate.key_bits()) {
        return Err(refusal::weak_key(certificate.key_bits()));
    }
    let key = UnparsedPublicKey::new(algorithm, certificate.public_key());
    key.verify(assertion.signed.as_bytes(), &assertion.signature).map_err(|_| {
        let reason = "The provided signature value did not match the expected signature value.";
        let life = (certificate.not_before(), certificate.not_after());
        refusal::certificate(reason, &thumbprint_hex(certificate), Some(life), client_id)
    })
}

/// The token endpoint under the tenant's id or domain, or the tenant's issuer (facts 2.2).
fn check_audience(claims: &Value, world: &World, tenant: &Tenant, call: &Call) -> Result<(), Refusal> {
    let audience = audience(claims).and_then(|aud| Url::parse(aud).ok());
    let accepted = audience.is_some_and(|url| {
        let host = url.host_str().unwrap_or_default();
        let called = call.host.split(':').next().unwrap_or_default();
        let here = tenant.is_login_host(host) || host.eq_ignore_ascii_case(called);
        let path: Vec<&str> = url.path().trim_matches('/').split('/').collect();
        let of_tenant = path.first().is_some_and(|name| super::names_tenant(name, world));
        url.scheme() == "https"
            && here
            && of_tenant
            && matches!(path[1..], ["oauth2", "v2.0", "token"] | ["v2.0"])
    });
    if accepted { Ok(()) } else { Err(refusal::assertion_audience()) }
}

/// One audience, as a text or as a list (RFC 7519, 4.1.3).
fn audience(claims: &Value) -> Option<&str> {
    match claims.get("aud")?.as_array().map(Vec::as_slice) {
        Some([only]) => only.as_str().filter(|aud| !aud.is_empty()),
        Some(_) => None,
        None => text(claims, "aud"),
    }
}

fn check_time(claims: &Value, now: OffsetDateTime) -> Result<(), Refusal> {
    let until = instant(claims, "exp").ok_or_else(|| refusal::assertion_claim_missing("exp"))?;
    let from = instant(claims, "nbf").or_else(|| instant(claims, "iat"));
    if now > until + SKEW || from.is_some_and(|from| now + SKEW < from) {
        return Err(refusal::assertion_time(now, from, until));
    }
    Ok(())
}

/// A NumericDate as number (whole or not) or as numeric text (facts 2.2, MSAL.NET).
fn instant(claims: &Value, name: &str) -> Option<OffsetDateTime> {
    let value = claims.get(name)?;
    let seconds = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
    #[expect(clippy::cast_possible_truncation, reason = "a float outside i64 saturates and is refused below")]
    let seconds = seconds.floor() as i64;
    OffsetDateTime::from_unix_timestamp(seconds).ok()
}

fn thumbprint_hex(certificate: &RegisteredCertificate) -> String {
    hex::encode_upper(certificate.thumbprint_sha1())
}

fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str().filter(|value| !value.is_empty())
}
