//! What the administrator sees: lists, a message's whole story, counts, the chart.

use mail::Address;
use serde_json::Value;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::lanes::LaneKey;
use super::message::{Message, MessageState};
use super::settlement::{AttemptOutcome, RecipientState};
use crate::failure::StoreError;

/// Which messages are wanted: those that fit everything given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageFilter {
    /// In one of these states; any when it is empty.
    pub states: Vec<MessageState>,
    /// Of this account.
    pub account_id: Option<Uuid>,
    /// From this submitter.
    pub submitter_id: Option<Uuid>,
    /// Received at this time or later.
    pub since: Option<OffsetDateTime>,
    /// Received before this time.
    pub until: Option<OffsetDateTime>,
    /// Sender, a recipient, subject, Message-ID or submitter contain this, whatever the case.
    pub text: Option<String>,
    /// Sender of envelope or header contains this.
    pub sender: Option<String>,
    /// A recipient contains this.
    pub recipient: Option<String>,
}

/// A message as lists show it.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageRow {
    /// Its id.
    pub id: Uuid,
    /// Where it stands.
    pub state: MessageState,
    /// Since when.
    pub state_since: OffsetDateTime,
    /// Whose limits count for it.
    pub lane: LaneKey,
    /// Who handed it over, where that is a submitter that was entered.
    pub submitter_id: Option<Uuid>,
    /// What they are called.
    pub submitter_name: String,
    /// The envelope's sender; `None` is `<>`.
    pub from: Option<Address>,
    /// The header's From.
    pub header_from: String,
    /// The first recipient of the envelope.
    pub first_recipient: String,
    /// How many recipients the envelope has.
    pub recipients: u32,
    /// The subject.
    pub subject: String,
    /// The Message-ID, without angle brackets.
    pub message_id: String,
    /// How many octets the content has.
    pub size_octets: u64,
    /// When it came.
    pub received_at: OffsetDateTime,
    /// When it is given up.
    pub expires_at: OffsetDateTime,
    /// When it is tried next, while it waits.
    pub next_attempt_at: Option<OffsetDateTime>,
    /// How many attempts there were.
    pub attempts: u32,
    /// The code of what stopped it last, or why it is held.
    pub code: Option<String>,
    /// The same in words.
    pub text: Option<String>,
}

/// All that is known about a message.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageStory {
    /// As lists show it.
    pub row: MessageRow,
    /// As it was accepted.
    pub message: Message,
    /// What became of each recipient, in the envelope's order.
    pub recipients: Vec<RecipientRow>,
    /// Its attempts, oldest first; the last is under way while the message is [`MessageState::Sending`].
    pub attempts: Vec<AttemptRow>,
    /// What else happened to it, oldest first.
    pub happenings: Vec<HappeningRow>,
    /// Whether its content is still here.
    pub has_content: bool,
}

/// One recipient of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientRow {
    /// Who.
    pub address: Address,
    /// `NOTIFY=` as it was given.
    pub notify: Option<String>,
    /// `ORCPT=` as it was given.
    pub orcpt: Option<String>,
    /// Where they stand.
    pub state: RecipientState,
    /// The code of what stopped it for them.
    pub code: Option<String>,
    /// What the other side said about them.
    pub text: Option<String>,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRow {
    /// Its number, from 1.
    pub number: u32,
    /// Who made it.
    pub node: String,
    /// When it began.
    pub started_at: OffsetDateTime,
    /// When it ended; `None` while it is under way.
    pub ended_at: Option<OffsetDateTime>,
    /// How it ended.
    pub outcome: Option<AttemptOutcome>,
    /// Which way it went.
    pub via: Option<String>,
    /// The reason's code.
    pub code: Option<String>,
    /// What the other side said, or what happened.
    pub text: Option<String>,
    /// The other side's name for the exchange.
    pub request_id: Option<String>,
    /// What the other side calls the message.
    pub remote_id: Option<String>,
}

/// What somebody did to a message, or what was noted about it.
#[derive(Debug, Clone, PartialEq)]
pub struct HappeningRow {
    /// When.
    pub at: OffsetDateTime,
    /// What: `retried`, `cancelled`, `held`, `released`, or a word of the gate's.
    pub what: String,
    /// Who: a user, a token's name, `postern` itself.
    pub actor: String,
    /// What else is worth knowing.
    pub detail: Value,
}

/// How many messages of an account are in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// Which account.
    pub account_id: Uuid,
    /// Which state: any but [`MessageState::Sent`].
    pub state: MessageState,
    /// How many.
    pub messages: u64,
    /// When the oldest of them came.
    pub oldest: OffsetDateTime,
    /// Which that is.
    pub oldest_id: Uuid,
}

/// What happened to an account's mail within a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryRow {
    /// When the stretch begins.
    pub at: OffsetDateTime,
    /// Which account.
    pub account_id: Uuid,
    /// Messages accepted.
    pub accepted: u64,
    /// Messages handed over.
    pub sent: u64,
    /// Attempts that are to be repeated.
    pub deferred: u64,
    /// Messages given up: refused or expired.
    pub failed: u64,
}

/// A stretch of the chart, of one account or of all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistorySpan {
    /// From when; it begins with the stretch of five minutes that this lies in.
    pub since: OffsetDateTime,
    /// Until when, without it.
    pub until: OffsetDateTime,
    /// How long the steps are into which it is divided, from its beginning on: a multiple of five minutes.
    pub step: Duration,
    /// Of which account; of all without.
    pub account_id: Option<Uuid>,
}

/// What happened to mail within one step of a [`HistorySpan`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HistorySum {
    /// Which step, counted from 0.
    pub step: u64,
    /// Messages accepted.
    pub accepted: u64,
    /// Messages handed over.
    pub sent: u64,
    /// Attempts that are to be repeated.
    pub deferred: u64,
    /// Messages given up: refused or expired.
    pub failed: u64,
}

/// What somebody asked for was not done; the message is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// There is none with this id.
    #[error("there is no such message")]
    NotFound,
    /// It can't be done to a message that stands where this one does.
    #[error("the message is {state}")]
    WrongState {
        /// Where it stands.
        state: MessageState,
    },
    /// Its content has been deleted: there is nothing left to send.
    #[error("the message's content is no longer here")]
    ContentGone,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
