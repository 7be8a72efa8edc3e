//! Lanes: one mailbox of one account, the unit of fairness and of limits, owned by one node at a time. It must never let
//! two nodes believe that a lane is theirs. Its neighbours are the dispatcher, which asks what is due, and `claim`.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::broadcast;
use uuid::Uuid;

use super::batch::find_or_make_lane;
use super::claim::outstanding;
use super::message::{Claim, Node};
use super::{Queue, rows};
use crate::engine::{Row, statement};
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
    /// What its owner counted last (limits that span hours): the next owner goes on from there.
    pub counters: Value,
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

    /// The lanes in which something is due at `until` or before; the end of time for all in which something waits.
    pub async fn due_lanes(&self, until: OffsetDateTime) -> Result<Vec<Lane>, StoreError> {
        let mut query = crate::engine::Composed::new("SELECT * FROM (SELECT lanes.*, ");
        query.push(EARLIEST).push(" AS earliest FROM lanes) AS lanes WHERE earliest <= ");
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

    /// Takes a lane until `until`, or keeps it for longer; `None` when it is another node's at `now`. What an earlier run of
    /// this node held is free.
    pub async fn take_lane(
        &self,
        lane_id: LaneId,
        node: &Node,
        now: OffsetDateTime,
        until: OffsetDateTime,
    ) -> Result<Option<Lane>, StoreError> {
        let mut change = self.0.begin().await?;
        let take = statement(
            "UPDATE lanes SET owner = $2, owner_run = $3, owned_until = $5
             WHERE id = $1 AND (owner IS NULL OR owner = $2 OR owned_until <= $4)",
        );
        let take = take
            .bind(lane_id.0)
            .bind(&node.name)
            .bind(node.run.to_string())
            .bind(millis_of(now))
            .bind(millis_of(until));
        if change.run(take).await? == 0 {
            return Ok(None);
        }
        let mut query = crate::engine::Composed::new("SELECT lanes.*, ");
        query.push(EARLIEST).push(" AS earliest FROM lanes WHERE id = ").push_bind(lane_id.0);
        let row = change.one(query.build()).await?;
        change.commit().await?;
        Ok(row.as_ref().map(read).transpose()?)
    }

    /// Keeps all lanes of this run until `until`; returns those that are still its own at `now`.
    pub async fn renew_lanes(
        &self,
        node: &Node,
        now: OffsetDateTime,
        until: OffsetDateTime,
    ) -> Result<Vec<LaneId>, StoreError> {
        let mut change = self.0.begin().await?;
        let renew = statement(
            "UPDATE lanes SET owned_until = $4 WHERE owner = $1 AND owner_run = $2 AND owned_until > $3
             RETURNING id",
        );
        let renew =
            renew.bind(&node.name).bind(node.run.to_string()).bind(millis_of(now)).bind(millis_of(until));
        let renewed = change.all(renew).await?;
        change.commit().await?;
        let id = |row| Ok(LaneId(Record::numbered(rows::LANES, row).get("id")?));
        renewed.iter().map(id).collect()
    }

    /// Lets go of a lane, with what its owner has counted, so that another node may take it at once.
    pub async fn release_lane(
        &self,
        lane_id: LaneId,
        node: &Node,
        counters: &Value,
    ) -> Result<(), StoreError> {
        let release = "UPDATE lanes SET counters = $3, owner = NULL, owner_run = NULL, owned_until = NULL
                       WHERE id = $1 AND owner_run = $2";
        self.write_lane(release, lane_id, node, counters).await
    }

    /// Notes what the lane's owner has counted, for the next one.
    pub async fn keep_counters(
        &self,
        lane_id: LaneId,
        node: &Node,
        counters: &Value,
    ) -> Result<(), StoreError> {
        let keep = "UPDATE lanes SET counters = $3 WHERE id = $1 AND owner_run = $2";
        self.write_lane(keep, lane_id, node, counters).await
    }

    async fn write_lane(
        &self,
        sql: &'static str,
        lane_id: LaneId,
        node: &Node,
        counters: &Value,
    ) -> Result<(), StoreError> {
        let mut change = self.0.begin().await?;
        let update = statement(sql).bind(lane_id.0).bind(node.run.to_string()).bind(counters.to_string());
        change.run(update).await?;
        change.commit().await
    }

    /// The attempts that nobody is at any more at `now`: their lease ran out, or an earlier run of this node made them. Nobody
    /// knows how they ended, and they are to be settled so. The first hundred.
    pub async fn interrupted(&self, node: &Node, now: OffsetDateTime) -> Result<Vec<Claim>, StoreError> {
        let query = statement(
            "SELECT messages.*, lanes.account_id, lanes.mailbox FROM messages JOIN lanes ON lanes.id = messages.lane_id
             WHERE leased_until IS NOT NULL AND (leased_until <= $1 OR (node = $2 AND node_run <> $3))
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

fn read(row: &Row) -> Result<Lane, CorruptRow> {
    let record = Record::numbered(rows::LANES, row);
    Ok(Lane {
        id: LaneId(record.get("id")?),
        key: rows::read_lane_key(row)?,
        earliest: record.optional_time("earliest")?,
        counters: record.json("counters")?,
    })
}
