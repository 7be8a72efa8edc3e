//! The routes of `/session` and `/sessions`: signing in and out, who is signed in, and from where. The session's token is
//! in the cookie and nowhere else.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use store::SessionRow;
use utoipa::ToSchema;
use uuid::Uuid;

use super::access::{Caller, Person};
use super::host::Source;
use super::input::{IdOrName, Json, Query, SecretText};
use super::list::{self, ListQuery};
use super::moment;
use super::same_site::SameSite;
use crate::app::App;
use crate::problem::Problem;
use crate::sessions::{self, LIFETIME, Origin, SignedIn, Started, Token};
use crate::sign_in::{self, Credentials};

/// The cookie of a session. `__Host-` ties it to this host and to TLS (RFC 6265bis, section 4.1.3.2).
pub const COOKIE: &str = "__Host-postern-session";

/// What somebody types to sign in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInRequest {
    /// The user's name.
    user: String,
    /// The password.
    #[schema(value_type = String, format = Password)]
    password: SecretText,
    /// The authenticator app's code, or a recovery code, where there is a second factor.
    #[schema(value_type = Option<String>)]
    code: Option<SecretText>,
}

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SignedInView {
    user: String,
    /// `administrator`, `operator` or `viewer`.
    role: &'static str,
    /// Whether there is a second factor.
    totp: bool,
    /// How many recovery codes are left, where there is a second factor.
    recovery_codes: Option<i64>,
    /// When the session ends if it isn't used any more.
    expires: String,
}

/// A session, as it can be listed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SessionItem)]
pub struct SessionView {
    id: String,
    user: String,
    created: String,
    /// To the minute.
    last_seen: String,
    /// The address it was started from.
    source: String,
    user_agent: String,
    /// Whether it is the one that asks.
    current: bool,
}

/// A page of sessions, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionList {
    items: Vec<SessionView>,
    next: Option<String>,
}

/// Tells who is signed in; null when nobody is, or the session has ended.
#[utoipa::path(get, path = "/session", tag = "session", security(("session" = []), ()),
    responses((status = 200, body = Option<SignedInView>)))]
pub async fn show(State(app): State<Arc<App>>, person: Option<Person>) -> Result<Response, Problem> {
    let view = match person {
        Some(person) => Some(SignedInView::new(&app, &person.signed_in).await?),
        None => None,
    };
    Ok(axum::Json(view).into_response())
}

/// Signs in. 401 `wrong_credentials`, `code_needed` (the password is right, the second factor is missing) or `wrong_code`;
/// 429 `throttled` with `retry_after_seconds`.
#[utoipa::path(post, path = "/session", tag = "session", security(()), request_body = SignInRequest,
    responses((status = 200, body = SignedInView), (status = 401), (status = 429)))]
pub async fn sign_in(
    State(app): State<Arc<App>>,
    _same_site: SameSite,
    axum::Extension(source): axum::Extension<Source>,
    headers: HeaderMap,
    Json(request): Json<SignInRequest>,
) -> Result<Response, Problem> {
    let typed = Credentials { user: &request.user, password: &request.password, code: request.code.as_ref() };
    let origin = Origin { source: &source.0, user_agent: user_agent(&headers) };
    let started = sign_in::sign_in(&app, &typed, origin).await?;
    answer(&app, StatusCode::OK, &started).await
}

/// Signs out: the session ends.
#[utoipa::path(delete, path = "/session", tag = "session", security(("session" = [])), responses((status = 204)))]
pub async fn sign_out(State(app): State<Arc<App>>, person: Person) -> Result<Response, Problem> {
    let session = &person.signed_in.session;
    let actor = person.signed_in.actor(&person.source);
    sessions::end(&app, &actor, Some(session.user_id), &session.id.to_string()).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, FORGET_COOKIE)]).into_response())
}

/// Lists the sessions that are not over: all for administrators, for others their own.
#[utoipa::path(get, path = "/sessions", tag = "session", params(ListQuery), responses((status = 200, body = SessionList)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    let current = caller.signed_in.as_ref().map(|signed_in| signed_in.session.id);
    let page = sessions::list(&app, caller.actor.role, caller.user(), &query.page()?).await?;
    let items = page.rows.iter().map(|(row, user)| SessionView::new(row, user, current)).collect();
    Ok(list::answer(SessionList { items, next: list::cursor(page.next) }))
}

/// Ends a session: one's own, or any as an administrator. Whoever uses it has to sign in again.
#[utoipa::path(delete, path = "/sessions/{session}", tag = "session", params(("session" = String, Path)),
    responses((status = 204)))]
pub async fn end(
    State(app): State<Arc<App>>,
    caller: Caller,
    IdOrName(session): IdOrName,
) -> Result<StatusCode, Problem> {
    sessions::end(&app, &caller.actor, caller.user(), &session).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells who is signed in now, and gives the browser its cookie.
pub(super) async fn answer(app: &App, status: StatusCode, started: &Started) -> Result<Response, Problem> {
    let view = SignedInView::new(app, &started.signed_in).await?;
    let mut response = (status, axum::Json(view)).into_response();
    response.headers_mut().insert(header::SET_COOKIE, set_cookie(&started.token));
    Ok(response)
}

/// What the browser calls itself.
pub(super) fn user_agent(headers: &HeaderMap) -> &str {
    headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The value of the session's cookie.
pub(super) fn read_cookie(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value.to_owned())
}

const FORGET_COOKIE: &str = "__Host-postern-session=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0";

fn set_cookie(token: &Token) -> HeaderValue {
    let lifetime = LIFETIME.whole_seconds();
    let cookie =
        format!("{COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={lifetime}", token.expose());
    let mut cookie: HeaderValue = cookie.parse().expect("base64url is ASCII");
    cookie.set_sensitive(true);
    cookie
}

impl Caller {
    fn user(&self) -> Option<Uuid> {
        self.signed_in.as_ref().map(|signed_in| signed_in.user.id)
    }
}

impl SignedInView {
    async fn new(app: &App, signed_in: &SignedIn) -> Result<Self, Problem> {
        let user = &signed_in.user;
        let totp = user.sealed_totp_secret.is_some();
        let left = if totp { Some(app.store.users().count_recovery_codes(user.id).await?) } else { None };
        Ok(Self {
            user: user.name.clone(),
            role: user.role.as_str(),
            totp,
            recovery_codes: left,
            expires: moment::text(signed_in.expires_at()),
        })
    }
}

impl SessionView {
    fn new(row: &SessionRow, user: &str, current: Option<Uuid>) -> Self {
        Self {
            id: row.id.to_string(),
            user: user.to_owned(),
            created: moment::text(row.created_at),
            last_seen: moment::text(row.last_seen_at),
            source: row.source.clone(),
            user_agent: row.user_agent.clone(),
            current: current == Some(row.id),
        }
    }
}
