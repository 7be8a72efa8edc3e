//! Accounts that are paused: nothing of theirs is tried, but for one probe from time to time. It must never forget since
//! when and why. Its neighbours are the settlement of an attempt that found the account broken, and the probe.

use time::OffsetDateTime;
use uuid::Uuid;

use super::Queue;
use super::lanes::{Probe, Ring};
use crate::database::Change;
use crate::engine::{Row, statement};
use crate::failure::{CorruptRow, StoreError};
use crate::record::{Record, millis_of};

const TABLE: &str = "pauses";

/// A paused account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PauseRow {
    /// Which.
    pub account_id: Uuid,
    /// Since when.
    pub since: OffsetDateTime,
    /// The code of what is broken.
    pub code: String,
    /// What is broken, in words.
    pub reason: String,
    /// How many probes have failed since.
    pub probes: u32,
    /// When the next one is due.
    pub next_probe_at: OffsetDateTime,
}

impl Queue<'_> {
    /// The accounts that are paused.
    pub async fn pauses(&self) -> Result<Vec<PauseRow>, StoreError> {
        let rows = self.0.all(statement("SELECT * FROM pauses ORDER BY since, account_id")).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// Pauses an account; tells whether it was not paused before. One that was keeps since when it is, and why.
    pub async fn pause(&self, row: &PauseRow) -> Result<bool, StoreError> {
        let mut change = self.0.begin().await?;
        let insert = statement(
            "INSERT INTO pauses (account_id, since, code, reason, probes, next_probe_at) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT DO NOTHING",
        );
        let insert = insert
            .bind(row.account_id.to_string())
            .bind(millis_of(row.since))
            .bind(&row.code)
            .bind(&row.reason)
            .bind(row.probes)
            .bind(millis_of(row.next_probe_at));
        let is_new = change.run(insert).await? == 1;
        if is_new {
            change.ring(Ring::Account(row.account_id));
        }
        change.commit().await?;
        Ok(is_new)
    }

    /// Notes that a probe has failed, and when the next one is due; tells whether the account is still paused.
    pub async fn put_off_probe(
        &self,
        account_id: Uuid,
        probes: u32,
        next_probe_at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let mut change = self.0.begin().await?;
        let update = statement("UPDATE pauses SET probes = $2, next_probe_at = $3 WHERE account_id = $1");
        let update = update.bind(account_id.to_string()).bind(probes).bind(millis_of(next_probe_at));
        let is_paused = change.run(update).await? == 1;
        change.commit().await?;
        Ok(is_paused)
    }

    /// Something may have mended any account: each that is paused is probed at `now`, by whichever node comes first.
    pub async fn probe_all(&self, now: OffsetDateTime) -> Result<(), StoreError> {
        let mut change = self.0.begin().await?;
        let update =
            statement("UPDATE pauses SET next_probe_at = $1 WHERE next_probe_at > $1 RETURNING account_id");
        for row in change.all(update.bind(millis_of(now))).await? {
            change.ring(Ring::Account(Record::new(TABLE, "account_id", &row).id("account_id")?));
        }
        change.commit().await
    }

    /// Lets the account's mail go again; tells whether it was paused.
    pub async fn resume(&self, account_id: Uuid) -> Result<bool, StoreError> {
        let mut change = self.0.begin().await?;
        let delete = statement("DELETE FROM pauses WHERE account_id = $1").bind(account_id.to_string());
        let was_paused = change.run(delete).await? == 1;
        if was_paused {
            change.ring(Ring::Account(account_id));
        }
        change.commit().await?;
        Ok(was_paused)
    }
}

/// Takes it upon itself to probe a paused account at `now`; tells whether no other node is doing it.
pub(super) async fn take_probe(
    change: &mut Change,
    probe: &Probe,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let take =
        statement("UPDATE pauses SET next_probe_at = $2 WHERE account_id = $1 AND next_probe_at <= $3");
    let take = take.bind(probe.account_id.to_string()).bind(millis_of(probe.next_at)).bind(millis_of(now));
    Ok(change.run(take).await? == 1)
}

fn read(row: &Row) -> Result<PauseRow, CorruptRow> {
    let record = Record::new(TABLE, "account_id", row);
    Ok(PauseRow {
        account_id: record.id("account_id")?,
        since: record.time("since")?,
        code: record.get("code")?,
        reason: record.get("reason")?,
        probes: record.count("probes")?,
        next_probe_at: record.time("next_probe_at")?,
    })
}
