//! The route of `/test-email`: the report at the end, or each stage as it happens.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use m365::test_mail::{Report, Stage, StageEvent};
use mail::Address;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use utoipa::ToSchema;

use super::access::Operator;
use super::event_stream::event_stream;
use super::input::{Json, parsed};
use crate::app::App;
use crate::problem::Problem;
use crate::{accounts, test_email};

/// Where to send a test mail, and by which account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestEmailRequest {
    #[serde(deserialize_with = "parsed")]
    #[schema(value_type = String)]
    to: Address,
    /// Id or name; the default account otherwise.
    account: Option<String>,
}

/// How a test mail or a check went.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Report)]
pub struct ReportView {
    ok: bool,
    /// Message-ID of the message, once it was tried to send one.
    message_id: Option<String>,
    stages: Vec<StageView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Stage)]
struct StageView {
    /// `settings`, `certificate`, `token`, `permission`, `mailbox` or `message`, in this order.
    #[schema(value_type = String)]
    name: m365::test_mail::StageName,
    ok: bool,
    /// Not needed, or not reached.
    skipped: bool,
    took_ms: u64,
    detail: String,
    code: Option<String>,
    cause: Option<String>,
    fix: Option<String>,
    /// Whose turn it is: `tenant_administrator`, `postern_administrator`, `sender` or `wait`.
    #[schema(value_type = Option<String>)]
    turn: Option<m365::diagnosis::Turn>,
}

/// Sends a test mail. With `Accept: text/event-stream` the stages come as they happen: events `stage`, whose data is
/// `{name, state: "started"}` or the stage that ended, and at last one event `report` or `problem`.
#[utoipa::path(post, path = "/test-email", tag = "test-email", request_body = TestEmailRequest,
    responses((status = 200, body = ReportView)))]
pub async fn send(
    State(app): State<Arc<App>>,
    Operator(actor): Operator,
    headers: HeaderMap,
    Json(request): Json<TestEmailRequest>,
) -> Result<Response, Problem> {
    let account = accounts::find_or_default(&app, request.account.as_deref()).await?;
    if !wants_stream(&headers) {
        let report = test_email::send(&app, &actor, account, &request.to, |_| {}).await?;
        return Ok(axum::Json(ReportView::from(report)).into_response());
    }
    let (sender, receiver) = mpsc::unbounded_channel::<Result<Event, Infallible>>();
    // A task of its own: a listener that goes away does not stop a message half-way.
    tokio::spawn(async move {
        let stages = sender.clone();
        // A send fails only when nobody listens any more.
        let tell = move |event| drop(stages.send(Ok(stage_event(event))));
        let last = match test_email::send(&app, &actor, account, &request.to, tell).await {
            Ok(report) => event("report", &ReportView::from(report)),
            Err(problem) => event("problem", &problem.to_json()),
        };
        let _ = sender.send(Ok(last));
    });
    Ok(event_stream(UnboundedReceiverStream::new(receiver)))
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.contains("text/event-stream")
}

fn stage_event(told: StageEvent) -> Event {
    match told {
        StageEvent::Started(name) => event("stage", &json!({ "name": name, "state": "started" })),
        StageEvent::Ended(stage) => event("stage", &StageView::from(stage)),
    }
}

fn event(name: &str, data: &impl Serialize) -> Event {
    Event::default().event(name).data(serde_json::to_string(data).expect("texts and numbers serialise"))
}

impl From<Report> for ReportView {
    fn from(report: Report) -> Self {
        let stages = report.stages.into_iter().map(StageView::from).collect();
        Self { ok: report.ok, message_id: report.message_id, stages }
    }
}

impl From<Stage> for StageView {
    fn from(stage: Stage) -> Self {
        let Stage { name, ok, skipped, took_ms, detail, code, cause, fix, turn } = stage;
        Self { name, ok, skipped, took_ms, detail, code, cause, fix, turn }
    }
}
