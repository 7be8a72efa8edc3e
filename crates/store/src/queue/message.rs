//! A message as the queue knows it, from the moment it is offered to the moment somebody claims it.

use std::fmt;

use mail::{Address, Traits};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::lanes::{LaneId, LaneKey};
use crate::failure::StoreError;
use crate::word::words;

/// The most octets that one piece of content holds; every piece but the last has exactly so many.
pub const PIECE_OCTETS: usize = 256 * 1024;

words! {
    /// Where a message stands.
    pub enum MessageState {
        /// It waits for its first try, or for its account to be mended.
        Queued = "queued",
        /// Somebody is at it: an attempt is under way.
        Sending = "sending",
        /// A try did not succeed; it waits for the next.
        Deferred = "deferred",
        /// It has been handed over.
        Sent = "sent",
        /// It won't be accepted, however often it is tried.
        Failed = "failed",
        /// It was tried for as long as it may be.
        Expired = "expired",
        /// It waits for a person to decide.
        Held = "held",
        /// A person has called it off.
        Cancelled = "cancelled",
    }
}

/// A process that works on the queue. On a database of its own there is one; on a shared one each has its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Node {
    /// What the machine is called; the same after a restart, another for each node.
    pub name: String,
    /// This run of it, new at every start: what an earlier run held is nobody's any more.
    pub run: Uuid,
}

/// A claim's term: who has it, and until when nobody else may take it for abandoned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who has it.
    pub node: Node,
    /// Until when; [`Queue::extend`](super::Queue::extend) moves it.
    pub until: OffsetDateTime,
}

/// What doesn't change about a message while it is in the queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its id: a UUIDv7 of `received_at`. Lists are in its order, and what is old is found by it.
    pub id: Uuid,
    /// Whose limits count for it.
    pub lane: LaneKey,
    /// Who handed it over, where that is a submitter that was entered.
    pub submitter_id: Option<Uuid>,
    /// What they are called; it stays when the submitter is deleted.
    pub submitter_name: String,
    /// Where it came from: an address, `uid 1000`, `rest`.
    pub source: String,
    /// The envelope's sender; `None` is the null reverse-path `<>`.
    pub from: Option<Address>,
    /// The envelope's recipients, at least one; in a [`Claim`], those who are still to get it.
    pub recipients: Vec<Recipient>,
    /// `RET=` as it was given (RFC 3461 §4.3).
    pub ret: Option<String>,
    /// `ENVID=` as it was given (RFC 3461 §4.4).
    pub envid: Option<String>,
    /// The header's From, for people and for search.
    pub header_from: String,
    /// The subject, decoded, for people and for search.
    pub subject: String,
    /// The Message-ID, without angle brackets.
    pub message_id: String,
    /// How many octets the content has.
    pub size_octets: u64,
    /// How many of them, at its start, are the header with the empty line after it.
    pub header_octets: u64,
    /// What the next server must be able to do.
    pub traits: Traits,
    /// What the gate wants to remember about it; nothing here looks into it.
    pub notes: Value,
    /// When it came.
    pub received_at: OffsetDateTime,
    /// When it is given up.
    pub expires_at: OffsetDateTime,
}

/// One recipient of the envelope, with what the submitter asked to be told (RFC 3461).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Who.
    pub address: Address,
    /// `NOTIFY=` as it was given.
    pub notify: Option<String>,
    /// `ORCPT=` as it was given.
    pub orcpt: Option<String>,
}

/// A message that is offered to the queue.
#[derive(Clone, PartialEq)]
pub struct NewMessage {
    /// The message.
    pub message: Message,
    /// When it is to be tried first.
    pub first_attempt_at: OffsetDateTime,
    /// The submitter's key against doing it twice.
    pub idempotency: Option<Idempotency>,
    /// What it says.
    pub content: NewContent,
}

/// The content of a message that is offered.
#[derive(Clone, PartialEq, Eq)]
pub enum NewContent {
    /// All of it, in pieces of [`PIECE_OCTETS`]: written together with the message. For what fits into memory a few
    /// hundred times over.
    Whole(Vec<bytes::Bytes>),
    /// It has been written before, by [`Queue::add_piece`](super::Queue::add_piece).
    Spooled,
}

/// A key under which a submitter's request is done once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// Whose key it is: two submitters may use the same.
    pub scope: String,
    /// The key.
    pub key: String,
    /// SHA-256 of the request: the same key with another request is a mistake.
    pub request_hash: Vec<u8>,
}

/// What became of a message that was offered. It is on disk.
#[derive(Debug, Clone, PartialEq)]
pub enum Accepted {
    /// It waits.
    Queued {
        /// In which lane.
        lane_id: LaneId,
    },
    /// It is claimed by whoever offered it: its first attempt is on disk too.
    Claimed(Box<Claim>),
    /// The same request has been taken before; nothing was stored.
    Duplicate {
        /// The message that it became then.
        of: Uuid,
    },
}

/// A message was not taken; nothing of it is stored.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The key was used for another request.
    #[error("this idempotency key was used before, for another request")]
    KeyReused,
    /// Spooled pieces are missing: they were swept away, or never written.
    #[error("the message's content is not here as it was announced")]
    ContentMissing,
    /// The database failed: the disk is full, failing, or busy.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An attempt that is under way, and all that is needed to make it.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The message; its recipients are those who are still to get it.
    pub message: Message,
    /// Its lane.
    pub lane_id: LaneId,
    /// The attempt's number, from 1: it names the claim.
    pub attempt: u32,
    /// How many tries before this one counted: what the schedule of retries goes by.
    pub tries: u32,
    /// When it was claimed.
    pub claimed_at: OffsetDateTime,
}

/// What names a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClaimKey {
    /// The message.
    pub id: Uuid,
    /// The attempt.
    pub attempt: u32,
}

impl Claim {
    /// What names it.
    pub fn key(&self) -> ClaimKey {
        ClaimKey { id: self.message.id, attempt: self.attempt }
    }
}

impl NewContent {
    /// How many octets it has here.
    pub(super) fn octets(&self) -> usize {
        match self {
            Self::Whole(pieces) => pieces.iter().map(bytes::Bytes::len).sum(),
            Self::Spooled => 0,
        }
    }
}

impl fmt::Debug for NewMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewMessage").field("message", &self.message).finish_non_exhaustive()
    }
}

impl fmt::Debug for NewContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(_) => write!(f, "Whole({} octets)", self.octets()),
            Self::Spooled => f.write_str("Spooled"),
        }
    }
}
