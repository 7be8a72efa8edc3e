//! Documents that clients read before they ask: discovery, keys, instance discovery, error lookup.

use super::issue::v2_issuer;
use super::refusal::{self, Trace};
use super::{check_tenant, is_common};
use crate::hosts::{GLOBAL, Hosts};
use crate::page;
use crate::tenant::Tenant;
use crate::web::{Answer, Call};
use serde_json::{Value, json};

/// The OpenID configuration (facts 1.4), with addresses from the host that the client used.
pub(super) fn document(tenant: &Tenant, call: &Call, trace: &Trace, name: &str) -> Answer {
    let world = tenant.lock().world.clone();
    if !is_common(name)
        && let Err(refusal) = check_tenant(name, &world)
    {
        return super::Refusal { error: "invalid_tenant", ..refusal }.json(call, trace);
    }
    let origin = call.origin();
    let cloud = Hosts::of_login(&call.host).unwrap_or(GLOBAL);
    let issuer =
        if is_common(name) { format!("{origin}/{{tenantid}}/v2.0") } else { v2_issuer(call, &world) };
    let path = |rest: &str| format!("{origin}/{name}/{rest}");
    cached(&json!({
        "token_endpoint": path("oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": path("discovery/v2.0/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": issuer,
        "request_uri_parameter_supported": false,
        "userinfo_endpoint": userinfo(call),
        "authorization_endpoint": path("oauth2/v2.0/authorize"),
        "device_authorization_endpoint": path("oauth2/v2.0/devicecode"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "end_session_endpoint": path("oauth2/v2.0/logout"),
        "claims_supported": ["sub", "iss", "cloud_instance_name", "cloud_instance_host_name", "cloud_graph_host_name",
            "msgraph_host", "aud", "exp", "iat", "auth_time", "acr", "nonce", "preferred_username", "name", "tid", "ver",
            "at_hash", "c_hash", "email"],
        "kerberos_endpoint": path("kerberos"),
        "tenant_region_scope": "EU",
        "cloud_instance_name": cloud.instance,
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": cloud.graph[0],
        "rbac_url": "https://pas.windows.net",
    }))
}

/// Graph's, and under Microsoft's own names on the host of that (facts 1.1).
fn userinfo(call: &Call) -> String {
    let (host, port) = call.host.split_at(call.host.find(':').unwrap_or(call.host.len()));
    match Hosts::of_login(host) {
        Some(cloud) => format!("https://{}{port}/oidc/userinfo", cloud.graph[0]),
        None => format!("{}/oidc/userinfo", call.origin()),
    }
}

/// The key set.
pub(super) fn keys(tenant: &Tenant, call: &Call, trace: &Trace, name: &str) -> Answer {
    let world = tenant.lock().world.clone();
    match check_tenant(name, &world) {
        Err(refusal) if !is_common(name) => refusal.json(call, trace),
        _ => cached(&tenant.keys.jwks(&v2_issuer(call, &world))),
    }
}

/// Instance discovery, which MSAL asks before it trusts an authority it doesn't know.
pub(super) fn instance(call: &Call, trace: &Trace) -> Answer {
    let asked = call.query.get("authorization_endpoint").and_then(|url| url::Url::parse(url).ok());
    let called = call.host.split(':').next().unwrap_or_default();
    let host = asked.as_ref().and_then(|url| url.host_str()).unwrap_or_default();
    let known = Hosts::of_login(host);
    if host != called && known.is_none() {
        return refusal::unknown_instance().json(call, trace);
    }
    let tenant = asked.as_ref().and_then(|url| url.path_segments()?.next()).unwrap_or("common");
    cached(&json!({
        "tenant_discovery_endpoint": format!("{}/{tenant}/v2.0/.well-known/openid-configuration", call.origin()),
        "api-version": "1.1",
        "metadata": [names_of(known, call)],
    }))
}

/// The names of one instance: those of its cloud, or the one under which the simulator was asked.
fn names_of(known: Option<Hosts>, call: &Call) -> Value {
    match known.filter(|cloud| cloud.login.contains(&call.host.as_str())) {
        Some(cloud) => {
            json!({"preferred_network": cloud.login[0], "preferred_cache": cloud.preferred_cache, "aliases": cloud.login})
        }
        None => {
            json!({"preferred_network": call.host, "preferred_cache": call.host, "aliases": [call.host, GLOBAL.login[0]]})
        }
    }
}

/// How a user name signs in, which MSAL asks before it sends a password: this tenant federates nobody.
pub(super) fn user_realm(tenant: &Tenant, upn: &str) -> Answer {
    let world = tenant.lock().world.clone();
    let domain = upn.rsplit('@').next().unwrap_or_default();
    let ours = domain.eq_ignore_ascii_case(&world.tenant.domain);
    Answer::json(
        200,
        &json!({
            "ver": "1.0",
            "account_type": if ours { "Managed" } else { "Unknown" },
            "domain_name": domain,
            "cloud_instance_name": GLOBAL.instance,
            "cloud_audience_urn": "urn:federation:MicrosoftOnline",
        }),
    )
}

/// The lookup page that `error_uri` leads to.
pub(super) fn error_page(call: &Call) -> Answer {
    let code = call.query.get("code").unwrap_or_default();
    let body = format!(
        "<h1>Error code</h1><p><code>AADSTS{}</code></p><p>The answer that named this page says what it means.</p>",
        page::text(code)
    );
    page::narrow(200, "Error lookup", &body)
}

pub(super) fn not_found(call: &Call) -> Answer {
    let body = format!(
        "<h1>Not found</h1><p><code>{}</code> is nothing that this simulator plays.</p>",
        page::text(&call.path)
    );
    page::narrow(404, "Not found", &body)
}

fn cached(body: &Value) -> Answer {
    Answer::json(200, body)
        .with("cache-control", "max-age=86400, private")
        .with("access-control-allow-origin", "*")
        .with("x-content-type-options", "nosniff")
}
