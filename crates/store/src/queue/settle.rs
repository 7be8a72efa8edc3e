//! Ending attempts, many at once: the attempt's row, the message's next state, its recipients, its content, a report about
//! it. It must never let an old claim have a say. Its neighbour is `batch`, in whose transaction this runs.

use std::collections::{HashMap, HashSet};

use super::accept;
use super::batch::{Batch, Offer};
use super::message::{ClaimKey, MessageState};
use super::settlement::{Next, RecipientEnd, SettleError, Settlement};
use crate::engine::{Value, statement};
use crate::failure::StoreError;
use crate::record::{Record, millis_of};

/// The attempt's beginning stands in its message. Whoever is no longer the newest, or has ended, finds nothing here. CROSS
/// JOIN, so that SQLite looks each message up instead of looking through all of them.
const INSERT_ATTEMPTS: &str = "INSERT INTO attempts (message_id, number, node, started_at, ended_at, outcome, via, code,
    text, request_id, remote_id) SELECT messages.id, messages.attempt, messages.node, messages.started_at, v.column3,
    v.column4, v.column5, v.column6, v.column7, v.column8, v.column9 FROM (VALUES";
const WHERE_CLAIMED: &str =
    ") AS v CROSS JOIN messages WHERE messages.id = v.column1 AND messages.attempt = v.column2
    AND messages.state = 'sending' RETURNING message_id, number";

const UPDATE_MESSAGES: &str = "UPDATE messages SET state = v.column2, state_since = v.column3,
    next_attempt_at = v.column4, tries = messages.tries + v.column5, code = v.column6, text = v.column7,
    has_content = v.column8, leased_until = NULL FROM (VALUES";
const BY_ID: &str = ") AS v WHERE messages.id = v.column1";

const DELETE_CONTENT: &str = "DELETE FROM content WHERE message_id IN (VALUES";

/// Settles; what became of each stands beside its place.
pub(super) async fn settle(
    batch: &mut Batch<'_>,
    settlements: &[(usize, &Settlement)],
) -> Result<Vec<(usize, Result<(), SettleError>)>, StoreError> {
    if settlements.is_empty() {
        return Ok(Vec::new());
    }
    let mut claimed = end_attempts(batch, settlements).await?;
    let mut valid = Vec::new();
    let mut results = Vec::new();
    for (place, settlement) in settlements {
        // Taken out: of two who settle the same claim at once, the second is late.
        let settled = match claimed.remove(&settlement.claim) {
            true => {
                valid.push(*settlement);
                Ok(())
            }
            false => Err(SettleError::Stale),
        };
        results.push((*place, settled));
    }
    move_on(batch, &valid).await?;
    for settlement in valid.iter().filter(|settlement| !settlement.recipients.is_empty()) {
        end_recipients(batch, settlement).await?;
    }
    accept_reports(batch, &valid).await?;
    Ok(results)
}

/// Writes the attempts' rows; tells which claims were still standing.
async fn end_attempts(
    batch: &mut Batch<'_>,
    settlements: &[(usize, &Settlement)],
) -> Result<HashSet<ClaimKey>, StoreError> {
    let first_of_each: HashMap<ClaimKey, &Settlement> =
        settlements.iter().rev().map(|(_, settlement)| (settlement.claim, *settlement)).collect();
    let rows = first_of_each.into_values().map(attempt_row).collect();
    let ended = batch.run_many(INSERT_ATTEMPTS, WHERE_CLAIMED, rows).await?;
    let key = |row| {
        let record = Record::new("attempts", "message_id", row);
        Ok(ClaimKey { id: record.id("message_id")?, attempt: record.count("number")? })
    };
    ended.iter().map(key).collect()
}

/// Writes what becomes of the messages.
async fn move_on(batch: &mut Batch<'_>, settlements: &[&Settlement]) -> Result<(), StoreError> {
    let rows = settlements.iter().map(|settlement| message_row(settlement)).collect();
    batch.run_many(UPDATE_MESSAGES, BY_ID, rows).await?;
    let is_sent = |settlement: &&&Settlement| settlement.next == Next::Sent;
    let sent = settlements.iter().filter(is_sent).map(|sent| vec![sent.claim.id.to_string().into()]);
    let sent = sent.collect();
    batch.run_many(DELETE_CONTENT, ")", sent).await?;
    for settlement in settlements {
        let tally = batch.count(settlement.now, settlement.account_id);
        match settlement.next {
            Next::Sent => tally.sent += 1,
            Next::Failed | Next::Expired => tally.failed += 1,
            Next::Deferred { .. } => tally.deferred += 1,
            Next::Held { .. } | Next::Waiting { .. } => {}
        }
    }
    Ok(())
}

async fn end_recipients(batch: &mut Batch<'_>, settlement: &Settlement) -> Result<(), StoreError> {
    for RecipientEnd { address, state, code, text } in &settlement.recipients {
        let update = statement(
            "UPDATE recipients SET state = $3, code = $4, text = $5 WHERE message_id = $1 AND address = $2",
        );
        let update = update
            .bind(settlement.claim.id.to_string())
            .bind(address.as_str())
            .bind(state.as_str())
            .bind(code)
            .bind(text);
        batch.change.run(update).await?;
    }
    Ok(())
}

async fn accept_reports(batch: &mut Batch<'_>, settlements: &[&Settlement]) -> Result<(), StoreError> {
    let reports = settlements.iter().filter_map(|settlement| {
        let new = settlement.report.as_deref()?;
        Some((0, Offer { new, lease: None, at: settlement.now }))
    });
    let reports: Vec<_> = reports.collect();
    for (_, accepted) in accept::accept(batch, &reports).await? {
        accepted.map_err(|refused| StoreError::Unexpected { detail: refused.to_string() })?;
    }
    Ok(())
}

fn attempt_row(settlement: &Settlement) -> Vec<Value> {
    vec![
        settlement.claim.id.to_string().into(),
        settlement.claim.attempt.into(),
        millis_of(settlement.now).into(),
        settlement.outcome.as_str().into(),
        (&settlement.via).into(),
        (&settlement.code).into(),
        (&settlement.text).into(),
        (&settlement.request_id).into(),
        (&settlement.remote_id).into(),
    ]
}

fn message_row(settlement: &Settlement) -> Vec<Value> {
    let (state, due, counts) = match &settlement.next {
        Next::Sent => (MessageState::Sent, None, 1_i64),
        Next::Failed => (MessageState::Failed, None, 1),
        Next::Expired => (MessageState::Expired, None, 1),
        Next::Held { .. } => (MessageState::Held, None, 1),
        Next::Deferred { until } => (MessageState::Deferred, Some(*until), 1),
        Next::Waiting { until } => (MessageState::Queued, Some(*until), 0),
    };
    let text = match &settlement.next {
        Next::Held { why } => Some(why.clone()),
        _ => settlement.text.clone(),
    };
    vec![
        settlement.claim.id.to_string().into(),
        state.as_str().into(),
        millis_of(settlement.now).into(),
        due.map(millis_of).into(),
        counts.into(),
        (&settlement.code).into(),
        text.into(),
        (state != MessageState::Sent).into(),
    ]
}
