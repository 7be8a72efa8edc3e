//! The routes of `/submitters`: devices and programs that may hand mail over. A password or token that is made is told in
//! the answer that made it, and never again.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use store::{ForeignFrom, SubmitterRow, SubmitterSecret};
use utoipa::ToSchema;
use uuid::Uuid;

use super::access::{Administrator, Viewer};
use super::input::{Description, IdOrName, Json, Name, Query, SecretText, given, parsed_given, parsed_list};
use super::list::{self, ListQuery};
use super::moment;
use crate::app::App;
use crate::problem::Problem;
use crate::queue::route::Sender;
use crate::submission_doors::Server;
use crate::submitters::{self, Changes, Made, NetworkText, SenderText};

/// A submitter as everybody may see it: never its password or token.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Submitter)]
pub struct SubmitterView {
    id: String,
    name: String,
    description: String,
    /// What it logs in as.
    user_name: Option<String>,
    has_password: bool,
    /// `generated` or `chosen`.
    password_kind: Option<&'static str>,
    has_token: bool,
    /// Networks from which it needs no password.
    networks: Vec<String>,
    /// Local users who may use `sendmail` and `submit.sock` as this submitter.
    uids: Vec<u32>,
    /// As whom it may send; empty: as whom its account may.
    senders: Vec<String>,
    /// What happens to any other From: `refuse` or `rewrite`.
    foreign_from: &'static str,
    /// Its account; without one the account that fits From, else the default one.
    account: Option<NamedView>,
    rate_per_minute: Option<u32>,
    enabled: bool,
    created: String,
    updated: String,
    last_used: Option<String>,
    /// Where a device connects to.
    servers: Vec<ServerView>,
}

/// Something with an id and a name.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Named)]
pub struct NamedView {
    pub(super) id: String,
    pub(super) name: String,
}

/// A listener as a device must be told of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = SubmissionServer)]
pub struct ServerView {
    host: String,
    port: u16,
    /// `starttls`, `implicit` or `none`.
    tls: &'static str,
}

/// A submitter, with what was made for it: the only time that is shown.
#[derive(Serialize, ToSchema)]
pub struct MadeSubmitter {
    #[serde(flatten)]
    submitter: SubmitterView,
    /// A password that was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    /// An API token that was made; send it as `Authorization: Bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// A page of submitters.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubmitterList {
    items: Vec<SubmitterView>,
    next: Option<String>,
    /// Rows that could not be read, if any; they hide nothing else.
    damaged: Vec<String>,
}

/// A new submitter. Without `user_name`, `token`, `networks` and `uids` it logs in by its name, with a password that is
/// made for it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSubmitter {
    #[schema(value_type = String)]
    name: Name,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    description: Option<Description>,
    /// What it logs in as.
    #[schema(value_type = Option<String>)]
    user_name: Option<Name>,
    /// A password that somebody chose, 12 characters or more; without one it is made.
    #[schema(value_type = Option<String>)]
    password: Option<SecretText>,
    /// True makes an API token.
    #[serde(default)]
    token: bool,
    /// `192.0.2.0/24`, `2001:db8::/32`, `192.0.2.7`.
    #[serde(default, deserialize_with = "parsed_list")]
    #[schema(value_type = Option<Vec<String>>)]
    networks: Option<Vec<NetworkText>>,
    /// Ids of local users.
    uids: Option<Vec<u32>>,
    /// `scanner@contoso.com`, `*@contoso.com`, `*`.
    #[serde(default, deserialize_with = "parsed_list")]
    #[schema(value_type = Option<Vec<String>>)]
    senders: Option<Vec<SenderText>>,
    /// `refuse`, the default, or `rewrite`.
    #[schema(value_type = Option<String>)]
    foreign_from: Option<ForeignFrom>,
    /// Id or name.
    account: Option<String>,
    /// 1 or more.
    rate_per_minute: Option<u32>,
    /// True is the default.
    enabled: Option<bool>,
}

/// What to change of a submitter; what is not given stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitterChange {
    #[schema(value_type = Option<String>)]
    name: Option<Name>,
    #[schema(value_type = Option<String>)]
    description: Option<Description>,
    /// Null takes its password away; a name for one without a password makes one.
    #[serde(default, deserialize_with = "parsed_given")]
    #[schema(value_type = Option<String>)]
    user_name: Option<Option<Name>>,
    /// True makes another API token, false takes it away.
    token: Option<bool>,
    #[serde(default, deserialize_with = "parsed_list")]
    #[schema(value_type = Option<Vec<String>>)]
    networks: Option<Vec<NetworkText>>,
    uids: Option<Vec<u32>>,
    #[serde(default, deserialize_with = "parsed_list")]
    #[schema(value_type = Option<Vec<String>>)]
    senders: Option<Vec<SenderText>>,
    #[schema(value_type = Option<String>)]
    foreign_from: Option<ForeignFrom>,
    /// Null is the account that fits.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    account: Option<Option<String>>,
    /// Null is no limit.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>)]
    rate_per_minute: Option<Option<u32>>,
    enabled: Option<bool>,
}

/// Another password for a submitter.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordRequest {
    /// One that somebody chose; without it one is made.
    #[schema(value_type = Option<String>)]
    password: Option<SecretText>,
}

/// Lists the submitters in the order of their names.
#[utoipa::path(get, path = "/submitters", tag = "submitters", params(ListQuery), responses((status = 200, body = SubmitterList)))]
pub async fn list(
    State(app): State<Arc<App>>,
    _viewer: Viewer,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    let page = app.store.submitters().list(&query.page()?, query.filter()).await?;
    let accounts = app.queue.directory.senders(&app).await?;
    let items = page.rows.iter().map(|row| SubmitterView::new(&app, row, &accounts)).collect();
    let damaged = page.corrupt.iter().map(ToString::to_string).collect();
    Ok(list::answer(SubmitterList { items, next: list::cursor(page.next), damaged }))
}

/// Adds a submitter.
#[utoipa::path(post, path = "/submitters", tag = "submitters", request_body = NewSubmitter,
    responses((status = 201, body = MadeSubmitter)))]
pub async fn add(
    State(app): State<Arc<App>>,
    Administrator(actor): Administrator,
    Json(request): Json<NewSubmitter>,
) -> Result<Response, Problem> {
    let changes = Changes {
        name: None,
        description: request.description,
        user_name: request.user_name.map(Some),
        password: request.password,
        token: request.token.then_some(true),
        networks: request.networks,
        uids: request.uids,
        senders: request.senders,
        foreign_from: request.foreign_from,
        account: request.account.map(Some),
        rate_per_minute: rate(request.rate_per_minute.map(Some))?,
        enabled: request.enabled,
    };
    let made = submitters::add(&app, &actor, request.name, changes).await?;
    Ok((StatusCode::CREATED, axum::Json(MadeSubmitter::new(&app, &made).await?)).into_response())
}

/// Shows one submitter.
#[utoipa::path(get, path = "/submitters/{submitter}", tag = "submitters",
    params(("submitter" = String, Path, description = "id or name")), responses((status = 200, body = SubmitterView)))]
pub async fn show(
    State(app): State<Arc<App>>,
    _viewer: Viewer,
    IdOrName(submitter): IdOrName,
) -> Result<Response, Problem> {
    let row = submitters::find(&app, &submitter).await?;
    let accounts = app.queue.directory.senders(&app).await?;
    Ok(axum::Json(SubmitterView::new(&app, &row, &accounts)).into_response())
}

/// Changes a submitter.
#[utoipa::path(patch, path = "/submitters/{submitter}", tag = "submitters", request_body = SubmitterChange,
    params(("submitter" = String, Path, description = "id or name")), responses((status = 200, body = MadeSubmitter)))]
pub async fn edit(
    State(app): State<Arc<App>>,
    Administrator(actor): Administrator,
    IdOrName(submitter): IdOrName,
    Json(request): Json<SubmitterChange>,
) -> Result<Response, Problem> {
    let changes = Changes {
        name: request.name,
        description: request.description,
        user_name: request.user_name,
        password: None,
        token: request.token,
        networks: request.networks,
        uids: request.uids,
        senders: request.senders,
        foreign_from: request.foreign_from,
        account: request.account,
        rate_per_minute: rate(request.rate_per_minute)?,
        enabled: request.enabled,
    };
    let made = submitters::edit(&app, &actor, &submitter, changes).await?;
    Ok(axum::Json(MadeSubmitter::new(&app, &made).await?).into_response())
}

/// Removes a submitter; it can't hand mail over from then on. What it has handed over goes its way.
#[utoipa::path(delete, path = "/submitters/{submitter}", tag = "submitters",
    params(("submitter" = String, Path, description = "id or name")), responses((status = 204)))]
pub async fn remove(
    State(app): State<Arc<App>>,
    Administrator(actor): Administrator,
    IdOrName(submitter): IdOrName,
) -> Result<StatusCode, Problem> {
    submitters::remove(&app, &actor, &submitter).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a submitter another password; the one before is void.
#[utoipa::path(post, path = "/submitters/{submitter}/password", tag = "submitters", request_body = PasswordRequest,
    params(("submitter" = String, Path, description = "id or name")), responses((status = 200, body = MadeSubmitter)))]
pub async fn reset_password(
    State(app): State<Arc<App>>,
    Administrator(actor): Administrator,
    IdOrName(submitter): IdOrName,
    Json(request): Json<PasswordRequest>,
) -> Result<Response, Problem> {
    let made = submitters::reset_password(&app, &actor, &submitter, request.password).await?;
    Ok(axum::Json(MadeSubmitter::new(&app, &made).await?).into_response())
}

/// Gives a submitter another API token; the one before is void.
#[utoipa::path(post, path = "/submitters/{submitter}/token", tag = "submitters",
    params(("submitter" = String, Path, description = "id or name")), responses((status = 200, body = MadeSubmitter)))]
pub async fn reset_token(
    State(app): State<Arc<App>>,
    Administrator(actor): Administrator,
    IdOrName(submitter): IdOrName,
) -> Result<Response, Problem> {
    let made = submitters::reset_token(&app, &actor, &submitter).await?;
    Ok(axum::Json(MadeSubmitter::new(&app, &made).await?).into_response())
}

/// An account by its id, as far as it is still there.
pub(super) fn named_account(id: Uuid, accounts: &[Sender]) -> NamedView {
    let found = accounts.iter().find(|account| account.account_id == id);
    NamedView { id: id.to_string(), name: found.map_or_else(String::new, |account| account.name.clone()) }
}

fn rate(given: Option<Option<u32>>) -> Result<Option<Option<u32>>, Problem> {
    match given {
        Some(Some(0)) => Err(Problem::invalid("rate_per_minute", "it must be 1 or more")),
        other => Ok(other),
    }
}

impl MadeSubmitter {
    async fn new(app: &App, made: &Made) -> Result<Self, Problem> {
        let accounts = app.queue.directory.senders(app).await?;
        Ok(Self {
            submitter: SubmitterView::new(app, &made.row, &accounts),
            password: made.password.as_ref().map(|password| password.to_string()),
            token: made.token.as_ref().map(|token| token.to_string()),
        })
    }
}

impl SubmitterView {
    fn new(app: &App, row: &SubmitterRow, accounts: &[Sender]) -> Self {
        let password_kind = row.secret.as_ref().map(|secret| match secret {
            SubmitterSecret::Chosen(_) => "chosen",
            SubmitterSecret::Generated { .. } => "generated",
        });
        Self {
            id: row.id.to_string(),
            name: row.name.clone(),
            description: row.description.clone(),
            user_name: row.user_name.clone(),
            has_password: password_kind.is_some(),
            password_kind,
            has_token: row.token_hash.is_some(),
            networks: row.networks.clone(),
            uids: row.uids.clone(),
            senders: row.senders.clone(),
            foreign_from: row.foreign_from.as_str(),
            account: row.account_id.map(|id| named_account(id, accounts)),
            rate_per_minute: row.rate_per_minute,
            enabled: row.is_enabled,
            created: moment::text(row.created_at),
            updated: moment::text(row.updated_at),
            last_used: row.last_used_at.map(moment::text),
            servers: servers(app),
        }
    }
}

/// Every listener, under the name by which a device reaches it.
fn servers(app: &App) -> Vec<ServerView> {
    let server = |server: &Server| ServerView {
        host: server.host(&app.hosts).to_owned(),
        port: server.address.port(),
        tls: server.tls.as_str(),
    };
    app.servers.iter().map(server).collect()
}
