//! Messages and their recipients as they come from the database. It must never make up what a column doesn't hold. Its
//! neighbours are all modules here that read messages.

use mail::Traits;

use super::lanes::{LaneId, LaneKey};
use super::message::{Message, Recipient};
use super::story::MessageRow;
use crate::database::Change;
use crate::engine::{Row, statement};
use crate::failure::{CorruptRow, StoreError};
use crate::record::Record;

pub(super) const MESSAGES: &str = "messages";
pub(super) const RECIPIENTS: &str = "recipients";
pub(super) const LANES: &str = "lanes";

/// The message without its recipients, which are rows of their own.
pub(super) fn read_message(row: &Row, lane: LaneKey) -> Result<Message, CorruptRow> {
    let record = Record::new(MESSAGES, "id", row);
    Ok(Message {
        id: record.id("id")?,
        lane,
        submitter_id: record.optional_id("submitter_id")?,
        submitter_name: record.get("submitter_name")?,
        source: record.get("source")?,
        from: record.optional("from_address")?,
        recipients: Vec::new(),
        ret: record.get("ret")?,
        envid: record.get("envid")?,
        header_from: record.get("header_from")?,
        subject: record.get("subject")?,
        message_id: record.get("message_id")?,
        size_octets: record.amount("size_octets")?,
        header_octets: record.amount("header_octets")?,
        traits: Traits { eight_bit: record.get("eight_bit")?, international: record.get("international")? },
        notes: record.json("notes")?,
        received_at: record.time("received_at")?,
        expires_at: record.time("expires_at")?,
    })
}

/// A message as lists show it; its row has the lane's columns beside its own.
pub(super) fn read_row(row: &Row) -> Result<MessageRow, CorruptRow> {
    let record = Record::new(MESSAGES, "id", row);
    Ok(MessageRow {
        id: record.id("id")?,
        state: record.parse("state")?,
        state_since: record.time("state_since")?,
        lane: read_lane_key(row)?,
        submitter_id: record.optional_id("submitter_id")?,
        submitter_name: record.get("submitter_name")?,
        from: record.optional("from_address")?,
        header_from: record.get("header_from")?,
        first_recipient: record.get("first_recipient")?,
        recipients: record.count("recipients")?,
        subject: record.get("subject")?,
        message_id: record.get("message_id")?,
        size_octets: record.amount("size_octets")?,
        received_at: record.time("received_at")?,
        expires_at: record.time("expires_at")?,
        next_attempt_at: record.optional_time("next_attempt_at")?,
        attempts: record.count("attempt")?,
        code: record.get("code")?,
        text: record.get("text")?,
    })
}

pub(super) fn read_recipient(row: &Row) -> Result<Recipient, CorruptRow> {
    let record = Record::new(RECIPIENTS, "message_id", row);
    Ok(Recipient {
        address: record.parse("address")?,
        notify: record.get("notify")?,
        orcpt: record.get("orcpt")?,
    })
}

pub(super) fn read_lane_key(row: &Row) -> Result<LaneKey, CorruptRow> {
    let record = Record::numbered(LANES, row);
    Ok(LaneKey { account_id: record.id("account_id")?, mailbox: record.get("mailbox")? })
}

pub(super) async fn find_lane_key(change: &mut Change, id: LaneId) -> Result<LaneKey, StoreError> {
    let row = change.one(statement("SELECT * FROM lanes WHERE id = $1").bind(id.0)).await?;
    let row = row.ok_or_else(|| StoreError::Unexpected { detail: format!("there is no lane {id}") })?;
    Ok(read_lane_key(&row)?)
}
