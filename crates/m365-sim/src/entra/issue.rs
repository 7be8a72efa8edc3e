//! Makes tokens: access tokens in the shape of v1.0, ID tokens v2.0, the token endpoint's answer.
//! Whether they may be had has been decided by `token`; here they are only written.

use super::Grant;
use super::client::Client;
use super::keys::Seal;
use super::scope::Scopes;
use crate::tenant::Tenant;
use crate::web::Call;
use crate::world::{App, Resource, User, World};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

/// How long ID tokens live (facts 3.2).
const ID_TOKEN_SECONDS: i64 = 3600;

/// What an access token is made for.
pub(crate) struct Order<'a> {
    pub(crate) world: &'a World,
    pub(crate) tenant: &'a Tenant,
    pub(crate) call: &'a Call,
    pub(crate) client: &'a Client,
    pub(crate) resource: Resource,
    pub(crate) audience: String,
}

/// Seconds that a new access token lives: random, 60 to 90 minutes (facts 3.2).
fn lifetime(world: &World) -> u32 {
    world.switches.access_token_lifetime_seconds.unwrap_or_else(|| crate::random::number(3600, 5400))
}

/// The answer to client_credentials: just these members (facts 3.1).
pub(crate) fn app_only(order: &Order<'_>) -> Value {
    let app = &order.client.app;
    let expires_in = lifetime(order.world);
    let mut claims = common_claims(order, expires_in, "app");
    let id = json!(app.service_principal_id);
    claims.insert("idp".into(), json!(v1_issuer(order.world)));
    claims.insert("oid".into(), id.clone());
    claims.insert("sub".into(), id);
    let roles = app.granted_roles(order.resource);
    if !roles.is_empty() {
        claims.insert("roles".into(), json!(roles));
    }
    let token = order.tenant.keys.sign(&claims, seal(order.resource));
    json!({"token_type": "Bearer", "expires_in": expires_in, "ext_expires_in": expires_in, "access_token": token})
}

/// The answer to the grants with a user, without the refresh token.
pub(crate) fn delegated(order: &Order<'_>, user: &User, grant: &Grant, asked: &Scopes) -> Value {
    let expires_in = lifetime(order.world);
    let mut scopes = order.client.app.granted_scopes(&user.upn, order.resource);
    add_openid_words(&mut scopes, order.resource, &grant.openid);
    let mut claims = common_claims(order, expires_in, "user");
    let mut methods = vec!["pwd"];
    methods.extend(grant.with_mfa.then_some("mfa"));
    let more = json!({
        "acct": 0, "acr": "1", "amr": methods, "ipaddr": "127.0.0.1", "name": user.name, "oid": user.id,
        "platf": "14", "puid": puid(user), "scp": scopes.join(" "), "sid": grant.session_id,
        "signin_state": ["kmsi"], "sub": pairwise(order.resource.app_id(), user), "unique_name": user.upn, "upn": user.upn,
        "wids": ["b79fbf4d-3ef9-4689-8143-76b194e85509"],
        "xms_st": {"sub": pairwise(&order.client.app.client_id.to_string(), user)},
    });
    claims.extend(more.as_object().expect("written as an object").clone());
    let mut answer = json!({
        "token_type": "Bearer",
        "scope": scope_answer(order, &scopes),
        "expires_in": expires_in,
        "ext_expires_in": expires_in,
        "access_token": order.tenant.keys.sign(&claims, seal(order.resource)),
    });
    if asked.has("openid") || grant.openid.contains(&"openid") {
        answer["id_token"] = json!(id_token(order, user, grant));
    }
    answer
}

/// `client_info` for MSAL: who and where, base64url.
pub(crate) fn client_info(world: &World, user: &User) -> String {
    URL_SAFE_NO_PAD.encode(json!({"uid": user.id, "utid": world.tenant.id}).to_string())
}

pub(crate) fn v2_issuer(call: &Call, world: &World) -> String {
    format!("{}/{}/v2.0", call.origin(), world.tenant.id)
}

fn v1_issuer(world: &World) -> String {
    format!("https://sts.windows.net/{}/", world.tenant.id)
}

fn seal(resource: Resource) -> Seal {
    match resource {
        Resource::Graph => Seal::Opaque,
        Resource::Exchange => Seal::Open,
    }
}

/// What every access token has (facts 3.3, real dumps).
fn common_claims(order: &Order<'_>, expires_in: u32, kind: &str) -> Map<String, Value> {
    let now = order.tenant.now().unix_timestamp();
    let App { client_id, name, .. } = &order.client.app;
    let claims = json!({
        "aud": order.audience,
        "iss": v1_issuer(order.world),
        "iat": now - 300,
        "nbf": now - 300,
        "exp": now + i64::from(expires_in),
        "aio": crate::random::token(48),
        "app_displayname": name,
        "appid": client_id,
        "appidacr": order.client.proof.appidacr(),
        "idtyp": kind,
        "rh": format!("1.{}.", crate::random::token(32)),
        "tenant_region_scope": "EU",
        "tid": order.world.tenant.id,
        "uti": crate::random::token(16),
        "ver": "1.0",
        "xms_ftd": crate::random::token(32),
        "xms_idrel": if kind == "app" { "7 2" } else { "1 2" },
        "xms_tcdt": 1_600_000_000,
    });
    claims.as_object().expect("written as an object").clone()
}

fn id_token(order: &Order<'_>, user: &User, grant: &Grant) -> String {
    let now = order.tenant.now();
    let client_id = order.client.app.client_id.to_string();
    let claims = json!({
        "aud": client_id,
        "iss": v2_issuer(order.call, order.world),
        "iat": unix(now) - 300,
        "nbf": unix(now) - 300,
        "exp": unix(now) + ID_TOKEN_SECONDS,
        "aio": crate::random::token(48),
        "name": user.name,
        "oid": user.id,
        "preferred_username": user.upn,
        "rh": format!("1.{}.", crate::random::token(32)),
        "sid": grant.session_id,
        "sub": pairwise(&client_id, user),
        "tid": order.world.tenant.id,
        "uti": crate::random::token(16),
        "ver": "2.0",
    });
    let mut claims = claims.as_object().expect("written as an object").clone();
    if let Some(nonce) = &grant.nonce {
        claims.insert("nonce".into(), json!(nonce));
    }
    if grant.openid.contains(&"email") && user.mail.is_some() {
        claims.insert("email".into(), json!(user.mail));
    }
    order.tenant.keys.sign(&claims, Seal::Open)
}

/// Graph permissions come back with the resource in front, OpenID's words bare (facts 3.1).
fn scope_answer(order: &Order<'_>, scopes: &[&str]) -> String {
    let prefix = match order.audience.starts_with("https://") {
        true => order.audience.trim_end_matches('/').to_owned(),
        false => "https://graph.microsoft.com".to_owned(),
    };
    let full = |scope: &&str| match *scope {
        "openid" | "profile" | "email" => (*scope).to_owned(),
        name => format!("{prefix}/{name}"),
    };
    scopes.iter().map(full).collect::<Vec<_>>().join(" ")
}

/// Tokens for Graph list the OpenID words that were consented with the sign-in; `offline_access` never.
fn add_openid_words(scopes: &mut Vec<&'static str>, resource: Resource, words: &[&'static str]) {
    scopes.retain(|scope| *scope != "offline_access");
    if resource == Resource::Graph {
        scopes.extend(words.iter().filter(|word| **word != "offline_access"));
    }
    scopes.sort_by_key(|scope| scope.to_ascii_lowercase());
    scopes.dedup();
}

/// A subject that differs for each application (OpenID Connect Core, 8.1).
fn pairwise(of: &str, user: &User) -> String {
    URL_SAFE_NO_PAD.encode(crate::world::sha256(format!("{of}/{}", user.id).as_bytes()))
}

fn puid(user: &User) -> String {
    format!("1003{}", user.id.simple().to_string()[..12].to_ascii_uppercase())
}

fn unix(at: OffsetDateTime) -> i64 {
    at.unix_timestamp()
}
