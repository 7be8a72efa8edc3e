//! The routes of `/tokens`: API tokens, each with a role. The token itself is shown once and kept as a hash.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use store::{DeleteTokenError, InsertTokenError, Role, TokenRow};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::access::{Administrator, hash_token, random_token};
use super::input::{IdOrName, Json, Name, Query};
use super::list::{self, ListQuery};
use super::moment;
use crate::app::App;
use crate::audit;
use crate::problem::{Problem, shown};

/// What a new token is for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    #[schema(value_type = String)]
    name: Name,
    /// `administrator`, `operator` or `viewer`.
    #[schema(value_type = String)]
    role: Role,
    /// RFC 3339 time or date; without it the token does not expire.
    expires: Option<String>,
}

/// A token as it can be listed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Token)]
pub struct TokenView {
    id: String,
    name: String,
    role: &'static str,
    created: String,
    created_by: String,
    expires: Option<String>,
    /// Whether that has passed: then it opens nothing any more.
    expired: bool,
    last_used: Option<String>,
}

/// A new token, the only time it is shown.
#[derive(Serialize, ToSchema)]
pub struct CreatedToken {
    #[serde(flatten)]
    token_view: TokenView,
    /// Send it as `Authorization: Bearer`.
    token: String,
}

/// A page of tokens.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenList {
    items: Vec<TokenView>,
    next: Option<String>,
}

/// Lists the tokens.
#[utoipa::path(get, path = "/tokens", tag = "tokens", params(ListQuery), responses((status = 200, body = TokenList)))]
pub async fn list(
    State(app): State<Arc<App>>,
    _administrator: Administrator,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    let page = app.store.api_tokens().list(&query.page()?).await?;
    let now = app.now();
    let items = page.rows.iter().map(|row| TokenView::new(row, now)).collect();
    Ok(list::answer(TokenList { items, next: list::cursor(page.next) }))
}

/// Makes a token.
#[utoipa::path(post, path = "/tokens", tag = "tokens", request_body = NewToken,
    responses((status = 201, body = CreatedToken)))]
pub async fn create(
    State(app): State<Arc<App>>,
    Administrator(actor): Administrator,
    Json(request): Json<NewToken>,
) -> Result<Response, Problem> {
    let now = app.now();
    let expires_at = request.expires.as_deref().map(moment::parse).transpose();
    let expires_at = expires_at.map_err(|error| Problem::invalid("expires", error))?;
    if expires_at.is_some_and(|end| end <= now) {
        return Err(Problem::invalid("expires", "it lies in the past"));
    }
    let token = random_token("pst_");
    let row = TokenRow {
        id: Uuid::now_v7(),
        name: request.name.as_str().to_owned(),
        role: request.role,
        token_hash: hash_token(&token),
        created_at: now,
        created_by: actor.name.clone(),
        expires_at,
        last_used_at: None,
    };
    let entry = audit::done(&actor, now, "token.create", &row.name);
    let entry = audit::with(entry, serde_json::json!({ "role": row.role.as_str() }));
    let inserted = app.store.api_tokens().insert(&row, &entry).await.map_err(|error| match error {
        InsertTokenError::NameTaken => {
            let name = shown(&row.name);
            Problem::new(
                "name_taken",
                format!("There is already a token named {name}."),
                "Choose another name.",
            )
        }
        InsertTokenError::Store(error) => error.into(),
    });
    app.audit_refusal(&actor, "token.create", &row.name, inserted).await?;
    app.events.tell("tokens", &row.id.to_string(), "created");
    let created = CreatedToken { token_view: TokenView::new(&row, now), token: token.to_string() };
    Ok((StatusCode::CREATED, axum::Json(created)).into_response())
}

/// Deletes a token by id or name; whoever holds it is locked out at once.
#[utoipa::path(delete, path = "/tokens/{token}", tag = "tokens",
    params(("token" = String, Path, description = "id or name")), responses((status = 204)))]
pub async fn delete(
    State(app): State<Arc<App>>,
    Administrator(actor): Administrator,
    IdOrName(token): IdOrName,
) -> Result<StatusCode, Problem> {
    let row =
        app.store.api_tokens().find(&token).await?.ok_or_else(|| Problem::not_found("token", &token))?;
    let entry = audit::done(&actor, app.now(), "token.delete", &row.name);
    app.store.api_tokens().delete(row.id, &entry).await.map_err(|error| match error {
        DeleteTokenError::NotFound => Problem::not_found("token", &token),
        DeleteTokenError::Store(error) => error.into(),
    })?;
    app.events.tell("tokens", &row.id.to_string(), "deleted");
    Ok(StatusCode::NO_CONTENT)
}

impl TokenView {
    fn new(row: &TokenRow, now: OffsetDateTime) -> Self {
        Self {
            id: row.id.to_string(),
            name: row.name.clone(),
            role: row.role.as_str(),
            created: moment::text(row.created_at),
            created_by: row.created_by.clone(),
            expires: row.expires_at.map(moment::text),
            expired: row.expires_at.is_some_and(|end| end <= now),
            last_used: row.last_used_at.map(moment::text),
        }
    }
}
