//! Makes the audit log's rows: each names who, from where, what and how it ended, and never carries a secret.

use serde_json::{Value, json};
use store::{AuditEntry, Outcome};
use time::OffsetDateTime;

use crate::api::access::Actor;
use crate::problem::Problem;

/// A row about something that was done. `action` is noun and verb, such as `certificate.import`.
pub fn done(actor: &Actor, now: OffsetDateTime, action: &str, target: &str) -> AuditEntry {
    AuditEntry {
        at: now,
        actor: actor.name.clone(),
        source: actor.source.clone(),
        action: action.to_owned(),
        target: target.to_owned(),
        outcome: Outcome::Done,
        code: None,
        detail: json!({}),
    }
}

/// A row about something that was refused, with the refusal's code.
pub fn refused(
    actor: &Actor,
    now: OffsetDateTime,
    action: &str,
    target: &str,
    problem: &Problem,
) -> AuditEntry {
    let code = Some(problem.code().to_owned());
    AuditEntry { outcome: Outcome::Refused, code, ..done(actor, now, action, target) }
}

/// The same row with facts worth knowing.
pub fn with(entry: AuditEntry, detail: Value) -> AuditEntry {
    AuditEntry { detail, ..entry }
}
