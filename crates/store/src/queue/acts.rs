//! What a person, or the calendar, does to a message: try it now, call it off, hold it, let it go, give it up. It must never
//! touch a message while somebody is sending it. Its neighbours are the queue's page and the calendar of expiry.

use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::lanes::{LaneId, Ring};
use super::message::{MessageState, NewMessage};
use super::story::{ActError, HappeningRow};
use super::{Queue, rows};
use crate::audit::AuditEntry;
use crate::database::Change;
use crate::engine::{Composed, Statement, statement};
use crate::failure::StoreError;
use crate::record::{Record, millis_of};

use MessageState::{Cancelled, Deferred, Expired, Failed, Held, Queued};

/// A message as it is before something is done to it.
struct Before {
    lane_id: LaneId,
    state: MessageState,
    has_content: bool,
}

impl Queue<'_> {
    /// Has a message tried at once, whatever stopped it: until `expires_at` if it had come to an end. Recipients who were
    /// refused are tried again too.
    pub async fn retry(
        &self,
        id: Uuid,
        now: OffsetDateTime,
        expires_at: OffsetDateTime,
        audit: &AuditEntry,
    ) -> Result<(), ActError> {
        let mut change = self.0.begin().await?;
        let before = look(&mut change, id, &[Queued, Deferred, Held, Failed, Expired, Cancelled]).await?;
        if !before.has_content {
            return Err(ActError::ContentGone);
        }
        make_due(&mut change, id, now).await?;
        if !matches!(before.state, Queued | Deferred) {
            let revive = statement("UPDATE messages SET expires_at = $2, tries = 0 WHERE id = $1");
            change.run(revive.bind(id.to_string()).bind(millis_of(expires_at))).await?;
            let again = "UPDATE recipients SET state = NULL WHERE message_id = $1 AND state = 'failed'";
            change.run(statement(again).bind(id.to_string())).await?;
        }
        change.ring(Ring::Lane(before.lane_id));
        Ok(commit_act(change, id, "retried", now, json!({}), audit).await?)
    }

    /// Calls a message off that waits or is held.
    pub async fn cancel(&self, id: Uuid, now: OffsetDateTime, audit: &AuditEntry) -> Result<(), ActError> {
        let mut change = self.0.begin().await?;
        look(&mut change, id, &[Queued, Deferred, Held]).await?;
        stop(&mut change, id, Cancelled, now).await?;
        Ok(commit_act(change, id, "cancelled", now, json!({}), audit).await?)
    }

    /// Holds a message that waits, until a person lets it go or calls it off.
    pub async fn hold(
        &self,
        id: Uuid,
        why: &str,
        now: OffsetDateTime,
        audit: &AuditEntry,
    ) -> Result<(), ActError> {
        let mut change = self.0.begin().await?;
        look(&mut change, id, &[Queued, Deferred]).await?;
        stop(&mut change, id, Held, now).await?;
        let note = statement("UPDATE messages SET code = 'held', text = $2 WHERE id = $1");
        change.run(note.bind(id.to_string()).bind(why)).await?;
        Ok(commit_act(change, id, "held", now, json!({ "why": why }), audit).await?)
    }

    /// Lets a message go that was held.
    pub async fn release(&self, id: Uuid, now: OffsetDateTime, audit: &AuditEntry) -> Result<(), ActError> {
        let mut change = self.0.begin().await?;
        let before = look(&mut change, id, &[Held]).await?;
        if !before.has_content {
            return Err(ActError::ContentGone);
        }
        make_due(&mut change, id, now).await?;
        change.ring(Ring::Lane(before.lane_id));
        Ok(commit_act(change, id, "released", now, json!({}), audit).await?)
    }

    /// The messages that wait and whose time is over at `now`, those first whose time was over first; `limit` at most.
    pub async fn overdue(&self, now: OffsetDateTime, limit: u32) -> Result<Vec<Uuid>, StoreError> {
        let query = statement(
            "SELECT id FROM messages WHERE next_attempt_at IS NOT NULL AND expires_at <= $1 ORDER BY expires_at LIMIT $2",
        );
        let found = self.0.all(query.bind(millis_of(now)).bind(limit)).await?;
        found.iter().map(|row| Ok(Record::new(rows::MESSAGES, "id", row).id("id")?)).collect()
    }

    /// Gives a message up that waits, and accepts the report about it in the same transaction.
    pub async fn expire(
        &self,
        id: Uuid,
        now: OffsetDateTime,
        report: Option<NewMessage>,
    ) -> Result<(), ActError> {
        let mut change = self.0.begin().await?;
        look(&mut change, id, &[Queued, Deferred]).await?;
        stop(&mut change, id, Expired, now).await?;
        if let Some(report) = &report {
            super::batch::accept_alone(&mut change, report, now).await?;
        }
        Ok(change.commit().await?)
    }

    /// Notes that something happened to a message.
    pub async fn note(&self, id: Uuid, happening: &HappeningRow) -> Result<(), StoreError> {
        let mut change = self.0.begin().await?;
        change.run(insert_happening(id, happening)).await?;
        change.commit().await
    }
}

/// Notes what was done, by whom, in the message's story and in the log.
async fn commit_act(
    mut change: Change,
    id: Uuid,
    what: &str,
    now: OffsetDateTime,
    detail: Value,
    audit: &AuditEntry,
) -> Result<(), StoreError> {
    let happening = HappeningRow { at: now, what: what.to_owned(), actor: audit.actor.clone(), detail };
    change.run(insert_happening(id, &happening)).await?;
    change.commit_with(audit).await
}

/// The message as it is, if it stands where it may.
async fn look(change: &mut Change, id: Uuid, allowed: &[MessageState]) -> Result<Before, ActError> {
    let mut query = Composed::new("SELECT id, lane_id, state, has_content FROM messages WHERE id = ");
    query.push_bind(id.to_string()).push(change.locking());
    let row = change.one(query.build()).await?.ok_or(ActError::NotFound)?;
    let record = Record::new(rows::MESSAGES, "id", &row);
    let read = || {
        Ok(Before {
            lane_id: LaneId(record.get("lane_id")?),
            state: record.parse("state")?,
            has_content: record.get("has_content")?,
        })
    };
    let before: Before = read().map_err(StoreError::Corrupt)?;
    match allowed.contains(&before.state) {
        true => Ok(before),
        false => Err(ActError::WrongState { state: before.state }),
    }
}

async fn make_due(change: &mut Change, id: Uuid, now: OffsetDateTime) -> Result<(), StoreError> {
    let update = "UPDATE messages SET state = 'queued', state_since = $2, next_attempt_at = $2 WHERE id = $1";
    change.run(statement(update).bind(id.to_string()).bind(millis_of(now))).await.map(|_| ())
}

async fn stop(
    change: &mut Change,
    id: Uuid,
    state: MessageState,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let update = "UPDATE messages SET state = $2, state_since = $3, next_attempt_at = NULL WHERE id = $1";
    change
        .run(statement(update).bind(id.to_string()).bind(state.as_str()).bind(millis_of(now)))
        .await
        .map(|_| ())
}

fn insert_happening(id: Uuid, happening: &HappeningRow) -> Statement {
    statement("INSERT INTO happenings (message_id, at, what, actor, detail) VALUES ($1, $2, $3, $4, $5)")
        .bind(id.to_string())
        .bind(millis_of(happening.at))
        .bind(&happening.what)
        .bind(&happening.actor)
        .bind(happening.detail.to_string())
}
