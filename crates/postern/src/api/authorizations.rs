//! The routes of sign-ins: start, watch, confirm, and the redirect URI itself.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use m365::authorize::ResponseMode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::FlowStatus;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::access::Administrator;
use super::accounts::AccountView;
use super::host::{ReachedAs, Source};
use super::input::{IdOrName, Json, Query};
use super::moment;
use super::page::Page;
use crate::accounts;
use crate::app::App;
use crate::authorizations::{self, Bringer, Flow, Invitation, Start};
use crate::problem::Problem;

/// A sign-in under way.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Authorization)]
pub struct FlowView {
    id: String,
    /// Name of the account.
    account: String,
    /// `authorization_code`, `device_code` or `application`.
    kind: &'static str,
    /// `waiting`, `pending` (signed in, to be confirmed), `confirmed`, `failed`, `expired` or `cancelled`.
    status: &'static str,
    /// The address to open, while it waits.
    url: Option<String>,
    /// The code to type, while it waits.
    user_code: Option<String>,
    verification_uri: Option<String>,
    redirect_uri: Option<String>,
    /// What should be known beforehand.
    warning: Option<String>,
    /// Until when it can be gone on with.
    expires: String,
    /// Who signed in.
    #[schema(value_type = Option<Object>)]
    found: Option<Value>,
    /// Why it failed: `code`, `message`, `hint`.
    #[schema(value_type = Option<Object>)]
    failure: Option<Value>,
}

/// How to sign in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRequest {
    /// One of the redirect URIs of `/status`; the one that fits the request is the default.
    redirect_uri: Option<String>,
    /// `query` (default) or `form_post`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    response_mode: ResponseMode,
    /// Sign in with a code typed on another device: a last resort.
    #[serde(default)]
    device_code: bool,
    /// The browser that sends this request will bring the answer: it gets a cookie, and nobody has to confirm.
    #[serde(default)]
    browser: bool,
}

/// How long to hold the answer.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct WaitQuery {
    /// Seconds, 60 at most: the answer comes when the sign-in no longer waits, or then.
    #[serde(default)]
    wait: u64,
}

/// An address that a browser ended at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompleteRequest {
    /// The whole address, from the browser's address bar.
    address: String,
}

const DEVICE_CODE_WARNING: &str = "Microsoft may stop a sign-in by device code later by a policy, without notice. \
     Use it only where no browser can reach this console.";

/// Starts a sign-in, or verifies an application's access.
#[utoipa::path(post, path = "/accounts/{account}/authorize", tag = "authorizations", request_body = StartRequest,
    params(("account" = String, Path, description = "id or name")), responses((status = 201, body = FlowView)))]
pub async fn start(
    State(app): State<Arc<App>>,
    Administrator(actor): Administrator,
    axum::Extension(reached_as): axum::Extension<ReachedAs>,
    IdOrName(account): IdOrName,
    Json(request): Json<StartRequest>,
) -> Result<Response, Problem> {
    let account = accounts::find_row(&app, &account).await?;
    let start = Start {
        redirect_uri: app.hosts.choose_redirect(request.redirect_uri.as_deref(), &reached_as)?,
        response_mode: request.response_mode,
        bind_to_browser: request.browser,
        device_code: request.device_code,
    };
    let flow = authorizations::start(&app, &actor, account, start).await?;
    let cookie = flow.browser_cookie.as_ref().map(|value| set_cookie(flow.row.id, value));
    let mut response = (StatusCode::CREATED, axum::Json(FlowView::from(flow))).into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Shows a sign-in; with `wait`, once it no longer waits.
#[utoipa::path(get, path = "/authorizations/{authorization}", tag = "authorizations",
    params(("authorization" = String, Path), WaitQuery), responses((status = 200, body = FlowView)))]
pub async fn show(
    State(app): State<Arc<App>>,
    _administrator: Administrator,
    IdOrName(id): IdOrName,
    Query(query): Query<WaitQuery>,
) -> Result<Response, Problem> {
    let flow = match query.wait {
        0 => authorizations::find(&app, &id).await?,
        seconds => authorizations::wait(&app, &id, Duration::from_secs(seconds)).await?,
    };
    Ok(axum::Json(FlowView::from(flow)).into_response())
}

/// Takes the address that the browser ended at, when it could not reach this console.
#[utoipa::path(post, path = "/authorizations/{authorization}/complete", tag = "authorizations",
    request_body = CompleteRequest, params(("authorization" = String, Path)), responses((status = 200, body = FlowView)))]
pub async fn complete(
    State(app): State<Arc<App>>,
    Administrator(actor): Administrator,
    IdOrName(id): IdOrName,
    headers: HeaderMap,
    Json(request): Json<CompleteRequest>,
) -> Result<Response, Problem> {
    let cookie = |flow: Uuid| read_cookie(&headers, flow);
    let flow = authorizations::complete(&app, &actor, &id, &request.address, &cookie).await?;
    Ok(axum::Json(FlowView::from(flow)).into_response())
}

/// Keeps what a pending sign-in found. Only whoever started it can.
#[utoipa::path(post, path = "/authorizations/{authorization}/confirm", tag = "authorizations",
    params(("authorization" = String, Path)), responses((status = 200, body = FlowView)))]
pub async fn confirm(
    State(app): State<Arc<App>>,
    Administrator(actor): Administrator,
    IdOrName(id): IdOrName,
) -> Result<Response, Problem> {
    let flow = authorizations::confirm(&app, &actor, &id).await?;
    Ok(axum::Json(FlowView::from(flow)).into_response())
}

/// Keeps what this account's latest pending sign-in found.
#[utoipa::path(post, path = "/accounts/{account}/confirm", tag = "authorizations",
    params(("account" = String, Path, description = "id or name")), responses((status = 200, body = AccountView)))]
pub async fn confirm_latest(
    State(app): State<Arc<App>>,
    Administrator(actor): Administrator,
    IdOrName(account): IdOrName,
) -> Result<Response, Problem> {
    let account = accounts::find_row(&app, &account).await?;
    let flow = authorizations::latest_pending(&app, &account).await?;
    authorizations::confirm(&app, &actor, &flow.id.to_string()).await?;
    let account = accounts::find(&app, &account.id.to_string()).await?;
    Ok(axum::Json(AccountView::new(&app, account, Vec::new())).into_response())
}

/// Calls a sign-in off.
#[utoipa::path(delete, path = "/authorizations/{authorization}", tag = "authorizations",
    params(("authorization" = String, Path)), responses((status = 204)))]
pub async fn cancel(
    State(app): State<Arc<App>>,
    Administrator(actor): Administrator,
    IdOrName(id): IdOrName,
) -> Result<StatusCode, Problem> {
    authorizations::cancel(&app, &actor, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The redirect URI: the browser comes back here with the answer in the address.
pub async fn callback_by_query(
    State(app): State<Arc<App>>,
    axum::Extension(source): axum::Extension<Source>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Page {
    receive(&app, query.as_deref().unwrap_or_default(), &source, &headers).await
}

/// The redirect URI: the browser posts the answer from Microsoft's page (`form_post`).
pub async fn callback_by_form(
    State(app): State<Arc<App>>,
    axum::Extension(source): axum::Extension<Source>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Page {
    let Ok(body) = body else {
        return Page::bad("The sign-in did not work").say("What was posted is no answer of Microsoft's.");
    };
    // A body that is no form has no fields, and the parser says so.
    receive(&app, std::str::from_utf8(&body).unwrap_or_default(), &source, &headers).await
}

async fn receive(app: &App, encoded: &str, source: &Source, headers: &HeaderMap) -> Page {
    let cookie = |flow: Uuid| read_cookie(headers, flow);
    match authorizations::receive(app, encoded, Bringer { source: &source.0, cookie: &cookie }).await {
        Ok(flow) => tell(&flow),
        Err(problem) => Page::bad("The sign-in did not work").say(problem.message()).say(problem.hint()),
    }
}

fn tell(flow: &Flow) -> Page {
    let found = |name: &str| {
        flow.row.found.as_ref().and_then(|found| found[name].as_str()).unwrap_or_default().to_owned()
    };
    let said = |name: &str| {
        flow.row.failure.as_ref().and_then(|failure| failure[name].as_str()).unwrap_or_default().to_owned()
    };
    match flow.row.status {
        FlowStatus::Confirmed => Page::good("Signed in")
            .say("Postern can now send mail for this account. You may close this tab.")
            .fact("Account", &flow.account)
            .fact("Signed in as", found("user")),
        FlowStatus::Pending => Page::waiting("Signed in, one step left")
            .say("Whoever started this sign-in now confirms it in Postern: the command postern account authorize asks, \
                  or postern account confirm does it. You may close this tab.")
            .fact("Account", &flow.account)
            .fact("Signed in as", found("user")),
        _ => Page::bad("The sign-in did not work").say(said("message")).say(said("hint")).fact("Account", &flow.account).fact("Code", said("code")),
    }
}

impl From<Flow> for FlowView {
    fn from(flow: Flow) -> Self {
        let warning = warn(&flow);
        let Flow { row, account, invitation, .. } = flow;
        let (url, user_code, verification_uri) = match invitation {
            Some(Invitation::Open { url }) => (Some(url), None, None),
            Some(Invitation::Type { user_code, verification_uri }) => {
                (None, Some(user_code), Some(verification_uri))
            }
            None => (None, None, None),
        };
        Self {
            id: row.id.to_string(),
            account,
            kind: row.kind.as_str(),
            status: row.status.as_str(),
            url,
            user_code,
            verification_uri,
            redirect_uri: row.redirect_uri,
            warning,
            expires: moment::text(row.expires_at),
            found: row.found,
            failure: row.failure,
        }
    }
}

/// What should be known before a sign-in is kept: that it is one by device code, or not the sending mailbox's.
fn warn(flow: &Flow) -> Option<String> {
    let user = flow.row.found.as_ref().and_then(|found| found["user"].as_str()).unwrap_or_default();
    let by_device = flow.row.kind == store::FlowKind::DeviceCode;
    match &flow.from {
        Some(from) if !user.is_empty() && !from.eq_ignore_ascii_case(user) => Some(format!(
            "Signed in as {user}, but mail goes out as {from}: {user} needs the right Send As on that mailbox."
        )),
        _ => by_device.then(|| DEVICE_CODE_WARNING.to_owned()),
    }
}

/// `__Host-` ties it to this host and TLS; SameSite=None lets it come along when Microsoft's page posts the form.
fn set_cookie(flow: Uuid, value: &str) -> HeaderValue {
    let cookie =
        format!("{}={value}; Path=/; Secure; HttpOnly; SameSite=None; Max-Age=600", cookie_name(flow));
    cookie.parse().expect("a UUID and base64url are ASCII")
}

fn read_cookie(headers: &HeaderMap, flow: Uuid) -> Option<String> {
    let name = cookie_name(flow);
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
}

fn cookie_name(flow: Uuid) -> String {
    format!("__Host-postern-flow-{}", flow.simple())
}
