//! The durable queue: what was accepted, who is at work on it, how each try ended. It must never say that it has taken a
//! message before that is on disk, hand one message to two at a time, or take an answer from whoever has lost the claim.
//! Its neighbours are the gate, which accepts, claims and settles, and the queue's page, which looks and intervenes.
//!
//! # Words
//! - A **lane** is one mailbox of one account: the unit of fairness and of limits. It belongs to one [`Node`] at a time.
//! - A **claim** is one attempt by one node: it is known by the message's id and the attempt's number. Each new claim of
//!   the message has a higher number, and only the newest may be settled; nothing else is needed to refuse a late one.
//! - A **settlement** ends an attempt, with all that follows from it, in one transaction.
//!
//! # How it is kept
//! What machines do (accept, claim, settle, extend, pieces) goes to one task that puts all that wait at the same moment
//! into one transaction. What a person does is a transaction of its own, with its audit row.
//! The cost of each is one of the batch, not of the queue: every statement finds its rows by key or by an index that
//! holds only messages which wait.

mod accept;
mod acts;
mod batch;
mod claim;
mod clerk;
mod content;
mod history;
mod lanes;
mod list;
mod message;
mod pauses;
mod purge;
mod rows;
mod settle;
mod settlement;
mod story;

use bytes::Bytes;
use time::OffsetDateTime;
use uuid::Uuid;

pub(crate) use self::clerk::Desk;
use self::clerk::{Answer, Request};
pub use self::history::STRETCH;
pub use self::lanes::{Awarded, Bid, Lane, LaneId, LaneKey, Probe, Ring, Rings, UnknownRing};
pub use self::message::{
    AcceptError, Accepted, Claim, ClaimKey, Idempotency, Lease, Message, MessageState, NewContent,
    NewMessage, Node, PIECE_OCTETS, Recipient,
};
pub use self::pauses::PauseRow;
pub use self::purge::{Keep, Purged};
pub use self::settlement::{AttemptOutcome, Next, RecipientEnd, RecipientState, SettleError, Settlement};
pub use self::story::{
    ActError, AttemptRow, Count, HappeningRow, HistoryRow, HistorySpan, HistorySum, MessageFilter,
    MessageRow, MessageStory, RecipientRow,
};
use crate::database::Store;
use crate::failure::StoreError;

/// The queue of a [`Store`].
#[derive(Debug, Clone, Copy)]
pub struct Queue<'s>(pub(crate) &'s Store);

/// What machines ask: it is on disk when the call returns, in a transaction that it shares with whoever asked at the same
/// moment.
impl Queue<'_> {
    /// Takes a message: at once claimed for the first attempt, where a lease is given. [`Accepted`] is the promise that it
    /// survives whatever happens.
    pub async fn accept(&self, message: NewMessage, lease: Option<Lease>) -> Result<Accepted, AcceptError> {
        match self.0.desk().ask(Request::Accept(Box::new(message), lease)).await? {
            Answer::Accepted(accepted) => accepted,
            other => unreachable!("an offer was answered by {other:?}"),
        }
    }

    /// Writes a piece of a message that is still coming in: the first is number 0, and each but the last has
    /// [`PIECE_OCTETS`]. It is taken by [`Queue::accept`] with [`NewContent::Spooled`], or swept away.
    pub async fn add_piece(
        &self,
        id: Uuid,
        index: u32,
        octets: Bytes,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        self.0.desk().ask(Request::Piece { id, index, octets, now }).await.map(|_| ())
    }

    /// Forgets the pieces of a message that won't be accepted.
    pub async fn discard_pieces(&self, id: Uuid) -> Result<(), StoreError> {
        self.0.desk().ask(Request::Discard(id)).await.map(|_| ())
    }

    /// Claims up to `limit` messages of a lane that are due at `now`, those that were due first. Their attempts are on disk
    /// when this returns.
    pub async fn claim(
        &self,
        lane_id: LaneId,
        limit: u32,
        now: OffsetDateTime,
        lease: Lease,
    ) -> Result<Vec<Claim>, StoreError> {
        let bid = Bid { lane_id, limit, now, lease, takes_lane: false, probe: None };
        Ok(self.bid(bid).await?.claims())
    }

    /// The same for a node that may have to get hold of the lane first, or probes an account that is paused: all of it in one
    /// transaction.
    pub async fn bid(&self, bid: Bid) -> Result<Awarded, StoreError> {
        match self.0.desk().ask(Request::Claim(bid)).await? {
            Answer::Claimed(awarded) => Ok(awarded),
            other => unreachable!("a claim was answered by {other:?}"),
        }
    }

    /// Notes what was counted in these lanes, for their next owner or the next run. Lanes that are another node's stay as
    /// they are.
    pub async fn keep_counters(
        &self,
        node: &Node,
        counted: Vec<(LaneId, serde_json::Value)>,
    ) -> Result<(), StoreError> {
        match counted.is_empty() {
            true => Ok(()),
            false => self.0.desk().ask(Request::Keep(node.clone(), counted)).await.map(|_| ()),
        }
    }

    /// Moves the end of these claims to the lease's; returns those that still stand. Whoever misses one of theirs must stop
    /// working on it.
    pub async fn extend(&self, claims: &[ClaimKey], lease: Lease) -> Result<Vec<ClaimKey>, StoreError> {
        match self.0.desk().ask(Request::Extend(claims.to_vec(), lease)).await? {
            Answer::Extended(standing) => Ok(standing),
            other => unreachable!("an extension was answered by {other:?}"),
        }
    }

    /// Ends an attempt.
    pub async fn settle(&self, settlement: Settlement) -> Result<(), SettleError> {
        match self.0.desk().ask(Request::Settle(Box::new(settlement))).await? {
            Answer::Settled(settled) => settled,
            other => unreachable!("a settlement was answered by {other:?}"),
        }
    }

    /// A piece of a message's content; `None` after the last, or where the content is gone.
    pub async fn piece(&self, id: Uuid, index: u32) -> Result<Option<Bytes>, StoreError> {
        content::piece(self.0, id, index).await
    }

    /// How much mail there was, account by account, in stretches of [`STRETCH`], oldest first.
    pub async fn history(
        &self,
        since: OffsetDateTime,
        until: OffsetDateTime,
    ) -> Result<Vec<HistoryRow>, StoreError> {
        history::read(self.0, since, until).await
    }

    /// The same, added up for each step of a span. Steps in which nothing happened are left out. The cost is one of the
    /// span, however many messages there are.
    pub async fn history_sums(&self, span: &HistorySpan) -> Result<Vec<HistorySum>, StoreError> {
        history::sum(self.0, span).await
    }
}
