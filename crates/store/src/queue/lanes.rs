//! Lanes: one mailbox of one account, the unit of fairness and of limits. Where several nodes share the database, a lane is
//! one node's at a time: it is taken in the transaction that claims from it first, and is its owner's until that lets go of
//! it or is gone (`nodes`). Where there is one process only, nobody owns lanes and nothing is asked. It must never give a
//! lane to a node while another that is there has it. Its neighbours are the dispatcher, which asks what is due, and
//! `claim`.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::broadcast;
use uuid::Uuid;

use super::batch::{Batch, find_or_make_lane};
use super::claim::outstanding;
use super::message::{Claim, Lease, Node};
use super::{Queue, rows};
use crate::database::Change;
use crate::engine::{Composed, Row, statement};
use crate::failure::{CorruptRow, StoreError};
use crate::record::{Record, millis_of};

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
    /// What was counted last of its limits: its next owner, or the next run, goes on from there.
    pub counters: Value,
    /// Whether it is another node's, and that one is there.
    pub is_held_elsewhere: bool,
}

/// What a node wants from a lane.
#[derive(Debug, Clone)]
pub struct Bid {
    /// Which lane.
    pub lane_id: LaneId,
    /// At most so many messages.
    pub limit: u32,
    /// Those that are due then.
    pub now: OffsetDateTime,
    /// For whom, and until when the claims stand.
    pub lease: Lease,
    /// Whether it has to get hold of the lane first.
    pub takes_lane: bool,
    /// The paused account that it probes; it claims nothing where another node is probing it.
    pub probe: Option<Probe>,
}

/// One message that tries whether a paused account is in order again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// The account.
    pub account_id: Uuid,
    /// No other node probes it before this.
    pub next_at: OffsetDateTime,
}

/// What a node got.
#[derive(Debug, Clone, PartialEq)]
pub enum Awarded {
    /// These, which may be none.
    Claims(Vec<Claim>),
    /// The lane as well: what was counted before goes on counting.
    Lane {
        /// What its owner before has counted.
        counters: Value,
        /// The claims.
        claims: Vec<Claim>,
    },
    /// Nothing: another node has the lane.
    Nothing,
}

impl Awarded {
    /// The claims alone.
    pub fn claims(self) -> Vec<Claim> {
        match self {
            Self::Claims(claims) | Self::Lane { claims, .. } => claims,
            Self::Nothing => Vec::new(),
        }
    }
}

/// What a node should look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

/// As nodes tell each other.
impl fmt::Display for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lane(id) => write!(f, "lane {id}"),
            Self::Account(id) => write!(f, "account {id}"),
            Self::Missed => f.write_str("missed"),
        }
    }
}

impl FromStr for Ring {
    type Err = UnknownRing;

    fn from_str(text: &str) -> Result<Self, UnknownRing> {
        match text.split_once(' ') {
            Some(("lane", id)) => id.parse().map(|id| Self::Lane(LaneId(id))).map_err(|_| UnknownRing),
            Some(("account", id)) => id.parse().map(Self::Account).map_err(|_| UnknownRing),
            None if text == "missed" => Ok(Self::Missed),
            _ => Err(UnknownRing),
        }
    }
}

/// A ring that this version doesn't know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("another node tells something that this one doesn't understand")]
pub struct UnknownRing;

/// Hears what is due, from this process and from others.
#[derive(Debug)]
pub struct Rings(broadcast::Receiver<Ring>);

impl Rings {
    /// Waits for the next ring; `None` when the store is closed.
    pub async fn next(&mut self) -> Option<Ring> {
        match self.0.recv().await {
            Ok(ring) => Some(ring),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Ring::Missed),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// One look into the index for each lane, however many messages wait in it.
const EARLIEST: &str = "(SELECT min(next_attempt_at) FROM messages WHERE lane_id = lanes.id
    AND next_attempt_at IS NOT NULL)";

impl Queue<'_> {
    /// The lane of this mailbox; it is made where there is none.
    pub async fn lane(&self, key: &LaneKey) -> Result<LaneId, StoreError> {
        let mut change = self.0.begin().await?;
        let id = find_or_make_lane(&mut change, key).await?;
        change.commit().await?;
        Ok(id)
    }

    /// The lanes in which something is due at `until` or before; the end of time for all in which something waits. Whose
    /// they are is said as `node` sees it at `now`.
    pub async fn due_lanes(
        &self,
        until: OffsetDateTime,
        node: &Node,
        now: OffsetDateTime,
    ) -> Result<Vec<Lane>, StoreError> {
        let mut query =
            Composed::new("SELECT lanes.*, EXISTS (SELECT 1 FROM nodes WHERE run = owner_run AND until > ");
        query.push_bind(millis_of(now)).push(" AND run <> ").push_bind(node.run.to_string());
        query.push(") AS is_held_elsewhere FROM (SELECT lanes.*, ").push(EARLIEST);
        query.push(" AS earliest FROM lanes) AS lanes WHERE earliest <= ");
        query.push_bind(millis_of(until)).push(" ORDER BY earliest");
        Ok(self.0.all(query.build()).await?.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// When the earliest message of a lane is due; `None` when nothing waits in it.
    pub async fn earliest(&self, lane_id: LaneId) -> Result<Option<OffsetDateTime>, StoreError> {
        let query = statement(
            "SELECT lane_id AS id, min(next_attempt_at) AS earliest FROM messages WHERE lane_id = $1
             AND next_attempt_at IS NOT NULL GROUP BY lane_id",
        );
        let Some(row) = self.0.one(query.bind(lane_id.0)).await? else { return Ok(None) };
        Ok(Record::numbered(rows::MESSAGES, &row).optional_time("earliest")?)
    }

    /// Lets go of lanes of which nothing needs to be remembered, so that any node may take them.
    pub async fn release_lanes(&self, lanes: &[LaneId], node: &Node) -> Result<(), StoreError> {
        if lanes.is_empty() {
            return Ok(());
        }
        let mut release =
            Composed::new("UPDATE lanes SET counters = '{}', owner_run = NULL WHERE owner_run = ");
        release.push_bind(node.run.to_string()).push(" AND id IN (").push_list(lanes.iter().map(|id| id.0));
        release.push(")");
        let mut change = self.0.begin().await?;
        change.run(release.build()).await?;
        change.commit().await
    }

    /// The lanes of which something was counted.
    pub async fn counted_lanes(&self) -> Result<Vec<Lane>, StoreError> {
        let query =
            "SELECT lanes.*, NULL AS earliest, FALSE AS is_held_elsewhere FROM lanes WHERE counters <> '{}'";
        Ok(self.0.all(statement(query)).await?.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// The attempts that nobody is at any more at `now`: their lease ran out, or an earlier run of this node made them, which
    /// is not there any more. Nobody knows how they ended, and they are to be settled so. The first hundred.
    pub async fn interrupted(&self, node: &Node, now: OffsetDateTime) -> Result<Vec<Claim>, StoreError> {
        let query = statement(
            "SELECT messages.*, lanes.account_id, lanes.mailbox FROM messages JOIN lanes ON lanes.id = messages.lane_id
             WHERE leased_until IS NOT NULL AND (leased_until <= $1 OR (node = $2 AND node_run <> $3
                 AND NOT EXISTS (SELECT 1 FROM nodes WHERE run = node_run AND until > $1)))
             ORDER BY leased_until LIMIT 100",
        );
        let query = query.bind(millis_of(now)).bind(&node.name).bind(node.run.to_string());
        let found = self.0.all(query).await?;
        let mut claims = Vec::with_capacity(found.len());
        for row in &found {
            claims.push(self.read_claim(row).await?);
        }
        Ok(claims)
    }

    async fn read_claim(&self, row: &Row) -> Result<Claim, StoreError> {
        let record = Record::new(rows::MESSAGES, "id", row);
        let mut message = rows::read_message(row, rows::read_lane_key(row)?)?;
        let recipients = self.0.all(outstanding(&[message.id.to_string()])).await?;
        message.recipients = recipients.iter().map(rows::read_recipient).collect::<Result<_, _>>()?;
        Ok(Claim {
            message,
            lane_id: LaneId(record.get("lane_id")?),
            attempt: record.count("attempt")?,
            tries: record.count("tries")?,
            claimed_at: record.time("started_at")?,
        })
    }

    /// Hears from now on what is due. Ask for it before looking, so that nothing is missed in between.
    pub fn rings(&self) -> Rings {
        Rings(self.0.rings())
    }
}

/// The row's owner may write it; where nobody owns lanes, whoever works on them.
const KEEP_COUNTERS: &str = "UPDATE lanes SET counters = v.column2 FROM (VALUES";
const WHERE_OWN: &str = ") AS v WHERE lanes.id = v.column1 AND (owner_run IS NULL OR owner_run = v.column3)";

/// Notes what was counted in these lanes, for their next owner or the next run.
pub(super) async fn keep_counters(
    batch: &mut Batch<'_>,
    node: &Node,
    counted: &[(LaneId, Value)],
) -> Result<(), StoreError> {
    let row = |(id, counters): &(LaneId, Value)| -> Vec<crate::engine::Value> {
        vec![id.0.into(), counters.to_string().into(), node.run.to_string().into()]
    };
    batch.run_many(KEEP_COUNTERS, WHERE_OWN, counted.iter().map(row).collect()).await.map(|_| ())
}

/// Takes the lane for `node` unless another has it that is there at `now`; what was counted in it. The row is written only
/// where the owner changes.
pub(super) async fn take(
    change: &mut Change,
    lane_id: LaneId,
    node: &Node,
    now: OffsetDateTime,
) -> Result<Option<Value>, StoreError> {
    let find = "SELECT lanes.*, owner_run = $2 AS is_own FROM lanes WHERE id = $1";
    let find = statement(find).bind(lane_id.0).bind(node.run.to_string());
    if let Some(row) = change.one(find).await?
        && Record::numbered(rows::LANES, &row).get::<Option<bool>>("is_own")?.unwrap_or(false)
    {
        return Ok(Some(Record::numbered(rows::LANES, &row).json("counters")?));
    }
    let take = "UPDATE lanes SET owner_run = $2 WHERE id = $1 AND (owner_run IS NULL OR owner_run = $2
                OR NOT EXISTS (SELECT 1 FROM nodes WHERE run = owner_run AND until > $3)) RETURNING *";
    let take = statement(take).bind(lane_id.0).bind(node.run.to_string()).bind(millis_of(now));
    let taken = change.one(take).await?;
    let counters = |row: Row| Record::numbered(rows::LANES, &row).json("counters");
    Ok(taken.map(counters).transpose()?)
}

fn read(row: &Row) -> Result<Lane, CorruptRow> {
    let record = Record::numbered(rows::LANES, row);
    Ok(Lane {
        id: LaneId(record.get("id")?),
        key: rows::read_lane_key(row)?,
        earliest: record.optional_time("earliest")?,
        counters: record.json("counters")?,
        is_held_elsewhere: record.get("is_held_elsewhere")?,
    })
}
