//! A command that could not be done: what a person reads, what a script reads, and the exit code.
//!
//! Failures come from the server (problem documents, RFC 9457) or from this side of the wire; both
//! look the same to the user. A failure never holds a password, a token or a secret.

use serde_json::{Map, Value, json};
use std::fmt;

use super::screen::{Look, Paint, clean, json_line};

/// Why a command ended without doing what it was asked to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// Further members of the server's problem document, such as `choices` or `accounts`.
    pub(crate) more: Box<Map<String, Value>>,
    fault: Fault,
}

/// What to do about troubles of this side, where whoever noticed it has nothing better to say.
fn usual_hint(code: &str) -> Option<&'static str> {
    Some(match code {
        "file_not_found" => "check the name and the directory you are in",
        "permission_denied" => "run it as a user who may, such as root",
        "file_unreadable" | "not_a_file" | "too_large" => "name the certificate's own file",
        "not_a_directory" => "name the directory that the server keeps its data in: --data-dir DIR",
        "cannot_write" => "choose another place, or make room there",
        "password_unreadable" => "name a readable text file, or use standard input",
        "configuration" => "correct it and start again; docs/configuration.md lists every key",
        "tls_failed" => {
            "name what vouches for the server with --ca-file; a self-signed certificate is console.pem in its data directory"
        }
        "unexpected_answer" | "broken_off" => {
            "check that a Postern of this version answers there, and try again"
        }
        "timeout" => "try again; the server may be busy",
        "cancelled" => "run it again when you are ready",
        _ => return None,
    })
}

/// Decides the exit code: the command line itself was wrong (2), or what it asked for failed (1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Request,
    Usage,
}

impl Failure {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            hint: usual_hint(code).map(str::to_owned),
            more: Box::default(),
            fault: Fault::Request,
        }
    }

    /// The options contradict or lack something that clap alone can't know.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { fault: Fault::Usage, ..Self::new("usage", message) }
    }

    /// A server that didn't start. Its message may end in a line `hint: …`.
    pub(crate) fn of_start(error: &anyhow::Error) -> Self {
        let told = format!("{error:#}");
        match told.split_once("\nhint: ") {
            Some((message, hint)) => Self::new("not_started", message).hint(hint),
            None => Self::new("not_started", told),
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }

    /// Reads `application/problem+json`: `detail` is the message, unknown members are kept.
    /// `None` when the document has no code and so isn't one of ours.
    pub(crate) fn from_problem(problem: Map<String, Value>) -> Option<Self> {
        let text = |name: &str| problem.get(name).and_then(Value::as_str).map(str::to_owned);
        let code = text("code")?;
        let message = text("detail").or_else(|| text("title"))?;
        let hint = text("hint").filter(|hint| !hint.is_empty());
        let mut failure = Self::new(&code, message);
        failure.hint = hint;
        failure.more = Box::new(problem);
        for known in ["type", "title", "status", "detail", "code", "hint", "instance"] {
            failure.more.shift_remove(known);
        }
        Some(failure)
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self.fault {
            Fault::Request => 1,
            Fault::Usage => 2,
        }
    }

    /// `error: …`, the choices where there are any, and `hint: …` on a line of its own.
    pub(crate) fn to_text(&self, look: Look) -> String {
        let mut text = format!("{} {}\n", look.paint(Paint::Red, "error:"), clean(&self.message));
        for choice in self.choices() {
            text.push_str(&format!("  {choice}\n"));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("{} {}\n", look.paint(Paint::Cyan, "hint:"), clean(hint)));
        }
        text
    }

    /// `{"error":{"code","message","hint",…}}` on one line.
    pub(crate) fn to_json(&self) -> String {
        let mut error = Map::new();
        error.insert("code".to_owned(), json!(self.code));
        error.insert("message".to_owned(), json!(self.message));
        error.insert("hint".to_owned(), json!(self.hint));
        for (name, value) in self.more.iter() {
            error.entry(name.clone()).or_insert_with(|| value.clone());
        }
        json_line(&json!({ "error": error }))
    }

    fn choices(&self) -> Vec<String> {
        let Some(Value::Array(choices)) = self.more.get("choices") else {
            return Vec::new();
        };
        choices.iter().map(describe_choice).collect()
    }
}

/// A choice is a SHA-1 thumbprint, or an object that has one beside what tells it apart.
fn describe_choice(choice: &Value) -> String {
    let Value::Object(fields) = choice else {
        return clean(choice.as_str().unwrap_or_default());
    };
    let mut parts: Vec<String> = Vec::new();
    for name in ["thumbprint_sha1", "subject", "not_after"] {
        if let Some(value) = fields.get(name).and_then(Value::as_str) {
            parts.push(clean(value));
        }
    }
    parts.join("  ")
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(value: Value) -> Failure {
        let Value::Object(map) = value else { panic!("a problem is an object") };
        Failure::from_problem(map).unwrap()
    }

    #[test]
    fn a_problem_document_becomes_one_line_of_json_with_its_further_members() {
        let failure = problem(json!({
            "type": "about:blank", "title": "Conflict", "status": 409,
            "detail": "the file holds two keys", "code": "several_keys", "hint": "say --thumbprint",
            "choices": ["AA11", "BB22"]
        }));
        assert_eq!(
            failure.to_json(),
            r#"{"error":{"code":"several_keys","message":"the file holds two keys","hint":"say --thumbprint","choices":["AA11","BB22"]}}"#
        );
        assert_eq!(failure.exit_code(), 1);
    }

    #[test]
    fn a_person_reads_the_hint_on_its_own_line_and_the_choices_between() {
        let failure = problem(json!({
            "detail": "several keys", "code": "several_keys", "hint": "choose",
            "choices": [{"thumbprint_sha1": "AA11", "subject": "CN=a", "not_after": "2027-01-01T00:00:00Z"}]
        }));
        assert_eq!(
            failure.to_text(Look::plain()),
            "error: several keys\n  AA11  CN=a  2027-01-01T00:00:00Z\nhint: choose\n"
        );
    }

    #[test]
    fn a_hint_that_is_missing_is_null_for_scripts_and_absent_for_people() {
        let failure = Failure::new("no_server", "nobody is there");
        assert_eq!(
            failure.to_json(),
            r#"{"error":{"code":"no_server","message":"nobody is there","hint":null}}"#
        );
        assert_eq!(failure.to_text(Look::plain()), "error: nobody is there\n");
    }

    #[test]
    fn control_characters_of_a_server_never_reach_the_terminal() {
        let failure = Failure::new("x", "a\u{1b}[2Jb\u{9b}31m\nc");
        let text = failure.to_text(Look::plain());
        assert_eq!(text, "error: a\\u{1b}[2Jb\\u{9b}31m c\n");
        assert!(!failure.to_json().contains('\u{9b}'));
    }
}
