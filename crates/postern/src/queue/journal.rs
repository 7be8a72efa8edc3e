//! One line, one count and one live event for each thing that happens to a message; nowhere else is mail logged. A line
//! carries the ids and reads alone. It must never hold a body, a subject or a secret. Its neighbours are all of `queue`.

use std::time::Duration;

use mail::Reason;
use store::queue::{AttemptOutcome, Claim, Message, Next};
use submission::{Refusal, Submitter};
use time::OffsetDateTime;
use uuid::Uuid;

use super::limits::Way;
use super::meter::End;
use super::refusals::Refused;
use crate::app::App;
use crate::events::Event;

/// A message is on disk.
pub fn accepted(app: &App, message: &Message) {
    app.queue.meter.accepted(message.size_octets);
    tracing::info!(
        message = %message.id,
        submitter = message.submitter_name,
        source = message.source,
        account = %message.lane.account_id,
        mailbox = message.lane.mailbox,
        from = message.from.as_ref().map_or("<>", |from| from.as_str()),
        recipients = message.recipients.len(),
        octets = message.size_octets,
        message_id = message.message_id,
        "accepted"
    );
    app.events.tell("messages", &message.id.to_string(), "created");
}

/// A message, or somebody, was refused at the door.
pub fn refused(app: &App, submitter: &str, source: &str, refusal: &Refusal) {
    app.queue.meter.refused(refusal.code);
    let Refusal { code, enhanced, text } = refusal;
    tracing::warn!(submitter, source, code, enhanced, text, "refused");
    note(app, submitter, source, refusal);
}

/// A door refused somebody by itself: out of order, broken, too slow, one too many. Only what a submitter is refused
/// counts as a message.
pub fn turned_away(app: &App, who: Option<&Submitter>, source: &str, refusal: &Refusal) {
    if who.is_some() {
        app.queue.meter.refused(refusal.code);
    }
    let submitter = who.map_or("", |who| &who.name);
    let Refusal { code, enhanced, text } = refusal;
    tracing::warn!(submitter, source, code, enhanced, text, "turned away");
    note(app, submitter, source, refusal);
}

/// Somebody failed to log in. The name that was typed may be a password: it is told to nobody.
pub fn failed_to_log_in(app: &App, source: &str, refusal: &Refusal) {
    app.queue.meter.failed_to_log_in();
    tracing::warn!(source, "a submitter failed to log in");
    note(app, "", source, refusal);
}

fn note(app: &App, submitter: &str, source: &str, refusal: &Refusal) {
    app.queue.refusals.note(Refused {
        at: app.now(),
        submitter: submitter.to_owned(),
        source: source.to_owned(),
        refusal: refusal.clone(),
    });
    // They are kept on this node, and no other has anything to read anew.
    app.events.pass_on(Event { what: "listeners", id: "refusals".to_owned(), change: "changed" });
}

/// An attempt has ended, and what follows from it is on disk.
pub fn attempted(app: &App, claim: &Claim, tried: &Tried<'_>, now: OffsetDateTime) {
    let message = &claim.message;
    let took = since(tried.began_at, now);
    app.queue.meter.attempted(tried.way, tried.outcome, took);
    let age = since(message.received_at, now);
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    let (id, attempt, via) = (message.id, claim.attempt, tried.via);
    let code = tried.why.map(|why| why.code.as_str());
    let text = tried.why.map(|why| why.text.as_str());
    let request_id = tried.request_id;
    match tried.next {
        Next::Sent => {
            app.queue.meter.ended(End::Sent, age);
            tracing::info!(message = %id, attempt, via, took_ms, age_ms, request_id, code, "sent");
        }
        Next::Failed => {
            app.queue.meter.ended(End::Failed, age);
            tracing::warn!(message = %id, attempt, via, took_ms, request_id, code, text, "failed: it won't be accepted");
        }
        Next::Expired => {
            app.queue.meter.ended(End::Expired, age);
            tracing::warn!(message = %id, attempt, via, took_ms, request_id, code, text, "expired: tried long enough");
        }
        Next::Deferred { until } => {
            tracing::info!(message = %id, attempt, via, took_ms, request_id, code, text, %until, "deferred");
        }
        Next::Waiting { until } => {
            tracing::info!(message = %id, attempt, via, took_ms, request_id, code, text, %until, "waits");
        }
        Next::Held { why } => {
            tracing::warn!(message = %id, attempt, via, took_ms, request_id, code, text, why, "held for a person");
        }
    }
    app.events.tell("messages", &id.to_string(), "changed");
}

/// What is told of an attempt.
#[derive(Debug, Clone, Copy)]
pub struct Tried<'a> {
    /// By which door.
    pub way: Way,
    /// The same more exactly: `graph`, `draft`, `smtp`, `look`.
    pub via: &'a str,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// What follows.
    pub next: &'a Next,
    /// What stood in the way.
    pub why: Option<&'a Reason>,
    /// The other side's name for the exchange.
    pub request_id: Option<&'a str>,
    /// When it began.
    pub began_at: OffsetDateTime,
}

/// An attempt's end could not be written; it is tried again.
pub fn not_settled(id: Uuid, error: &store::StoreError) {
    tracing::error!(message = %id, %error, code = error.code(), "cannot write how an attempt ended; trying again");
}

/// An attempt was settled by somebody else meanwhile.
pub fn stale(id: Uuid, attempt: u32) {
    tracing::warn!(message = %id, attempt, "this attempt had been taken for abandoned; its end is not noted");
}

/// An account is at fault: its mail waits.
pub fn paused(account: &str, why: &Reason, next_probe_at: OffsetDateTime) {
    let Reason { code, text, .. } = why;
    tracing::warn!(account, code, text, %next_probe_at, "the account's mail waits until it is mended");
}

/// An account's mail goes again.
pub fn resumed(account: Uuid) {
    tracing::info!(%account, "the account's mail goes again");
}

/// A message was found under way when nobody was at it: the process had died.
pub fn interrupted(claim: &Claim) {
    tracing::warn!(message = %claim.message.id, attempt = claim.attempt, "this attempt was cut off by a crash; its outcome is unknown");
}

fn since(from: OffsetDateTime, now: OffsetDateTime) -> Duration {
    (now - from).try_into().unwrap_or(Duration::ZERO)
}
