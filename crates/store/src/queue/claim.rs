//! Claiming what is due, and keeping a claim alive. It must never give a message to two: whoever changes its state first
//! has it. Its neighbours are `batch`, in whose transaction this runs, `lanes`, which says whose a lane is, and `rows`,
//! which reads messages.

use std::collections::HashMap;

use uuid::Uuid;

use super::lanes::{self, Awarded, Bid};
use super::message::{Claim, ClaimKey, Lease};
use super::{pauses, rows};
use crate::database::Change;
use crate::engine::{Composed, statement};
use crate::failure::StoreError;
use crate::record::{Record, millis_of};

/// Looked up once, before anything is changed.
const DUE: &str =
    "WITH due AS MATERIALIZED (SELECT id FROM messages WHERE lane_id = $1 AND next_attempt_at <= $3
    ORDER BY next_attempt_at, id LIMIT $2";
const CLAIM: &str = ") UPDATE messages SET state = 'sending', state_since = $3, attempt = attempt + 1,
    started_at = $3, node = $4, node_run = $5, leased_until = $6, next_attempt_at = NULL
    WHERE id IN (SELECT id FROM due) RETURNING *";

/// Gets hold of the lane, where that is asked for, and claims from it.
pub(super) async fn award(change: &mut Change, bid: &Bid) -> Result<Awarded, StoreError> {
    let counters = match bid.takes_lane {
        false => None,
        true => match lanes::take(change, bid.lane_id, &bid.lease.node, bid.now).await? {
            Some(counters) => Some(counters),
            None => return Ok(Awarded::Nothing),
        },
    };
    let may_claim = match &bid.probe {
        None => true,
        Some(probe) => pauses::take_probe(change, probe, bid.now).await?,
    };
    let claims = match may_claim {
        true => claim(change, bid).await?,
        false => Vec::new(),
    };
    Ok(match counters {
        Some(counters) => Awarded::Lane { counters, claims },
        None => Awarded::Claims(claims),
    })
}

/// Claims up to `limit` messages of the lane that are due at `now`, those that were due first.
async fn claim(change: &mut Change, bid: &Bid) -> Result<Vec<Claim>, StoreError> {
    let Bid { lane_id, limit, now, lease, .. } = bid;
    let (lane_id, now) = (*lane_id, *now);
    let mut update = Composed::new(DUE);
    update.push(change.locking_what_is_free()).push(CLAIM);
    let update = update
        .build()
        .bind(lane_id.0)
        .bind(*limit)
        .bind(millis_of(now))
        .bind(&lease.node.name)
        .bind(lease.node.run.to_string())
        .bind(millis_of(lease.until));
    let claimed = change.all(update).await?;
    if claimed.is_empty() {
        return Ok(Vec::new());
    }
    let lane = rows::find_lane_key(change, lane_id).await?;
    let ids: Vec<String> = claimed.iter().map(|row| row.try_get("id")).collect::<Result<_, _>>()?;
    let mut recipients: HashMap<Uuid, Vec<_>> = HashMap::new();
    for row in change.all(outstanding(&ids)).await? {
        let id = Record::new(rows::RECIPIENTS, "message_id", &row).id("message_id")?;
        recipients.entry(id).or_default().push(rows::read_recipient(&row)?);
    }
    let mut claims = Vec::with_capacity(claimed.len());
    for row in &claimed {
        let mut message = rows::read_message(row, lane.clone())?;
        message.recipients = recipients.remove(&message.id).unwrap_or_default();
        let record = Record::new(rows::MESSAGES, "id", row);
        let (attempt, tries) = (record.count("attempt")?, record.count("tries")?);
        claims.push(Claim { message, lane_id, attempt, tries, claimed_at: now });
    }
    Ok(claims)
}

/// Moves the end of these claims; returns those that still stand.
pub(super) async fn extend(
    change: &mut Change,
    keys: &[ClaimKey],
    lease: &Lease,
) -> Result<Vec<ClaimKey>, StoreError> {
    let mut standing = Vec::with_capacity(keys.len());
    for key in keys {
        let update = statement(
            "UPDATE messages SET leased_until = $3 WHERE id = $1 AND attempt = $2 AND state = 'sending'
             AND node_run = $4",
        );
        let update = update
            .bind(key.id.to_string())
            .bind(key.attempt)
            .bind(millis_of(lease.until))
            .bind(lease.node.run.to_string());
        if change.run(update).await? == 1 {
            standing.push(*key);
        }
    }
    Ok(standing)
}

/// The recipients who are still to get these messages.
pub(super) fn outstanding(ids: &[String]) -> crate::engine::Statement {
    let mut query = Composed::new("SELECT * FROM recipients WHERE state IS NULL AND message_id IN (");
    query.push_list(ids).push(") ORDER BY message_id, position");
    query.build()
}
