//! Lists of messages as a person reads them.

use serde_json::Value;
use time::OffsetDateTime;

use crate::cli::context::text;
use crate::cli::screen::{Look, Mark, clean};
use crate::cli::table::{draw, expendable, kept};
use crate::cli::when::{self, plural};

pub(super) fn list(messages: &Value, look: Look, now: OffsetDateTime) -> String {
    let entries = messages.as_array().map_or(&[][..], Vec::as_slice);
    if entries.is_empty() {
        return "No messages were found.\n".to_owned();
    }
    let columns = [
        kept("ID"),
        kept("STATE"),
        expendable("RECEIVED", 4),
        expendable("FROM", 2),
        expendable("TO", 1),
        expendable("SUBJECT", 3),
        expendable("NEXT TRY", 5),
    ];
    let rows: Vec<Vec<String>> = entries.iter().map(|entry| row(entry, look, now)).collect();
    draw(&columns, &rows, look)
}

/// What was done to several messages.
pub(super) fn acted(word: &str, answer: &Value, look: Look) -> String {
    let entries = |name: &str| answer.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let count = i64::try_from(entries("done").len()).unwrap_or(i64::MAX);
    let mut told = format!("{} {word}: {}\n", look.mark(Mark::Done), plural(count, "message"));
    for refused in entries("refused") {
        let member = |name: &str| text(refused, name).unwrap_or_default();
        told.push_str(&format!("{} {}: {}\n", look.mark(Mark::Failed), member("id"), member("message")));
    }
    told
}

/// A state with its mark.
pub(super) fn state(message: &Value, look: Look) -> String {
    let state = text(message, "state").unwrap_or_default();
    format!("{} {state}", look.mark(mark_of(&state)))
}

pub(super) fn mark_of(state: &str) -> Mark {
    match state {
        "sent" | "delivered" => Mark::Done,
        "failed" | "expired" | "rejected" => Mark::Failed,
        _ => Mark::Warning,
    }
}

fn row(message: &Value, look: Look, now: OffsetDateTime) -> Vec<String> {
    let cell = |name: &str| text(message, name).unwrap_or_else(|| look.nothing().to_owned());
    let moment = |name: &str| text(message, name).and_then(|moment| when::parse(&moment));
    vec![
        cell("id"),
        state(message, look),
        moment("received").map_or_else(|| cell("received"), |at| when::minute(at).replace(" UTC", "")),
        sender(message),
        recipients(message),
        cell("subject"),
        moment("next_attempt").map_or_else(|| look.nothing().to_owned(), |at| when::relative(at, now)),
    ]
}

/// Who it is from, as people see it; else the envelope's sender.
pub(super) fn sender(message: &Value) -> String {
    text(message, "header_from").or_else(|| text(message, "from")).unwrap_or_else(|| "<>".to_owned())
}

fn recipients(message: &Value) -> String {
    let first = text(message, "first_recipient").unwrap_or_default();
    match message.get("recipient_count").and_then(Value::as_u64) {
        Some(count @ 2..) => format!("{} and {} more", clean(&first), count - 1),
        _ => first,
    }
}
