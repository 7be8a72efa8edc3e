//! The whole story of one message, told in words: who handed it over, every attempt with its code and request id, what
//! people did, where each recipient stands, and what happens next.

use serde_json::Value;
use time::OffsetDateTime;

use super::render::{mark_of, sender, state};
use crate::cli::context::text;
use crate::cli::screen::{Look, Paint};
use crate::cli::table::draw_facts;
use crate::cli::when;

pub(super) fn tell(message: &Value, look: Look, now: OffsetDateTime) -> String {
    let title = text(message, "subject").unwrap_or_else(|| "(no subject)".to_owned());
    let mut told = format!("{}\n{}", look.paint(Paint::Bold, &title), facts(message, look, now));
    told.push_str(&format!("\n{}\n", look.paint(Paint::Dim, "Recipients")));
    for recipient in entries(message, "recipients") {
        told.push_str(&tell_recipient(recipient, look));
    }
    told.push_str(&format!("\n{}\n", look.paint(Paint::Dim, "What happened (UTC)")));
    for (at, line) in events(message) {
        let at = at.map_or_else(String::new, |at| format!("{}  ", second(at)));
        told.push_str(&format!("  {at}{}\n", look.wrap(&line, 24)));
    }
    told.push_str(&format!("\n{}\n", next_step(message, now)));
    told
}

fn facts(message: &Value, look: Look, now: OffsetDateTime) -> String {
    let fact = |name: &str| text(message, name);
    let moment = |name: &str| fact(name).and_then(|moment| when::parse(&moment));
    let named = |name: &str| message.get(name).and_then(|object| text(object, "name"));
    let since = moment("state_since").map(|since| when::relative(since, now));
    let account = named("account").map(|account| match fact("mailbox") {
        Some(mailbox) => format!("{account}, as {mailbox}"),
        None => account,
    });
    draw_facts(
        &[
            ("State", Some(format!("{}, {}", state(message, look), since.unwrap_or_default()))),
            ("From", Some(sender(message))),
            ("Envelope from", Some(fact("from").unwrap_or_else(|| "<>".to_owned()))),
            ("Account", account),
            ("Submitter", named("submitter")),
            ("Size", message.get("size_octets").and_then(Value::as_u64).map(size)),
            ("Message-ID", fact("message_id").map(|id| format!("<{id}>"))),
            ("Given up", moment("expires").filter(|_| is_waiting(message)).map(when::minute)),
            ("Id", fact("id")),
        ],
        look,
    )
}

fn tell_recipient(recipient: &Value, look: Look) -> String {
    let member = |name: &str| text(recipient, name);
    let state = member("state").unwrap_or_default();
    let why = [member("code"), member("text")].into_iter().flatten().collect::<Vec<_>>().join(": ");
    let line = match why.is_empty() {
        true => state.clone(),
        false => format!("{state}: {why}"),
    };
    format!("  {} {}  {line}\n", look.mark(mark_of(&state)), member("address").unwrap_or_default())
}

/// Attempts and happenings in one order.
fn events(message: &Value) -> Vec<(Option<OffsetDateTime>, String)> {
    let at = |value: &Value, name: &str| text(value, name).and_then(|moment| when::parse(&moment));
    let submitter = message.get("submitter").and_then(|submitter| text(submitter, "name"));
    let source = text(message, "source").map(|source| format!(" ({source})")).unwrap_or_default();
    let accepted = format!("accepted from {}{source}", submitter.unwrap_or_else(|| "somebody".to_owned()));
    let mut events = vec![(at(message, "received"), accepted)];
    events.extend(
        entries(message, "attempts").iter().map(|attempt| (at(attempt, "started"), tell_attempt(attempt))),
    );
    let happenings = entries(message, "happenings").iter();
    events.extend(happenings.map(|happening| (at(happening, "at"), tell_happening(happening))));
    events.sort_by_key(|(at, _)| *at);
    events
}

fn tell_attempt(attempt: &Value) -> String {
    let member = |name: &str| text(attempt, name);
    let number = attempt.get("number").and_then(Value::as_u64).unwrap_or_default();
    let way = match member("via").as_deref() {
        Some("graph") => " by Graph",
        Some("draft") => " by Graph, as a draft",
        Some("smtp") => " by SMTP",
        Some("look") => " (looking whether it was sent)",
        _ => "",
    };
    let took = attempt.get("took_ms").and_then(Value::as_u64);
    let took = took.map(|took| format!(" after {took} ms")).unwrap_or_default();
    let outcome = match member("outcome").as_deref() {
        None => "is under way".to_owned(),
        Some("delivered") if member("code").is_some() => format!("was accepted{took}, but not for everybody"),
        Some("delivered") => format!("was accepted{took}"),
        Some("retry") => format!("is to be repeated{took}"),
        Some("rejected") => format!("was refused for good{took}"),
        Some("account_broken") => {
            format!("stopped at the account{took}: all its mail waits until it is mended")
        }
        Some("unknown") => format!("ended without an answer{took}: it may have been accepted or not"),
        Some(other) => other.to_owned(),
    };
    let why = [member("code"), member("text")].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let why = if why.is_empty() { why } else { format!(": {why}") };
    let names = [("request id", member("request_id")), ("there it is", member("remote_id"))];
    let names: Vec<String> =
        names.into_iter().filter_map(|(label, id)| Some(format!("{label} {}", id?))).collect();
    let names = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
    format!("attempt {number}{way} {outcome}{why}{names}")
}

fn tell_happening(happening: &Value) -> String {
    let member = |name: &str| text(happening, name);
    let what = member("what").unwrap_or_default().replace('_', " ");
    let by = member("actor").map(|actor| format!(" by {actor}")).unwrap_or_default();
    let detail = happening.get("detail").and_then(Value::as_object);
    let detail: Vec<String> = detail
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some(format!("{}: {}", name.replace('_', " "), plain(value)?)))
        .collect();
    let detail = if detail.is_empty() { String::new() } else { format!(" ({})", detail.join(", ")) };
    format!("{what}{by}{detail}")
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(crate::cli::screen::clean(text)),
        other => Some(other.to_string()),
    }
}

fn next_step(message: &Value, now: OffsetDateTime) -> String {
    let next = text(message, "next_attempt").and_then(|moment| when::parse(&moment));
    let why =
        [text(message, "code"), text(message, "text")].into_iter().flatten().collect::<Vec<_>>().join(": ");
    match (text(message, "state").as_deref(), next) {
        (Some("queued" | "deferred"), Some(next)) if next > now => {
            format!("Next try {}, at {}.", when::relative(next, now), when::minute(next))
        }
        (Some("queued" | "deferred"), _) => {
            "It is due and goes as soon as its account and its mailbox's limits let it.".to_owned()
        }
        (Some("sending"), _) => "An attempt is under way.".to_owned(),
        (Some("sent"), _) => {
            "Microsoft 365 has it. What became of it there, a message trace shows by its Message-ID."
                .to_owned()
        }
        (Some("held"), _) => {
            let why = if why.is_empty() { why } else { format!(" ({why})") };
            format!("It waits for a person{why}: `postern queue release` or `postern queue cancel`.")
        }
        (Some("failed"), _) => {
            "It won't be tried again by itself; `postern queue retry` tries it once more.".to_owned()
        }
        (Some("expired"), _) => "It was given up; `postern queue retry` tries it once more.".to_owned(),
        (Some("cancelled"), _) => "It was called off.".to_owned(),
        _ => String::new(),
    }
}

fn is_waiting(message: &Value) -> bool {
    matches!(text(message, "state").as_deref(), Some("queued" | "sending" | "deferred"))
}

fn entries<'a>(message: &'a Value, name: &str) -> &'a [Value] {
    message.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn size(octets: u64) -> String {
    match octets {
        0..10_000 => format!("{octets} bytes"),
        10_000..10_000_000 => format!("{} kB", octets / 1000),
        _ => format!("{} MB", octets / 1_000_000),
    }
}

/// `2026-11-21 14:05:09`.
fn second(at: OffsetDateTime) -> String {
    when::to_api(at).replace('T', " ").replace('Z', "")
}
