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

mod lanes;
mod message;
mod pauses;
mod settlement;
mod story;

pub use lanes::{Lane, LaneId, LaneKey, Ring};
pub use message::{
    AcceptError, Accepted, Claim, ClaimKey, Idempotency, Lease, Message, MessageState, NewContent,
    NewMessage, Node, PIECE_OCTETS, Recipient,
};
pub use pauses::PauseRow;
pub use settlement::{AttemptOutcome, Next, RecipientEnd, RecipientState, SettleError, Settlement};
pub use story::{
    ActError, AttemptRow, Count, HappeningRow, HistoryRow, Keep, MessageFilter, MessageRow, MessageStory,
    Purged, RecipientRow,
};
