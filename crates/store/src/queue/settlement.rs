//! How an attempt ends, and what follows from it.

use mail::Address;
use time::OffsetDateTime;
use uuid::Uuid;

use super::message::{ClaimKey, NewMessage};
use crate::failure::StoreError;
use crate::word::words;

words! {
    /// How one attempt ended; [`mail::Outcome`] without what it carries.
    pub enum AttemptOutcome {
        /// Accepted by the other side.
        Delivered = "delivered",
        /// Not now.
        Retry = "retry",
        /// Never.
        Rejected = "rejected",
        /// The account is at fault, not the message.
        AccountBroken = "account_broken",
        /// It may have been accepted, or not: the answer was lost, or whoever made the attempt was.
        Unknown = "unknown",
    }
}

words! {
    /// Where one recipient stands.
    pub enum RecipientState {
        /// Still to get it.
        Pending = "pending",
        /// Handed over.
        Sent = "sent",
        /// Refused for good.
        Failed = "failed",
    }
}

/// What becomes of the message after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It has been handed over; its content is deleted.
    Sent,
    /// It won't be accepted.
    Failed,
    /// It was tried long enough.
    Expired,
    /// It is tried again.
    Deferred {
        /// When.
        until: OffsetDateTime,
    },
    /// It waits for a person.
    Held {
        /// Why, for that person.
        why: String,
    },
    /// It waits as if it had not been tried: the account is paused, or the lane throttled. The attempt stays in its story
    /// and doesn't count as a try.
    Waiting {
        /// When it is due.
        until: OffsetDateTime,
    },
}

/// The end of an attempt with all that follows from it: one transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Settlement {
    /// Which attempt.
    pub claim: ClaimKey,
    /// The message's account, for the chart.
    pub account_id: Uuid,
    /// When it ended.
    pub now: OffsetDateTime,
    /// How.
    pub outcome: AttemptOutcome,
    /// Which way it went: `graph`, `draft`, `smtp`.
    pub via: Option<String>,
    /// The reason's code: short and stable.
    pub code: Option<String>,
    /// What the other side said, or what happened.
    pub text: Option<String>,
    /// The other side's name for the exchange.
    pub request_id: Option<String>,
    /// What the other side calls the message.
    pub remote_id: Option<String>,
    /// The recipients whose fate differs from the message's: refused while others got it, or done while it goes on.
    pub recipients: Vec<RecipientEnd>,
    /// What becomes of the message.
    pub next: Next,
    /// A report about it (RFC 3464) that is accepted in the same transaction: it is made once, whatever happens.
    pub report: Option<Box<NewMessage>>,
}

/// What became of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientEnd {
    /// Who.
    pub address: Address,
    /// Where they stand now.
    pub state: RecipientState,
    /// The reason's code.
    pub code: Option<String>,
    /// What the other side said about them.
    pub text: Option<String>,
}

/// An attempt was not settled; the message is as it was.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// The claim is over: it was taken for abandoned and settled by somebody else.
    #[error("this attempt is no longer the message's newest, or has ended already")]
    Stale,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
