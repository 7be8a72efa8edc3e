//! Lists of messages as a person reads them.

use serde_json::Value;
use time::OffsetDateTime;

use crate::cli::context::text;
use crate::cli::screen::{Look, Mark, clean};
use crate::cli::table::{draw, draw_facts, expendable, kept};
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

/// How much is in the queue, and what is paused and why.
pub(super) fn status(queue: &Value, look: Look, now: OffsetDateTime) -> String {
    let oldest = queue.get("oldest").and_then(|oldest| text(oldest, "received"));
    let oldest = oldest.and_then(|received| when::parse(&received)).map(|at| when::relative(at, now));
    let count = |states: &[&str]| Some(sum(queue, states).to_string());
    let mut told = draw_facts(
        &[
            ("Waiting", count(&WAITING)),
            ("Oldest", oldest),
            ("Held", count(&["held"])),
            ("Failed", count(&["failed", "expired"])),
        ],
        look,
    );
    let accounts = queue.get("accounts").and_then(Value::as_array);
    for account in accounts.into_iter().flatten() {
        if let Some(pause) = account.get("paused").filter(|pause| !pause.is_null()) {
            told.push_str(&paused(account, pause, look, now));
        }
    }
    told
}

const WAITING: [&str; 3] = ["queued", "sending", "deferred"];

fn sum(of: &Value, states: &[&str]) -> u64 {
    states.iter().filter_map(|state| of.get("counts")?.get(state)?.as_u64()).sum()
}

fn paused(account: &Value, pause: &Value, look: Look, now: OffsetDateTime) -> String {
    let moment = |name: &str| text(pause, name).and_then(|moment| when::parse(&moment));
    let name = account.get("account").and_then(|account| text(account, "name")).unwrap_or_default();
    let since = moment("since").map(|at| format!(" since {}", when::minute(at))).unwrap_or_default();
    let next = moment("next_probe").map(|at| when::relative(at, now)).unwrap_or_default();
    let waiting = plural(i64::try_from(sum(account, &WAITING)).unwrap_or(i64::MAX), "message");
    format!(
        "\n{} {name} is paused{since}: {}\n  {waiting} waiting for it; next probe {next}\n",
        look.mark(Mark::Warning),
        text(pause, "reason").unwrap_or_default(),
    )
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
