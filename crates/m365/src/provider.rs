//! What an identity provider says about itself: its doors, its issuer, and the keys it signs with.
//!
//! At Entra the doors are built from the cloud's login host and never taken from a document: they are where
//! credentials go. Issuer and keys come from the tenant's discovery document. At a plain OpenID provider
//! everything does. Neighbours: `connection` fetches, `id_token` checks with the keys.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use certs::assertion::Form;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;
use uuid::Uuid;

use crate::cloud::read_address;
use crate::connection::{Answer, Connection};
use crate::failure::{EntraRefusal, Failure, LocalTrouble};
use crate::id_token::SigningKeys;
use crate::tenant::Tenant;

/// What was learned already, kept for a day.
#[derive(Debug, Default)]
pub(crate) struct Provider {
    documents: Mutex<HashMap<Url, Learned<Value>>>,
    keys: Mutex<HashMap<Url, Learned<SigningKeys>>>,
}

#[derive(Debug)]
struct Learned<T> {
    what: Arc<T>,
    at: Instant,
}

/// Where requests go.
#[derive(Debug, Clone)]
pub(crate) struct Doors {
    /// Only a person's sign-in needs it.
    pub(crate) authorize: Result<Url, Failure>,
    pub(crate) token: Url,
    /// The token endpoint letter by letter as the provider writes it: the audience of assertions.
    pub(crate) audience: String,
    /// Not every provider has one.
    pub(crate) device_code: Option<Url>,
    /// Where a client secret goes; what comes first is tried first.
    pub(crate) secret_places: Vec<SecretPlace>,
    /// In which forms a certificate proves itself; what comes first is tried first.
    pub(crate) assertions: Vec<Form>,
}

/// How a client secret is said (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecretPlace {
    /// `client_secret_post`.
    Form,
    /// `client_secret_basic`.
    Header,
}

/// Who signs ID tokens.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) issuer: String,
    pub(crate) keys: Url,
    /// The tenant's GUID; only Entra has one.
    pub(crate) tenant_id: Option<Uuid>,
    /// Whether it announces that its callbacks name it (RFC 9207 §3).
    pub(crate) names_itself: bool,
}

impl Connection {
    pub(crate) async fn find_doors(&self, tenant: &Tenant) -> Result<Doors, Failure> {
        let cloud = self.cloud();
        if cloud.is_entra() {
            let token = cloud.token_endpoint(tenant);
            return Ok(Doors {
                authorize: Ok(cloud.authorize_endpoint(tenant)),
                audience: token.to_string(),
                token,
                device_code: Some(cloud.device_code_endpoint(tenant)),
                secret_places: vec![SecretPlace::Form],
                assertions: vec![Form::Ps256],
            });
        }
        let document = self.read_discovery(tenant).await?;
        let token = member(&document, "token_endpoint")?;
        Ok(Doors {
            authorize: address(&document, "authorization_endpoint"),
            token: address(&document, "token_endpoint")?,
            audience: token.to_owned(),
            device_code: address(&document, "device_authorization_endpoint").ok(),
            secret_places: read_secret_places(&document),
            assertions: read_assertions(&document),
        })
    }

    pub(crate) async fn find_identity(&self, tenant: &Tenant) -> Result<Identity, Failure> {
        let document = self.read_discovery(tenant).await?;
        let issuer = member(&document, "issuer")?.to_owned();
        let keys = address(&document, "jwks_uri")?;
        let names_itself = document["authorization_response_iss_parameter_supported"] == true;
        if !self.cloud().is_entra() {
            return Ok(Identity { issuer, keys, tenant_id: None, names_itself });
        }
        let tenant_id = tenant_of_issuer(&issuer).ok_or_else(|| unusable("issuer", "names no tenant"))?;
        match tenant.guid() {
            Some(guid) if guid != tenant_id => Err(unusable("issuer", "names another tenant")),
            _ => Ok(Identity { issuer, keys, tenant_id: Some(tenant_id), names_itself }),
        }
    }

    /// The provider's keys. Where `kid` isn't among those we know, they are fetched again, but not more
    /// often than every [`KEYS_REST`]: keys turn, and nobody may make us hammer the provider.
    pub(crate) async fn find_keys(
        &self,
        address: &Url,
        kid: Option<&str>,
    ) -> Result<Arc<SigningKeys>, Failure> {
        if let Some((known, age)) = look_up(&self.provider.keys, address) {
            let has_it = known.has(kid) && age < DOCUMENT_LIFE;
            if has_it || age < KEYS_REST {
                return Ok(known);
            }
        }
        let keys = SigningKeys::read(&self.fetch_document(address).await?);
        Ok(remember(&self.provider.keys, address, keys))
    }

    async fn read_discovery(&self, tenant: &Tenant) -> Result<Arc<Value>, Failure> {
        let address = self.cloud().discovery_document(tenant);
        match look_up(&self.provider.documents, &address) {
            Some((known, age)) if age < DOCUMENT_LIFE => Ok(known),
            _ => {
                let document = self.fetch_document(&address).await?;
                // What can't be used is asked for again as soon as somebody has mended it.
                let has = |name| member(&document, name).is_ok();
                match has("issuer") && (self.cloud().is_entra() || has("token_endpoint")) {
                    true => Ok(remember(&self.provider.documents, &address, document)),
                    false => Ok(Arc::new(document)),
                }
            }
        }
    }

    async fn fetch_document(&self, address: &Url) -> Result<Value, Failure> {
        let attempt = || async {
            let answer = self.exchange(self.http().get(address.clone())).await?;
            read_document(&answer)
        };
        self.with_one_retry(attempt).await
    }
}

/// A day, as Microsoft's own `Cache-Control: max-age=86400` says (facts 1.4).
const DOCUMENT_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the keys are left alone after they were fetched.
const KEYS_REST: Duration = Duration::from_secs(30);

fn look_up<T>(shelf: &Mutex<HashMap<Url, Learned<T>>>, address: &Url) -> Option<(Arc<T>, Duration)> {
    let shelf = shelf.lock().expect("nobody panics while holding the shelf");
    shelf.get(address).map(|learned| (Arc::clone(&learned.what), learned.at.elapsed()))
}

fn remember<T>(shelf: &Mutex<HashMap<Url, Learned<T>>>, address: &Url, what: T) -> Arc<T> {
    let what = Arc::new(what);
    let learned = Learned { what: Arc::clone(&what), at: Instant::now() };
    shelf.lock().expect("nobody panics while holding the shelf").insert(address.clone(), learned);
    what
}

fn read_document(answer: &Answer) -> Result<Value, Failure> {
    if !answer.is_success() {
        return Err(EntraRefusal::from_answer(answer.status, &answer.body, answer.retry_after()).into());
    }
    serde_json::from_slice(&answer.body)
        .map_err(|_| answer.unreadable("not the JSON document that was asked for"))
}

/// A server says which ways it knows, not which one this client was registered for: both may have to be tried. One
/// that says nothing knows Basic (RFC 8414 §2), which is what clients are registered for unless they ask.
fn read_secret_places(document: &Value) -> Vec<SecretPlace> {
    let known = [("client_secret_basic", SecretPlace::Header), ("client_secret_post", SecretPlace::Form)];
    let Some(listed) = document["token_endpoint_auth_methods_supported"].as_array() else {
        return known.map(|(_, place)| place).to_vec();
    };
    let is_listed = |name: &str| listed.iter().any(|method| method == name);
    let places: Vec<_> = known.iter().filter(|(name, _)| is_listed(name)).map(|(_, place)| *place).collect();
    if places.is_empty() { vec![SecretPlace::Form] } else { places }
}

/// As with secrets: a server lists what it knows, and a client may be registered for one of it. One that says nothing
/// knows RS256 at least (OpenID Connect Discovery 1.0 §3), which is why that is tried where PS256 isn't taken.
fn read_assertions(document: &Value) -> Vec<Form> {
    let known = [("PS256", Form::Ps256), ("RS256", Form::Rs256)];
    let Some(listed) = document["token_endpoint_auth_signing_alg_values_supported"].as_array() else {
        return known.map(|(_, form)| form).to_vec();
    };
    let is_listed = |name: &str| listed.iter().any(|alg| alg == name);
    let forms: Vec<_> = known.iter().filter(|(name, _)| is_listed(name)).map(|(_, form)| *form).collect();
    if forms.is_empty() { vec![Form::Ps256] } else { forms }
}

fn member<'a>(document: &'a Value, name: &'static str) -> Result<&'a str, Failure> {
    document[name].as_str().ok_or_else(|| unusable(name, "is missing"))
}

fn address(document: &Value, name: &'static str) -> Result<Url, Failure> {
    read_endpoint(member(document, name)?).map_err(|why| unusable(name, &why))
}

/// An endpoint of a provider may have a query of its own (RFC 6749 §3.1), so only that is let through.
fn read_endpoint(text: &str) -> Result<Url, String> {
    let (without_query, _) = text.split_once('?').unwrap_or((text, ""));
    read_address(without_query)?;
    Url::parse(text).map_err(|error| error.to_string())
}

fn unusable(member: &'static str, why: &str) -> Failure {
    LocalTrouble::new(
        "discovery_unusable",
        format!("the discovery document can't be used: {member} {why}"),
        "Check the cloud's login or discovery address.",
    )
    .into()
}

/// `https://{login host}/{tenant GUID}/v2.0` (facts 1.3).
fn tenant_of_issuer(issuer: &str) -> Option<Uuid> {
    let issuer = Url::parse(issuer).ok()?;
    let before_version = issuer.path().trim_end_matches('/').strip_suffix("/v2.0")?.to_owned();
    Uuid::try_parse(before_version.rsplit('/').next()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_names_its_tenant() {
        let guid = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
        let read = |issuer: &str| tenant_of_issuer(issuer).map(|guid| guid.to_string());
        assert_eq!(read(&format!("https://login.microsoftonline.com/{guid}/v2.0")).as_deref(), Some(guid));
        assert_eq!(read(&format!("https://sso.example/entra/{guid}/v2.0")).as_deref(), Some(guid));
        assert_eq!(read("https://login.microsoftonline.com/{tenantid}/v2.0"), None);
        assert_eq!(read(&format!("https://sts.windows.net/{guid}/")), None);
    }

    #[test]
    fn a_secret_goes_where_the_provider_says_that_it_may() {
        let read = |listed: Value| {
            read_secret_places(&serde_json::json!({"token_endpoint_auth_methods_supported": listed}))
        };
        let (form, header) = (SecretPlace::Form, SecretPlace::Header);
        assert_eq!(read(serde_json::json!(["client_secret_post", "private_key_jwt"])), [form]);
        assert_eq!(read(serde_json::json!(["client_secret_post", "client_secret_basic"])), [header, form]);
        assert_eq!(read(Value::Null), [header, form], "the usual one is Basic");
        assert_eq!(read(serde_json::json!(["private_key_jwt"])), [form]);
    }

    #[test]
    fn a_certificate_proves_itself_in_the_forms_that_the_provider_knows() {
        let read = |listed: Value| {
            read_assertions(&serde_json::json!({"token_endpoint_auth_signing_alg_values_supported": listed}))
        };
        assert_eq!(read(serde_json::json!(["RS256", "ES256"])), [Form::Rs256]);
        assert_eq!(read(serde_json::json!(["RS256", "PS256"])), [Form::Ps256, Form::Rs256]);
        assert_eq!(read(Value::Null), [Form::Ps256, Form::Rs256], "Microsoft's is tried first");
        assert_eq!(read(serde_json::json!(["ES256"])), [Form::Ps256], "the refusal will say it");
    }

    #[test]
    fn an_endpoint_may_have_a_query_but_no_plain_http() {
        assert!(read_endpoint("https://idp.example/token?p=policy").is_ok());
        assert!(read_endpoint("http://idp.example/token").is_err());
        assert!(read_endpoint("https://u:p@idp.example/token").is_err());
    }
}
