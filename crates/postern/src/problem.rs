//! What a refused request gets back: a stable `code`, a sentence and a `hint`; as `application/problem+json` (RFC 9457)
//! at the edge of HTTP, which is the one place where a code becomes a status.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};
use store::StoreError;

use crate::vault::CannotOpen;

/// A refusal on its way to the client. It carries text for a person; what is for the log is logged where it arises.
#[derive(Debug, Clone)]
pub struct Problem {
    code: &'static str,
    message: String,
    hint: String,
    // Boxed: most refusals have none, and a `Result` stays small.
    members: Box<Map<String, Value>>,
}

impl Problem {
    /// A refusal with `code`.
    pub fn new(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into(), members: Box::default() }
    }

    /// Adds a further member, such as `choices`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Nothing of that name or id.
    pub fn not_found(what: &str, name: &str) -> Self {
        let name = shown(name);
        Self::new(
            "not_found",
            format!("There is no {what} {name}."),
            format!("List what there is, and check the spelling of {name}."),
        )
    }

    /// A value that does not fit its field.
    pub fn invalid(field: &str, why: impl std::fmt::Display) -> Self {
        Self::new("invalid_request", format!("{field}: {why}"), "Correct that value and try again.")
            .with("field", field)
    }

    /// Our own failure. `error` goes to the log, under an id that the client is told.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        let id = uuid::Uuid::now_v7();
        tracing::error!(%id, %error, "a request failed inside Postern");
        Self::new(
            "internal",
            format!("Postern failed inside ({id}). Nothing was changed."),
            "Look for that id in Postern's log; it says what happened.",
        )
    }

    /// Its stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The sentence for a person.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do next.
    pub fn hint(&self) -> &str {
        &self.hint
    }

    /// The document, without transport.
    pub fn to_json(&self) -> Value {
        let status = status_of(self.code);
        let mut document = json!({
            "type": format!("urn:postern:problem:{}", self.code),
            "title": status.canonical_reason().unwrap_or("Error"),
            "status": status.as_u16(),
            "detail": self.message,
            "code": self.code,
            "hint": self.hint,
        });
        if let Value::Object(document) = &mut document {
            document.extend((*self.members).clone());
        }
        document
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = status_of(self.code);
        let mut response = (status, self.to_json().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"postern\""));
        }
        if let Some(seconds) = self.members.get("retry_after_seconds").and_then(Value::as_u64) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if !matches!(error, StoreError::BadCursor(_) | StoreError::Closed) {
            tracing::error!(%error, "the database failed a request");
        }
        Self::new(error.code(), sentence(&error), error.hint())
    }
}

impl From<CannotOpen> for Problem {
    fn from(error: CannotOpen) -> Self {
        Self::internal(error)
    }
}

/// An error's text as a sentence: a capital first, a full stop last.
pub fn sentence(error: &impl ToString) -> String {
    let text = error.to_string();
    let mut characters = text.chars();
    let first: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{stop}", characters.as_str())
}

/// A name out of a request, fit for a sentence: quoted, shortened, control characters escaped.
pub fn shown(text: &str) -> String {
    let short: String = text.chars().take(80).collect();
    let dots = if short.len() < text.len() { "…" } else { "" };
    format!("{short:?}{dots}")
}

fn status_of(code: &str) -> StatusCode {
    match code {
        "unauthenticated" | "wrong_credentials" | "code_needed" | "wrong_code" => StatusCode::UNAUTHORIZED,
        "throttled" => StatusCode::TOO_MANY_REQUESTS,
        "setup_over" => StatusCode::GONE,
        "forbidden" | "not_exportable" | "cross_site" | "sender_not_allowed" => StatusCode::FORBIDDEN,
        "not_found" => StatusCode::NOT_FOUND,
        "method_not_allowed" => StatusCode::METHOD_NOT_ALLOWED,
        "duplicate" | "name_taken" | "in_use" | "changed_meanwhile" | "nothing_pending" | "flow_over"
        | "last_administrator" | "uid_taken" | "wrong_state" | "content_gone" => StatusCode::CONFLICT,
        "too_large" => StatusCode::PAYLOAD_TOO_LARGE,
        "unsupported_media_type" => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "misdirected" => StatusCode::MISDIRECTED_REQUEST,
        "malformed_json" => StatusCode::BAD_REQUEST,
        "try_later"
        | "database_busy"
        | "database_unreachable"
        | "disk_full"
        | "disk_error"
        | "database_read_only"
        | "shutting_down" => StatusCode::SERVICE_UNAVAILABLE,
        "internal" | "key_damaged" | "secret_damaged" | "corrupt_row" | "database_damaged"
        | "database_refused" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_tells_code_message_and_hint_and_carries_its_members() {
        let problem = Problem::new("several_keys", "Two keys.", "Choose one.").with("choices", vec!["AB"]);
        let json = problem.to_json();
        assert_eq!(json["status"], 422);
        assert_eq!(json["code"], "several_keys");
        assert_eq!(json["choices"][0], "AB");
        assert_eq!(json["hint"], "Choose one.");
    }

    #[test]
    fn names_from_a_request_are_shown_short_and_without_control_characters() {
        assert_eq!(shown("a\u{1b}[31m\n"), "\"a\\u{1b}[31m\\n\"");
        assert!(shown(&"x".repeat(1000)).chars().count() < 90);
    }
}
