//! Submitters as a person reads them.

use serde_json::Value;
use time::OffsetDateTime;

use crate::cli::context::{text, texts};
use crate::cli::screen::{Look, Mark, Paint};
use crate::cli::table::{draw, draw_facts, expendable, kept};
use crate::cli::when;

/// What was done, and what the device has to be told where a secret was made.
pub(super) fn with_secrets(done: &str, submitter: &Value, look: Look) -> String {
    let mut told = format!("{} {done}\n", look.mark(Mark::Done));
    let password = text(submitter, "password");
    if let Some(user) = text(submitter, "user_name").filter(|_| password.is_some()) {
        let servers = servers(submitter);
        told.push_str("\nType this into the device; the password is shown this once:\n\n");
        let server = servers.unwrap_or_else(|| "no [[submission]] listener is configured yet".to_owned());
        told.push_str(&draw_facts(
            &[("Server", Some(server)), ("User", Some(user)), ("Password", password)],
            look,
        ));
    }
    if let Some(token) = text(submitter, "token") {
        told.push_str(&format!("\nIts API token, shown this once:\n\n  {token}\n"));
    }
    told
}

pub(super) fn list(submitters: &Value, look: Look, now: OffsetDateTime) -> String {
    let entries = submitters.as_array().map_or(&[][..], Vec::as_slice);
    if entries.is_empty() {
        return "No submitters yet: `postern submitter add --name scanner` makes one.\n".to_owned();
    }
    let columns = [
        kept("NAME"),
        kept("KNOWN BY"),
        expendable("SENDERS", 1),
        expendable("ACCOUNT", 2),
        expendable("LAST USED", 3),
        expendable("ID", 4),
    ];
    let rows: Vec<Vec<String>> = entries.iter().map(|entry| row(entry, look, now)).collect();
    draw(&columns, &rows, look)
}

pub(super) fn details(submitter: &Value, look: Look, now: OffsetDateTime) -> String {
    let name = text(submitter, "name").unwrap_or_default();
    let moment = |name: &str| text(submitter, name).and_then(|moment| when::parse(&moment));
    let rate = submitter.get("rate_per_minute").and_then(Value::as_u64);
    let facts = [
        ("State", Some(if is_enabled(submitter) { "enabled" } else { "disabled" }.to_owned())),
        ("For", text(submitter, "description")),
        ("Server", servers(submitter)),
        ("Known by", Some(known_by(submitter))),
        ("May send as", Some(senders(submitter))),
        ("Other senders", text(submitter, "foreign_from").map(|word| foreign_from(&word).to_owned())),
        ("Account", Some(account(submitter).unwrap_or_else(|| "the one that fits the sender".to_owned()))),
        ("Limit", rate.map(|rate| format!("{rate} messages a minute"))),
        ("Last used", moment("last_used").map(|used| when::relative(used, now))),
        ("Created", moment("created").map(when::date)),
        ("Id", text(submitter, "id")),
    ];
    format!("{}\n{}", look.paint(Paint::Bold, &name), draw_facts(&facts, look))
}

fn row(submitter: &Value, look: Look, now: OffsetDateTime) -> Vec<String> {
    let cell = |name: &str| text(submitter, name).unwrap_or_default();
    let used = text(submitter, "last_used").and_then(|moment| when::parse(&moment));
    let name = if is_enabled(submitter) { cell("name") } else { format!("{} (disabled)", cell("name")) };
    vec![
        name,
        known_by(submitter),
        senders(submitter),
        account(submitter).unwrap_or_else(|| look.nothing().to_owned()),
        used.map_or_else(|| look.nothing().to_owned(), |used| when::relative(used, now)),
        cell("id"),
    ]
}

fn known_by(submitter: &Value) -> String {
    let has = |name: &str| submitter.get(name).and_then(Value::as_bool) == Some(true);
    let uids = submitter.get("uids").and_then(Value::as_array);
    let uids = uids.into_iter().flatten().filter_map(Value::as_u64).map(|uid| format!("uid {uid}"));
    let mut ways: Vec<String> = Vec::new();
    ways.extend(
        text(submitter, "user_name").filter(|_| has("has_password")).map(|user| format!("user {user}")),
    );
    ways.extend(has("has_token").then(|| "token".to_owned()));
    ways.extend(texts(submitter, "networks"));
    ways.extend(uids);
    if ways.is_empty() { "nothing yet".to_owned() } else { ways.join(", ") }
}

fn senders(submitter: &Value) -> String {
    let senders = texts(submitter, "senders");
    if senders.is_empty() { "whoever its account may".to_owned() } else { senders.join(", ") }
}

fn foreign_from(word: &str) -> &'static str {
    match word {
        "rewrite" => "rewritten to the account's own, the old one kept in Reply-To",
        _ => "refused",
    }
}

fn account(submitter: &Value) -> Option<String> {
    text(submitter.get("account")?, "name")
}

fn is_enabled(submitter: &Value) -> bool {
    submitter.get("enabled").and_then(Value::as_bool) != Some(false)
}

/// `gate.contoso.com, port 587, STARTTLS`, one for each listener.
fn servers(submitter: &Value) -> Option<String> {
    let listeners = submitter.get("servers").and_then(Value::as_array)?;
    let lines: Vec<String> = listeners.iter().filter_map(server).collect();
    (!lines.is_empty()).then(|| lines.join(" or "))
}

fn server(listener: &Value) -> Option<String> {
    let port = listener.get("port").and_then(Value::as_u64)?;
    let encryption = match text(listener, "tls").as_deref() {
        Some("implicit") => "TLS",
        Some("starttls") => "STARTTLS",
        _ => "no encryption",
    };
    Some(format!("{}, port {port}, {encryption}", text(listener, "host")?))
}
