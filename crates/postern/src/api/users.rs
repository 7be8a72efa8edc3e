//! The routes of `/users`: who may sign in to the console, for administrators.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use store::{Role, SecondFactorEdit, UserRow};
use utoipa::ToSchema;

use super::access::Administrator;
use super::input::{IdOrName, Json, Name, Query, SecretText};
use super::list::{self, ListQuery};
use super::moment;
use crate::app::App;
use crate::problem::Problem;
use crate::users;

/// Somebody to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The name to sign in with.
    #[schema(value_type = String)]
    user: Name,
    /// 12 to 200 characters.
    #[schema(value_type = String, format = Password)]
    password: SecretText,
    /// `administrator`, `operator` or `viewer`.
    #[schema(value_type = String)]
    role: Role,
}

/// What is to be changed; what is left out stays. The user's sessions end.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserEdit {
    /// `administrator`, `operator` or `viewer`.
    #[schema(value_type = Option<String>)]
    role: Option<Role>,
    /// 12 to 200 characters.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<SecretText>,
    /// `false` removes the second factor of somebody who has lost theirs; only they themselves can switch one on.
    totp: Option<bool>,
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    id: String,
    user: String,
    role: &'static str,
    /// Whether there is a second factor.
    totp: bool,
    created: String,
    last_sign_in: Option<String>,
}

/// A page of users.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserList {
    items: Vec<UserView>,
    next: Option<String>,
}

/// Lists the users.
#[utoipa::path(get, path = "/users", tag = "users", params(ListQuery), responses((status = 200, body = UserList)))]
pub async fn list(
    State(app): State<Arc<App>>,
    _administrator: Administrator,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    let page = app.store.users().list(&query.page()?).await?;
    let items = page.rows.iter().map(UserView::new).collect();
    Ok(list::answer(UserList { items, next: list::cursor(page.next) }))
}

/// Adds a user.
#[utoipa::path(post, path = "/users", tag = "users", request_body = NewUser, responses((status = 201, body = UserView)))]
pub async fn add(
    State(app): State<Arc<App>>,
    Administrator(actor): Administrator,
    Json(request): Json<NewUser>,
) -> Result<Response, Problem> {
    let new = users::NewUser { name: &request.user, password: &request.password, role: request.role };
    let row = users::add(&app, &actor, new).await?;
    Ok((StatusCode::CREATED, axum::Json(UserView::new(&row))).into_response())
}

/// Changes a user; their sessions end. 409 `last_administrator` when nobody else would be one.
#[utoipa::path(patch, path = "/users/{user}", tag = "users", request_body = UserEdit,
    params(("user" = String, Path, description = "id or name")), responses((status = 200, body = UserView)))]
pub async fn edit(
    State(app): State<Arc<App>>,
    Administrator(actor): Administrator,
    IdOrName(user): IdOrName,
    Json(request): Json<UserEdit>,
) -> Result<Response, Problem> {
    let second_factor = match request.totp {
        None => SecondFactorEdit::Keep,
        Some(false) => SecondFactorEdit::Remove,
        Some(true) => return Err(Problem::invalid("totp", "only the user can switch it on")),
    };
    let edit = users::Edit { role: request.role, password: request.password.as_ref(), second_factor };
    let row = users::edit(&app, &actor, &user, edit).await?;
    Ok(axum::Json(UserView::new(&row)).into_response())
}

/// Removes a user; their sessions end. 409 `last_administrator` for the last one.
#[utoipa::path(delete, path = "/users/{user}", tag = "users",
    params(("user" = String, Path, description = "id or name")), responses((status = 204)))]
pub async fn remove(
    State(app): State<Arc<App>>,
    Administrator(actor): Administrator,
    IdOrName(user): IdOrName,
) -> Result<StatusCode, Problem> {
    users::remove(&app, &actor, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl UserView {
    fn new(row: &UserRow) -> Self {
        Self {
            id: row.id.to_string(),
            user: row.name.clone(),
            role: row.role.as_str(),
            totp: row.sealed_totp_secret.is_some(),
            created: moment::text(row.created_at),
            last_sign_in: row.last_sign_in_at.map(moment::text),
        }
    }
}
