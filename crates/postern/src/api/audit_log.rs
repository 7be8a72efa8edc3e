//! The route of `/audit`: who did what, when, from where. Nothing here changes it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use store::{AuditFilter, AuditRow};
use utoipa::{IntoParams, ToSchema};

use super::access::Viewer;
use super::input::Query;
use super::{list, moment};
use crate::app::App;
use crate::problem::Problem;

/// Which entries of the log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// How many at most: 1 to 500, 100 by default.
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// Exactly this actor, such as `local:0` or `token:backup`.
    actor: Option<String>,
    /// Exactly this action, such as `certificate.import`.
    action: Option<String>,
    /// Exactly this target.
    target: Option<String>,
    /// This time or later.
    since: Option<String>,
    /// Before this time.
    until: Option<String>,
}

/// An entry of the log.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditItem {
    id: i64,
    at: String,
    actor: String,
    /// Address, or `admin.sock`.
    source: String,
    action: String,
    target: String,
    /// `done` or `refused`.
    outcome: &'static str,
    /// The refusal's code.
    code: Option<String>,
    #[schema(value_type = Object)]
    detail: serde_json::Value,
}

/// A page of the log, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditList {
    items: Vec<AuditItem>,
    next: Option<String>,
}

/// Lists the audit log, newest first.
#[utoipa::path(get, path = "/audit", tag = "audit", params(AuditQuery), responses((status = 200, body = AuditList)))]
pub async fn list(
    State(app): State<Arc<App>>,
    _viewer: Viewer,
    Query(query): Query<AuditQuery>,
) -> Result<Response, Problem> {
    let time = |field: &str, text: &Option<String>| {
        text.as_deref().map(moment::parse).transpose().map_err(|error| Problem::invalid(field, error))
    };
    let (since, until) = (time("since", &query.since)?, time("until", &query.until)?);
    let filter = AuditFilter { actor: query.actor, action: query.action, target: query.target, since, until };
    let page = app.store.audit().list(&list::page(query.limit, query.cursor.as_deref())?, &filter).await?;
    let items = page.rows.into_iter().map(AuditItem::new).collect();
    Ok(list::answer(AuditList { items, next: list::cursor(page.next) }))
}

impl AuditItem {
    fn new(row: AuditRow) -> Self {
        let entry = row.entry;
        Self {
            id: row.id,
            at: moment::text(entry.at),
            actor: entry.actor,
            source: entry.source,
            action: entry.action,
            target: entry.target,
            outcome: entry.outcome.as_str(),
            code: entry.code,
            detail: entry.detail,
        }
    }
}
