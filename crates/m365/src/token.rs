//! Asks the token endpoint: as the application, with a refresh token, with a code, with a device code.
//!
//! Each request is proved by a fresh assertion (or the secret), is for one resource, and goes to the login
//! host of the account's own cloud only. What comes back is opaque. Neighbours: `cache` keeps the tokens,
//! `authorize` and `device_code` bring the first refresh token.

mod cache;
mod hints;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use time::{Duration, OffsetDateTime};
use url::form_urlencoded;
use uuid::Uuid;
use zeroize::Zeroizing;

use certs::assertion::{self, Claims};

use crate::account::{Account, ClientCertificate, Credential};
use crate::connection::{Answer, Connection};
use crate::failure::{EntraRefusal, Failure, LocalTrouble};
use crate::provider::{Doors, SecretPlace};
use crate::scope::{self, Resource};
use crate::secret::{AccessToken, AuthorizationCode, DeviceSecret, RefreshToken, Verifier};

pub use cache::{Fetches, Tokens};
pub use hints::TokenHints;

/// What a refresh or a request as the application brought.
#[derive(Debug, Clone)]
pub struct Issued {
    /// Opens the resource.
    pub access_token: AccessToken,
    /// When it was asked for.
    pub obtained_at: OffsetDateTime,
    /// When it ends, counted from then.
    pub expires_at: OffsetDateTime,
    /// What it allows, as the answer says; empty where the answer doesn't.
    pub scopes: Vec<String>,
    /// The successor of the refresh token that was used, where there is one.
    pub refresh_token: Option<RefreshToken>,
}

/// A token as the application itself (RFC 6749 §4.4). Tried once more where that is harmless.
pub async fn client_credentials(
    connection: &Connection,
    account: &Account,
    resource: Resource,
    now: OffsetDateTime,
) -> Result<Issued, Failure> {
    let scope = scope::to_act_as_application(account, resource);
    let grant = Grant::Application { scope: &scope };
    let answer = connection.with_one_retry(|| request_token(connection, account, &grant, now)).await?;
    Ok(answer.issued)
}

/// A token for one resource from the refresh token (RFC 6749 §6). Tried once more where that is harmless:
/// Entra doesn't revoke the old one by its use (facts 3.2).
pub async fn refresh(
    connection: &Connection,
    account: &Account,
    resource: Resource,
    refresh_token: &RefreshToken,
    now: OffsetDateTime,
) -> Result<Issued, Failure> {
    let scope = scope::to_refresh(account, resource);
    let grant = Grant::Refresh { refresh_token, scope: &scope };
    let answer = connection.with_one_retry(|| request_token(connection, account, &grant, now)).await?;
    Ok(answer.issued)
}

/// By what right a token is asked for.
pub(crate) enum Grant<'a> {
    Application { scope: &'a str },
    Refresh { refresh_token: &'a RefreshToken, scope: &'a str },
    Code { code: &'a AuthorizationCode, redirect_uri: &'a str, verifier: &'a Verifier, scope: &'a str },
    DeviceCode { device_code: &'a DeviceSecret },
}

/// An answer with tokens.
pub(crate) struct TokenAnswer {
    pub(crate) issued: Issued,
    pub(crate) id_token: Option<Zeroizing<String>>,
}

/// One request, never repeated here.
pub(crate) async fn request_token(
    connection: &Connection,
    account: &Account,
    grant: &Grant<'_>,
    now: OffsetDateTime,
) -> Result<TokenAnswer, Failure> {
    let doors = connection.find_doors(&account.tenant).await?;
    let mut form = Form::default();
    form.add("client_id", account.client_id.as_str());
    form.add_grant(grant);
    let answer = form.post_proved(connection, account, &doors, &doors.token, now).await?;
    read_tokens(&answer, now)
}

type Field = (&'static str, Zeroizing<String>);

/// The fields of a request.
#[derive(Default)]
pub(crate) struct Form(Vec<Field>);

/// What proves who asks.
pub(crate) enum Proof {
    Fields(Vec<Field>),
    /// The value of `Authorization`.
    Header(Zeroizing<String>),
}

/// All proofs of the account, in the order in which they are tried: a fresh assertion each time (RFC 7523 §2.2, facts
/// 2.2) in the forms that the provider knows, or the secret in the places that it knows.
fn proofs(account: &Account, doors: &Doors, now: OffsetDateTime) -> Result<Vec<Proof>, Failure> {
    let secret = match &account.credential {
        Credential::Secret(secret) => secret.expose(),
        Credential::Certificate(certificate) => {
            let sign = |form: &assertion::Form| assert_identity(account, certificate, *form, doors, now);
            return doors.assertions.iter().map(|form| sign(form).map(Proof::Fields)).collect();
        }
    };
    let say = |place: &SecretPlace| match place {
        SecretPlace::Form => Proof::Fields(vec![("client_secret", Zeroizing::new(secret.to_owned()))]),
        SecretPlace::Header => Proof::Header(basic(account.client_id.as_str(), secret)),
    };
    Ok(doors.secret_places.iter().map(say).collect())
}

fn assert_identity(
    account: &Account,
    certificate: &ClientCertificate,
    form: assertion::Form,
    doors: &Doors,
    now: OffsetDateTime,
) -> Result<Vec<Field>, Failure> {
    let jti = Uuid::new_v4().to_string();
    let claims = Claims {
        client_id: account.client_id.as_str(),
        audience: &doors.audience,
        issued_at: now,
        lifetime: ASSERTION_LIFETIME,
        jti: &jti,
    };
    let signed = assertion::sign(&certificate.key, &certificate.leaf_der, form, &claims)
        .map_err(|error| unsigned(&error))?;
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned();
    Ok(vec![("client_assertion_type", Zeroizing::new(kind)), ("client_assertion", Zeroizing::new(signed))])
}

/// Name and secret are percent-encoded before they are joined (RFC 6749 §2.3.1). Not all servers decode them, so what
/// need not be encoded isn't: then the usual secrets look the same either way.
fn basic(client_id: &str, secret: &str) -> Zeroizing<String> {
    let mut pair = Zeroizing::new(String::new());
    encode_into(&mut pair, client_id);
    pair.push(':');
    encode_into(&mut pair, secret);
    Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
}

fn encode_into(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
}

impl Form {
    pub(crate) fn add(&mut self, name: &'static str, value: &str) {
        self.0.push((name, Zeroizing::new(value.to_owned())));
    }

    /// Posts the form with the proof of who asks. Where there are two ways to say it, the second is tried when the
    /// first isn't taken: a code or refresh token hasn't been looked at then (RFC 6749 §4.1.3, §6).
    pub(crate) async fn post_proved(
        &self,
        connection: &Connection,
        account: &Account,
        doors: &Doors,
        to: &url::Url,
        now: OffsetDateTime,
    ) -> Result<Answer, Failure> {
        let proofs = proofs(account, doors, now)?;
        let (last, others) = proofs.split_last().expect("an account proves itself in one way at least");
        for proof in others {
            match self.post(connection, to, Some(proof)).await {
                Err(Failure::Entra(refusal)) if is_about_proof(&refusal) => {}
                answer => return answer,
            }
        }
        self.post(connection, to, Some(last)).await
    }

    /// Posts the form and takes a refusal out of the answer.
    pub(crate) async fn post(
        &self,
        connection: &Connection,
        to: &url::Url,
        proof: Option<&Proof>,
    ) -> Result<Answer, Failure> {
        let no_fields: &[Field] = &[];
        let (fields, header) = match proof {
            Some(Proof::Fields(fields)) => (&fields[..], None),
            Some(Proof::Header(value)) => (no_fields, Some(value)),
            None => (no_fields, None),
        };
        let mut request = connection
            .http()
            .post(to.clone())
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(self.encode(fields));
        if let Some(value) = header {
            request = request.header("authorization", value.as_str());
        }
        let answer = connection.exchange(request).await?;
        match answer.is_success() {
            true => Ok(answer),
            false => Err(read_refusal(&answer).into()),
        }
    }

    fn encode(&self, proof: &[Field]) -> String {
        let pairs = self.0.iter().chain(proof).map(|(name, value)| (name, value.as_str()));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }

    fn add_grant(&mut self, grant: &Grant<'_>) {
        match grant {
            Grant::Application { scope } => {
                self.add("grant_type", "client_credentials");
                self.add("scope", scope);
            }
            Grant::Refresh { refresh_token, scope } => {
                self.add("grant_type", "refresh_token");
                self.add("refresh_token", refresh_token.expose());
                self.add("scope", scope);
            }
            Grant::Code { code, redirect_uri, verifier, scope } => {
                self.add("grant_type", "authorization_code");
                self.add("code", code.expose());
                self.add("redirect_uri", redirect_uri);
                self.add("code_verifier", verifier.expose());
                self.add("scope", scope);
            }
            Grant::DeviceCode { device_code } => {
                self.add("grant_type", "urn:ietf:params:oauth:grant-type:device_code");
                self.add("device_code", device_code.expose());
            }
        }
    }
}

/// Microsoft advises 5 to 10 minutes (facts 2.2).
const ASSERTION_LIFETIME: Duration = Duration::minutes(10);
/// Where an answer doesn't say: short, so that a wrong guess costs a request and no failure.
const UNSAID_LIFETIME: Duration = Duration::minutes(5);
/// More than any token lives (28 hours, facts 3.2): a larger number must not overflow a date.
const LONGEST_LIFETIME_SECONDS: i64 = 7 * 24 * 60 * 60;

/// Whether the way of proof is what the provider doesn't take. Not all say it as RFC 6749 §5.2 has it.
fn is_about_proof(refusal: &EntraRefusal) -> bool {
    matches!(refusal.error.as_str(), "invalid_client" | "unauthorized_client") || refusal.status == 401
}

fn read_refusal(answer: &Answer) -> EntraRefusal {
    let mut refusal = EntraRefusal::from_answer(answer.status, &answer.body, answer.retry_after());
    refusal.correlation_id.get_or_insert_with(|| answer.client_request_id.clone());
    refusal
}

/// RFC 6749 §5.1. `expires_in` is a number, at some providers a text.
fn read_tokens(answer: &Answer, now: OffsetDateTime) -> Result<TokenAnswer, Failure> {
    let members: Value =
        serde_json::from_slice(&answer.body).map_err(|_| answer.unreadable("not a token answer"))?;
    let text = |name: &str| members[name].as_str().filter(|text| !text.is_empty());
    let access_token = match (text("access_token"), text("error")) {
        (Some(token), _) => token,
        // A refusal by a status of success.
        (None, Some(_)) => return Err(read_refusal(answer).into()),
        (None, None) => return Err(answer.unreadable("a token answer without a token")),
    };
    // It is required (RFC 6749 §5.1), and some providers leave it out all the same.
    if text("token_type").is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(answer.unreadable("a token of another type than Bearer"));
    }
    let scopes = text("scope").unwrap_or_default().split_whitespace().map(str::to_owned);
    Ok(TokenAnswer {
        issued: Issued {
            access_token: AccessToken::new(access_token),
            obtained_at: now,
            expires_at: now + read_lifetime(&members["expires_in"]),
            scopes: scopes.collect(),
            refresh_token: text("refresh_token").map(RefreshToken::new),
        },
        id_token: text("id_token").map(|token| Zeroizing::new(token.to_owned())),
    })
}

/// For `dirt`.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_dirt(answer: &Answer, now: OffsetDateTime) {
    // Only that it comes back counts.
    let _ = read_tokens(answer, now);
    let _ = read_refusal(answer);
}

fn read_lifetime(member: &Value) -> Duration {
    let seconds = member.as_i64().or_else(|| member.as_str()?.parse().ok());
    match seconds {
        Some(seconds) => Duration::seconds(seconds.clamp(0, LONGEST_LIFETIME_SECONDS)),
        None => UNSAID_LIFETIME,
    }
}

fn unsigned(error: &dyn std::fmt::Display) -> Failure {
    LocalTrouble::new(
        "assertion_not_signed",
        format!("the certificate's key can't sign: {error}"),
        "Replace the certificate by a new one.",
    )
    .into()
}

#[cfg(test)]
mod tests;
