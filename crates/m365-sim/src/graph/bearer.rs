//! The access token of a call: signed by this tenant, alive, for Graph, and what it allows.

use super::refusal::{self, Refusal};
use crate::entra::keys::TokenFault;
use crate::entra::resource_named;
use crate::request_log::decode_unverified;
use crate::tenant::{State, Tenant};
use crate::web::Call;
use crate::world::{Resource, User};
use serde_json::Value;

/// Whether a person stands behind a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Delegated,
    AppOnly,
}

/// A token that was verified.
#[derive(Debug)]
pub(super) struct Bearer {
    pub(super) kind: Kind,
    pub(super) app_id: String,
    oid: String,
    allowed: Vec<String>,
}

impl Bearer {
    pub(super) fn has_any(&self, wanted: &[&str]) -> bool {
        self.allowed.iter().any(|name| wanted.contains(&name.as_str()))
    }

    /// The object id behind `/me`.
    ///
    /// # Errors
    /// An app-only token has no `/me`.
    pub(super) fn user_id(&self) -> Result<String, Refusal> {
        match self.kind {
            Kind::Delegated => Ok(self.oid.clone()),
            Kind::AppOnly => Err(refusal::me_without_user()),
        }
    }

    /// The person behind the token.
    pub(super) fn user<'a>(&self, state: &'a State) -> Option<&'a User> {
        state.world.user(&self.oid).filter(|_| self.kind == Kind::Delegated)
    }

    /// Whether `name` means the person behind the token.
    pub(super) fn is_about(&self, state: &State, name: &str) -> bool {
        self.user(state).is_some_and(|user| user.is(name))
    }
}

/// Verifies the token of a call (facts §9: first of all checks).
pub(super) fn check(tenant: &Tenant, call: &Call) -> Result<Bearer, Refusal> {
    let header = call.header("authorization").unwrap_or_default();
    let token = strip_scheme(header).filter(|token| !token.is_empty()).ok_or_else(refusal::token_empty)?;
    let claims = tenant.keys.verify(token).map_err(|fault| match fault {
        TokenFault::NotWellFormed => refusal::token_not_well_formed(),
        TokenFault::Signature => refusal::token_signature(),
    })?;
    let now = tenant.now().unix_timestamp();
    let alive = |name: &str| claims.get(name).and_then(Value::as_i64);
    if alive("exp").is_none_or(|exp| now >= exp)
        || alive("nbf").is_none_or(|nbf| now + 300 < nbf)
        || reject_once(tenant)
    {
        return Err(refusal::token_expired());
    }
    check_revocation(tenant, &claims)?;
    let audience = text(&claims, "aud");
    if resource_named(audience, tenant) != Some(Resource::Graph) {
        return Err(refusal::token_audience());
    }
    Ok(read(&claims))
}

/// The claims of a header's token for the request log.
pub(super) fn unverified_claims(header: &str) -> Option<Value> {
    decode_unverified(strip_scheme(header)?)?.get("claims").cloned()
}

/// With continuous access evaluation a token ends with its user's sessions. Tokens are dated five minutes
/// back (as Entra's are), so `iat` isn't when the token was issued.
fn check_revocation(tenant: &Tenant, claims: &Value) -> Result<(), Refusal> {
    let state = tenant.lock();
    if !state.world.switches.continuous_access {
        return Ok(());
    }
    let issued = claims.get("iat").and_then(Value::as_i64).unwrap_or_default() + 300;
    let valid_from = state.world.user(text(claims, "oid")).and_then(|user| user.tokens_valid_from);
    match valid_from {
        Some(from) if issued < from.unix_timestamp() => Err(refusal::token_revoked(from)),
        _ => Ok(()),
    }
}

fn read(claims: &Value) -> Bearer {
    let kind = if text(claims, "idtyp") == "app" { Kind::AppOnly } else { Kind::Delegated };
    let roles = claims.get("roles").and_then(Value::as_array).into_iter().flatten();
    let allowed = match kind {
        Kind::AppOnly => roles.filter_map(|role| role.as_str().map(str::to_owned)).collect(),
        Kind::Delegated => text(claims, "scp").split(' ').map(str::to_owned).collect(),
    };
    Bearer { kind, app_id: text(claims, "appid").into(), oid: text(claims, "oid").into(), allowed }
}

/// A backend that is behind rejects valid tokens (facts 5.4): so many, as the switch says.
fn reject_once(tenant: &Tenant) -> bool {
    let mut state = tenant.lock();
    let left = &mut state.world.switches.graph_reject_tokens;
    let reject = *left > 0;
    *left = left.saturating_sub(1);
    reject
}

fn strip_scheme(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn text<'a>(claims: &'a Value, name: &str) -> &'a str {
    claims.get(name).and_then(Value::as_str).unwrap_or_default()
}
