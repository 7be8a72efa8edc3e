//! Entra ID: discovery, keys, authorize with its pages, token, device code, admin consent, sign-out.
//! Every route is listed in `route`. It never speaks Graph or SMTP; it issues the tokens that those judge.

mod admin_consent;
mod assertion;
mod authorize;
mod client;
mod consent;
mod device_code;
mod discovery;
mod issue;
pub(crate) mod keys;
mod redirect;
mod refusal;
mod scope;
mod sign_in;
mod token;

use crate::bounded::Bounded;
use crate::tenant::Tenant;
use crate::web::{Answer, Call};
use crate::world::{Outage, World};
use refusal::{Refusal, Trace};
use time::OffsetDateTime;
use uuid::Uuid;

pub(crate) use assertion::proves_possession;
pub(crate) use scope::resource_named;

/// What Entra remembers between requests.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    sessions: Bounded<Session>,
    flows: Bounded<sign_in::Flow>,
    codes: Bounded<token::Code>,
    refresh_tokens: Bounded<token::RefreshToken>,
    devices: Bounded<device_code::DeviceRequest>,
}

/// A person who has signed in with this browser.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    id: String,
    user: Uuid,
    with_mfa: bool,
    signed_in_at: OffsetDateTime,
}

/// What a sign-in gave to one application: the root of its tokens.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    client_id: Uuid,
    user: Uuid,
    openid: Vec<&'static str>,
    nonce: Option<String>,
    session_id: String,
    with_mfa: bool,
    /// Born of a device code, and marked so through all refreshes (additions G1).
    by_device_code: bool,
    /// Of a single-page application: since when, for no refresh leads beyond a day (facts 1.8).
    spa_since: Option<OffsetDateTime>,
    signed_in_at: OffsetDateTime,
}

/// Answers a call to Entra.
pub(crate) async fn answer(tenant: &Tenant, call: &Call) -> Answer {
    let switches = tenant.lock().world.switches.clone();
    match switches.entra_outage {
        Outage::Off => {}
        Outage::Hang => std::future::pending().await,
        Outage::Reset => return Answer::dropped(),
        Outage::Unavailable => return refusal::unavailable().json(call, &Trace::new(tenant, call)),
    }
    let trace = Trace::new(tenant, call);
    let answer = route(tenant, call, &trace);
    let echo =
        call.header("return-client-request-id").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let answer = if echo { answer.with("client-request-id", &trace.correlation_id) } else { answer };
    answer
        .with("x-ms-request-id", &trace.trace_id)
        .with("x-ms-ests-server", "2.1.22222.3 - SIMULATED ProdSlices")
        .with("strict-transport-security", "max-age=31536000; includeSubDomains")
}

/// All of Entra's routes (facts 1.1).
fn route(tenant: &Tenant, call: &Call, trace: &Trace) -> Answer {
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    let verb = call.method.as_str();
    match (verb, &segments[..]) {
        ("GET", ["common", "discovery", "instance"]) => discovery::instance(call, trace),
        ("GET" | "POST", ["devicelogin"] | [_, "oauth2", "deviceauth"]) => {
            device_code::page(tenant, call, trace)
        }
        ("GET", ["error"]) => discovery::error_page(call),
        ("GET", [name, "v2.0", ".well-known", "openid-configuration"]) => {
            discovery::document(tenant, call, trace, name)
        }
        ("GET", [name, "discovery", "v2.0", "keys"]) => discovery::keys(tenant, call, trace, name),
        ("GET" | "POST", [name, "oauth2", "v2.0", "authorize"]) => {
            authorize::answer(tenant, call, trace, name)
        }
        ("GET", [_, "userrealm", upn]) => discovery::user_realm(tenant, upn),
        ("POST", [name, "oauth2", "v2.0", "token"]) => token::answer(tenant, call, trace, name),
        ("POST", [name, "oauth2", "v2.0", "devicecode"]) => device_code::start(tenant, call, trace, name),
        ("GET" | "POST", [_, "oauth2", "v2.0", "logout"]) => sign_in::sign_out(tenant, call),
        ("GET", [name, "v2.0", "adminconsent"]) => {
            admin_consent::answer(tenant, call, trace, name, admin_consent::Form::V2)
        }
        ("GET", [name, "adminconsent"]) => {
            admin_consent::answer(tenant, call, trace, name, admin_consent::Form::Old)
        }
        ("POST", [_, "login"]) => sign_in::post_password(tenant, call, trace),
        ("POST", [_, "mfa"]) => sign_in::post_second_factor(tenant, call, trace),
        ("POST", [_, "account"]) => sign_in::post_account(tenant, call, trace),
        ("POST", [_, "consent"]) => consent::post(tenant, call, trace),
        (verb, [_, "oauth2", "v2.0", "token" | "devicecode"]) => {
            refusal::verb_not_accepted("POST, OPTIONS", verb).json(call, trace)
        }
        (verb, [_, "oauth2", "v2.0", "authorize"]) => {
            refusal::verb_not_accepted("GET, POST", verb).json(call, trace)
        }
        _ => discovery::not_found(call),
    }
}

/// Whether a path segment or domain names the simulated tenant.
pub(crate) fn names_tenant(name: &str, world: &World) -> bool {
    name.eq_ignore_ascii_case(&world.tenant.domain) || name.eq_ignore_ascii_case(&world.tenant.id.to_string())
}

/// Checks the tenant of a path for endpoints that need a real one.
///
/// # Errors
/// 90002 for another tenant, 900023 for what can't be one.
fn check_tenant(name: &str, world: &World) -> Result<(), Refusal> {
    if names_tenant(name, world) {
        return Ok(());
    }
    let looks_right = Uuid::parse_str(name).is_ok() || is_dns_name(name);
    Err(if looks_right { refusal::tenant_not_found(name) } else { refusal::tenant_malformed(name) })
}

fn is_dns_name(name: &str) -> bool {
    let label = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    name.contains('.') && name.split('.').all(label)
}

/// The tenant names that stand for many tenants.
fn is_common(name: &str) -> bool {
    ["common", "organizations", "consumers"].iter().any(|common| common.eq_ignore_ascii_case(name))
}
