//! The audit log: who did what, from where, and whether it was done. It is append-only: no call here changes or deletes a
//! row, and triggers in the database refuse it to anyone else. Its neighbours are all mutating calls, whose rows it
//! takes into their transactions, and the audit page.

use serde_json::Value;
use time::OffsetDateTime;

use crate::database::{Change, Store};
use crate::engine::{Composed, Row, statement};
use crate::failure::{CorruptRow, StoreError};
use crate::page::{Cursor, Page, Paged};
use crate::record::{Record, millis_of};
use crate::word::words;

const TABLE: &str = "audit";

words! {
    /// Whether what was asked was done.
    pub enum Outcome {
        /// It was done.
        Done = "done",
        /// It was refused.
        Refused = "refused",
    }
}

/// What is written into the log.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// When.
    pub at: OffsetDateTime,
    /// Who: a user, a token's name, `postern` itself.
    pub actor: String,
    /// From where: an address, or `admin.sock`.
    pub source: String,
    /// What, as noun and verb: `certificate.import`.
    pub action: String,
    /// To what: a name or an id; empty where there is nothing to name.
    pub target: String,
    /// Whether it was done.
    pub outcome: Outcome,
    /// The refusal's code.
    pub code: Option<String>,
    /// What else is worth knowing; never a secret.
    pub detail: Value,
}

/// A row of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRow {
    /// Its number: each is greater than all before it.
    pub id: i64,
    /// What was written.
    pub entry: AuditEntry,
}

/// Which rows of the log are wanted: those that fit everything given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Exactly this actor.
    pub actor: Option<String>,
    /// Exactly this action.
    pub action: Option<String>,
    /// Exactly this target.
    pub target: Option<String>,
    /// At this time or later.
    pub since: Option<OffsetDateTime>,
    /// Before this time.
    pub until: Option<OffsetDateTime>,
}

/// The audit log of a [`Store`].
#[derive(Debug, Clone, Copy)]
pub struct Audit<'s>(pub(crate) &'s Store);

impl Audit<'_> {
    /// Writes a row on its own: for what was refused, and for what changes nothing in the database.
    pub async fn append(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        self.0.begin().await?.commit_with(entry).await
    }

    /// The rows that fit, newest first.
    pub async fn list(&self, page: &Page, filter: &AuditFilter) -> Result<Paged<AuditRow>, StoreError> {
        let query = select(page, filter)?;
        let fetched = self.0.all(query.build()).await?;
        Ok(Paged::read(fetched, page, read, cursor)?)
    }
}

pub(crate) async fn write(change: &mut Change, entry: &AuditEntry) -> Result<(), StoreError> {
    let insert = "INSERT INTO audit (at, actor, source, action, target, outcome, code, detail)
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let insert = statement(insert)
        .bind(millis_of(entry.at))
        .bind(&entry.actor)
        .bind(&entry.source)
        .bind(&entry.action)
        .bind(&entry.target)
        .bind(entry.outcome.as_str())
        .bind(&entry.code)
        .bind(entry.detail.to_string());
    change.run(insert).await.map(|_| ())
}

/// Only the conditions that are given stand in the statement: each has its index, which an `OR … IS NULL` would hide.
fn select(page: &Page, filter: &AuditFilter) -> Result<Composed, StoreError> {
    let (at_ms, id) = start(page, filter)?;
    let mut query = Composed::new("SELECT * FROM audit WHERE (at, id) < (");
    query.push_bind(at_ms).push(", ").push_bind(id).push(")");
    for (condition, wanted) in [
        (" AND actor = ", &filter.actor),
        (" AND action = ", &filter.action),
        (" AND target = ", &filter.target),
    ] {
        if let Some(wanted) = wanted {
            query.push(condition).push_bind(wanted.clone());
        }
    }
    if let Some(since) = filter.since {
        query.push(" AND at >= ").push_bind(millis_of(since));
    }
    query.push(" ORDER BY at DESC, id DESC LIMIT ").push_bind(page.fetch_limit());
    Ok(query)
}

/// Where the page starts: after the one before it, and before `until`. One bound, since of two the database seeks by either
/// and walks to the other: with a million rows in between that takes long.
fn start(page: &Page, filter: &AuditFilter) -> Result<(i64, i64), StoreError> {
    let cursor = Cursor::moment(page)?;
    Ok(filter.until.map_or(cursor, |until| cursor.min((millis_of(until), i64::MIN))))
}

fn read(row: &Row) -> Result<AuditRow, CorruptRow> {
    let record = Record::numbered(TABLE, row);
    let entry = AuditEntry {
        at: record.time("at")?,
        actor: record.get("actor")?,
        source: record.get("source")?,
        action: record.get("action")?,
        target: record.get("target")?,
        outcome: record.parse("outcome")?,
        code: record.get("code")?,
        detail: record.json("detail")?,
    };
    Ok(AuditRow { id: record.get("id")?, entry })
}

fn cursor(row: &Row) -> Result<Cursor, CorruptRow> {
    let record = Record::numbered(TABLE, row);
    Ok(Cursor::before_moment(record.get("at")?, record.get("id")?))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use time::macros::datetime;

    use super::*;
    use crate::Location;

    #[tokio::test]
    async fn every_filter_has_its_index_and_none_sorts() {
        let folder = TempDir::new().unwrap();
        let now = datetime!(2026-11-21 12:00 UTC);
        let store = Store::open(&Location::Sqlite(folder.path().join("postern.db")), now).await.unwrap();
        let (word, moment) = (|| Some("x".to_owned()), Some(now));
        for (filter, index) in [
            (AuditFilter::default(), "audit_by_time"),
            (AuditFilter { since: moment, until: moment, ..AuditFilter::default() }, "audit_by_time"),
            (AuditFilter { actor: word(), until: moment, ..AuditFilter::default() }, "audit_by_actor"),
            (AuditFilter { action: word(), ..AuditFilter::default() }, "audit_by_action"),
            (
                AuditFilter { actor: word(), action: word(), ..AuditFilter::default() },
                "audit_by_actor_and_action",
            ),
            (AuditFilter { target: word(), ..AuditFilter::default() }, "audit_by_target"),
        ] {
            let query = select(&Page::first(100), &filter).unwrap().build().explained();
            let plan = store.all(query).await.unwrap();
            let plan: Vec<String> = plan.iter().map(|row| row.try_get("detail").unwrap()).collect();
            assert_eq!(plan.len(), 1, "{filter:?}: {plan:?}");
            assert!(
                plan[0].starts_with(&format!("SEARCH audit USING INDEX {index} ")),
                "{filter:?}: {plan:?}"
            );
        }
    }
}
