//! Who asks, and what that role may do. A handler names the role it needs as an argument; there is no route without
//! one of these extractors but the open ones listed in `router`.

use std::sync::Arc;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header;
use http::request::Parts;
use store::{Role, SubmitterRow};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::host::Source;
use super::{same_site, session};
use crate::app::App;
use crate::listener::Peer;
use crate::problem::{Problem, shown};
use crate::sessions::{self, SignedIn};
use crate::submitters::TOKEN_PREFIX;

/// Who asks, as the audit log names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// `local:UID` on `admin.sock`, `token:NAME` with an API token, `user:NAME` in a session of the console.
    pub name: String,
    /// Address, or `admin.sock`.
    pub source: String,
    /// What it may do.
    pub role: Role,
}

/// Somebody who may at least read, and the session of the console in which they ask, if it is one.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who asks.
    pub actor: Actor,
    /// Their session.
    pub signed_in: Option<SignedIn>,
}

/// A user in a session of the console: what is theirs alone needs nobody's role, and no token will do.
#[derive(Debug, Clone)]
pub struct Person {
    /// Their session.
    pub signed_in: SignedIn,
    /// From where they ask.
    pub source: String,
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

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        identify(parts, app).await
    }
}

impl FromRequestParts<Arc<App>> for Person {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let caller = identify(parts, app).await?;
        match caller.signed_in {
            Some(signed_in) => Ok(Self { signed_in, source: caller.actor.source }),
            None => Err(unauthenticated(
                "Nobody is signed in here.",
                "This is about a user's own session; sign in to the console.",
            )),
        }
    }
}

/// For who only wants to know whether somebody is signed in: nobody is no mistake. A token that isn't known is one.
impl OptionalFromRequestParts<Arc<App>> for Person {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Option<Self>, Problem> {
        match identify(parts, app).await {
            Ok(caller) => {
                let source = caller.actor.source;
                Ok(caller.signed_in.map(|signed_in| Self { signed_in, source }))
            }
            Err(problem) if problem.code() == "unauthenticated" && bearer(parts).is_none() => Ok(None),
            Err(problem) => Err(problem),
        }
    }
}

/// Somebody who may hand messages over.
#[derive(Debug, Clone)]
pub enum Sender {
    /// By any account, as whom it may send.
    Operator(Actor),
    /// A submitter with its own token: as it was permitted.
    Submitter {
        /// It.
        row: Box<SubmitterRow>,
        /// From where it asks.
        source: String,
    },
}

/// Somebody who may look at messages.
#[derive(Debug, Clone)]
pub enum MailReader {
    /// At all of them.
    Viewer,
    /// A submitter with its own token: at its own.
    Submitter(Box<SubmitterRow>),
}

impl Sender {
    /// Id and name of the submitter, and where the message came from.
    pub fn names(&self) -> (Option<Uuid>, String, String) {
        match self {
            Self::Operator(actor) => (None, actor.name.clone(), actor.source.clone()),
            Self::Submitter { row, source } => (Some(row.id), row.name.clone(), source.clone()),
        }
    }

    /// Within what a key against doing things twice is its own.
    pub fn scope(&self) -> String {
        match self {
            Self::Operator(actor) => actor.name.clone(),
            Self::Submitter { row, .. } => row.id.to_string(),
        }
    }
}

impl MailReader {
    /// Whether a message of this submitter is theirs to see.
    pub fn may_read(&self, submitter: Option<Uuid>) -> bool {
        match self {
            Self::Viewer => true,
            Self::Submitter(own) => submitter == Some(own.id),
        }
    }
}

impl FromRequestParts<Arc<App>> for Sender {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        match submitter(parts, app).await? {
            Some(row) => Ok(Self::Submitter { row: Box::new(row), source: source_of(parts) }),
            None => at_least(Role::Operator, parts, app).await.map(Self::Operator),
        }
    }
}

impl FromRequestParts<Arc<App>> for MailReader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        match submitter(parts, app).await? {
            Some(row) => Ok(Self::Submitter(Box::new(row))),
            None => at_least(Role::Viewer, parts, app).await.map(|_| Self::Viewer),
        }
    }
}

/// The submitter whose token was sent, if it is one.
async fn submitter(parts: &Parts, app: &App) -> Result<Option<SubmitterRow>, Problem> {
    let is_local = matches!(parts.extensions.get::<Peer>(), Some(Peer::Local { .. }));
    let Some(token) = bearer(parts).filter(|token| !is_local && token.starts_with(TOKEN_PREFIX)) else {
        return Ok(None);
    };
    let Some(row) = app.store.submitters().find_by_token_hash(&hash_token(token)).await? else {
        return Err(unauthenticated(
            "The submitter's token is not known here.",
            "It may have been replaced; make a new one: postern submitter reset-token.",
        ));
    };
    if !row.is_enabled {
        let name = shown(&row.name);
        return Err(unauthenticated(
            &format!("The submitter {name} is disabled."),
            "An administrator can enable it: postern submitter edit --enable.",
        ));
    }
    app.store.submitters().touch(&row, app.now()).await?;
    Ok(Some(row))
}

async fn at_least(needed: Role, parts: &Parts, app: &App) -> Result<Actor, Problem> {
    let actor = identify(parts, app).await?.actor;
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

/// The kernel's word first, then a token, then a session's cookie.
async fn identify(parts: &Parts, app: &App) -> Result<Caller, Problem> {
    let source = source_of(parts);
    if let Some(Peer::Local { uid }) = parts.extensions.get::<Peer>() {
        let actor = Actor { name: format!("local:{uid}"), source, role: Role::Administrator };
        return Ok(Caller { actor, signed_in: None });
    }
    if let Some(token) = bearer(parts) {
        return Ok(Caller { actor: holder_of(token, source, app).await?, signed_in: None });
    }
    let Some(cookie) = session::read_cookie(&parts.headers) else {
        return Err(unauthenticated(
            "This needs somebody who is signed in, or an API token.",
            "Sign in to the console, or send Authorization: Bearer TOKEN; postern token create makes one.",
        ));
    };
    same_site::check_session_request(parts, app)?;
    let signed_in = sessions::find(app, &cookie).await?.ok_or_else(|| {
        unauthenticated("The session has ended.", "Sign in again; nothing that was saved is lost.")
    })?;
    Ok(Caller { actor: signed_in.actor(&source), signed_in: Some(signed_in) })
}

fn source_of(parts: &Parts) -> String {
    parts.extensions.get::<Source>().map_or_else(String::new, |source| source.0.clone())
}

async fn holder_of(token: &str, source: String, app: &App) -> Result<Actor, Problem> {
    let Some(row) = app.store.api_tokens().find_by_hash(&hash_token(token)).await? else {
        return Err(unauthenticated(
            "The API token is not known here.",
            "It may have been deleted; make a new one.",
        ));
    };
    let now = app.now();
    if row.expires_at.is_some_and(|end| end <= now) {
        return Err(unauthenticated("The API token has expired.", "Make a new one: postern token create."));
    }
    app.store.api_tokens().touch(&row, now).await?;
    Ok(Actor { name: format!("token:{}", row.name), source, role: row.role })
}

fn unauthenticated(message: &str, hint: &str) -> Problem {
    Problem::new("unauthenticated", message, hint)
}

fn bearer(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A prefix and 256 random bits: the prefix lets secret scanners recognise one that was committed somewhere.
pub fn random_token(prefix: &str) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    aws_lc_rs::rand::fill(bytes.as_mut_slice()).expect("the system's random generator works");
    Zeroizing::new(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes.as_slice())))
}

/// What the store keeps of a token: its SHA-256. The token itself has 256 random bits, so that a plain hash is enough.
pub fn hash_token(token: &str) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes()).as_ref().to_vec()
}
