//! A server on a Unix socket that answers from a script and remembers what it was asked.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode, Uri, header};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::net::UnixListener;

/// What one request is answered with.
pub(super) struct Answer {
    status: u16,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Answer {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self { status, content_type: "application/json", body: body.to_string().into_bytes() }
    }

    pub(super) fn problem(status: u16, code: &str, more: &Value) -> Self {
        let mut body = json!({"type": "about:blank", "title": "Refused", "status": status,
            "detail": format!("refused: {code}"), "code": code, "hint": "do something else"});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name.as_str()] = value.clone();
        }
        Self { content_type: "application/problem+json", ..Self::json(status, &body) }
    }

    pub(super) fn bytes(body: &[u8]) -> Self {
        Self { status: 200, content_type: "application/octet-stream", body: body.to_vec() }
    }

    pub(super) fn events(body: &str) -> Self {
        Self { status: 200, content_type: "text/event-stream", body: body.as_bytes().to_vec() }
    }

    pub(super) fn nothing() -> Self {
        Self { status: 204, content_type: "text/plain", body: Vec::new() }
    }

    pub(super) fn page(status: u16, html: &str) -> Self {
        Self { status, content_type: "text/html", body: html.as_bytes().to_vec() }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap();
        (status, [(header::CONTENT_TYPE, self.content_type)], self.body).into_response()
    }
}

#[derive(Default)]
struct Script {
    answers: VecDeque<(String, Answer)>,
    asked: Vec<(String, Value)>,
}

/// Runs until it is dropped; a request that isn't next in the script is answered 599.
pub(super) struct Server {
    folder: TempDir,
    script: Arc<Mutex<Script>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// `expected` are request lines below `/api/v1`, in order, each with its answer.
    pub(super) async fn expecting<const N: usize>(expected: [(&str, Answer); N]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("admin.sock")).unwrap();
        let script = Arc::new(Mutex::new(Script {
            answers: expected.into_iter().map(|(line, answer)| (line.to_owned(), answer)).collect(),
            asked: Vec::new(),
        }));
        let router = Router::new().fallback(answer).with_state(script.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { folder, script, task }
    }

    pub(super) fn data_dir(&self) -> &Path {
        self.folder.path()
    }

    /// The bodies of all requests so far, and proof that the whole script was played.
    pub(super) fn asked(&self) -> Vec<Value> {
        let script = self.script.lock().unwrap();
        let left: Vec<_> = script.answers.iter().map(|(line, _)| line).collect();
        assert!(left.is_empty(), "never asked for: {left:?}");
        script.asked.iter().map(|(_, body)| body.clone()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, method: Method, uri: Uri, body: Bytes) -> Response {
    let line = format!("{method} {}", uri.to_string().trim_start_matches("/api/v1"));
    let mut script = script.lock().unwrap();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    script.asked.push((line.clone(), body));
    match script.answers.pop_front() {
        Some((expected, answer)) if expected == line => answer.into_response(),
        other => {
            let expected = other.map(|(line, _)| line);
            let why = format!("expected {expected:?}, asked for {line}");
            Answer::problem(599, "off_script", &json!({ "detail": why })).into_response()
        }
    }
}
