//! Looking for messages, newest first. The cost of a page must never depend on how many messages there are: states that
//! stop short have an index, and a search looks at so many messages and no more, and goes on with the next page. Its
//! neighbours are the queue's page and the command line.

use time::OffsetDateTime;
use uuid::Uuid;

use super::message::MessageState;
use super::purge::first_id_of;
use super::settlement::RecipientState;
use super::story::{AttemptRow, Count, HappeningRow, MessageFilter, MessageRow, MessageStory, RecipientRow};
use super::{Queue, rows};
use crate::certificates::pattern_for;
use crate::engine::{Composed, Row, Statement, statement};
use crate::failure::{CorruptRow, StoreError};
use crate::page::{Cursor, Page, Paged};
use crate::record::Record;

/// How many messages one page of a search looks at.
const MOST_SEARCHED: i64 = 50_000;

/// The last id there can be: where the first page starts.
const END: &str = "ffffffff-ffff-ffff-ffff-ffffffffffff";

impl Queue<'_> {
    /// The messages that fit, newest first. A search looks at a bounded number of messages for each page: the page may be
    /// short or empty and still have a next one, which goes on where this one stopped.
    pub async fn list(&self, page: &Page, filter: &MessageFilter) -> Result<Paged<MessageRow>, StoreError> {
        let start = Bounds::of(page, filter)?;
        let states: Vec<Option<MessageState>> = match filter.states.as_slice() {
            [] => vec![None],
            states => states.iter().copied().map(Some).collect(),
        };
        let mut found: Vec<(String, Row)> = Vec::new();
        let mut looked_to: Option<String> = None;
        for state in states {
            let rows = self.0.all(select(&start, filter, state, page.fetch_limit())).await?;
            // Who finds less than a page may have stopped at the bound of the search: nothing older was looked at.
            if (rows.len() as i64) < page.fetch_limit()
                && let Some(bound) = self.bound(&start, filter, state).await?
            {
                looked_to = looked_to.max(Some(bound));
            }
            for row in rows {
                found.push((row.try_get("id")?, row));
            }
        }
        if let Some(bound) = &looked_to {
            found.retain(|(id, _)| id >= bound);
        }
        found.sort_by(|one, other| other.0.cmp(&one.0));
        let id_cursor = |(id, _): &(String, Row)| Ok(Cursor::after_name(id.clone()));
        let mut paged = Paged::read(found, page, |(_, row)| rows::read_row(row), id_cursor)?;
        if paged.next.is_none() {
            paged.next = looked_to.map(Cursor::after_name);
        }
        Ok(paged)
    }

    /// Where a search stops that finds nothing; `None` where it comes to the end before.
    async fn bound(
        &self,
        start: &Bounds,
        filter: &MessageFilter,
        state: Option<MessageState>,
    ) -> Result<Option<String>, StoreError> {
        if !searches(filter, state) {
            return Ok(None);
        }
        let mut query =
            Composed::new("SELECT min(id) AS id, count(*) AS looked FROM (SELECT id FROM messages WHERE ");
        start.push(&mut query, state);
        query.push(" ORDER BY id DESC LIMIT ").push_bind(MOST_SEARCHED).push(") AS looked");
        let Some(row) = self.0.one(query.build()).await? else { return Ok(None) };
        let looked: i64 = row.try_get("looked")?;
        Ok(if looked == MOST_SEARCHED { row.try_get("id")? } else { None })
    }

    /// The message with this id, as lists show it.
    pub async fn find(&self, id: Uuid) -> Result<Option<MessageRow>, StoreError> {
        Ok(self.0.one(by_id(id)).await?.as_ref().map(rows::read_row).transpose()?)
    }

    /// All that is known about a message.
    pub async fn show(&self, id: Uuid) -> Result<Option<MessageStory>, StoreError> {
        let Some(found) = self.0.one(by_id(id)).await? else { return Ok(None) };
        let row = rows::read_row(&found)?;
        let mut message = rows::read_message(&found, row.lane.clone())?;
        let of_message = |sql| statement(sql).bind(id.to_string());
        let recipients = self
            .0
            .all(of_message("SELECT * FROM recipients WHERE message_id = $1 ORDER BY position"))
            .await?;
        message.recipients = recipients.iter().map(rows::read_recipient).collect::<Result<_, _>>()?;
        let recipients = recipients.iter().map(|recipient| read_recipient(recipient, row.state));
        let recipients = recipients.collect::<Result<_, _>>()?;
        let ended =
            self.0.all(of_message("SELECT * FROM attempts WHERE message_id = $1 ORDER BY number")).await?;
        let mut attempts: Vec<AttemptRow> = ended.iter().map(read_attempt).collect::<Result<_, _>>()?;
        if row.state == MessageState::Sending {
            attempts.push(read_attempt_under_way(&found)?);
        }
        let happenings =
            self.0.all(of_message("SELECT * FROM happenings WHERE message_id = $1 ORDER BY id")).await?;
        let happenings = happenings.iter().map(read_happening).collect::<Result<_, _>>()?;
        let has_content = Record::new(rows::MESSAGES, "id", &found).get("has_content")?;
        Ok(Some(MessageStory { row, message, recipients, attempts, happenings, has_content }))
    }

    /// How many messages each account has in each state but [`MessageState::Sent`].
    pub async fn counts(&self) -> Result<Vec<Count>, StoreError> {
        // Both indexes hold all that is asked for. An id begins with the time.
        let query = statement(
            "SELECT account_id, state, CAST(sum(messages) AS BIGINT) AS messages, min(first) AS first FROM (
               SELECT lane_id, state, count(*) AS messages, min(id) AS first FROM messages
               WHERE state IN ('queued', 'deferred', 'failed', 'expired', 'held', 'cancelled') GROUP BY lane_id, state
               UNION ALL
               SELECT lane_id, state, count(*) AS messages, min(id) AS first FROM messages
               WHERE leased_until IS NOT NULL GROUP BY lane_id, state
             ) AS counted JOIN lanes ON lanes.id = counted.lane_id GROUP BY account_id, state ORDER BY account_id, state",
        );
        let counted = self.0.all(query).await?;
        Ok(counted.iter().map(read_count).collect::<Result<_, _>>()?)
    }
}

/// Between which ids a page lies.
struct Bounds {
    before: String,
    from: Option<String>,
}

impl Bounds {
    fn of(page: &Page, filter: &MessageFilter) -> Result<Self, StoreError> {
        let cursor = match Cursor::name(page)? {
            "" => END,
            id => id,
        };
        let until = filter.until.map(first_id_of);
        let before = until.map_or(cursor.to_owned(), |until| until.min(cursor.to_owned()));
        Ok(Self { before, from: filter.since.map(first_id_of) })
    }

    /// The conditions that an index answers.
    fn push(&self, query: &mut Composed, state: Option<MessageState>) {
        query.push("messages.id < ").push_bind(&self.before);
        if let Some(from) = &self.from {
            query.push(" AND messages.id >= ").push_bind(from);
        }
        if let Some(state) = state {
            query.push(" AND messages.state = ").push_bind(state.as_str());
            if !matches!(state, MessageState::Sent | MessageState::Sending) {
                // Repeats the condition of the index messages_unsent, so that the engine sees that it may use it.
                query.push(
                    " AND messages.state IN ('queued', 'deferred', 'failed', 'expired', 'held', 'cancelled')",
                );
            }
            if state == MessageState::Sending {
                query.push(" AND messages.leased_until IS NOT NULL");
            }
        }
    }
}

/// Whether it may have to look at many messages to find one: there is no index for what is asked.
fn searches(filter: &MessageFilter, state: Option<MessageState>) -> bool {
    let is_open = MessageFilter { states: Vec::new(), since: None, until: None, ..filter.clone() };
    is_open != MessageFilter::default() || state == Some(MessageState::Sent)
}

fn select(bounds: &Bounds, filter: &MessageFilter, state: Option<MessageState>, limit: i64) -> Statement {
    let mut query = Composed::new("SELECT messages.*, lanes.account_id, lanes.mailbox FROM ");
    if searches(filter, state) {
        query.push("(SELECT * FROM messages WHERE ");
        // With the state outside, the bound is one on what is looked at and not on what is found.
        bounds.push(&mut query, state.filter(|state| *state != MessageState::Sent));
        query.push(" ORDER BY id DESC LIMIT ").push_bind(MOST_SEARCHED).push(") AS messages");
        query.push(" JOIN lanes ON lanes.id = messages.lane_id WHERE TRUE");
        push_conditions(&mut query, filter, state);
    } else {
        query.push("messages JOIN lanes ON lanes.id = messages.lane_id WHERE ");
        bounds.push(&mut query, state);
    }
    query.push(" ORDER BY messages.id DESC LIMIT ").push_bind(limit);
    query.build()
}

fn push_conditions(query: &mut Composed, filter: &MessageFilter, state: Option<MessageState>) {
    if let Some(state) = state {
        query.push(" AND state = ").push_bind(state.as_str());
    }
    if let Some(account_id) = filter.account_id {
        query.push(" AND account_id = ").push_bind(account_id.to_string());
    }
    if let Some(submitter_id) = filter.submitter_id {
        query.push(" AND submitter_id = ").push_bind(submitter_id.to_string());
    }
    if let Some(text) = &filter.text {
        query.push(" AND search_text LIKE ").push_bind(pattern_for(text)).push(" ESCAPE '\\'");
    }
    if let Some(sender) = &filter.sender {
        query.push(" AND lower(coalesce(from_address, '<>') || ' ' || header_from) LIKE ");
        query.push_bind(pattern_for(sender)).push(" ESCAPE '\\'");
    }
    if let Some(recipient) = &filter.recipient {
        query.push(
            " AND EXISTS (SELECT 1 FROM recipients WHERE message_id = messages.id AND lower(address) LIKE ",
        );
        query.push_bind(pattern_for(recipient)).push(" ESCAPE '\\')");
    }
}

fn by_id(id: Uuid) -> Statement {
    statement(
        "SELECT messages.*, lanes.account_id, lanes.mailbox FROM messages JOIN lanes ON lanes.id = messages.lane_id
         WHERE messages.id = $1",
    )
    .bind(id.to_string())
}

/// A recipient without a state of their own stands where the message does.
fn read_recipient(row: &Row, message: MessageState) -> Result<RecipientRow, CorruptRow> {
    let record = Record::new(rows::RECIPIENTS, "message_id", row);
    let as_message = match message {
        MessageState::Sent => RecipientState::Sent,
        MessageState::Failed | MessageState::Expired => RecipientState::Failed,
        _ => RecipientState::Pending,
    };
    Ok(RecipientRow {
        address: record.parse("address")?,
        notify: record.get("notify")?,
        orcpt: record.get("orcpt")?,
        state: record.optional("state")?.unwrap_or(as_message),
        code: record.get("code")?,
        text: record.get("text")?,
    })
}

fn read_attempt(row: &Row) -> Result<AttemptRow, CorruptRow> {
    let record = Record::new("attempts", "message_id", row);
    Ok(AttemptRow {
        number: record.count("number")?,
        node: record.get("node")?,
        started_at: record.time("started_at")?,
        ended_at: record.optional_time("ended_at")?,
        outcome: record.optional("outcome")?,
        via: record.get("via")?,
        code: record.get("code")?,
        text: record.get("text")?,
        request_id: record.get("request_id")?,
        remote_id: record.get("remote_id")?,
    })
}

/// The attempt that stands in the message's own row.
fn read_attempt_under_way(row: &Row) -> Result<AttemptRow, CorruptRow> {
    let record = Record::new(rows::MESSAGES, "id", row);
    Ok(AttemptRow {
        number: record.count("attempt")?,
        node: record.get("node")?,
        started_at: record.time("started_at")?,
        ended_at: None,
        outcome: None,
        via: None,
        code: None,
        text: None,
        request_id: None,
        remote_id: None,
    })
}

fn read_happening(row: &Row) -> Result<HappeningRow, CorruptRow> {
    let record = Record::numbered("happenings", row);
    Ok(HappeningRow {
        at: record.time("at")?,
        what: record.get("what")?,
        actor: record.get("actor")?,
        detail: record.json("detail")?,
    })
}

fn read_count(row: &Row) -> Result<Count, CorruptRow> {
    let record = Record::new(rows::MESSAGES, "first", row);
    let first: Uuid = record.id("first")?;
    let millis = i128::from((first.as_u128() >> 80) as u64);
    let oldest = OffsetDateTime::from_unix_timestamp_nanos(millis * 1_000_000)
        .map_err(|error| record.corrupt("first", error))?;
    Ok(Count {
        account_id: record.id("account_id")?,
        state: record.parse("state")?,
        messages: record.amount("messages")?,
        oldest,
        oldest_id: first,
    })
}
