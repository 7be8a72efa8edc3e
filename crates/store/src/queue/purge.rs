//! Letting go of what is old, a little at a time. It must never take a message that still waits, or the content of one
//! that may still be sent. Its neighbours are the nightly job, and `content`, whose orphans it sweeps.

use time::OffsetDateTime;

use super::Queue;
use crate::database::Change;
use crate::engine::{Composed, Row, statement};
use crate::failure::StoreError;
use crate::record::{Record, millis_of};

/// How many messages one purge takes of each kind.
const AT_A_TIME: u32 = 500;

/// What is old enough to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Messages that ended, and the chart, from this time on are kept.
    pub history_since: OffsetDateTime,
    /// The content of failed, expired, held and cancelled messages that ended from this time on is kept.
    pub content_since: OffsetDateTime,
    /// Idempotency keys used from this time on are kept.
    pub keys_since: OffsetDateTime,
    /// Spooled pieces written from this time on are kept, though nobody has accepted them yet.
    pub pieces_since: OffsetDateTime,
}

/// What a purge took away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    /// Messages, with all that is known about them.
    pub messages: u64,
    /// Messages that lost their content only.
    pub contents: u64,
    /// Messages that were never accepted, of which pieces lay here.
    pub orphans: u64,
    /// Whether there is more: a purge takes a little at a time so that others get their turn.
    pub more: bool,
}

impl Queue<'_> {
    /// Lets go of what is older than `keep` says, a little at a time: call it again while there is more.
    pub async fn purge(&self, keep: &Keep) -> Result<Purged, StoreError> {
        let mut change = self.0.begin().await?;
        let messages = purge_messages(&mut change, keep.history_since).await?;
        let contents = purge_contents(&mut change, keep.content_since).await?;
        let orphans = purge_orphans(&mut change, keep.pieces_since).await?;
        change.run(aged("DELETE FROM idempotency_keys WHERE used_at < $1", keep.keys_since)).await?;
        change.run(aged("DELETE FROM history WHERE at < $1", keep.history_since)).await?;
        change.commit().await?;
        let more = [messages, contents, orphans].contains(&u64::from(AT_A_TIME));
        Ok(Purged { messages, contents, orphans, more })
    }
}

/// Ids grow with time: what came before is found by them, and what came before but ended later is left out.
async fn purge_messages(change: &mut Change, before: OffsetDateTime) -> Result<u64, StoreError> {
    let ended =
        "SELECT id FROM messages WHERE id < $1 AND state IN ('sent', 'failed', 'expired', 'cancelled')
                 AND state_since < $2 ORDER BY id LIMIT $3";
    let ids = lock_old(change, ended, before).await?;
    for delete in [
        "DELETE FROM content WHERE message_id IN (",
        "DELETE FROM recipients WHERE message_id IN (",
        "DELETE FROM attempts WHERE message_id IN (",
        "DELETE FROM happenings WHERE message_id IN (",
        "DELETE FROM messages WHERE id IN (",
    ] {
        delete_all(change, delete, &ids).await?;
    }
    Ok(ids.len() as u64)
}

async fn purge_contents(change: &mut Change, before: OffsetDateTime) -> Result<u64, StoreError> {
    // The index of unsent messages is meant: its condition is repeated so that the engine sees it.
    let stopped = "SELECT id FROM messages WHERE state IN ('queued', 'deferred', 'failed', 'expired', 'held', 'cancelled')
                   AND state IN ('failed', 'expired', 'held', 'cancelled') AND id < $1 AND state_since < $2
                   AND has_content ORDER BY id LIMIT $3";
    let ids = lock_old(change, stopped, before).await?;
    delete_all(change, "DELETE FROM content WHERE message_id IN (", &ids).await?;
    let mut update = Composed::new("UPDATE messages SET has_content = ");
    update.push_bind(false).push(" WHERE id IN (").push_list(&ids).push(")");
    if !ids.is_empty() {
        change.run(update.build()).await?;
    }
    Ok(ids.len() as u64)
}

async fn purge_orphans(change: &mut Change, before: OffsetDateTime) -> Result<u64, StoreError> {
    let old = "SELECT message_id AS id FROM spools WHERE started_at < $1 LIMIT $2";
    let ids = ids(&change.all(statement(old).bind(millis_of(before)).bind(AT_A_TIME)).await?)?;
    delete_all(change, "DELETE FROM content WHERE message_id IN (", &ids).await?;
    delete_all(change, "DELETE FROM spools WHERE message_id IN (", &ids).await?;
    Ok(ids.len() as u64)
}

/// The messages that this finds; nobody revives one of them before the commit.
async fn lock_old(
    change: &mut Change,
    sql: &'static str,
    before: OffsetDateTime,
) -> Result<Vec<String>, StoreError> {
    let mut query = Composed::new(sql);
    query.push(change.locking());
    let query = query.build().bind(first_id_of(before)).bind(millis_of(before)).bind(AT_A_TIME);
    ids(&change.all(query).await?)
}

async fn delete_all(change: &mut Change, delete: &'static str, ids: &[String]) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut query = Composed::new(delete);
    query.push_list(ids).push(")");
    change.run(query.build()).await.map(|_| ())
}

fn aged(sql: &'static str, before: OffsetDateTime) -> crate::engine::Statement {
    statement(sql).bind(millis_of(before))
}

fn ids(rows: &[Row]) -> Result<Vec<String>, StoreError> {
    rows.iter().map(|row| Ok(Record::new("messages", "id", row).get("id")?)).collect()
}

/// The least UUIDv7 of this moment (RFC 9562 section 5.7): 48 bits of milliseconds come first.
pub(super) fn first_id_of(at: OffsetDateTime) -> String {
    let millis = u128::from(millis_of(at).max(0).unsigned_abs());
    uuid::Uuid::from_u128(millis << 80).to_string()
}
