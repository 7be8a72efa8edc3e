//! Lanes: one mailbox of one account, the unit of fairness and of limits, owned by one node at a time.

use std::fmt;

use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

/// Whose limits count: a mailbox as one account reaches it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneKey {
    /// The account.
    pub account_id: Uuid,
    /// The mailbox, in lower case.
    pub mailbox: String,
}

/// The number of a lane in this database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneId(pub i64);

/// A lane as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Lane {
    /// Its number.
    pub id: LaneId,
    /// Whose it is.
    pub key: LaneKey,
    /// When its earliest waiting message is due; `None` when nothing waits.
    pub earliest: Option<OffsetDateTime>,
    /// What its owner counted last (limits that span hours): the next owner goes on from there.
    pub counters: Value,
}

/// What a node should look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ring {
    /// Something in this lane is due earlier than it was.
    Lane(LaneId),
    /// This account was paused, or is no longer.
    Account(Uuid),
    /// Some rings may have been missed (the connection was lost): look everywhere.
    Missed,
}

impl fmt::Display for LaneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
