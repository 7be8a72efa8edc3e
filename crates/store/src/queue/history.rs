//! How much mail there was, in stretches of five minutes, for the chart. It is counted in the transaction that it counts:
//! it must never differ from what happened. Its neighbours are `batch`, which adds up, and the overview.

use std::collections::HashMap;

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::batch::Batch;
use super::story::{HistoryRow, HistorySpan, HistorySum};
use crate::database::Store;
use crate::engine::{Composed, Row, statement};
use crate::failure::{CorruptRow, StoreError};
use crate::record::{Record, millis_of};

/// How long a stretch is.
pub const STRETCH: Duration = Duration::minutes(5);

const TABLE: &str = "history";

const INSERT: &str = "INSERT INTO history (at, account_id, writer, accepted, sent, deferred, failed) ";
const OR_ADD: &str =
    " ON CONFLICT (at, account_id, writer) DO UPDATE SET accepted = history.accepted + excluded.accepted,
    sent = history.sent + excluded.sent, deferred = history.deferred + excluded.deferred,
    failed = history.failed + excluded.failed";

/// What one transaction adds to a stretch.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    pub(super) accepted: i64,
    pub(super) sent: i64,
    pub(super) deferred: i64,
    pub(super) failed: i64,
}

impl Batch<'_> {
    /// The tally for this account at this time.
    pub(super) fn count(&mut self, at: OffsetDateTime, account_id: Uuid) -> &mut Tally {
        self.tally.entry((stretch_of(at), account_id)).or_default()
    }
}

/// Adds what the transaction did.
pub(super) async fn write(batch: &mut Batch<'_>) -> Result<(), StoreError> {
    for ((at, account_id), tally) in std::mem::take(&mut batch.tally) {
        let mut insert = Composed::new(INSERT);
        insert.push("VALUES (").push_bind(at).push(", ").push_bind(account_id.to_string()).push(", ");
        insert.push(batch.change.writer()).push(", ");
        insert.push_list([tally.accepted, tally.sent, tally.deferred, tally.failed]).push(")").push(OR_ADD);
        batch.change.run(insert.build()).await?;
    }
    Ok(())
}

pub(super) async fn read(
    store: &Store,
    since: OffsetDateTime,
    until: OffsetDateTime,
) -> Result<Vec<HistoryRow>, StoreError> {
    let query = statement("SELECT * FROM history WHERE at >= $1 AND at < $2 ORDER BY at, account_id, writer");
    let rows = store.all(query.bind(stretch_of(since)).bind(millis_of(until))).await?;
    let mut history: Vec<HistoryRow> = Vec::new();
    let mut places: HashMap<(OffsetDateTime, Uuid), usize> = HashMap::new();
    for row in &rows {
        let record = Record::numbered(TABLE, row);
        let (at, account_id) = (record.time("at")?, record.id("account_id")?);
        let place = *places.entry((at, account_id)).or_insert_with(|| {
            history.push(HistoryRow { at, account_id, accepted: 0, sent: 0, deferred: 0, failed: 0 });
            history.len() - 1
        });
        let sum = &mut history[place];
        sum.accepted += record.amount("accepted")?;
        sum.sent += record.amount("sent")?;
        sum.deferred += record.amount("deferred")?;
        sum.failed += record.amount("failed")?;
    }
    Ok(history)
}

/// The database adds up: a month of many accounts is more than anybody wants to carry.
pub(super) async fn sum(store: &Store, span: &HistorySpan) -> Result<Vec<HistorySum>, StoreError> {
    let since = stretch_of(span.since);
    let step_ms = i64::try_from(span.step.whole_milliseconds()).unwrap_or(i64::MAX).max(1);
    let mut query = Composed::new(
        "SELECT step, CAST(sum(accepted) AS BIGINT) AS accepted, CAST(sum(sent) AS BIGINT) AS sent,
         CAST(sum(deferred) AS BIGINT) AS deferred, CAST(sum(failed) AS BIGINT) AS failed FROM (SELECT (at - ",
    );
    query.push_bind(since).push(") / ").push_bind(step_ms);
    query.push(" AS step, accepted, sent, deferred, failed FROM history WHERE at >= ").push_bind(since);
    query.push(" AND at < ").push_bind(millis_of(span.until));
    if let Some(account_id) = span.account_id {
        query.push(" AND account_id = ").push_bind(account_id.to_string());
    }
    query.push(") AS steps GROUP BY step ORDER BY step");
    let rows = store.all(query.build()).await?;
    Ok(rows.iter().map(read_sum).collect::<Result<_, _>>()?)
}

fn read_sum(row: &Row) -> Result<HistorySum, CorruptRow> {
    let record = Record::numbered(TABLE, row);
    Ok(HistorySum {
        step: record.amount("step")?,
        accepted: record.amount("accepted")?,
        sent: record.amount("sent")?,
        deferred: record.amount("deferred")?,
        failed: record.amount("failed")?,
    })
}

/// When the stretch begins that this time lies in.
fn stretch_of(at: OffsetDateTime) -> i64 {
    let stretch_ms = i64::try_from(STRETCH.whole_milliseconds()).expect("five minutes");
    millis_of(at).div_euclid(stretch_ms) * stretch_ms
}
