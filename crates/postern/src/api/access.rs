//! Who asks, and what that role may do. A handler names the role it needs as an argument; there is no route without
//! one of these extractors but the open ones listed in `router`.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header;
use http::request::Parts;
use store::Role;

use super::host::Source;
use crate::app::App;
use crate::listener::Peer;
use crate::problem::Problem;

/// Who asks, as the audit log names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// `local:UID` on `admin.sock`, `token:NAME` with an API token.
    pub name: String,
    /// Address, or `admin.sock`.
    pub source: String,
    /// What it may do.
    pub role: Role,
}

/// May read.
#[derive(Debug, Clone)]
pub struct Viewer(pub Actor);
/// May read, check accounts and send test mail.
#[derive(Debug, Clone)]
pub struct Operator(pub Actor);
/// May do everything.
#[derive(Debug, Clone)]
pub struct Administrator(pub Actor);

impl FromRequestParts<Arc<App>> for Viewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        at_least(Role::Viewer, parts, app).await.map(Self)
    }
}

impl FromRequestParts<Arc<App>> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        at_least(Role::Operator, parts, app).await.map(Self)
    }
}

impl FromRequestParts<Arc<App>> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        at_least(Role::Administrator, parts, app).await.map(Self)
    }
}

async fn at_least(needed: Role, parts: &Parts, app: &App) -> Result<Actor, Problem> {
    let actor = identify(parts, app).await?;
    if rank(actor.role) >= rank(needed) {
        return Ok(actor);
    }
    let problem = Problem::new(
        "forbidden",
        format!("{} has the role {} and this needs {}.", actor.name, actor.role.as_str(), needed.as_str()),
        "Ask an administrator of Postern, or use a token with that role.",
    );
    let asked = format!("{} {}", parts.method, parts.uri.path());
    Err(app.refuse(&actor, "api.forbidden", &asked, problem).await)
}

fn rank(role: Role) -> u8 {
    match role {
        Role::Viewer => 0,
        Role::Operator => 1,
        Role::Administrator => 2,
    }
}

async fn identify(parts: &Parts, app: &App) -> Result<Actor, Problem> {
    let source = parts.extensions.get::<Source>().map_or_else(String::new, |source| source.0.clone());
    if let Some(Peer::Local { uid }) = parts.extensions.get::<Peer>() {
        return Ok(Actor { name: format!("local:{uid}"), source, role: Role::Administrator });
    }
    let Some(token) = bearer(parts) else {
        return Err(Problem::new(
            "unauthenticated",
            "This needs an API token.",
            "Send Authorization: Bearer TOKEN; postern token create makes one.",
        ));
    };
    let Some(row) = app.store.api_tokens().find_by_hash(&hash_token(token)).await? else {
        return Err(unknown_token(
            "The API token is not known here.",
            "It may have been deleted; make a new one.",
        ));
    };
    let now = app.now();
    if row.expires_at.is_some_and(|end| end <= now) {
        return Err(unknown_token("The API token has expired.", "Make a new one: postern token create."));
    }
    app.store.api_tokens().touch(&row, now).await?;
    Ok(Actor { name: format!("token:{}", row.name), source, role: row.role })
}

fn unknown_token(message: &str, hint: &str) -> Problem {
    Problem::new("unauthenticated", message, hint)
}

fn bearer(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// What the store keeps of a token: its SHA-256. The token itself has 256 random bits, so that a plain hash is enough.
pub fn hash_token(token: &str) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes()).as_ref().to_vec()
}
