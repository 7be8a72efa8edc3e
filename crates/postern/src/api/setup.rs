//! The routes of the set-up link: it makes an administrator once, without anyone being signed in.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::Administrator;
use super::host::Source;
use super::input::{Json, Name, SecretText};
use super::same_site::SameSite;
use super::session::{self, SignedInView};
use crate::app::App;
use crate::problem::Problem;
use crate::sessions::Origin;
use crate::setup_link::{self, FirstUser};

/// What the set-up page sends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetupRequest {
    /// What stands behind the `#` of the set-up link.
    #[schema(value_type = String, format = Password)]
    token: SecretText,
    /// The administrator's name.
    #[schema(value_type = String)]
    user: Name,
    /// 12 to 200 characters.
    #[schema(value_type = String, format = Password)]
    password: SecretText,
}

/// Whether the console has been set up.
#[derive(Debug, Serialize, ToSchema)]
pub struct SetupState {
    /// Nobody can sign in yet: the set-up link makes the first administrator.
    needed: bool,
}

/// A new set-up link.
#[derive(Serialize, ToSchema)]
#[schema(as = SetupLink)]
pub struct SetupLinkView {
    /// Whoever opens it makes an administrator, once.
    url: String,
    /// The file on the server that holds it until then.
    file: String,
}

/// Whether somebody still has to open the set-up link before anyone can sign in.
#[utoipa::path(get, path = "/setup", tag = "session", security(()), responses((status = 200, body = SetupState)))]
pub async fn needed(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let needed = !app.store.users().any().await?;
    Ok(axum::Json(SetupState { needed }).into_response())
}

/// Makes an administrator by the set-up link and signs them in; 410 `setup_over` when it has been used or never was one.
#[utoipa::path(post, path = "/setup", tag = "session", security(()), request_body = SetupRequest,
    responses((status = 201, body = SignedInView), (status = 410)))]
pub async fn redeem(
    State(app): State<Arc<App>>,
    _same_site: SameSite,
    axum::Extension(source): axum::Extension<Source>,
    headers: HeaderMap,
    Json(request): Json<SetupRequest>,
) -> Result<Response, Problem> {
    let first = FirstUser { token: &request.token, name: &request.user, password: &request.password };
    let origin = Origin { source: &source.0, user_agent: session::user_agent(&headers) };
    let started = setup_link::redeem(&app, first, origin).await?;
    session::answer(&app, StatusCode::CREATED, &started).await
}

/// Makes a new set-up link; the one before is void.
#[utoipa::path(post, path = "/setup-link", tag = "users", responses((status = 201, body = SetupLinkView)))]
pub async fn renew(
    State(app): State<Arc<App>>,
    Administrator(actor): Administrator,
) -> Result<Response, Problem> {
    let link = setup_link::renew(&app, &actor).await?;
    let view = SetupLinkView { url: link.url.to_string(), file: link.file.display().to_string() };
    Ok((StatusCode::CREATED, axum::Json(view)).into_response())
}
