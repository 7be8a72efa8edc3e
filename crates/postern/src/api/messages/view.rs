//! Messages as the API tells of them.

use serde::Serialize;
use store::queue::{AttemptRow, HappeningRow, MessageRow, MessageStory, RecipientRow};
use utoipa::ToSchema;

use super::super::moment;
use super::super::submitters::{NamedView, named_account};
use crate::queue::route::Sender;

/// A message as lists show it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Message)]
pub struct MessageView {
    id: String,
    /// `queued`, `sending`, `deferred`, `sent`, `failed`, `expired`, `held` or `cancelled`.
    state: &'static str,
    state_since: String,
    account: NamedView,
    /// The mailbox that it goes out of.
    mailbox: String,
    submitter: SubmitterRefView,
    /// The envelope's sender; null is `<>`.
    from: Option<String>,
    /// From as people see it.
    header_from: String,
    first_recipient: String,
    recipient_count: u32,
    subject: String,
    /// Without angle brackets.
    message_id: String,
    size_octets: u64,
    received: String,
    expires: String,
    /// When it is tried next, while it waits.
    next_attempt: Option<String>,
    attempt_count: u32,
    /// The code of what stopped it last, or why it is held.
    code: Option<String>,
    /// The same in words.
    text: Option<String>,
}

/// Who handed a message over.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MessageSubmitter)]
struct SubmitterRefView {
    /// Null for operators, and for submitters that have been removed.
    id: Option<String>,
    name: String,
}

/// All that is known about a message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MessageStory)]
pub struct StoryView {
    #[serde(flatten)]
    message: MessageView,
    /// Where it came from: an address, `uid 1000`, `admin.sock`.
    source: String,
    recipients: Vec<RecipientView>,
    /// Oldest first; one without `ended` is under way.
    attempts: Vec<AttemptView>,
    /// What people did to it, and what was noted about it, oldest first.
    happenings: Vec<HappeningView>,
    /// Whether its content is still here, so that it can be tried again.
    has_content: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MessageRecipient)]
struct RecipientView {
    address: String,
    /// `pending`, `sent` or `failed`.
    state: &'static str,
    code: Option<String>,
    text: Option<String>,
    /// What was to be reported about them (RFC 3461).
    notify: Option<String>,
    /// What the submitter called them (RFC 3461).
    orcpt: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MessageAttempt)]
struct AttemptView {
    /// From 1.
    number: u32,
    /// The machine that made it.
    node: String,
    started: String,
    ended: Option<String>,
    took_ms: Option<u64>,
    /// `delivered`, `retry`, `rejected`, `account_broken` or `unknown`.
    outcome: Option<&'static str>,
    /// `graph`, `draft`, `smtp`.
    via: Option<String>,
    code: Option<String>,
    text: Option<String>,
    /// Microsoft's name for the exchange: what its support asks for.
    request_id: Option<String>,
    /// What Microsoft calls the message.
    remote_id: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MessageHappening)]
struct HappeningView {
    at: String,
    /// `retried`, `cancelled`, `held`, `released` …
    what: String,
    actor: String,
    #[schema(value_type = Object)]
    detail: serde_json::Value,
}

impl MessageView {
    pub(super) fn new(row: &MessageRow, accounts: &[Sender]) -> Self {
        Self {
            id: row.id.to_string(),
            state: row.state.as_str(),
            state_since: moment::text(row.state_since),
            account: named_account(row.lane.account_id, accounts),
            mailbox: row.lane.mailbox.clone(),
            submitter: SubmitterRefView {
                id: row.submitter_id.map(|id| id.to_string()),
                name: row.submitter_name.clone(),
            },
            from: row.from.as_ref().map(ToString::to_string),
            header_from: row.header_from.clone(),
            first_recipient: row.first_recipient.clone(),
            recipient_count: row.recipients,
            subject: row.subject.clone(),
            message_id: row.message_id.clone(),
            size_octets: row.size_octets,
            received: moment::text(row.received_at),
            expires: moment::text(row.expires_at),
            next_attempt: row.next_attempt_at.map(moment::text),
            attempt_count: row.attempts,
            code: row.code.clone(),
            text: row.text.clone(),
        }
    }
}

impl StoryView {
    pub(super) fn new(story: &MessageStory, accounts: &[Sender]) -> Self {
        Self {
            message: MessageView::new(&story.row, accounts),
            source: story.message.source.clone(),
            recipients: story.recipients.iter().map(RecipientView::new).collect(),
            attempts: story.attempts.iter().map(AttemptView::new).collect(),
            happenings: story.happenings.iter().map(HappeningView::new).collect(),
            has_content: story.has_content,
        }
    }
}

impl RecipientView {
    fn new(row: &RecipientRow) -> Self {
        Self {
            address: row.address.to_string(),
            state: row.state.as_str(),
            code: row.code.clone(),
            text: row.text.clone(),
            notify: row.notify.clone(),
            orcpt: row.orcpt.clone(),
        }
    }
}

impl AttemptView {
    fn new(row: &AttemptRow) -> Self {
        let took = row.ended_at.map(|ended| (ended - row.started_at).whole_milliseconds());
        Self {
            number: row.number,
            node: row.node.clone(),
            started: moment::text(row.started_at),
            ended: row.ended_at.map(moment::text),
            // A clock that was set back makes no attempt end before it began.
            took_ms: took.map(|took| u64::try_from(took).unwrap_or(0)),
            outcome: row.outcome.map(|outcome| outcome.as_str()),
            via: row.via.clone(),
            code: row.code.clone(),
            text: row.text.clone(),
            request_id: row.request_id.clone(),
            remote_id: row.remote_id.clone(),
        }
    }
}

impl HappeningView {
    fn new(row: &HappeningRow) -> Self {
        Self {
            at: moment::text(row.at),
            what: row.what.clone(),
            actor: row.actor.clone(),
            detail: row.detail.clone(),
        }
    }
}
