//! Small things about the server itself: health, version and addresses, clouds, live events.

use std::sync::Arc;

use axum::extract::State;
use axum::response::sse::Event as SseEvent;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use futures_util::future::ready;
use http::StatusCode;
use serde::Serialize;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use url::Url;
use utoipa::ToSchema;

use super::access::{Caller, Viewer};
use super::event_stream::event_stream;
use crate::app::App;
use crate::events::Event;
use crate::problem::Problem;

/// What the server is and how it is reached.
#[derive(Debug, Serialize, ToSchema)]
pub struct Status {
    version: &'static str,
    public_url: Option<String>,
    /// The redirect URIs to register, the best first.
    redirect_uris: Vec<String>,
}

/// A cloud that accounts can live in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Cloud)]
pub struct CloudView {
    name: String,
    login: String,
    graph: String,
    smtp: String,
    built_in: bool,
}

/// The clouds.
#[derive(Debug, Serialize, ToSchema)]
pub struct CloudList {
    items: Vec<CloudView>,
}

/// Version, addresses and redirect URIs.
#[utoipa::path(get, path = "/status", tag = "server", responses((status = 200, body = Status)))]
pub async fn status(State(app): State<Arc<App>>, _viewer: Viewer) -> Response {
    axum::Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        public_url: app.hosts.public_url().map(|url| url.as_str().trim_end_matches('/').to_owned()),
        redirect_uris: app.hosts.redirect_uris().iter().map(Url::to_string).collect(),
    })
    .into_response()
}

/// The clouds: Microsoft's four and the configured ones.
#[utoipa::path(get, path = "/clouds", tag = "server", responses((status = 200, body = CloudList)))]
pub async fn clouds(State(app): State<Arc<App>>, _viewer: Viewer) -> Response {
    let items = app.clouds.iter().map(|(cloud, built_in)| CloudView {
        name: cloud.name.clone(),
        login: cloud.login.to_string(),
        graph: cloud.graph.to_string(),
        smtp: cloud.smtp.to_string(),
        built_in,
    });
    axum::Json(CloudList { items: items.collect() }).into_response()
}

/// What changes, as it happens: server-sent events named `change`, data `{what, id, change}`; `missed` when the
/// listener fell behind and should read everything anew.
#[utoipa::path(get, path = "/events", tag = "server",
    responses((status = 200, description = "server-sent events", content_type = "text/event-stream")))]
pub async fn events(State(app): State<Arc<App>>, caller: Caller) -> Response {
    let stopping = app.shutdown.clone().cancelled_owned();
    let session = caller.signed_in.map(|signed_in| signed_in.session.id.to_string());
    let is_own_end = move |event: &Event| {
        event.what == "sessions" && event.change == "deleted" && session.as_ref() == Some(&event.id)
    };
    let heard = BroadcastStream::new(app.events.listen());
    // Whoever's session is ended hears nothing more.
    let heard = heard.take_while(move |event| ready(!event.as_ref().is_ok_and(&is_own_end)));
    let events = heard.map(|event| {
        Ok(match event {
            Ok(event) => {
                let data = serde_json::to_string(&event).expect("an event of texts serialises");
                SseEvent::default().event("change").data(data)
            }
            Err(BroadcastStreamRecvError::Lagged(count)) => {
                SseEvent::default().event("missed").data(count.to_string())
            }
        })
    });
    event_stream(events.take_until(stopping))
}

/// Whether the process is alive: yes, if this answers.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether it can do its work: the database answers and can be written.
pub async fn readyz(State(app): State<Arc<App>>) -> Response {
    match app.store.ping().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response()
        }
    }
}

/// What a wrong address gets.
pub async fn no_such_route(uri: http::Uri) -> Problem {
    let path = crate::problem::shown(uri.path());
    Problem::new(
        "not_found",
        format!("There is nothing at {path}."),
        "The API is at /api/v1, and /api/docs shows all of it.",
    )
}

/// What a wrong method gets.
pub async fn wrong_method(method: http::Method, uri: http::Uri) -> Problem {
    let path = crate::problem::shown(uri.path());
    Problem::new(
        "method_not_allowed",
        format!("{path} does not take {method}."),
        "See /api/docs for what it takes.",
    )
}
