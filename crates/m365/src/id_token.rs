//! Who signed in, proved: the ID token is checked before a word of it is believed (OpenID Connect Core
//! §3.1.3.7).
//!
//! RS256 only, by a key of the provider's own set; audience, issuer, tenant, nonce and time must all fit.
//! Only [`verify`] makes an [`IdToken`]. Neighbours: `provider` has the keys, `signed_in` asks.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use mail::Address;
use serde_json::Value;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::failure::{Failure, LocalTrouble};
use crate::secret::Nonce;
use crate::tenant::{ClientId, Tenant};

/// The provider's RSA keys, with their `kid` where they have one.
pub(crate) struct SigningKeys(Vec<(Option<String>, DecodingKey)>);

/// What the token has to fit.
pub(crate) struct Expected<'a> {
    pub(crate) client_id: &'a ClientId,
    pub(crate) issuer: &'a str,
    /// As the account has it: a GUID pins the token's `tid`.
    pub(crate) tenant: &'a Tenant,
    /// The GUID that Entra's issuer names; then the token must have a `tid`.
    pub(crate) tenant_id: Option<Uuid>,
    /// None only where the flow has no nonce (device code).
    pub(crate) nonce: Option<&'a Nonce>,
    pub(crate) now: OffsetDateTime,
}

/// What a checked ID token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdToken {
    /// The name that the person signs in with.
    pub(crate) user: String,
    /// `oid`; elsewhere than at Entra `sub`. With the tenant it is who this is (facts 3.3).
    pub(crate) user_oid: String,
    /// `tid`.
    pub(crate) tenant_id: Option<String>,
}

/// Why an ID token isn't believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Distrust {
    #[error("it isn't a signed token")]
    Malformed,
    #[error("it isn't signed with RS256")]
    Algorithm,
    #[error("it is signed with a key that the provider doesn't publish")]
    UnknownKey,
    #[error("its signature is wrong")]
    Signature,
    #[error("it is meant for another application")]
    Audience,
    #[error("it was issued by someone else")]
    Issuer,
    #[error("it is of another tenant")]
    Tenant,
    #[error("it belongs to another sign-in")]
    Nonce,
    #[error("it has expired, or has no expiry")]
    Expired,
    #[error("it isn't valid yet")]
    NotYetValid,
    #[error("it doesn't say who signed in")]
    Subject,
}

impl SigningKeys {
    /// Reads a JWKS. Keys of other types and uses are passed over: they can't sign what we accept.
    pub(crate) fn read(document: &Value) -> Self {
        let keys = document["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
        Self(keys.iter().filter_map(read_key).collect())
    }

    /// The key of this name; where a token names none, the only one there is (OpenID Connect Core §10.1).
    fn find(&self, kid: Option<&str>) -> Option<&DecodingKey> {
        match (kid, &self.0[..]) {
            (Some(kid), keys) => {
                keys.iter().find(|(name, _)| name.as_deref() == Some(kid)).map(|(_, key)| key)
            }
            (None, [(_, only)]) => Some(only),
            (None, _) => None,
        }
    }

    pub(crate) fn has(&self, kid: Option<&str>) -> bool {
        self.find(kid).is_some()
    }
}

/// Which key an unverified token claims to be signed with: to know what to fetch, nothing else.
pub(crate) fn unverified_kid(token: &str) -> Result<Option<String>, Distrust> {
    let header = token.split('.').next().unwrap_or_default();
    let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| Distrust::Malformed)?;
    let header: Value = serde_json::from_slice(&header).map_err(|_| Distrust::Malformed)?;
    if header["alg"] != "RS256" {
        return Err(Distrust::Algorithm);
    }
    // RFC 7515 §4.1.11: what we don't understand but must, we refuse.
    if header.get("crit").is_some() {
        return Err(Distrust::Malformed);
    }
    Ok(header["kid"].as_str().map(str::to_owned))
}

/// Checks the signature first, then each claim.
pub(crate) fn verify(token: &str, keys: &SigningKeys, expected: &Expected<'_>) -> Result<IdToken, Distrust> {
    let kid = unverified_kid(token)?;
    let key = keys.find(kid.as_deref()).ok_or(Distrust::UnknownKey)?;
    let claims = check_signature(token, key)?;
    check_audience(&claims, expected)?;
    check_issuer(&claims, expected)?;
    check_time(&claims, expected)?;
    check_nonce(&claims, expected)?;
    let tenant_id = check_tenant(&claims, expected)?;
    let text = |name: &str| claims[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let user_oid = text("oid").or_else(|| text("sub")).ok_or(Distrust::Subject)?;
    let names = ["preferred_username", "upn", "email"];
    let told: Vec<String> = names.iter().filter_map(|name| text(name)).collect();
    // Providers other than Entra may give a name that is no address beside one that is.
    let is_address = |name: &&String| name.parse::<Address>().is_ok();
    let user = told.iter().find(is_address).or(told.first()).unwrap_or(&user_oid).clone();
    Ok(IdToken { user, user_oid, tenant_id })
}

impl Distrust {
    fn code(self) -> &'static str {
        match self {
            Self::Malformed => "id_token_malformed",
            Self::Algorithm => "id_token_algorithm",
            Self::UnknownKey => "id_token_unknown_key",
            Self::Signature => "id_token_signature",
            Self::Audience => "id_token_audience",
            Self::Issuer => "id_token_issuer",
            Self::Tenant => "id_token_tenant",
            Self::Nonce => "id_token_nonce",
            Self::Expired => "id_token_expired",
            Self::NotYetValid => "id_token_not_yet_valid",
            Self::Subject => "id_token_subject",
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Self::Tenant => "Sign in with an account of the tenant that is set in the account's settings.",
            Self::Expired | Self::NotYetValid => {
                "Compare this machine's clock with the real time, then sign in again."
            }
            Self::Algorithm => {
                "Let the provider sign the ID tokens of this application with RS256 (id_token_signed_response_alg); Entra ID always does."
            }
            _ => "Start the sign-in again; if it happens again, someone may be meddling with the connection.",
        }
    }
}

impl From<Distrust> for Failure {
    fn from(distrust: Distrust) -> Self {
        let message = format!("the proof of who signed in (ID token) is refused: {distrust}");
        LocalTrouble::new(distrust.code(), message, distrust.hint()).into()
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.0.iter().map(|(kid, _)| kid)).finish()
    }
}

/// The same as Microsoft's own libraries allow. Larger lets expired tokens in, smaller refuses people whose
/// clock is a little off.
const CLOCK_SKEW: Duration = Duration::minutes(5);

fn read_key(key: &Value) -> Option<(Option<String>, DecodingKey)> {
    let is_for_signing = key["use"].as_str().is_none_or(|purpose| purpose == "sig");
    if key["kty"] != "RSA" || !is_for_signing {
        return None;
    }
    let decoding = DecodingKey::from_rsa_components(key["n"].as_str()?, key["e"].as_str()?).ok()?;
    Some((key["kid"].as_str().map(str::to_owned), decoding))
}

/// The library checks algorithm and signature; the claims are checked here, by the given clock.
fn check_signature(token: &str, key: &DecodingKey) -> Result<Value, Distrust> {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    match jsonwebtoken::decode::<Value>(token, key, &validation) {
        Ok(decoded) => Ok(decoded.claims),
        Err(error) => Err(match error.kind() {
            ErrorKind::InvalidSignature | ErrorKind::Provider(_) => Distrust::Signature,
            ErrorKind::InvalidAlgorithm => Distrust::Algorithm,
            _ => Distrust::Malformed,
        }),
    }
}

/// We alone: a token for several audiences is no proof for one of them (§3.1.3.7, 3 to 5).
fn check_audience(claims: &Value, expected: &Expected<'_>) -> Result<(), Distrust> {
    let audience = match &claims["aud"] {
        Value::Array(audiences) if audiences.len() == 1 => &audiences[0],
        other => other,
    };
    (*audience == expected.client_id.as_str()).then_some(()).ok_or(Distrust::Audience)
}

fn check_issuer(claims: &Value, expected: &Expected<'_>) -> Result<(), Distrust> {
    (claims["iss"] == expected.issuer).then_some(()).ok_or(Distrust::Issuer)
}

fn check_time(claims: &Value, expected: &Expected<'_>) -> Result<(), Distrust> {
    let at = |name: &str| claims[name].as_f64();
    let now = expected.now.unix_timestamp() as f64;
    let skew = CLOCK_SKEW.as_seconds_f64();
    let expiry = at("exp").ok_or(Distrust::Expired)?;
    if now >= expiry + skew {
        return Err(Distrust::Expired);
    }
    match at("nbf").or_else(|| at("iat")) {
        Some(start) if now + skew < start => Err(Distrust::NotYetValid),
        _ => Ok(()),
    }
}

fn check_nonce(claims: &Value, expected: &Expected<'_>) -> Result<(), Distrust> {
    match expected.nonce {
        Some(nonce) if claims["nonce"] != nonce.expose() => Err(Distrust::Nonce),
        _ => Ok(()),
    }
}

/// At Entra the token must be of the tenant that its issuer names; elsewhere a `tid` is pinned where there
/// is one (product.md §8).
fn check_tenant(claims: &Value, expected: &Expected<'_>) -> Result<Option<String>, Distrust> {
    let claimed = claims["tid"].as_str();
    let pinned = expected.tenant_id.or(expected.tenant.guid());
    match (claimed, pinned) {
        (None, _) if expected.tenant_id.is_some() => Err(Distrust::Tenant),
        (Some(claimed), Some(pinned)) if !claimed.eq_ignore_ascii_case(&pinned.to_string()) => {
            Err(Distrust::Tenant)
        }
        _ => Ok(claimed.map(str::to_owned)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{CLIENT_ID, TENANT_ID, TokenSigner, now};

    const ISSUER: &str = "https://login.example/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0";

    struct Desk {
        signer: TokenSigner,
        keys: SigningKeys,
        client_id: ClientId,
        tenant: Tenant,
        nonce: Nonce,
    }

    fn desk() -> Desk {
        let signer = TokenSigner::new("key-1");
        let keys = SigningKeys::read(&signer.jwks());
        Desk {
            signer,
            keys,
            client_id: CLIENT_ID.parse().unwrap(),
            tenant: TENANT_ID.parse().unwrap(),
            nonce: Nonce::new("the-nonce"),
        }
    }

    impl Desk {
        fn expected(&self) -> Expected<'_> {
            Expected {
                client_id: &self.client_id,
                issuer: ISSUER,
                tenant: &self.tenant,
                tenant_id: self.tenant.guid(),
                nonce: Some(&self.nonce),
                now: now(),
            }
        }

        fn judge(&self, token: &str) -> Result<IdToken, Distrust> {
            verify(token, &self.keys, &self.expected())
        }

        /// A token that would pass, with one claim changed (null takes it away).
        fn judge_with(&self, name: &str, value: Value) -> Result<IdToken, Distrust> {
            let mut claims = good_claims();
            claims[name] = value;
            claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            self.judge(&self.signer.sign(&claims))
        }
    }

    fn good_claims() -> Value {
        let now = now().unix_timestamp();
        json!({
            "aud": CLIENT_ID, "iss": ISSUER, "iat": now, "nbf": now, "exp": now + 3600,
            "nonce": "the-nonce", "preferred_username": "scanner@contoso.example", "oid": "oid-1",
            "sub": "sub-1", "tid": TENANT_ID, "ver": "2.0",
        })
    }

    #[test]
    fn a_good_token_says_who_signed_in() {
        let desk = desk();
        let token = desk.judge(&desk.signer.sign(&good_claims())).unwrap();
        assert_eq!(token.user, "scanner@contoso.example");
        assert_eq!(token.user_oid, "oid-1");
        assert_eq!(token.tenant_id.as_deref(), Some(TENANT_ID));
    }

    #[test]
    fn of_several_names_the_one_that_is_an_address_counts() {
        let mut claims = good_claims();
        claims["preferred_username"] = json!("scanner");
        claims["email"] = json!("scanner@contoso.example");
        let desk = desk();
        assert_eq!(desk.judge(&desk.signer.sign(&claims)).unwrap().user, "scanner@contoso.example");
        claims["email"] = Value::Null;
        assert_eq!(desk.judge(&desk.signer.sign(&claims)).unwrap().user, "scanner");
    }

    #[test]
    fn every_forged_claim_is_refused_for_its_own_reason() {
        let desk = desk();
        let now = now().unix_timestamp();
        for (name, value, why) in [
            ("aud", json!("99992222-aaaa-3333-bbbb-4444cccc5555"), Distrust::Audience),
            ("aud", json!([CLIENT_ID, "other"]), Distrust::Audience),
            ("aud", Value::Null, Distrust::Audience),
            (
                "iss",
                json!("https://login.example/00000000-0000-0000-0000-000000000001/v2.0"),
                Distrust::Issuer,
            ),
            ("iss", Value::Null, Distrust::Issuer),
            ("tid", json!("00000000-0000-0000-0000-000000000001"), Distrust::Tenant),
            ("tid", Value::Null, Distrust::Tenant),
            ("nonce", json!("another"), Distrust::Nonce),
            ("nonce", Value::Null, Distrust::Nonce),
            ("exp", json!(now - 301), Distrust::Expired),
            ("exp", Value::Null, Distrust::Expired),
            ("exp", json!("tomorrow"), Distrust::Expired),
            ("nbf", json!(now + 301), Distrust::NotYetValid),
        ] {
            assert_eq!(desk.judge_with(name, value.clone()), Err(why), "{name} = {value}");
        }
    }

    #[test]
    fn a_little_skew_is_forgiven() {
        let desk = desk();
        let now = now().unix_timestamp();
        assert!(desk.judge_with("exp", json!(now - 290)).is_ok());
        assert!(desk.judge_with("nbf", json!(now + 290)).is_ok());
        assert!(desk.judge_with("aud", json!([CLIENT_ID])).is_ok());
    }

    #[test]
    fn without_an_object_id_or_subject_nobody_signed_in() {
        let desk = desk();
        let mut claims = good_claims();
        claims.as_object_mut().unwrap().remove("oid");
        assert_eq!(desk.judge(&desk.signer.sign(&claims)).unwrap().user_oid, "sub-1");
        claims.as_object_mut().unwrap().remove("sub");
        assert_eq!(desk.judge(&desk.signer.sign(&claims)), Err(Distrust::Subject));
    }

    #[test]
    fn an_unsigned_token_is_refused() {
        let desk = desk();
        let unsigned = desk.signer.assemble(&json!({"alg": "none", "kid": "key-1"}), &good_claims(), b"");
        assert_eq!(desk.judge(&unsigned), Err(Distrust::Algorithm));
        let stripped = desk.signer.assemble(&json!({"alg": "RS256", "kid": "key-1"}), &good_claims(), b"");
        assert_eq!(desk.judge(&stripped), Err(Distrust::Signature));
    }

    #[test]
    fn a_token_signed_with_the_public_key_as_a_secret_is_refused() {
        let desk = desk();
        assert_eq!(
            desk.judge(&desk.signer.sign_hs256_with_public_key(&good_claims())),
            Err(Distrust::Algorithm)
        );
    }

    #[test]
    fn a_token_of_another_key_is_refused_under_any_name() {
        let desk = desk();
        let same_name = TokenSigner::new("key-1").sign(&good_claims());
        assert_eq!(desk.judge(&same_name), Err(Distrust::Signature));
        let other_name = TokenSigner::new("key-2").sign(&good_claims());
        assert_eq!(desk.judge(&other_name), Err(Distrust::UnknownKey));
    }

    #[test]
    fn a_changed_payload_breaks_the_signature() {
        let desk = desk();
        let token = desk.signer.sign(&good_claims());
        let parts: Vec<&str> = token.split('.').collect();
        let mut claims = good_claims();
        claims["oid"] = json!("someone-else");
        let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
        assert_eq!(desk.judge(&format!("{}.{payload}.{}", parts[0], parts[2])), Err(Distrust::Signature));
    }

    #[test]
    fn rubbish_is_refused_without_a_panic() {
        let desk = desk();
        for rubbish in ["", ".", "..", "a.b.c", "{}", "e30.e30.e30", &"x".repeat(10_000)] {
            assert!(desk.judge(rubbish).is_err(), "{rubbish:.20}");
        }
        let critical = desk.signer.assemble(
            &json!({"alg": "RS256", "kid": "key-1", "crit": ["exp"]}),
            &good_claims(),
            b"x",
        );
        assert_eq!(desk.judge(&critical), Err(Distrust::Malformed));
    }

    #[test]
    fn keys_for_other_uses_are_passed_over() {
        let signer = TokenSigner::new("key-1");
        let mut jwks = signer.jwks();
        jwks["keys"][0]["use"] = json!("enc");
        assert!(!SigningKeys::read(&jwks).has(Some("key-1")));
        assert!(!SigningKeys::read(&json!({"keys": [{"kty": "EC", "kid": "e"}, 5, null]})).has(Some("e")));
        assert!(!SigningKeys::read(&json!("nothing")).has(None));
    }

    #[test]
    fn a_token_that_names_no_key_is_of_the_only_one_there_is() {
        let mut desk = desk();
        let token = desk.signer.sign_without_kid(&good_claims());
        assert!(desk.judge(&token).is_ok());
        let mut jwks = desk.signer.jwks();
        jwks["keys"][0].as_object_mut().unwrap().remove("kid");
        desk.keys = SigningKeys::read(&jwks);
        assert!(desk.judge(&token).is_ok(), "nor need the key have a name");
        let another = TokenSigner::new("key-2").jwks()["keys"][0].clone();
        jwks["keys"].as_array_mut().unwrap().push(another);
        desk.keys = SigningKeys::read(&jwks);
        assert_eq!(desk.judge(&token), Err(Distrust::UnknownKey), "of two it can't be told");
    }

    #[test]
    fn elsewhere_than_at_entra_a_tenant_is_pinned_only_where_the_token_has_one() {
        let desk = desk();
        let expected = || Expected { tenant_id: None, ..desk.expected() };
        let mut claims = good_claims();
        claims["tid"] = json!("00000000-0000-0000-0000-000000000001");
        assert_eq!(verify(&desk.signer.sign(&claims), &desk.keys, &expected()), Err(Distrust::Tenant));
        claims.as_object_mut().unwrap().remove("tid");
        assert_eq!(verify(&desk.signer.sign(&claims), &desk.keys, &expected()).unwrap().tenant_id, None);
    }
}
